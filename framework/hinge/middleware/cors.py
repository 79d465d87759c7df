"""Cross-origin resource sharing (Fetch standard, "CORS protocol"): which sites' pages may read this app's answers.

Law: the browser enforces, this only tells it. Every answer that comes by is told about, errors, 404 and 405 included; a
preflight is answered here and never reaches a handler. An answer that would be another one for another origin says so
in `Vary`, so that no cache hands it to the wrong page.
"""

from collections.abc import Iterable
from typing import Any

from hinge.diagnostics.kinds import COUNT, FLAG, texts, want, wrong
from hinge.diagnostics.misuse import fits
from hinge.errors import HTTPError
from hinge.http.headers import split_list
from hinge.http.tokens import is_token
from hinge.middleware.origins import Origins
from hinge.request import Request
from hinge.responses.response import Response
from hinge.websocket import WebSocket

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_NORMALISED = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"})
"""What browsers write in capitals however a page does (Fetch, "normalize a method"); the others keep their case."""
SAFELISTED = ("accept", "accept-language", "content-language", "content-type")
"""Request headers that a page may send anyhow, if only with some values (Fetch, "CORS-safelisted request-header")."""

_ASKED = ("origin", "access-control-request-method", "access-control-request-headers")
_ALLOW_ORIGIN = "access-control-allow-origin"
_PRIVATE = "access-control-request-private-network"


