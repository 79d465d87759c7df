"""A plain source that is taken step by step, from more than one thread and before its middleware is left.

Law: all of it runs in one context, one thread at a time, and the source is closed once. Who closes it waits for nobody:
while a thread is in a step, that thread closes it behind the step.
"""

from collections.abc import Callable, Iterator
from itertools import chain, repeat
from threading import Lock
from typing import Any

from hinge.context import StreamContext
from hinge.responses.chunks import KnownSource
from hinge.responses.response import Content
from hinge.responses.sources import encode_chunk, is_at_rest

END: Any = object()
"""What `PlainSource.step` returns behind the last chunk."""

Told = Callable[[BaseException | None], None]
"""Called once the source is closed, with what its `close` raised; in any thread."""


class PlainSource(Iterator[Content]):
    """A plain source and where it stands."""

    closes_once = True

    __slots__ = ("_busy", "_first", "_is_closed", "_run", "_source", "_tell", "context", "has_first", "is_begun")

    def __init__(self, source: Iterator[Content]) -> None:
        self._source: Any = source
        self._busy = Lock()  # held by who is in the source, and for ever by who closes it
        self._is_closed = False
        self._tell: Told | None = None
        self._first: Any = None
        self.context = StreamContext()
        self._run: Any = self.context.context.run
        self.is_begun = False
        """Whether its first step has been made."""
        self.has_first = False
        """Whether `first` has a chunk to return."""

    def is_ready(self) -> bool:
        """Tell whether the next step waits for nothing; False if nobody knows."""
        return isinstance(self._source, KnownSource) and self._source.is_ready()

    # -- steps, in any thread ------------------------------------------------------------------------------------------

    def step(self) -> Any:
        """Return the next chunk, END behind the last one or if the source is closed."""
        if not self._busy.acquire(blocking=False):
            return END
        try:
            return self._run(next, self._source, END)
        finally:
            self.is_begun = True
            self._busy.release()
            if self._tell is not None and self._busy.acquire(blocking=False):
                self._finish()

    def prepare(self) -> None:
        """Make the first chunk that is not empty; raises what the source raises, TypeError for a chunk that is none."""
        while (chunk := self.step()) is not END:
            if encode_chunk(chunk):
                self._first, self.has_first = chunk, True
                return

    # -- as an iterator, in the request's context ----------------------------------------------------------------------

    def begin(self) -> None:
        """Make the first chunk as `prepare` does; what it sets is seen here, too."""
        try:
            self.prepare()
        finally:
            self.context.show()

    def first(self) -> Any:
        """Return the chunk that is made, once; the stream goes on behind its middleware."""
        first, self._first, self.has_first = self._first, None, False
        self.context.go_on()
        return first

    def __next__(self) -> Content:
        chunk = self.first() if self.has_first else self.step()
        if chunk is END:
            raise StopIteration
        content: Content = chunk
        return content

    def alone(self) -> Iterator[Content]:
        """Return an iterator over the chunks for a thread that shares it with no other one: it costs nothing."""
        chunks: Iterator[Content] = map(self._run, repeat(next), repeat(self._source))
        return chain((self.first(),), chunks) if self.has_first else chunks

    # -- the end -------------------------------------------------------------------------------------------------------

    @property
    def runs_ahead(self) -> bool:
        """Whether chunks may be made before they are asked for."""
        return isinstance(self._source, KnownSource) and self._source.runs_ahead

    @property
    def is_at_rest(self) -> bool:
        """Whether closing runs none of the source's code: a generator that has not begun, or has ended."""
        return is_at_rest(self._source)

    def close(self) -> None:
        """Close the source; raises what its `close` raises."""
        if self._busy.acquire(blocking=False):
            try:
                self._finish()
            finally:
                self.context.end()
        elif self._tell is None:
            self._tell = _nobody

    def ending(self, tell: Told) -> Callable[[], None] | None:
        """Return what closes the source, for a thread to call; None if that is done or is a stepping thread's work.

        In each case `tell` is called then.
        """
        self._tell = tell
        if self._busy.acquire(blocking=False):
            return self._finish
        if self._is_closed:
            tell(None)
        return None

    def _finish(self) -> None:
        failure: BaseException | None = None
        try:
            close = getattr(self._source, "close", None)
            if close is not None:
                self._run(close)
        except BaseException as error:
            if self._tell is None:
                raise
            failure = error
        finally:
            self._is_closed = True
            if self._tell is not None:
                self._tell(failure)
            del failure  # its traceback holds this frame


def _nobody(failure: BaseException | None) -> None:
    """Tell nobody."""
