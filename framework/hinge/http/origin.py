"""Whether a page may open a WebSocket here (RFC 6455 section 10.2).

Law: browsers send `Origin` and apply no other protection to WebSockets, so a foreign page is refused unless it is
listed. A client that sends none is no browser, and nobody's cookies are at stake.
"""

from collections.abc import Sequence

_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def origin_allowed(origin: str | None, host: str | None, allowed: Sequence[str], *, secure: bool = False) -> bool:
    """Tell whether a handshake with these `Origin` and `Host` headers may go on.

    `allowed` lists origins as `scheme://host[:port]`, or `*` for all; the page's own site is always allowed. `secure`
    says that the server calls the connection encrypted: then a page that was not is another site (RFC 6454 section 5).
    The reverse says nothing, because a proxy in front may have ended the encryption.
    """
    if origin is None or "*" in allowed:
        return True
    origin = origin.lower()
    if origin in {entry.lower().rstrip("/") for entry in allowed}:
        return True
    scheme, separator, authority = origin.partition("://")
    if not separator or not host or scheme not in _DEFAULT_PORTS:
        return False
    if secure and scheme == "http":
        return False
    # Browsers leave the scheme's own port out of Origin; a proxy may have added it to Host.
    default = _DEFAULT_PORTS[scheme]
    return authority.removesuffix(default) == host.lower().removesuffix(default)
