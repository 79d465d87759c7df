"""Networks of trusted peers, as they are written: `10.0.0.0/8`, `192.0.2.1`, `2001:db8::/32`, `unix`.

Law: a network is what the text says, exactly, and never everybody's.
"""

from ipaddress import IPv4Network, IPv6Network, ip_network

UNIX = "unix"
"""Stands for a peer without an address, as on a Unix socket."""


def network(entry: str) -> IPv4Network | IPv6Network:
    """Return a network, or an address as one.

    Raises:
        ValueError: it is none, or everybody's; the text says which.
    """
    if "%" in entry:
        raise ValueError("the zone of an address is not compared")
    found = None if entry == "*" else ip_network(entry)
    if found is None or found.prefixlen == 0:
        raise ValueError("anybody could say who they are")
    return found


def proposal(entry: str) -> str | None:
    """Return the network that an address with bits beyond its mask lies in, None if it is no such thing."""
    try:
        near = ip_network(entry, strict=False)
    except ValueError:
        return None
    return str(near) if near.prefixlen else None
