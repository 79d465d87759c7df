"""A handler's plan and what it needs -> the plan that is served: one call with the arguments of all.

Law: what is decided here is not asked in a request. Backends serve the composed plan like any other; it has the
colour of the whole, and its handler's name, results and place.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from hinge.binding.plan import Argument, HandlerPlan, Source, check_path, check_plan
from hinge.dependencies.graph import Needs, Node
from hinge.dependencies.guarded import HELD, OF_BODY, Held, async_guards, plain_guards
from hinge.dependencies.hops import Hops
from hinge.dependencies.leaving import Entered
from hinge.dependencies.mixed import mixed
from hinge.dependencies.plain import Finish, KeepOpen, with_exits, without_exits
from hinge.dependencies.slots import Slots, filled
from hinge.dependencies.steps import Call, Step, step_of
from hinge.dependencies.streamed import keep_open
from hinge.dependencies.unseen import watched
from hinge.errors import ConfigurationError
from hinge.inspection.annotations import class_of, members
from hinge.inspection.signature import Colour
from hinge.responses.response import Response
from hinge.responses.streaming import StreamingResponse
from hinge.results.returns import is_stream

_REQUEST = Argument("(request)", Source.HEAD, "(request)", Any)
"""Its name is no identifier, so it is nobody else's."""


class Composed(msgspec.Struct, frozen=True, eq=False):
    """The calls of one route: its providers in their order, then its handler."""

    needs: Needs
    steps: tuple[Step, ...]
    """The calls of providers; what is read of the head without one is among the arguments."""
    guards: int
    """How many of them stand before the body."""
    handler: Step
    finish: Finish | None
    """What makes a body or a response of the handler's result, before anything is left; None: nothing is."""
    request_at: int | None
    """Where the request is among the arguments, for streams; None: it is not."""
    arguments: tuple[Argument, ...]
    colour: Colour
    """SYNC or ASYNC, of the whole."""
    is_for_scripts: bool = False
    """Whether a security scheme wants a header that no browser sends by itself: another site's page cannot ask."""

    @property
    def has_exits(self) -> bool:
        """Whether something is left behind the handler."""
        return self.finish is not None

    @property
    def is_guarded(self) -> bool:
        """Whether the body is read between two calls: guards or security schemes stand before it."""
        return self.needs.guards > 0 and any(one.source in OF_BODY for one in self.arguments)

    @property
    def is_waiting(self) -> bool:
        """Whether a guard runs code of the app's, so that it needs its place."""
        return not all(step.is_free for step in self.steps[: self.guards])

    def bound(self, plan: HandlerPlan, hops: Hops | None) -> HandlerPlan:
        """Return the plan with the handler that is to be called; where guards stand before the body, the second call.

        Raises:
            ConfigurationError: something is to be awaited, and the backend brings no hops.
        """
        self._check(hops)
        if not self.is_guarded:
            if self.finish is None and (self.colour is Colour.SYNC or not self.steps):
                return replace(plan, handler=without_exits(self.steps, self.handler.call))
            run = self._running(0, hops)
            return replace(plan, handler=self._parked(lambda *given: run([*given], []), hops))
        late = [place for place, one in enumerate(self.arguments) if one.source in OF_BODY]
        run = self._running(self.guards, hops)

        def go_on(held: Held | None, *given: Any) -> Any:
            if held is None:  # a backend that knows no guards must let nobody in
                raise ConfigurationError(
                    f"{self.handler.who}: the backend has called no guards. Fix: Endpoint.bind_guards, before the body"
                )
            return run(held.filled(given, late), held.exits)

        arguments = (HELD, *(self.arguments[place] for place in late))
        return replace(plan, arguments=arguments, handler=go_on)

    def guarding(self, plan: HandlerPlan, hops: Hops | None) -> HandlerPlan:
        """Return the plan of the first call, which returns what the second one is given (`Held`)."""
        self._check(hops)
        early = [place for place, one in enumerate(self.arguments) if one.source not in OF_BODY]
        steps, size = self.steps[: self.guards], len(self.arguments)
        if hops is None or self.colour is Colour.SYNC:
            guard: Callable[..., Any] = plain_guards(steps, early, size)
        else:
            guard = async_guards(steps, early, size, hops)
        return replace(plan, arguments=tuple(self.arguments[place] for place in early), handler=guard)

    def _check(self, hops: Hops | None) -> None:
        if hops is None and self.colour is Colour.ASYNC:
            raise ConfigurationError(
                f"{self.handler.who}: it has async dependencies, and the backend does not bring what calls them. "
                "Fix: Endpoint.bind(reader, hops=...)"
            )

    def _running(self, begin: int, hops: Hops | None) -> Callable[..., Any]:
        """Return what calls the steps from a number on, and the handler."""
        steps, keep = self.steps[begin:], self._keep_open(hops)
        if hops is None or self.colour is Colour.SYNC:
            return with_exits(steps, self.handler.call, self.finish or Finish(), keep, hops and hops.given_up)
        return mixed((*steps, self.handler), self.finish, keep, hops, before=self.steps[:begin])

    @property
    def may_stay(self) -> bool:
        """Whether a stream may go on with what a coroutine has entered (`Hops.park`)."""
        return self.request_at is not None and any(step.is_async and step.is_generator for step in self.steps)

    def _parked(self, run: Callable[..., Any], hops: Hops | None) -> Callable[..., Any]:
        return hops.park(run) if self.may_stay and hops is not None and hops.park is not None else run

    def _keep_open(self, hops: Hops | None) -> KeepOpen:
        at = self.request_at

        def keep(response: StreamingResponse, exits: list[Entered], values: list[Any]) -> Response:
            return keep_open(response, exits, None if at is None else values[at], hops)

        return keep


