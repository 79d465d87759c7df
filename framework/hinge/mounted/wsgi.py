"""A WSGI application (PEP 3333) as a plain handler.

Law: it is called, stepped and closed as a handler's own stream is: in the server's thread on WSGI, in worker threads
elsewhere, one step at a time and each when the server wants more. Its body arrives while it reads. Nothing is sent
before its first chunk, so a failure until then, and a second `start_response` with `exc_info`, still decide the answer.
All of it runs in one context: what it sets in its call it may reset in its last step, as Flask's `stream_with_context`.
"""

import io
from collections.abc import Callable, Iterable, Iterator
from contextvars import copy_context
from functools import partial
from itertools import repeat
from types import GeneratorType
from typing import Any

from hinge.errors import ClientDisconnect, HTTPError
from hinge.http.body import BodyStream
from hinge.mounted.answers import Counted, Streamed, head_of, whole
from hinge.mounted.heads import environ_of
from hinge.request import Request
from hinge.responses.chunks import KnownSource
from hinge.responses.response import Lines, Response

MOST_WRITTEN = 16 * 1024 * 1024
"""Bytes that `write` may be given: nothing can be sent before the application has returned."""


def handler_for(app: Callable[..., Any], prefix: str, *, whole_body: bool) -> Callable[..., Response]:
    """Return the handler of an application below `prefix`; `whole_body`: a middleware has the body read before."""

    def handle(request: Request, body: BodyStream) -> Response:
        return _answered(app, request, prefix, Incoming(body))

    def handle_read(request: Request) -> Response:
        return _answered(app, request, prefix, io.BytesIO(request.body))

    return handle_read if whole_body else handle


def _answered(app: Callable[..., Any], request: Request, prefix: str, body: Any) -> Response:
    environ = environ_of(request, prefix)
    environ["wsgi.input"] = io.BufferedReader(body) if isinstance(body, Incoming) else body
    environ["wsgi.file_wrapper"] = FileWrapper
    start = Start()
    run = copy_context().run
    output = None
    try:
        output = _Output(run(app, environ, start), start, run)
        answer = output.response(request)
        check_read(body)
    except BaseException as error:
        if output is not None:
            output.close()
        if isinstance(error, Exception):
            check_read(body)
        raise
    return answer


def check_read(body: Any) -> None:
    """Raise what kept the application from reading its body: that is to be answered."""
    failure = getattr(body, "failure", None)
    if failure is not None:
        raise failure


class FileWrapper:
    """What `wsgi.file_wrapper` makes of a file: its blocks, one after the other."""

    def __init__(self, file: Any, block_size: int = 65536) -> None:
        self._read = partial(file.read, block_size)
        if hasattr(file, "close"):
            self.close = file.close

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._read, b"")


class Incoming(io.RawIOBase):
    """A body that is read while it arrives; below the buffer of `wsgi.input`."""

    def __init__(self, body: BodyStream) -> None:
        self._pieces = iter(body)
        self._left = memoryview(b"")
        self.failure: Exception | None = None
        """Why it cannot be read to its end; that is answered, whatever the application makes of it."""

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what is there; 0 at the end.

        Raises:
            ConnectionResetError: it ends early, is framed wrongly or too large.
        """
        if not self._left:
            try:
                self._left = memoryview(next(self._pieces, b""))
            except (HTTPError, ClientDisconnect) as error:
                self.failure = error
                raise ConnectionResetError(str(error)) from error
        size = min(len(buffer), len(self._left))
        buffer[:size] = self._left[:size]
        self._left = self._left[size:]
        return size


class Start:
    """`start_response`, and the `write` that it returns."""

    __slots__ = ("head", "is_sent", "written")

    def __init__(self) -> None:
        self.head: tuple[int, Lines, int | None] | None = None
        self.is_sent = False
        self.written: list[bytes] = []

    def __call__(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], None]:
        """Take the status and the headers; again only with `exc_info`, and before anything is sent."""
        try:
            if exc_info is not None and self.is_sent:
                raise exc_info[1].with_traceback(exc_info[2])
            if exc_info is None and self.head is not None:
                raise RuntimeError("start_response was called a second time, without exc_info")
        finally:
            exc_info = None  # its traceback has this frame
        code = status[:3]
        self.head = head_of(int(code) if code.isdigit() and status[3:4] in ("", " ") else status, headers)
        return self.write

    def write(self, data: bytes) -> None:
        """Keep what is written for the answer.

        Raises:
            RuntimeError: it is too much.
        """
        self.written.append(data)
        if len(self.written) % 64 == 0 and sum(map(len, self.written)) > MOST_WRITTEN:
            raise RuntimeError(
                f"write() was given more than {MOST_WRITTEN} bytes, which cannot be sent from there. "
                "Fix: return an iterable from the mounted application"
            )


class _Output(KnownSource):
    """What an application returned, chunk by chunk."""

    closes_once = True
    runs_ahead = True
    """Where threads make its chunks, one goes on while those before are sent."""

    __slots__ = ("_chunks", "_close", "_counted", "_first", "_iterable", "_run", "_start")

    def __init__(self, iterable: Iterable[bytes], start: Start, run: Callable[..., Any]) -> None:
        self._iterable = iterable
        self._start = start
        self._run = run
        close = getattr(iterable, "close", None)
        self._close: Callable[[], None] | None = close and partial(run, close)
        self._chunks: Iterator[bytes] = iter(())
        self._first: list[bytes] = []
        self._counted = Counted(None)

    def response(self, request: Request) -> Response:
        """Return the answer, with its first chunk made."""
        start = self._start
        if isinstance(self._iterable, list | tuple) and self._close is None:
            first, is_over = b"".join((*start.written, *self._iterable)), True
        else:
            self._chunks = map(self._run, repeat(next), repeat(self._run(iter, self._iterable)))
            first, is_over = self._begun()
        if start.head is None:
            raise RuntimeError("the mounted WSGI application did not call start_response")
        start.is_sent = True
        status, lines, length = start.head
        if not is_over and length is not None and length == len(first):
            more = next(self._chunks, None)
            is_over = more is None
            if more is not None:
                self._chunks = _behind(more, self._chunks)
        if is_over:
            close, self._close = self._close, None
            if close is not None:
                request.after_response(close)
            return whole(first, status, lines, length, request.method)
        self._counted, self._first = Counted(length), [first]
        return Streamed(self, status, lines, length, is_async=False, eager=False)

    def _begun(self) -> tuple[bytes, bool]:
        """Return the first chunk that is not empty, and whether there is none."""
        start = self._start
        for chunk in self._chunks:
            if start.written or chunk:
                written, start.written = start.written, []
                return b"".join((*written, chunk)), False
        return b"".join(start.written), True

    def __next__(self) -> bytes:
        if self._first:
            return self._counted.take(self._first.pop())
        for chunk in self._chunks:
            return self._counted.take(chunk)
        if isinstance(self._iterable, GeneratorType):
            self._close = None  # it has closed itself
        self._counted.end()
        raise StopIteration

    def is_ready(self) -> bool:
        """Tell whether the next step waits for nothing."""
        return bool(self._first)

    @property
    def is_at_rest(self) -> bool:
        """Whether closing does nothing."""
        return self._close is None

    def close(self) -> None:
        """Close what the application returned, once."""
        close, self._close = self._close, None
        if close is not None:
            close()


def _behind(first: bytes, others: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from others
