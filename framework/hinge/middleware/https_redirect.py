"""Plain HTTP is answered with the way to HTTPS.

Law: the method, the path and the query stay; the host is the one that was asked for, or the one that was configured.
"""

from hinge.diagnostics.kinds import Wanted, want, wrong
from hinge.diagnostics.misuse import fits
from hinge.errors import HTTPError
from hinge.http.headers import parse_host
from hinge.request import Request, redirect_to
from hinge.responses.response import Response
from hinge.websocket import WebSocket

_PORT = Wanted(lambda value: type(value) is int and 1 <= value <= 65535, "port", "a number from 1 to 65535")
_SECURE = frozenset({"https", "wss"})


class HTTPSRedirect:
    """Redirect plain requests to https (308); add an instance to the app, behind `ProxyHeaders` if there is one.

    `host` is where to in place of the host that was asked for; with that one, add `TrustedHosts` before. `port` is the
    port of https there. Behind a proxy that ends the encryption `ProxyHeaders` has to tell, or it would never end.

    Raises:
        ConfigurationError: `host` is no host, or has a port; `port` is none.
    """

    __slots__ = ("_host", "_port")

    @fits
    def __init__(self, *, host: str | None = None, port: int = 443) -> None:
        want("HTTPSRedirect", _PORT, port=port)
        self._port = "" if port == 443 else f":{port}"
        self._host = None if host is None else _checked(host)

    def before(self, request: Request | WebSocket) -> Response | None:
        """Answer a plain request.

        Raises:
            HTTPError: 400, its Host is missing or malformed.
        """
        if request.scheme in _SECURE:
            return None
        response = redirect_to(request, request.path)
        host = self._host or _name(request.host)
        response.headers["location"] = f"https://{host}{self._port}{response.headers['location']}"
        return response


def _name(host: str) -> str:
    """Return a valid host without its port."""
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() and (host[0] != "[" or name[-1] == "]") else host


def _checked(host: str) -> str:
    fix = "host='www.example.com', and the port as port="
    if not isinstance(host, str):
        raise wrong("HTTPSRedirect", "host", host, "it is no text", fix)
    try:
        found = parse_host(host)
    except HTTPError:
        raise wrong("HTTPSRedirect", "host", host, "it is no host", fix) from None
    if _name(found) != found:
        raise wrong("HTTPSRedirect", "host", host, "it has a port", fix)
    return found
