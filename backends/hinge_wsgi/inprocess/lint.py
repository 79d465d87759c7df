"""wsgiref's validator around an application, for in-process connections.

Law: every rule of PEP 3333 that the validator knows is enforced, and a violation cannot get lost in the application's
own error handling. Two things are kept from it: requests that are malformed on purpose, which it takes for the server's
fault, and its opinion on Content-Type, which is neither PEP 3333's nor HTTP's.
"""

from collections.abc import Callable, Iterator
from typing import Any
from wsgiref.validate import check_environ, validator  # type: ignore[attr-defined]  # not in typeshed

from hinge.backend.testing import ProtocolViolation

_METHODS = frozenset({"GET", "HEAD", "POST", "OPTIONS", "PATCH", "PUT", "DELETE", "TRACE"})


def linted(application: Any, environ: dict[str, Any]) -> Any:
    """Return the application under the validator, or as it is if the environ is one that no validator passes."""
    return _linted(application) if _is_regular(environ) else application


def _is_regular(environ: dict[str, Any]) -> bool:
    if environ["REQUEST_METHOD"] not in _METHODS:
        return False  # the validator would warn
    try:
        check_environ(environ)
    except (AssertionError, ValueError):
        return False
    return True


def _linted(application: Any) -> Any:
    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        violations: list[AssertionError] = []

        def inner(environ: dict[str, Any], validated: Callable[..., Any]) -> Any:
            def start(status: Any, headers: Any, *exc_info: Any) -> Any:
                try:
                    _check_reason(status)
                    validated_write = validated(status, _with_expected_type(status, headers), *exc_info)
                except AssertionError as error:
                    violations.append(error)
                    raise
                write = start_response(status, headers, *exc_info)

                def checked(data: Any) -> None:
                    validated_write(data)
                    write(data)

                return checked

            return application(environ, start)

        result = _Checked(validator(inner)(environ, lambda *answer: lambda data: None), violations)
        result.check()
        return result

    return serve


class _Checked:
    """The validator's iterable, which raises a violation although the application has swallowed it."""

    def __init__(self, result: Any, violations: list[AssertionError]) -> None:
        self._result = result
        self._violations = violations

    def check(self) -> None:
        if self._violations:
            self.close()
            raise self._violations[0]

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            return next(self._result)
        finally:
            self.check()

    def close(self) -> None:
        self._result.close()


def _check_reason(status: Any) -> None:
    # The validator only warns, but some servers split at the space.
    if type(status) is str and not (len(status) > 4 and status[3] == " "):
        raise ProtocolViolation(f"the status {status!r} has no reason phrase")


def _with_expected_type(status: Any, headers: Any) -> Any:
    if type(status) is not str or type(headers) is not list or not status[:3].isdigit():
        return headers  # the validator's to judge
    others = [pair for pair in headers if not (type(pair) is tuple and pair and str(pair[0]).lower() == "content-type")]
    if int(status[:3]) in (204, 304):
        return others
    return headers if len(others) < len(headers) else [*headers, ("content-type", "text/plain")]
