"""What proxies in front tell of a request: its client, its scheme and its host (RFC 7239, or `X-Forwarded-*`).

Law: a header can be sent by anybody, so it counts only as far as somebody trusted has written it. It is read from the
right, where the nearest proxy has written, and never beyond the first address that is not a trusted proxy's. One family
of headers is read; the other one is not looked at. What a trusted proxy does not say is not known: the client is None
then, and not the proxy.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Literal, NoReturn, TypeAlias

from msgspec.structs import replace

from hinge.config import Config
from hinge.diagnostics.kinds import Wanted, texts, want, wrong
from hinge.diagnostics.misuse import fits
from hinge.errors import ConfigurationError, HTTPError
from hinge.http.address import Address
from hinge.http.networks import UNIX, network, proposal
from hinge.http.tokens import OWS, QUOTED, TOKEN
from hinge.middleware.layer import Layer, layer_of
from hinge.request import HTTPConnection, Request
from hinge.websocket import WebSocket

_HOPS = Wanted(lambda value: type(value) is int and value >= 1, "number from 1", "how many proxies stand in front")
_FAMILIES = ("forwarded", "x-forwarded")
_MOST_KNOWN = 1024
"""So many peers are remembered, of those that are trusted."""
_LONGEST = 64
"""No address with its port and a zone is longer."""

# Strictly `:` and brackets are for quoted strings only; several proxies write addresses and hosts without quotes.
_pair = re.compile(
    rf"[ \t]*+(?:({TOKEN})=([!#$%&'*+.^_`|~0-9A-Za-z:\[\]-]++|{QUOTED}))?[ \t]*+([;,]|\Z)", re.DOTALL
).match
_escaped = re.compile(r"\\(.)", re.DOTALL)

_IP: TypeAlias = IPv4Address | IPv6Address
_SCHEMES = {"http": "http", "ws": "http", "https": "https", "wss": "https"}
_OF_WEBSOCKET = {"http": "ws", "https": "wss"}


class ProxyHeaders:
    """Take the client, the scheme and the host from what trusted proxies say; the first middleware of the app.

    `header` is the family that the proxy writes: `"forwarded"` (RFC 7239), or `"x-forwarded"` for `X-Forwarded-For`,
    `-Proto` and `-Host`. The proxy has to write or remove each of them in every request.

    Either `trusted` lists the proxies' addresses and networks (`10.0.0.0/8`), with `unix` for a peer without an
    address, as on a Unix socket; or `hops` says how many proxies stand in front, whatever their addresses: then nobody
    else may be able to reach the server.

    Then `request.client`, `request.scheme` and `request.host` are what the outermost trusted proxy saw; the client is
    None if it does not say. `request.headers` and `request.native` stay as they came.

    Raises:
        ConfigurationError: the family is unknown; neither or both of `trusted` and `hops` are given; an entry is no
            address or network, or is everybody's.
    """

    outermost = True

    __slots__ = ("_hops", "_known", "_networks", "_read", "_trusts_unix")

    @fits
    def __init__(
        self,
        header: Literal["forwarded", "x-forwarded"],
        *,
        trusted: Iterable[str] | None = None,
        hops: int | None = None,
    ) -> None:
        if header not in _FAMILIES:
            fix = "the one that the proxy writes, 'forwarded' or 'x-forwarded'"
            raise wrong("ProxyHeaders", "header", header, "there is no such family of headers", fix)
        if (trusted is None) == (hops is None):
            why = "it says twice who is trusted" if hops is not None else "it does not say who is trusted"
            raise wrong("ProxyHeaders", "trusted", trusted, why, "trusted=['10.0.0.0/8'], or hops=1")
        want("ProxyHeaders", _HOPS, optional=True, hops=hops)
        (listed,) = texts("ProxyHeaders", trusted=() if trusted is None else trusted)
        if hops is None and not listed:
            raise wrong("ProxyHeaders", "trusted", trusted, "nobody is", "trusted=['127.0.0.1']")
        self._hops = hops
        self._known: set[str] = set()
        self._trusts_unix = UNIX in listed
        self._networks = tuple(_network(entry) for entry in listed if entry != UNIX)
        self._read: Callable[[HTTPConnection], _XForwarded | _Forwarded] = (
            _Forwarded if header == "forwarded" else _XForwarded
        )

    def before(self, request: Request | WebSocket) -> None:
        """Take over what is trusted.

        Raises:
            HTTPError: 400, the header is malformed.
        """
        if self._hops is None and not self._trusts(request._reader.client(request._head)):
            return
        told = self._read(request)
        if self._hops is None:
            depth, client = self._nearest(told)
        elif self._hops > told.count:
            return  # it has not come by all the proxies
        else:
            depth = self._hops
            client = _address(_node(told.client(depth)))
        if told.count:  # the proxy may say nothing of addresses, but of the rest
            request._memo["client"] = client
        scheme, host = told.scheme(depth), told.host(depth)
        if scheme is not None:
            request._memo["scheme"] = _scheme(request, scheme)
        if host is not None:
            request._memo["host"] = host

    def _trusts(self, peer: Address | None) -> bool:
        if peer is None:
            return self._trusts_unix
        if peer.host in self._known:
            return True
        address = _ip(peer.host)
        is_trusted = address is not None and self._contains(address)
        if is_trusted and len(self._known) < _MOST_KNOWN:
            self._known.add(peer.host)
        return is_trusted

    def _contains(self, address: _IP) -> bool:
        return any(address in network for network in self._networks)

    def _nearest(self, told: "_XForwarded | _Forwarded") -> tuple[int, Address | None]:
        """Return the first address from the right that is no trusted proxy's, or the last there is, and its place."""
        for depth in range(1, told.count + 1):
            node = _node(told.client(depth))
            if node is None or depth == told.count or not self._contains(node[0]):
                return depth, _address(node)
        return 1, None


