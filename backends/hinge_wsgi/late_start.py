"""Native middleware that tells the status only when its body is iterated: most often, a generator.

Law: PEP 3333 allows it, but Granian takes the status while the application is called, and answers 200 without headers
otherwise: a 401 would be one, too. So what comes late is waited for before the call returns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

from hinge_wsgi.environ import Environ
from hinge_wsgi.respond import StartResponse

Application = Callable[[Environ, StartResponse], Iterable[bytes]]


def in_time(wrapped: Application) -> Application:
    """Return a callable that has called `start_response` when it returns, if what it wraps ever does."""

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        is_told = False

        def tell(*said: Any) -> Any:
            nonlocal is_told
            is_told = True
            return start_response(*said)

        output = wrapped(environ, tell)
        if is_told:
            return output
        body = _Body(output)
        try:
            while not is_told and body.advance():
                pass
        except BaseException:
            body.close()
            raise
        return body

    return application


class _Body(Iterator[bytes]):
    """A body whose beginning was taken out already."""

    def __init__(self, output: Iterable[bytes]) -> None:
        self._output, self._rest = output, iter(output)
        self._begun: list[bytes] = []
        self._chunks = chain(self._begun, self._rest)

    def advance(self) -> bool:
        """Take one more chunk out; False if there is none."""
        for chunk in self._rest:
            self._begun.append(chunk)
            return True
        return False

    def __next__(self) -> bytes:
        return next(self._chunks)

    def close(self) -> None:
        """Close what it is made of."""
        close = getattr(self._output, "close", None)
        if close is not None:
            close()
