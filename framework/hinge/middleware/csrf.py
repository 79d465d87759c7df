"""Cross-site request forgery: what a page of another site makes a browser send changes nothing here.

Law: a browser says where a request comes from, in `Sec-Fetch-Site` (Fetch Metadata) or at least in `Origin`, and a page
can change neither. Whoever sends none of the two is no browser and has no visitor's cookies to abuse. GET, HEAD,
OPTIONS and TRACE change nothing (RFC 9110 section 9.2.1), so whoever asks by one of them may.
"""

from collections.abc import Iterable

from hinge.diagnostics.kinds import texts
from hinge.diagnostics.misuse import fits
from hinge.errors import HTTPError
from hinge.middleware.origins import Origins
from hinge.request import Request
from hinge.websocket import WebSocket, origin_allowed

_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_OURS = frozenset({"same-origin", "none"})
"""This site's own page, and the visitor: an address that was typed, a bookmark."""


class CSRF:
    """Refuse requests that pages of other sites make a browser send; add an instance to the app, a router or a route.

    `trusted_origins` are other sites whose pages may, written as browsers send them, `scheme://host[:port]`;
    `https://*.example.com` stands for every subdomain. A route with `csrf=False` takes requests from anywhere, and so
    does one with a security scheme that wants a header which no browser sends by itself (`HTTPBearer`, `APIKeyHeader`).

    WebSockets are not its affair: `allowed_origins` in the configuration decides there.

    Raises:
        ConfigurationError: an origin is none.
    """

    __slots__ = ("_trusted",)

    @fits
    def __init__(self, *, trusted_origins: Iterable[str] = ()) -> None:
        self._trusted = Origins.of("CSRF", "trusted_origins", texts("CSRF", trusted_origins=trusted_origins)[0])

    def before(self, request: Request | WebSocket) -> None:
        """Let the request pass.

        Raises:
            HTTPError: 403, a page of another site sent it; 400, it says where it comes from, and has no valid Host.
        """
        if isinstance(request, WebSocket) or request.method in _SAFE or _is_exempt(request):
            return
        read, head = request._reader.header, request._head
        site, origin = read("sec-fetch-site")(head), read("origin")(head)
        if site in _OURS or (site is None and origin is None):
            return
        if origin is not None and self._trusted.allow(origin):
            return
        if site is None and origin_allowed(origin, request.host, (), secure=request.scheme == "https"):
            return
        raise HTTPError(403, "Pages of other sites may not send this request.")


def _is_exempt(request: Request) -> bool:
    """Tell whether a request changes nothing in a visitor's name, wherever it comes from.

    The one place for that: a route's `csrf=False`, and security schemes that a page of another site cannot serve.
    """
    endpoint = request._endpoint
    route, composed = endpoint.route, endpoint.plan.composed
    return (route is not None and not route.csrf) or (composed is not None and composed.is_for_scripts)