def composed(
    plan: HandlerPlan, needs: Needs, path_names: Iterable[str], finish: Finish, *, websocket: bool, scopes: Any = None
) -> HandlerPlan:
    """Return the plan that calls a handler together with what it needs.

    `finish` makes a body or a response of a result; `scopes` is what `SecurityScopes` stands for on this route.

    Raises:
        ConfigurationError: two of all take the body, or something else cannot be together.
    """
    _check_loop(plan, needs)
    if not websocket:
        _check_guards(plan, needs)
    whole = _Composing(plan, needs, scopes, websocket=websocket).whole(finish)
    _check_bodies(plan, whole.arguments)
    is_async = whole.colour is Colour.ASYNC
    merged = replace(
        plan,
        handler=_unbound(plan),
        arguments=whole.arguments,
        colour=whole.colour,
        inline=plan.inline and all(step.is_free for step in whole.steps),
        maybe_async=plan.maybe_async and not is_async,
        composed=whole,
    )
    check_path(merged, path_names)
    check_plan(merged, websocket=websocket)
    return merged


class _Composing:
    """Find the place of everything that is given."""

    def __init__(self, plan: HandlerPlan, needs: Needs, scopes: Any, *, websocket: bool) -> None:
        self._plan = plan
        self._needs = needs
        slots = Slots(scopes)
        self._own = slots.add(plan.arguments, "")
        read = {node: slots.add([_credential(node)], "")[_short(node)] for node in needs.order if node.credential}
        self._called = [node for node in needs.order if node not in read]
        self._guards = sum(node not in read for node in needs.order[: needs.guards])
        self._takes = {
            node: slots.add(node.provider.arguments, _short(node), before_body=index < self._guards and not websocket)
            for index, node in enumerate(self._called)
            if node.cell is None
        }
        self._has_exits = any(node.provider.is_generator for node in self._takes)
        self._request_at: int | None = None
        if self._has_exits and not websocket and _may_stream(plan):
            self._request_at = slots.add([_REQUEST], "")[_REQUEST.name]
        self._arguments = slots.arguments
        self._places = read | {node: len(slots.arguments) + index for index, node in enumerate(self._called)}

    def whole(self, finish: Finish) -> Composed:
        """Return all calls, and the arguments that they take."""
        plan, needs = self._plan, self._needs
        steps = tuple(map(self._step, self._called))
        handler = step_of(
            self._call(plan.handler, plan.arguments, self._own, needs.of_handler), _colour(plan), plan.describe()
        )
        is_async = any(step.is_async for step in (*steps, handler)) or (plan.maybe_async and self._has_exits)
        return Composed(
            needs=needs,
            steps=steps,
            guards=self._guards,
            handler=handler,
            finish=finish if self._has_exits else None,
            request_at=self._request_at,
            arguments=tuple(self._arguments),
            colour=Colour.ASYNC if is_async else Colour.SYNC,
            is_for_scripts=any(node.credential.is_wanted_in_header for node in needs.order if node.credential),
        )

    def _step(self, node: Node) -> Step:
        provider = node.provider
        if node.cell is not None:
            get = node.cell.get
            return step_of(lambda values: get(), None, provider.describe())
        function = watched(provider) if node in self._needs.unseen else provider.function
        call = self._call(function, provider.arguments, self._takes[node], node.needs)
        return step_of(call, None if provider.is_free else provider.colour, provider.describe())

    def _call(
        self, function: Any, arguments: tuple[Argument, ...], own: dict[str, int], needs: Mapping[str, Node]
    ) -> Call:
        places = own | {name: self._places[node] for name, node in needs.items()}
        return filled(function, arguments, places)


