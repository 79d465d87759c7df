"""How much of a stream may be on its way to a client, where the server takes every chunk at once and keeps it.

Law: a stream waits here. How far it is ahead is read off the connection itself: what was handed over less what the peer
has acknowledged (TCP_INFO). Streams below AHEAD bytes do not pay for it.

The estimate errs on the side that never waits for nothing: framing and TLS are counted as acknowledged, other streams
of an HTTP/2 connection too. A Unix socket and systems other than Linux tell nothing: there, a stream is not bounded.
"""

import asyncio
import contextlib
import math
import os
import socket
import struct
from typing import Any

from hinge.backend import Address

AHEAD = 2 * 1024 * 1024
"""Bytes that may be on their way. More than a fast line holds would be memory for a slow client."""
LONGEST_PAUSE = 0.1
"""Seconds between two looks at a connection that does not move."""

_ACKNOWLEDGED = 120
"""Where `tcpi_bytes_acked` stands in Linux' struct tcp_info (since 4.1)."""


class Pace:
    """One stream's lead over its client: whoever hands over counts, and waits for `room` above `limit`."""

    __slots__ = ("_connection", "_has_looked", "_peer", "handed", "limit")

    def __init__(self, peer: Any) -> None:
        self._peer = peer  # as Granian tells it: most streams never come to a look
        self._connection: socket.socket | None = None
        self.handed = 0
        """Bytes, whether or not the peer has them."""
        self.limit: float = AHEAD
        self._has_looked = False

    async def room(self) -> None:
        """Wait while more than `limit` was handed over."""
        pause = 0.001
        while self.handed > self.limit and self._look():
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _look(self) -> bool:
        """Tell whether the stream is too far ahead."""
        is_first, self._has_looked = not self._has_looked, True
        if is_first:
            self._connection = _connection_of(Address.parsed(self._peer))
        acknowledged = self._acknowledged()
        # At the first look, nobody knows what was acknowledged before this response.
        self.handed = acknowledged if is_first else max(self.handed, acknowledged)
        self.limit = math.inf if self._connection is None else acknowledged + AHEAD
        return self.handed > self.limit

    def _acknowledged(self) -> int:
        if self._connection is None:
            return 0
        try:
            info = self._connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
            count: int = struct.unpack_from("=Q", info, _ACKNOWLEDGED)[0]
        except (OSError, struct.error):
            self.close()
            return 0
        return count

    def close(self) -> None:
        """Let go of the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _connection_of(peer: Address | None) -> socket.socket | None:
    """Return a copy of the connection that a request came on, None if it cannot be told."""
    if peer is None or not hasattr(socket, "TCP_INFO"):
        return None
    with contextlib.suppress(OSError):
        for name in os.listdir("/dev/fd"):  # noqa: PTH208 - names are all that is wanted
            found = _opened(int(name))
            if found is not None:
                with contextlib.suppress(OSError):
                    if found.family in (socket.AF_INET, socket.AF_INET6) and found.getpeername()[:2] == peer:
                        return found
                found.close()
    return None


def _opened(descriptor: int) -> socket.socket | None:
    try:
        copy = os.dup(descriptor)
    except OSError:
        return None
    try:
        return socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        return None
