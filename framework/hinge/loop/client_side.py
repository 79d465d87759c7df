"""The client's side of one in-process request, whatever its server's side is: a task of a loop, or a thread.

Law: every wait is bounded, and what went wrong is raised to the client as what it is.
"""

import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from queue import Empty, SimpleQueue
from typing import Any

from hinge.backend.testing import Aborted
from hinge.responses.streaming import StreamAborted

END: Any = object()
"""What follows the last part of a body."""


class Waiting:
    """What a thread waits for, so that its caller, who is elsewhere, can have it leave as a client does."""

    def __init__(self) -> None:
        self.is_given_up = False
        self._side: ClientSide | None = None

    def watch(self, side: "ClientSide") -> None:
        """Note whose answer is waited for; in the thread that waits."""
        self._side = side
        if self.is_given_up:  # just before
            side.give_up()

    def give_up(self) -> None:
        """Leave; in any thread."""
        self.is_given_up = True
        if self._side is not None:
            self._side.give_up()


WAITING: ContextVar[Waiting | None] = ContextVar("waiting", default=None)
"""What notes the waits of this thread, if somebody may give them up."""


class ClientSide:
    """The client's side of one request (hinge.backend.Reply), in the client's thread.

    The server's side, a subclass, puts the head, the parts of the body and what ended them into `_answers`, then sets
    `_ended`. It has the body's `upload`, and is told by `taken` and `leave`.
    """

    upload: Any

    def __init__(self, what: str, timeout: float | None) -> None:
        self._what = what
        self._timeout = timeout
        self._answers: SimpleQueue[Any] = SimpleQueue()
        self._ended = threading.Event()
        self._left = False
        self._timed_out = False
        self.on_end: Callable[[], None] = lambda: None
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.chunks = self._iterate()

    def taken(self) -> None:
        """Note that the client asks for the next part of the body."""

    def leave(self) -> None:
        """Note that the client leaves."""
        raise NotImplementedError

    def begin(self) -> None:
        """Wait for the head."""
        answer = self._answer()
        if isinstance(answer, BaseException):
            raise self.upload.failure or answer
        if answer is END:
            raise self.upload.failure or Aborted(f"{self._what}: the application ended without an answer")
        self.status, self.headers = answer

    def _iterate(self) -> Iterator[bytes]:
        while not self._left:
            answer = self.next_answer()
            if answer is END:
                if self.upload.failure is not None:
                    raise self.upload.failure
                return
            if isinstance(answer, AssertionError):
                raise answer
            if isinstance(answer, BaseException):
                if self.upload.failure is not None:
                    raise self.upload.failure  # it was this side that broke off
                cause = answer.failure if isinstance(answer, StreamAborted) else answer
                raise Aborted(f"{self._what}: the response was cut off") from cause
            yield answer
            self.taken()

    def next_answer(self) -> Any:
        """Return the next part of the body, what ended it, or END."""
        return self._answer()

    def give_up(self) -> None:
        """Leave, and wait no more; in any thread."""
        self._left = self._timed_out = True
        self._answers.put(Aborted(f"{self._what}: the client has given up"))
        self.leave()

    def _answer(self) -> Any:
        waiting = WAITING.get()
        if waiting is not None:
            waiting.watch(self)
        try:
            return self._answers.get(timeout=self._timeout)
        except Empty:
            self._left = self._timed_out = True
            self.leave()
            raise TimeoutError(f"{self._what}: the application did not answer within {self._timeout} s") from None

    def close(self) -> None:
        """Leave, and wait until the application has ended; a second call, or one after a time-out, does nothing."""
        self._left = True
        if self._ended.is_set() or self._timed_out:
            return
        self.leave()
        if not self._ended.wait(self._timeout):
            self._timed_out = True
            raise TimeoutError(f"{self._what}: the application did not end within {self._timeout} s")
