"""An in-process connection to a WSGI application: what `hinge.testing` sends requests through.

Law: the application sees what a strict server would show it and is held to PEP 3333 by wsgiref's validator. Each
request runs from call to `close()` in one thread, and threads are reused, so that what leaks from one request to the
next is seen. A chunk is produced when the client asks for it, and never before.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from contextvars import Context
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

from hinge.backend.contract import Feature
from hinge.backend.testing import Connection, ProtocolViolation, Session
from hinge.errors import ConfigurationError
from hinge.loop.client_side import END, ClientSide
from hinge_wsgi.inprocess.lint import linted
from hinge_wsgi.inprocess.server_environ import Upload, build_environ


@contextmanager
def connect(application: Any, options: Mapping[str, Any]) -> Iterator[Connection]:
    """Run the application's lifespan and yield a connection; see `hinge.backend.Backend.connect`."""
    timeout: float | None = options.get("timeout")
    try:
        _bounded(application.start, timeout, "the lifespans did not start")
    except _TimedOut:
        raise
    except BaseException:
        application.stop()  # a later start shall be a first one
        raise
    connection = _Connection(application, options)
    try:
        yield connection
    finally:
        try:
            connection.close()
        finally:
            _bounded(application.stop, timeout, "the lifespans did not stop")
    if application.runtime.stop_failure is not None:
        raise application.runtime.stop_failure


class _TimedOut(TimeoutError):  # noqa: N818 - a TimeoutError of our own, not one of the application's
    """Something took longer than the connection's time-out."""


def _bounded(work: Callable[[], None], timeout: float | None, complaint: str) -> None:
    """Do something in a thread of its own, without the caller's context variables, and raise what it raises."""
    outcome: SimpleQueue[BaseException | None] = SimpleQueue()

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised in the caller's thread
            outcome.put(error)
        else:
            outcome.put(None)

    try:
        threading.Thread(target=run, name="wsgi-worker", daemon=True).start()
    except RuntimeError:  # the process ends, and has no more threads to give (CPython 3.12)
        Context().run(run)
    try:
        failure = outcome.get(timeout=timeout)
    except Empty:
        raise _TimedOut(f"{complaint} within {timeout} s") from None
    if failure is not None:
        raise failure


class _Connection:
    """The client's side: one thread of the server for each request that is under way."""

    def __init__(self, application: Any, options: Mapping[str, Any]) -> None:
        self._application = application
        self._options = options
        self._timeout: float | None = options.get("timeout")
        self._threads = _Threads()
        self._open: set[_Call] = set()

    def request(
        self, method: str, target: str, headers: list[tuple[str, str]], body: bytes | Iterable[bytes]
    ) -> "_Call":
        """Send one request and return when its head is answered."""
        upload = Upload((body,) if isinstance(body, bytes) else body)
        environ = build_environ(method, target, headers, upload, self._options)
        exchange = _Call(linted(self._application, environ), environ, upload, f"{method} {target}", self._timeout)
        self._open.add(exchange)
        exchange.on_end = lambda: self._open.discard(exchange)
        # The end of an answer is the end of all its work, so that a test sees what was done.
        exchange.settle = getattr(self._application.runtime, "finish_background", exchange.settle)
        self._threads.run(exchange.serve)
        exchange.begin()
        return exchange

    def websocket(self, target: str, headers: list[tuple[str, str]], subprotocols: list[str]) -> Session:
        """Refuse: WSGI has no WebSocket."""
        raise ConfigurationError(
            f"a test opens a WebSocket at {target}: backend 'wsgi' has no {Feature.WEBSOCKET.value}. "
            "Fix: use a backend that has them (asgi), or skip the test on this one"
        )

    def close(self) -> None:
        with ExitStack() as everything:
            everything.callback(self._threads.close)
            for exchange in tuple(self._open):
                everything.callback(exchange.close)


