"""A mounted WSGI application that nothing is around: it gets the server's own environ and `start_response`.

Law: only SCRIPT_NAME and PATH_INFO change. A status that is none, and a complete body of another length than declared,
are refused: Granian would end by the one, and send no end of the other. All of a request runs in its context, the steps
of its body too. What fails before anything is sent is answered as a handler's failure is; a status that comes late is
waited for, because Granian takes it only while the application is called.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable, Iterator
from contextvars import copy_context
from itertools import chain, repeat
from typing import Any

from hinge.compiling.frozen import Endpoint
from hinge.diagnostics.failures import FAILURES, failure_of
from hinge.http.body import BODILESS_METHODS, UNLIMITED
from hinge.http.target import disguised
from hinge.mounted.answers import CutShort
from hinge.mounted.heads import STATE, copied
from hinge.mounted.wsgi import FileWrapper, Incoming, Start
from hinge.responses.response import check_status
from hinge.responses.streaming import StreamAborted
from hinge.state import MOUNTED, State
from hinge_wsgi import environ as reader
from hinge_wsgi.body import body_stream
from hinge_wsgi.environ import Environ
from hinge_wsgi.respond import StartResponse
from hinge_wsgi.runtime import Runtime
from hinge_wsgi.serve import Rest, Serve
from hinge_wsgi.waiting import Cut, on_request_thread


def make_serve_directly(endpoint: Endpoint, runtime: Runtime) -> Serve:
    """Return what hands requests over to the application of an endpoint."""
    handler: Any = endpoint.plan.handler
    app, prefix = handler.mounted.app, handler.prefix
    head_only = endpoint.head_only
    root, cut, path_of, rest = disguised(prefix), len(prefix), reader.path, Rest(endpoint, runtime)

    def serve(environ: Environ, start_response: StartResponse, values: tuple[str, ...]) -> Any:
        started = _Started(start_response)
        output: Any = None
        try:
            inner = copied(environ)
            inner.pop("wsgiorg.routing_args", None)
            inner["SCRIPT_NAME"] = environ.get("SCRIPT_NAME", "").rstrip("/") + root
            inner["PATH_INFO"] = disguised(path_of(environ)[cut:])
            inner["wsgi.input"], inner["wsgi.input_terminated"] = _input(environ), True
            inner.setdefault("wsgi.file_wrapper", FileWrapper)
            inner[STATE] = _state(runtime, endpoint)
            run = copy_context().run
            output = run(app, inner, started)
            if output.__class__ is list and started.is_plain:
                return [] if head_only else started.checked(output)
            body = _body(runtime, inner, output, started, run)
            return _closed(body) if head_only else body
        except FAILURES as error:
            close = getattr(output, "close", None)
            if close is not None:
                close()
            return rest.failed(environ, started.again, values, None, failure_of(error), None, [])

    return serve


def _input(environ: Environ) -> Any:
    """Return the body with all the methods of a file, which servers have some of."""
    is_declared = environ.get("CONTENT_LENGTH", "") not in ("", "0") or "HTTP_TRANSFER_ENCODING" in environ
    if not is_declared and environ["REQUEST_METHOD"] in BODILESS_METHODS:
        return io.BytesIO()
    return io.BufferedReader(Incoming(body_stream(environ, UNLIMITED, on_request_thread)))


def _closed(body: Any) -> list[bytes]:
    """Return the body of an answer to HEAD."""
    if hasattr(body, "close"):
        body.close()
    return []


def _state(runtime: Runtime, endpoint: Endpoint) -> State:
    state = State(runtime.state)
    mounted = state.pop(MOUNTED, None)
    if mounted is not None:
        state.update(mounted.get(endpoint.mounted, {}))
    return state


class _Started:
    """The server's `start_response`, and whether it was called."""

    __slots__ = ("_length", "_start_response", "is_plain", "written")

    def __init__(self, start_response: StartResponse) -> None:
        self._start_response = start_response
        self._length: str | None = None
        self.is_plain = False
        """Whether the status is told, and nothing was written."""
        self.written: list[bytes] | None = None

    def __call__(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], Any]:
        code = status[:3]
        if not (code.isdecimal() and code.isascii()):
            raise ValueError(f"the status {status!r} of a mounted application begins with none")
        check_status(int(code))  # Granian ends by others
        self._length = _declared(headers) if code not in ("204", "304") else None
        rest = () if exc_info is None else (exc_info,)
        write = self._start_response(status, headers, *rest)
        self.is_plain = True
        return write if write is not None else self._write  # Granian has none

    def again(self, status: str, headers: list[tuple[str, str]]) -> Any:
        """Tell another status than was told, if one was."""
        if not self.is_plain:
            return self._start_response(status, headers)
        return self._start_response(status, headers, sys.exc_info())

    def checked(self, body: list[bytes]) -> list[bytes]:
        """Return a complete body; Granian would send one of another length than was declared, and no end of it.

        Raises:
            CutShort: it is shorter or longer.
        """
        if self._length is not None and self._length != str(size := sum(map(len, body))):
            raise CutShort(f"a mounted application sent {size} bytes and declared {self._length!r}")
        return body

    def _write(self, data: bytes) -> None:
        keeper = Start()
        keeper.written = self.written = [] if self.written is None else self.written
        keeper.write(data)


def _declared(headers: list[tuple[str, str]]) -> str | None:
    for name, value in headers:
        if len(name) == len("content-length") and name.lower() == "content-length":
            return value
    return None


def _body(runtime: Runtime, environ: Environ, output: Iterable[bytes], started: _Started, run: Any) -> Any:
    if started.is_plain and started.written is None:
        wrapper = environ.get("wsgi.file_wrapper")
        if output.__class__ is tuple or (isinstance(wrapper, type) and isinstance(output, wrapper)):
            return output
        return _Body(runtime, output, run(iter, output), run)
    chunks = run(iter, output)
    first: list[bytes] = []
    for chunk in map(run, repeat(next), repeat(chunks)) if not started.is_plain else ():
        first.append(chunk)
        if chunk:
            break
    if not started.is_plain:
        raise RuntimeError("the mounted WSGI application did not call start_response")
    return _Body(runtime, output, chain(started.written or (), first, chunks), run)


class _Body(Iterator[bytes]):
    """What an application returned, stepped and closed in the context of its call, where it may reset what that set."""

    __slots__ = ("_chunks", "_is_cut", "_output", "_run", "_runtime")

    is_event_stream = False

    def __init__(self, runtime: Runtime, output: Any, chunks: Iterator[bytes], run: Any) -> None:
        self._runtime = runtime
        self._output = output
        self._chunks = chunks
        self._run = run
        self._is_cut = False
        runtime.register(self)

    def __next__(self) -> bytes:
        if self._is_cut:
            raise StreamAborted(Cut())
        chunk: bytes = self._run(next, self._chunks)
        return chunk

    def finish(self) -> None:
        """End it early, from any thread."""
        self._is_cut = True

    def close(self) -> None:
        """Close what the application returned."""
        self._runtime.unregister(self)
        close = getattr(self._output, "close", None)
        if close is not None:
            self._run(close)