def trusting(config: Config, layers: Sequence[Layer]) -> Layer:
    """Return what the settings `trusted_proxies` and `proxy_headers` put around an app with these layers.

    Raises:
        ConfigurationError: the app has such a layer of its own.
    """
    for layer in layers:
        if layer.outermost:
            raise ConfigurationError(
                f"middleware {layer.name} ({layer.location}) says whom to believe, and so does the setting "
                f"trusted_proxies. Fix: keep one of the two"
            )
    made = layer_of(ProxyHeaders(config.proxy_headers, trusted=config.trusted_proxies))
    return replace(made, name="ProxyHeaders", location="the setting trusted_proxies")


class _XForwarded:
    """What the `X-Forwarded-*` headers say; entries are counted from the right, from 1."""

    def __init__(self, request: HTTPConnection) -> None:
        self._request = request
        self._clients = _entries(request, "x-forwarded-for")
        self.count = len(self._clients)
        """How many proxies have told of their peer."""

    def client(self, depth: int) -> str | None:
        return self._clients[-depth]

    def scheme(self, depth: int) -> str | None:
        return self._at("x-forwarded-proto", depth)

    def host(self, depth: int) -> str | None:
        return self._at("x-forwarded-host", depth)

    def _at(self, name: str, depth: int) -> str | None:
        """Return what the same proxy has said, or the only one that has; None: it cannot be told which one it was."""
        entries = _entries(self._request, name)
        if len(entries) == 1:
            return entries[0]
        return entries[-depth] if len(entries) >= depth else None


def _entries(request: HTTPConnection, name: str) -> list[str]:
    value = request._reader.header(name)(request._head)  # repeated lines are joined
    if not value:
        return [] if value is None else _malformed(name)
    return [entry.strip(OWS) for entry in value.split(",")]


def _malformed(name: str) -> NoReturn:
    """Refuse what cannot be read, as what is not ASCII: to pass it over would hide what a proxy wrote beside it."""
    raise HTTPError(400, f"The header {name} is malformed.")


class _Forwarded:
    """The same of `Forwarded`."""

    def __init__(self, request: HTTPConnection) -> None:
        value = request._reader.header("forwarded")(request._head)
        self._elements = [] if value is None else _elements(value)
        self.count = len(self._elements)

    def client(self, depth: int) -> str | None:
        return self._elements[-depth].get("for")

    def scheme(self, depth: int) -> str | None:
        return self._elements[-depth].get("proto") if self._elements else None

    def host(self, depth: int) -> str | None:
        return self._elements[-depth].get("host") if self._elements else None


def _elements(value: str) -> list[dict[str, str]]:
    """Return the parameters of each element of a Forwarded field (RFC 7239 section 4), names in small letters.

    The whole field has to be well-formed: a quote that a client leaves open would swallow what the proxy wrote.

    Raises:
        HTTPError: 400, it is not.
    """
    elements: list[dict[str, str]] = []
    element: dict[str, str] = {}
    place = 0
    while True:
        found = _pair(value, place)
        name = found[1].lower() if found is not None and found[1] else None
        if found is None or name in element:
            _malformed("forwarded")
        if name is not None:
            text = found[2]
            element[name] = _escaped.sub(r"\1", text[1:-1]) if text[0] == '"' else text
        if found[3] != ";":
            if element:  # empty ones are none (RFC 9110 section 5.6.1)
                elements.append(element)
            if not found[3]:
                return elements or _malformed("forwarded")
            element = {}
        place = found.end()


def _node(text: str | None) -> tuple[_IP, int | None] | None:
    """Return an address and its port, None if that is not told; None for `unknown`, `_hidden` and so on."""
    told = Address.parsed(text) if text is not None and len(text) <= _LONGEST else None
    address = None if told is None or "%" in told.host else _ip(told.host)  # a zone is the sender's own
    return None if told is None or address is None else (address, told.port)


def _address(node: tuple[_IP, int | None] | None) -> Address | None:
    """Return the address as a canonical text."""
    return None if node is None else Address(str(node[0]), node[1])


def _ip(host: str) -> _IP | None:
    """Return an address; one of IPv4 that a socket of both families shows as IPv6 is one of IPv4."""
    try:
        address = ip_address(host)
    except ValueError:
        return None
    return (address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address


def _scheme(request: Request | WebSocket, told: str) -> str:
    scheme = _SCHEMES.get(told.lower())
    if scheme is None:
        raise HTTPError(400, "A proxy tells of a scheme that there is not.")
    return _OF_WEBSOCKET[scheme] if isinstance(request, WebSocket) else scheme


def _network(entry: str) -> IPv4Network | IPv6Network:
    """Return a trusted network, or an address as one.

    Raises:
        ConfigurationError: it is none, or everybody's.
    """
    try:
        return network(entry)
    except ValueError as error:
        raise wrong("ProxyHeaders", "trusted", [entry], str(error), _proposal(entry)) from None


def _proposal(entry: str) -> str:
    near = proposal(entry)
    return "addresses or networks, as in ['10.0.0.0/8', 'unix'], or hops=1" if near is None else f"trusted=[{near!r}]"
