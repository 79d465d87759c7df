"""What an app answers errors with -> the content of error responses.

Law: as `hinge.error_responses` chooses: the handler of the most derived class, of a status before `HTTPError`, else a
problem document. A handler that does not say what it returns has no content.
"""

from collections.abc import Callable, Mapping
from typing import Any

from hinge.errors import HTTPError, RequestInvalid
from hinge.inspection.annotations import present
from hinge.inspection.signature import return_hint
from hinge.inspection.wrappers import awaited_type

Part = dict[str, Any]
_Error = tuple[type[Exception], int | None]
"""A class of errors, and the status that they are answered with where it matters."""


class Failures:
    """The content of the error responses of one app.

    `content` makes that of a return annotation, `problem` that of problem documents.
    """

    def __init__(
        self,
        handlers: Mapping[type[Exception] | int, Any],
        content: Callable[[Any], Part],
        problem: Callable[[], Part],
    ) -> None:
        self._handlers = handlers
        self._content = content
        self._problem = problem

    def of(self, status: int) -> Part | None:
        """Return the content of what the framework refuses with a status, None if it is not known."""
        return self._of_error(RequestInvalid if status == 422 else HTTPError, status)

    def of_clients(self) -> Part | None:
        """Return the content of a client's mistake of any kind."""
        return self._either((HTTPError, None), *self._statuses(400, 499))

    def of_servers(self) -> Part | None:
        """Return the content of a failure: an error of any class, or an HTTPError that says so."""
        return self._either((HTTPError, None), (Exception, 500), *self._statuses(500, 599))

    def _statuses(self, first: int, last: int) -> list[_Error]:
        return [(HTTPError, kind) for kind in self._handlers if isinstance(kind, int) and first <= kind <= last]

    def _either(self, *errors: _Error) -> Part | None:
        """Return the content of what is one of several errors, None if one of them is not known."""
        found: Part = {}
        for error in errors:
            part = self._of_error(*error)
            if part is None:
                return None
            for media_type, one in part.items():
                other: Any = found.setdefault(media_type, one)
                if other != one:
                    known = _alternatives(other)
                    new = [schema for schema in _alternatives(one) if schema not in known]
                    found[media_type] = {"schema": {"anyOf": [*known, *new]}}
        return found

    def _of_error(self, kind: type[Exception], status: int | None = None) -> Part | None:
        kinds: list[Any] = [base for base in kind.__mro__ if base is not object]
        if status is not None:  # in front of HTTPError; behind every class where a failure becomes a 500
            kinds.insert(kinds.index(HTTPError) if HTTPError in kinds else len(kinds), status)
        handler = next((self._handlers[one] for one in kinds if one in self._handlers), None)
        if handler is None:
            return self._problem()
        annotation = awaited_type(return_hint(handler, "error handler"))
        return None if Any in present(annotation) else self._content(annotation) or None


def _alternatives(content: Any) -> list[Any]:
    schema = content.get("schema", {})
    return schema["anyOf"] if set(schema) == {"anyOf"} else [schema]
