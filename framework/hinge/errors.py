"""Everything Hinge raises.

Law: `ConfigurationError` is the programmer's and is raised at declaration or compile; `HTTPError` is the
client's and is answered at run time as an RFC 9457 problem document. Nothing else leaves the framework on purpose.
"""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

import msgspec

REASONS: dict[int, str] = {status.value: status.phrase for status in HTTPStatus}
"""The registered reason phrase of each status code (RFC 9110 section 15)."""
# CPython 3.13 took over the newer phrases; the older spellings would make answers depend on the interpreter.
REASONS |= {413: "Content Too Large", 414: "URI Too Long", 416: "Range Not Satisfiable", 422: "Unprocessable Content"}


PROBLEM = "application/problem+json"
"""The media type of a problem document (RFC 9457)."""

_REDIRECTS = (301, 302, 303, 307, 308)

_CONNECTION = frozenset({("connection", "close"), ("upgrade", "websocket")})
"""The connection headers that an answer may need: the next request cannot be trusted; another protocol is required."""


class ConfigurationError(Exception):
    """Report a mistake of the programmer: a declaration, a configuration value or a need no backend meets."""


class ClientDisconnect(Exception):  # noqa: N818 - an event of the protocol, as in the field's other frameworks
    """Report that the client left while its request body was still being read."""


class WebSocketDisconnect(Exception):  # noqa: N818 - the field's standard name
    """Report that the peer closed the WebSocket: `code` as in RFC 6455 section 7.4, `reason` often empty."""

    def __init__(self, code: int = 1005, reason: str = "") -> None:
        super().__init__(f"WebSocket closed with {code}{f' ({reason})' if reason else ''}")
        self.code = code
        self.reason = reason


class HTTPError(Exception):
    """Answer the request with an error status and a problem document (RFC 9457).

    `status` is 400..599. `detail` is meant for the client; `headers` are added to the response; each further keyword
    is an extension member of the document.

    Raises:
        ValueError: the status is outside 400..599.
    """

    # At the class, as most errors have no others: each attribute that is set costs as much as the call of a function.
    type: str = "about:blank"
    headers: Mapping[str, str] = MappingProxyType({})
    connection: tuple[tuple[str, str], ...] = ()
    """Headers that go out with whatever answer the error gets: an app's own handler need not know them."""

    def __init__(
        self,
        status: int,
        detail: str | None = None,
        *,
        type: str = "about:blank",  # noqa: A002 - the member's name in RFC 9457
        title: str | None = None,
        headers: Mapping[str, str] | None = None,
        **extensions: Any,
    ) -> None:
        if not isinstance(status, int) or not 400 <= status <= 599:
            raise ValueError(f"HTTPError takes a status in 400..599, not {status!r}. Fix: {_instead(status)}")
        super().__init__(status, detail)
        self.status = int(status)
        self.detail = detail
        if type != "about:blank":
            self.type = type
        self.title = title if title is not None else REASONS.get(status, "Error")
        if headers:
            given = [(name, value, (str(name).lower(), value)) for name, value in dict(headers).items()]
            self.headers = {name: value for name, value, line in given if line not in _CONNECTION}
            self.connection = tuple(line for _, _, line in given if line in _CONNECTION)
        self.extensions = extensions

    def __str__(self) -> str:
        return f"{self.status} {self.title}" + (f": {self.detail}" if self.detail else "")

    def problem(self) -> dict[str, Any]:
        """Return the members of the problem document, standard ones first (RFC 9457 section 3.1)."""
        document: dict[str, Any] = {"type": self.type, "title": self.title, "status": self.status}
        if self.detail is not None:
            document["detail"] = self.detail
        return document | self.extensions if self.extensions else document


def _instead(status: Any) -> str:
    if isinstance(status, int) and status in _REDIRECTS:
        return f"return RedirectResponse('/path', status={int(status)})"
    return 'raise HTTPError(404, "why"); an answer that is no error is returned'


class FieldError(msgspec.Struct, frozen=True):
    """Name one invalid value: `source` is body, form, query, header or cookie, `where` a JSON pointer or a name."""

    source: str
    where: str
    message: str

    def document(self) -> dict[str, str]:
        """Return the entry of the 422 document's `errors` list."""
        key = "pointer" if self.source == "body" else "name"
        return {"in": self.source, key: self.where, "message": self.message}


class RequestInvalid(HTTPError):  # noqa: N818 - a kind of HTTPError, named for what it says of the request
    """Answer 422 and list every invalid value of the request."""

    def __init__(self, errors: Iterable[FieldError]) -> None:
        self.errors = tuple(errors)
        found = len(self.errors)
        detail = "The request has 1 invalid value." if found == 1 else f"The request has {found} invalid values."
        super().__init__(422, detail, errors=[error.document() for error in self.errors])