def _colour(plan: HandlerPlan) -> Colour | None:
    """Return a handler's colour; None for one whose call runs nothing that waits, so that it may stand anywhere."""
    return None if plan.is_generator or (plan.inline and not plan.is_async) else plan.colour


def _unbound(plan: HandlerPlan) -> Callable[..., Any]:
    """Return what stands for the handler until it is bound: nobody calls that without what it depends on."""
    who = plan.describe()

    def refuse(*arguments: Any) -> Any:
        raise ConfigurationError(
            f"{who}: it has dependencies, and the backend calls the handler by itself. Fix: what Endpoint.bind returns"
        )

    return refuse


def _credential(node: Node) -> Argument:
    """Return the argument that stands for a provider whose value is read of the head."""
    name = _short(node)
    return Argument(name, Source.CREDENTIAL, name, node.provider.returns, fixed=node.credential)


def _short(node: Node) -> str:
    return node.provider.name.rpartition(".")[2]


def _may_stream(plan: HandlerPlan) -> bool:
    """Tell whether what a handler returns may be a stream, as far as it says."""
    return plan.is_generator or any(_streams(class_of(member)) for member in members(plan.returns))


def _streams(kind: Any) -> bool:
    if not isinstance(kind, type) or kind in (Any, object):
        return True
    return is_stream(kind) or kind is Response or issubclass(kind, StreamingResponse)


def _check_loop(plan: HandlerPlan, needs: Needs) -> None:
    for node in needs.order:
        if plan.own_loop and node.provider.is_async:
            raise ConfigurationError(
                f"{plan.describe()}: loop='thread' is for coroutines that share nothing of the loop, and "
                f"{node.provider.describe()} is async. Fix: drop loop"
            )


def _check_guards(plan: HandlerPlan, needs: Needs) -> None:
    """Refuse what takes the body and is called before it is read."""
    for node in needs.order[: needs.guards]:
        for one in node.provider.arguments:
            if one.source in (Source.BODY, Source.STREAM, Source.FORM):
                raise ConfigurationError(
                    f"{plan.describe()}: {node.provider.describe()} takes the body as {one.name!r}, and is called "
                    "before that is read: it is in dependencies=, or needed by what is. Fix: a parameter of the handler"
                )


def _check_bodies(plan: HandlerPlan, arguments: tuple[Argument, ...]) -> None:
    bodies = [one.name for one in arguments if one.source in (Source.BODY, Source.STREAM)]
    bodies += [one.name for one in arguments if one.source is Source.FORM][:1]  # all of one
    if len(bodies) > 1:
        raise ConfigurationError(
            f"{plan.describe()}: {' and '.join(map(repr, bodies))} both take the body. "
            f"Fix: have one of them take it, and the other depend on that one"
        )
