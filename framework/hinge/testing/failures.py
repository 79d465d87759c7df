"""What the app's code raised while a request of the client was under way, for a test that wants to see it itself.

Law: only what nobody answered: what became the framework's 500, cut a stream off, or closed a WebSocket with 1011. It
is told by the one place that logs it, and is a request's own if it has its path.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

from hinge.backend.testing import Aborted
from hinge.error_responses import WATCHERS
from hinge.errors import HTTPError


class Failures:
    """The failures of requests for one target, from `watch` to `forget`; without `is_on` there are none."""

    def __init__(self, target: str, *, is_on: bool) -> None:
        self._path = unquote(target.partition("?")[0])
        self._seen: list[BaseException] = []
        self._is_on = is_on
        if is_on:
            WATCHERS.append(self._take)

    def forget(self) -> None:
        """End it."""
        if self._is_on:
            WATCHERS.remove(self._take)

    def _take(self, request: Any, error: BaseException) -> None:
        try:
            if request.path == self._path:
                self._seen.append(error)
        except (HTTPError, AttributeError):  # no path at all
            return

    def raise_first(self) -> None:
        """Raise the first one, if there is one."""
        if self._seen:
            raise self._seen[0]

    def chunks(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the chunks of a body; what cut it off is raised as it is."""
        with self.instead_of(Aborted):
            yield from chunks

    @contextmanager
    def instead_of(self, *errors: type[BaseException]) -> Iterator[None]:
        """Raise the first failure in the place of what it looks like from outside."""
        try:
            yield
        except errors:
            if not self._seen:
                raise
        else:
            return
        self.raise_first()
