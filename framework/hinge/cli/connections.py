"""The connections that a worker has accepted, and their end.

Law: a client cannot keep a worker from stopping. Granian waits without a limit for every connection, and some never end
by themselves: of HTTP/2 with a client that says nothing, or of one that does not read. They are found among the
process's open files by the address they came to, and shut down; Granian takes that for the client's leaving.
"""

import contextlib
import os
import socket

_OPEN_FILES = "/dev/fd"


def hang_up(port: int, uds: str | None) -> None:
    """Shut down every connection that was accepted on the TCP port or on the Unix socket."""
    try:
        descriptors = [int(name) for name in os.listdir(_OPEN_FILES)]  # noqa: PTH208 - names are all that is wanted
    except OSError:  # no such place: Windows
        return
    for descriptor in descriptors:
        with contextlib.suppress(OSError), _opened(descriptor) as connection:
            if _came_to(connection, port, uds):
                connection.shutdown(socket.SHUT_RDWR)


def _opened(descriptor: int) -> socket.socket:
    """Return the socket that an open file is, as a copy: the original may be closed, and its number reused, meanwhile.

    Raises:
        OSError: it is no socket, or not open any more.
    """
    copy = os.dup(descriptor)
    try:
        return socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        raise


def _came_to(connection: socket.socket, port: int, uds: str | None) -> bool:
    connection.getpeername()  # raises for what is not connected: the listening socket
    here = connection.getsockname()
    if connection.family in (socket.AF_INET, socket.AF_INET6):
        return uds is None and here[1] == port
    return uds is not None and isinstance(here, str) and bool(here) and _same(here, uds)


def _same(path: str, other: str) -> bool:
    return os.path.realpath(path) == os.path.realpath(other)