class _Threads:
    """The server's threads: an idle one takes the next request, a new one starts only if none is idle.

    A piece of work returns what announces its end, so that its thread is idle again before anybody hears of the end.
    """

    def __init__(self) -> None:
        self._work: SimpleQueue[Callable[[], Callable[[], None]] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._idle = 0
        self._closed = False

    def run(self, work: Callable[[], Callable[[], None]]) -> None:
        with self._lock:
            if self._idle:
                self._idle -= 1
            else:
                threading.Thread(target=self._serve, name="wsgi-server", daemon=True).start()
        self._work.put(work)

    def _serve(self) -> None:
        while (work := self._work.get()) is not None:
            announce = work()
            with self._lock:
                closed = self._closed
                self._idle += not closed
            announce()
            if closed:
                return

    def close(self) -> None:
        with self._lock:
            self._closed = True
            for _ in range(self._idle):
                self._work.put(None)


class _Head(NamedTuple):
    """What start_response was called with, the names in lower case."""

    status: int
    headers: list[tuple[str, str]]


class _Call(ClientSide):
    """One request and its answer (hinge.backend.Reply): the server's thread and the client's meet in two queues."""

    def __init__(
        self, application: Any, environ: dict[str, Any], upload: Upload, what: str, timeout: float | None
    ) -> None:
        super().__init__(what, timeout)
        self._application = application
        self._environ = environ
        self.upload = upload
        self._wanted: SimpleQueue[bool] = SimpleQueue()
        self._head: _Head | None = None
        self._is_head_sent = self._is_committed = self._left_in_write = False
        self.settle: Callable[[], None] = lambda: None

    # -- in the server's thread ----------------------------------------------------------------------------------------

    def serve(self) -> Callable[[], None]:
        """Call the application, iterate its result as far as the client wants, close it; return what says so."""
        last: Any = END
        try:
            self._serve()
        except BaseException as error:  # noqa: BLE001 - raised in the client's thread
            last = error

        def announce() -> None:
            self._answers.put(last)
            self.on_end()
            self._ended.set()

        return announce

    def _serve(self) -> None:
        result = self._application(self._environ, self._start)
        try:
            iterator = iter(result)
            first: list[Any] = []
            if self._head is None:  # a generator calls start_response when it is asked for its first chunk
                first.append(next(iterator, END))
            self._send_head()
            while not self._left_in_write and self._wanted.get():
                chunk = first.pop() if first else next(iterator, END)
                if chunk is END:
                    return
                self._is_committed = self._is_committed or bool(chunk)
                self._answers.put(chunk)
        finally:
            close = getattr(result, "close", None)
            if close is not None:
                close()
            self.settle()

    def _start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], None]:
        if self._head is not None and not exc_info:
            raise ProtocolViolation(f"{self._what}: start_response was called a second time, without exc_info")
        if self._is_committed:
            raise exc_info[1].with_traceback(exc_info[2])
        self._head = _Head(int(status[:3]), [(name.lower(), value) for name, value in headers])
        if self._is_head_sent:
            self._answers.put(self._head)
        return self._write

    def _send_head(self) -> None:
        if self._head is None:
            raise ProtocolViolation(f"{self._what}: start_response was not called before the first chunk")
        if not self._is_head_sent:
            self._is_head_sent = True
            self._answers.put(self._head)

    def _write(self, data: bytes) -> None:
        """Send a part of the body as PEP 3333's `write`, and return when the client asks for the next."""
        self._is_committed = True
        self._send_head()
        if not data:
            return
        if self._left_in_write or not self._wanted.get():
            self._left_in_write = True
            raise BrokenPipeError(f"{self._what}: the client has left")
        self._answers.put(data)

    # -- in the client's thread ----------------------------------------------------------------------------------------

    def next_answer(self) -> Any:
        """Ask for the next part of the body, and return it, what ended it, or END."""
        self._wanted.put(True)
        while isinstance(answer := self._answer(), _Head):  # none of the body was there yet
            self.status, self.headers = answer
        return answer

    def leave(self) -> None:
        """Tell the server's thread that the client leaves."""
        self._wanted.put(False)