class CORS:
    """Let pages of other origins call this app; add an instance as the outermost middleware of the app.

    On a router or a route it covers the answers of the routes there, and preflights that ask for one of them.

    `origins` are written as browsers send them, `scheme://host[:port]`; `https://*.example.com` stands for every
    subdomain (not for `example.com` itself), and `*` for every origin. `methods` and `headers` are what a page may
    use (`*`: any), `expose` the response headers that its script may read. With `credentials` cookies count as well.
    Browsers keep the answer to a preflight for `max_age` seconds, within a limit of their own. `private_network` lets
    pages of public sites reach this app at a private address.

    Raises:
        ConfigurationError: an origin is none, a name is no token, `max_age` is negative, or `credentials` meet a `*`.
    """

    answers_preflights = True

    __slots__ = ("_any", "_headers", "_lines", "_methods", "_origins", "_plain", "_preflight", "_private")

    @fits
    def __init__(
        self,
        origins: Iterable[str],
        *,
        methods: Iterable[str] = METHODS,
        headers: Iterable[str] = (),
        expose: Iterable[str] = (),
        credentials: bool = False,
        max_age: int = 600,
        private_network: bool = False,
    ) -> None:
        listed, methods, headers, expose = texts(
            "CORS", origins=origins, methods=methods, headers=headers, expose=expose
        )
        want("CORS", FLAG, credentials=credentials, private_network=private_network)
        want("CORS", COUNT, max_age=max_age)
        self._any = "*" in listed
        if self._any and credentials:
            why = "with credentials any site could act with the visitor's cookies, and browsers refuse it"
            raise wrong("CORS", "origins", origins, why, "list the origins")
        if "*" in expose and credentials:
            why = "with credentials browsers take the star for a name"
            raise wrong("CORS", "expose", expose, why, "list the headers")
        self._origins = Origins.of("CORS", "origins", (entry for entry in listed if entry != "*"))
        self._methods = _names("methods", methods)
        self._headers = _names("headers", headers, SAFELISTED)
        self._private = private_network
        self._plain = dict(_lines(expose, credentials=credentials))
        # What an answer to each origin has, made once.
        vary = {} if self._any else {"vary": "origin"}
        listed = ["*"] if self._any else [*self._origins.exact]
        self._lines: dict[str | None, dict[str, str]] = {
            origin: {_ALLOW_ORIGIN: origin, **self._plain, **vary} for origin in listed
        }
        self._preflight = [*_lines((), credentials=credentials), ("access-control-max-age", str(max_age))]

    def before(self, request: Request | WebSocket) -> Response | None:
        """Answer a preflight.

        Raises:
            HTTPError: 403, what it asks for is not allowed.
        """
        if request.__class__ is WebSocket or request._reader.method(request._head) != "OPTIONS":
            return None  # WebSockets are not covered by the protocol: `allowed_origins` decides there
        headers = request.headers
        origin = headers.get("origin")
        if origin is None or not headers.get("access-control-request-method"):
            return None
        return self._answer_preflight(request, origin)  # type: ignore[arg-type]

    def after(self, request: Request | WebSocket, response: Response) -> None:
        """Tell of an answer who may read it."""
        if request.__class__ is WebSocket:
            return
        headers: Any = response._headers
        if headers.__class__ is tuple:  # which they seldom are: the property would cost more than what is set
            headers = response.headers
        if self._any:
            headers.put_all(self._lines["*"])
            return
        origin = request._reader.header("origin")(request._head)
        lines = self._lines.get(origin) or self._lines_for(origin)
        if "vary" in headers._first:
            headers.vary("origin")
            lines = {**lines, "vary": headers._first["vary"]}
        headers.put_all(lines)

    def _lines_for(self, origin: str | None) -> dict[str, str]:
        """Return what an answer to an origin has that is not listed as it is.

        With a list, an answer without the lines is for others as well, and so says that it varies.
        """
        if origin is None or not self._allows(origin):
            return {"vary": "origin"}
        return {_ALLOW_ORIGIN: origin, **self._plain, "vary": "origin"}

    def _allows(self, origin: str) -> bool:
        return self._any or self._origins.allow(origin)

    def _answer_preflight(self, request: Request, origin: str) -> Response:
        """Return what allows the request that the browser asks for.

        Raises:
            HTTPError: 403, it is not allowed; the document names what is not.
        """
        headers = request.headers
        method = headers.get("access-control-request-method", "")
        asked = [name.lower() for name in split_list(headers.get("access-control-request-headers", ""))]
        private = headers.get(_PRIVATE) == "true"
        varies = (*_ASKED, _PRIVATE) if self._private else _ASKED
        refused = self._refusal(origin, method, asked, private=private)
        if refused is not None:
            raise HTTPError(403, refused, headers={"vary": ", ".join(varies)})
        response = Response(status=204, headers=self._preflight)
        response.headers.vary(*varies)
        response.headers["access-control-allow-origin"] = "*" if self._any else origin
        response.headers["access-control-allow-methods"] = method if self._methods is None else ", ".join(self._methods)
        allowed = asked if self._headers is None else self._headers
        if allowed:
            response.headers["access-control-allow-headers"] = ", ".join(allowed)
        if private:
            response.headers["access-control-allow-private-network"] = "true"
        return response

    def _refusal(self, origin: str, method: str, asked: list[str], *, private: bool) -> str | None:
        """Return what the app does not allow, None if it allows all that is asked for."""
        if not self._allows(origin):
            return "Pages of this origin may not use this resource."
        if not is_token(method) or (self._methods is not None and method not in self._methods):
            return "Pages of other origins may not use this method."
        for name in asked:
            if not is_token(name) or (self._headers is not None and name not in self._headers):
                return "Pages of other origins may not send these headers."
        if private and not self._private:
            return "Pages of public sites may not reach this network."
        return None


def _lines(expose: Iterable[str], *, credentials: bool) -> list[tuple[str, str]]:
    lines = []
    names = _names("expose", expose)
    if names is None or names:
        lines.append(("access-control-expose-headers", "*" if names is None else ", ".join(names)))
    if credentials:
        lines.append(("access-control-allow-credentials", "true"))
    return lines


def _names(parameter: str, names: Iterable[str], more: Iterable[str] = ()) -> list[str] | None:
    """Return methods or header names, without repetition; None if any will do."""
    listed = list(names)
    for name in listed:
        if not is_token(name):
            raise wrong("CORS", parameter, listed, f"{name!r} is no name of the kind", "an RFC 9110 token")
    if "*" in listed:
        return None
    if parameter == "methods":
        listed = [name.upper() if name.upper() in _NORMALISED else name for name in listed]
    else:
        listed = [name.lower() for name in listed]
    return list(dict.fromkeys([*listed, *more]))
