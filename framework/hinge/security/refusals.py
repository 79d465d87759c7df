"""Challenges on the 401s of a route with schemes (RFC 9110 section 11.6.1).

Law: each 401 that leaves such a route says how to ask: one line for each of its schemes, unless somebody has set one.
What was wrong with a credential is said only where it is sure which was meant: one was sent, and none is missing.
"""

from collections.abc import Awaitable, Iterable, Iterator
from typing import Any

from hinge.error_responses import ErrorHandlers
from hinge.errors import HTTPError
from hinge.responses.response import Response
from hinge.security.scheme import Scheme

_NAME = "www-authenticate"


class Challenging(ErrorHandlers):
    """The error handlers of an app, for a route with schemes."""

    def __init__(self, errors: ErrorHandlers, schemes: Iterable[Scheme[Any]]) -> None:
        vars(self).update(vars(errors))
        self._schemes = tuple(schemes)

    def respond(self, request: Any, error: Exception) -> Response | Awaitable[Response]:
        """Return the response of an error; it is to be awaited if the error's handler is async."""
        response = super().respond(request, error)
        return self._told(response, request) if isinstance(response, Response) else self._later(response, request)

    def problem(self, error: HTTPError, request: Any = None) -> Response:
        """Return the problem document of an HTTPError, with its headers."""
        return self._told(super().problem(error, request), request)

    async def _later(self, response: Awaitable[Response], request: Any) -> Response:
        return self._told(await response, request)

    def _told(self, response: Response, request: Any) -> Response:
        if response.status == 401 and _NAME not in response.headers:
            for line in dict.fromkeys(self._lines(request)):
                response.headers.append(_NAME, line)
        return response

    def _lines(self, request: Any) -> Iterator[str]:
        refused = None if request is None else self._refused(request)
        for scheme in self._schemes:
            for one in scheme.members:
                challenge = one.challenge
                yield challenge.failed("invalid_token") if one is refused else challenge.text

    def _refused(self, request: Any) -> Scheme[Any] | None:
        """Return the scheme whose credential was refused; None if that is not sure."""
        sent: list[Scheme[Any]] = []
        for scheme in self._schemes:
            found = [one for one in scheme.members if _is_sent(one, request)]
            if not found and not scheme.optional:
                return None
            sent += found
        return sent[0] if len(sent) == 1 else None


def _is_sent(scheme: Scheme[Any], request: Any) -> bool:
    """Tell whether a request has a credential of a scheme, be it malformed."""
    try:
        read = scheme.read(request._reader, request._endpoint.config.max_query_fields)
        return read(request._head) is not None
    except HTTPError:
        return True
