"""An async source on the loop thread, pulled chunk by chunk from a server's thread or by another coroutine.

Law: what it is and how it ends is `hinge.responses.producer`'s. A server's thread that waits for a chunk does what the
source asks of it meanwhile, and is told when the loop ends.
"""

import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from queue import Empty
from typing import TYPE_CHECKING, Any

from hinge.diagnostics.failures import stray
from hinge.responses.producer import NOTHING, Producer
from hinge.responses.sources import encode_chunk
from hinge_wsgi.waiting import Waiting, current, stopped

if TYPE_CHECKING:
    from hinge_wsgi.portal import Portal


class Silence(TimeoutError):  # noqa: N818 - an event; a bare TimeoutError is the source's own
    """No chunk came in time."""


class PortalProducer(Producer):
    """A producer on the loop thread; `behind` as there."""

    is_event_stream = False
    is_streaming = True

    def __init__(self, portal: "Portal", source: AsyncIterator[Any], *behind: AsyncIterator[Any]) -> None:
        super().__init__(portal.loop, source, *behind, leave=current)
        self._portal = portal
        self._behind_reader: Waiting | None = None
        """Who waits in turn for the coroutine that pulls."""

    @property
    def is_cut(self) -> bool:
        """Whether it was told to finish."""
        return self._is_closing

    # -- in the server's thread ----------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Make the first chunk that is not empty; `next` returns it. Raises as `abegin`."""
        try:
            while not encode_chunk(chunk := self.next()):
                pass
            self._first = chunk
        except StopIteration:
            return
        finally:
            self._show()

    def next(self, timeout: float | None = None) -> Any:
        """Return the next chunk.

        Raises:
            StopIteration: there is none.
            Silence: none came within `timeout` seconds; the next call goes on waiting for it.

        Also raises what the source raised, once it is closed.
        """
        if self._first is not NOTHING:
            return self._take_first()
        if self._is_over:
            raise StopIteration
        if not self._is_asked:
            self._portal.hand_over(self._ask, self)
            self._is_asked = True
        kind, value = self._take(timeout)
        self._is_asked = False
        if kind == "chunk":
            return value
        self._end()
        if self._failure is not None:
            raise self._taken_failure()
        raise StopIteration

    def close(self) -> None:
        """End the iteration and wait until the source is closed.

        Raises what the source's `aclose` raised.
        """
        if not self._is_over:
            self._is_closing = True
            try:
                self._portal.hand_over(self._cancel_once, self)
            except RuntimeError:  # the loop has ended, and closed what was open
                self._end()
            else:
                while self._take(None)[0] != "end":
                    pass
                self._end()
        self._raise_close_failure()

    def _take(self, timeout: float | None) -> tuple[str, Any]:
        while True:
            try:
                kind, value = self._news.get(timeout=timeout)
            except Empty:
                raise Silence from None
            if kind != "work":
                return kind, value
            value()

    def _end(self) -> None:
        self._portal.waiting.discard(self)
        super()._end()

    # -- from any thread -----------------------------------------------------------------------------------------------

    def finish(self) -> None:
        """End the iteration; the one that pulls sees the end."""
        self._is_closing = True
        with contextlib.suppress(RuntimeError):  # the loop has ended, and closed what was open
            self._portal.loop.call_soon_threadsafe(self._cancel_once)

    def abandon(self) -> None:
        """End the iteration without the loop: it is gone."""
        self._portal.waiting.discard(self)
        self._news.put(("end", None))

    # -- on the loop ---------------------------------------------------------------------------------------------------

    async def _read(self) -> tuple[str, Any]:
        self._behind_reader = current.get(None)
        try:
            while (news := await super()._read())[0] == "work":
                self.ask(news[1])
            return news
        finally:
            self._behind_reader = None

    def ask(self, work: Callable[[], None]) -> None:
        """Have the thread that waits for a chunk, or comes for the next one, run `work`."""
        if self._task is None or self._task.done():
            raise RuntimeError("the stream is over, and its thread does nothing for it any more")
        if self._behind_reader is not None:
            self._behind_reader.ask(work)
        else:
            self._post("work", work)

    def raise_cut(self) -> None:
        """Do nothing: a stream that is cut is told with `finish`."""

    def _start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        if self._portal.stopping:
            coroutine.close()
            self._post("end")
            return
        if self._context is not None:
            self._context.context.run(current.set, self)
        super()._start(coroutine)

    def _cancellation(self, error: BaseException) -> Exception:
        return stopped("a stream") if self._portal.stopping else stray(error)
