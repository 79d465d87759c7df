"""What an app answers errors with -> the content of error responses.

Law: as `hinge.error_responses` chooses: the handler of the most derived class, else a problem document. A handler that
does not say what it returns has no content.
"""

from collections.abc import Callable, Mapping
from typing import Any

from hinge.errors import HTTPError, RequestInvalid
from hinge.inspection.annotations import present
from hinge.inspection.signature import return_hint
from hinge.inspection.wrappers import awaited_type

Part = dict[str, Any]


class Failures:
    """The content of the error responses of one app.

    `content` makes that of a return annotation, `problem` that of problem documents.
    """

    def __init__(
        self,
        handlers: Mapping[type[Exception], Any],
        content: Callable[[Any], Part],
        problem: Callable[[], Part],
    ) -> None:
        self._handlers = handlers
        self._content = content
        self._problem = problem

    def of(self, status: int) -> Part | None:
        """Return the content of what the framework refuses with a status, None if it is not known."""
        return self._of_error(RequestInvalid if status == 422 else HTTPError)

    def of_clients(self) -> Part | None:
        """Return the content of a client's mistake of any kind."""
        return self._of_error(HTTPError)

    def of_servers(self) -> Part | None:
        """Return the content of a failure: an error of any class, or an HTTPError that says so."""
        told = self._of_error(HTTPError)
        untold = None if told is None else self._of_error(Exception)
        if told is None or untold is None:
            return None
        found = dict(told)
        for media_type, one in untold.items():
            other: Any = found.setdefault(media_type, one)
            if other != one:
                found[media_type] = {"schema": {"anyOf": [other.get("schema", {}), one.get("schema", {})]}}
        return found

    def _of_error(self, kind: type[Exception]) -> Part | None:
        handler = next((self._handlers[base] for base in kind.__mro__ if base in self._handlers), None)
        if handler is None:
            return self._problem()
        annotation = awaited_type(return_hint(handler, "error handler"))
        return None if Any in present(annotation) else self._content(annotation) or None
