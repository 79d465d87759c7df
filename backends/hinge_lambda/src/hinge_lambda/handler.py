"""FrozenApp -> the handler that Lambda calls.

Law: an event is answered in the thread that brings it; the first that needs an event loop loads it (docs/lambda.md).
"""

import os
from contextvars import copy_context
from functools import cache, cached_property
from sys import _current_frames
from threading import Timer
from traceback import walk_stack
from typing import Any

from hinge.backend import FAILURES, Colour, Endpoint, FrozenApp, HTTPError, Request, StreamingResponse, logger
from hinge_lambda import event as reader
from hinge_lambda.reply import reply, whole


class LambdaApplication:
    """What `compile` returns (hinge.backend.Application): `application(event, context)`."""

    def __init__(self, frozen: FrozenApp) -> None:
        self._frozen, self._is_ready = frozen, False
        self._match = frozen.matching(self._make, reader)
        self._is_plain = self._is_ready = not frozen.lifespans and "life" not in self.__dict__
        # Not before a snapshot is taken (SnapStart): what a lifespan has opened would not outlast it.
        if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") in ("on-demand", "provisioned-concurrency"):
            self.start()

    @cached_property
    def life(self) -> Any:
        """The event loop and the lifespans."""
        from hinge_lambda.life import Life  # noqa: PLC0415 - asyncio and anyio are half of a cold start

        life = Life(self._frozen)
        if self._is_ready:  # without it until now
            life.start()
        return life

    def __call__(self, event: Any, context: Any = None) -> dict[str, Any]:
        """Answer an event; raises EventError for one that is no HTTP request, and what a lifespan's start raised."""
        head = reader.Head(event)
        self.start()
        serve, values = self._match(head)
        return copy_context().run(serve, head, values)

    def start(self) -> None:
        """Start the lifespans; raises what one of them raised."""
        if not self._is_ready:
            self.life.start()
            self._is_ready = True

    def drain(self, seconds: float) -> None:
        """End what would keep a stop waiting, and name in the log what is left."""
        self.life.runtime.drain(seconds)
        timer = Timer(seconds, self._name_left)
        timer.daemon = True  # the end of the process does not wait for it
        timer.start()

    def _name_left(self) -> None:
        frames = _current_frames()
        for top in map(frames.get, frames):
            for frame, _ in walk_stack(top):
                if frame.f_code.co_name == "run_request":
                    break  # the loop's, which tells of it
                if frame.f_code.co_name == "serve" and frame.f_locals.get("self") is self:
                    logger.warning("%s is left running in its thread", frame.f_locals["endpoint"].plan.describe())

    def stop(self) -> None:
        """Stop the lifespans and the loop; raises what one of them raised."""
        self._is_ready = self._is_plain
        self.life.stop()

    def _inline(self, endpoint: Endpoint) -> Any:
        """Return what serves on the loop, as all inline handlers are, once it is called."""
        made = cache(lambda: self.life.server(endpoint))

        def serve(head: reader.Head, values: tuple[str, ...]) -> Any:
            return made()(head, values)

        return serve

    def _make(self, endpoint: Endpoint) -> Any:
        plan = endpoint.plan
        is_mixed = (plan.composed is not None and plan.is_async) or endpoint.is_guarded
        is_around = endpoint.layers or endpoint.observers
        if is_around or plan.maybe_async or plan.streams_body or plan.reads_form or is_mixed:
            return self.life.server(endpoint)
        if plan.inline and endpoint.route is not None:
            return self._inline(endpoint)
        call, limit, status = endpoint.bind(reader), endpoint.max_body_size, endpoint.status or 200
        is_own, errors, head_only = endpoint.route is None, endpoint.errors, endpoint.head_only
        reads_body, needs_request = plan.reads_body, endpoint.needs_request and not is_own
        run = self.life.run_request if plan.colour is Colour.ASYNC else None
        results = endpoint.results(None if head_only else lambda media_type: ("content-type", media_type))
        prepared, respond = results.prepared, results.respond

        def serve(head: reader.Head, values: tuple[str, ...]) -> dict[str, Any]:
            body = exchange = request = None
            try:
                if reads_body:
                    body = reader.whole_body(head, limit)
                if needs_request:
                    request = exchange = self.life.exchange(endpoint, head, values, body)
                elif is_own:  # a 404, a redirect: nobody keeps their request
                    request = Request(reader, head, endpoint, values, {})
                result = call(head, values, body, request)
                if run is not None:
                    result = run(head, result)
                how = None if exchange and exchange.has_work_after else prepared.get(result.__class__)
                if how is not None:
                    content = how[0](result)
                    return reply(head, status, (how[1], ("content-length", str(len(content)))), content)
                outcome: Any = respond(result)
            except FAILURES as error:
                outcome = error
            if exchange is None and isinstance(outcome, HTTPError) and not errors.tells(type(outcome)):
                outcome = errors.respond(request or Request(reader, head, endpoint, values, {}), outcome)
            has_work = exchange is not None and exchange.has_work_after
            if not has_work and not isinstance(outcome, StreamingResponse | BaseException):
                return whole(head, outcome, head_only=head_only)
            read = outcome if reads_body and body is None else body
            exchange = exchange or self.life.exchange(endpoint, head, values, read)
            return self.life.send(endpoint, exchange, outcome)  # type: ignore[no-any-return]

        return serve
