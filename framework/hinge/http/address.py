"""The peer of a connection.

Law: what a server tells of it is taken as far as it makes sense, whatever it is; nothing of it raises.
"""

from typing import NamedTuple


class Address(NamedTuple):
    """The peer of a connection; `port` is None where the server does not tell it."""

    host: str
    port: int | None

    @classmethod
    def told(cls, host: object, port: object) -> "Address | None":
        """Return what a server tells of a peer, whatever it puts there; None without a host, as on a Unix socket.

        A port is a number from 0 to 65535, or its ASCII digits; anything else is none.
        """
        if not isinstance(host, str) or not host:
            return None
        if isinstance(port, str) and port.isascii() and port.isdigit() and len(port) <= 5:
            port = int(port)
        return cls(host, port if type(port) is int and 0 <= port <= 65535 else None)

    @classmethod
    def parsed(cls, text: object) -> "Address | None":
        """Return what a server tells of a peer in one text: `host:port`, `[host]:port`, or a host alone."""
        if not isinstance(text, str):
            return None
        host, colon, port = text.rpartition(":")
        if not colon or text.endswith("]") or (":" in host and host[0] != "["):
            host, port = text, ""
        return cls.told(host.strip("[]"), port)
