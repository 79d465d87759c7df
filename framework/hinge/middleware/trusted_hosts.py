"""The hosts that an app answers for: whatever it builds from the Host header cannot be somebody else's address.

Law: a host is compared whole, in small letters; a dot is a dot. What is not listed is refused, and so is a Host that is
missing, repeated or malformed.
"""

import re
from collections.abc import Iterable

from hinge.diagnostics.kinds import texts, wrong
from hinge.diagnostics.misuse import fits
from hinge.errors import HTTPError
from hinge.http.headers import parse_host
from hinge.request import Request
from hinge.websocket import WebSocket

_port = re.compile(r":[0-9]+\Z").search
_dot_of_root = re.compile(r"\.(?=:|\Z)").sub


class TrustedHosts:
    """Refuse requests for other hosts; add an instance to the app, behind `ProxyHeaders` if there is one.

    `hosts` are names or addresses: `example.com` at any port, `example.com:8443` at that one, `[::1]`;
    `*.example.com` stands for every subdomain, not for `example.com` itself. WebSockets are covered, too.

    Raises:
        ConfigurationError: there is no host, or one is none.
    """

    __slots__ = ("_ends", "_hosts")

    @fits
    def __init__(self, hosts: Iterable[str]) -> None:
        (listed,) = texts("TrustedHosts", hosts=hosts)
        if not listed:
            raise wrong("TrustedHosts", "hosts", hosts, "there is none", "hosts=['example.com']")
        names = [_checked(entry) for entry in listed]
        self._hosts = frozenset(name for name in names if name[0] != "*")
        self._ends = tuple(name[1:] for name in names if name[0] == "*")

    def before(self, request: Request | WebSocket) -> None:
        """Let the request pass.

        Raises:
            HTTPError: 400, it is for another host.
        """
        host = request.host
        if host in self._hosts:
            return
        port = _port(host)
        name = host if port is None else host[: port.start()]
        name = name.removesuffix(".")  # which says that the name is whole (RFC 1034 section 3.1)
        if name in self._hosts or (port is not None and name + port[0] in self._hosts):
            return
        # A name of the grammar begins with no dot, so something stands in front.
        if self._ends and (name.endswith(self._ends) or (port is not None and (name + port[0]).endswith(self._ends))):
            return
        raise HTTPError(400, "This host is not served here.")


def _checked(entry: str) -> str:
    """Return a host of the list in small letters, a pattern with its star."""
    plain = entry.removeprefix("*.")
    try:
        host = parse_host(plain)
    except HTTPError:
        why = "it would trust everybody" if entry == "*" else "it is no host"
        fix = "leave the middleware out" if entry == "*" else _proposal(entry)
        raise wrong("TrustedHosts", "hosts", [entry], why, fix) from None
    if plain != entry and host.startswith("["):
        raise wrong("TrustedHosts", "hosts", [entry], "an address has no subdomains", f"hosts=[{plain!r}]")
    host = _dot_of_root("", host)
    return host if plain == entry else f"*.{host}"


def _proposal(entry: str) -> str:
    try:
        return f"hosts=[{parse_host(entry.encode('idna').decode())!r}], as browsers send it"
    except (UnicodeError, HTTPError):
        return "a name without a scheme, like example.com or *.example.com"
