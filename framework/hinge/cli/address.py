"""The address to listen on, tried before Granian takes it.

Law: Granian takes numeric addresses only, shares a port with whoever else asks for sharing, and leaves a socket file
behind when it is killed. Here names are resolved, a port in use is an error and a dead socket file is removed.
"""

import errno
import os
import socket
import sys
from pathlib import Path

from hinge.cli.errors import UserError

_REASONS = {
    errno.EADDRINUSE: "the port is in use. Fix: stop the other server, or choose another --port",
    errno.EACCES: "this user may not listen there. Fix: choose a --port above 1023",
    errno.EADDRNOTAVAIL: "this machine has no such address",
}


def claim_address(host: str, port: int) -> tuple[str, int, socket.socket | None]:
    """Return the numeric address of a host name (IPv4 where it has both) and the port, which nobody else listens on.

    For port 0 it is a free one, kept by the socket for as long as that is open, where the system lets Granian share it.

    Raises:
        UserError: the name has no address, or it cannot be listened on.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise UserError(f"host {host!r} has no address: {error}") from error
    family, _, _, _, address = min(found, key=lambda info: info[0] != socket.AF_INET)
    probe = socket.socket(family, socket.SOCK_STREAM)
    shares = port == 0 and sys.platform == "linux"
    if os.name == "posix":
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT if shares else socket.SO_REUSEADDR, 1)
    try:
        probe.bind(address)
    except OSError as error:
        probe.close()
        reason = _REASONS.get(error.errno or 0, error.strerror)
        raise UserError(f"cannot listen on {host}:{port}: {reason}") from error
    taken = probe.getsockname()[1]
    if not shares:
        probe.close()
    return str(address[0]), taken, probe if shares else None


def claim_socket_path(text: str) -> Path:
    """Return the path for a Unix socket, freed of the socket of a server that is gone.

    Raises:
        UserError: a server listens there, the path is something else, or its folder cannot be written.
    """
    path = Path(text).absolute()
    if len(os.fsencode(path)) > 107:
        raise UserError(f"uds {path}: the path of a Unix socket has at most 107 bytes")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        reason = "this user may not write in the folder" if path.parent.is_dir() else "there is no folder"
        raise UserError(f"uds {path}: {reason} {path.parent}")
    if path.is_socket():
        _remove_dead(path)
    elif path.exists() or path.is_symlink():
        raise UserError(f"uds {path}: it exists and is no socket. Fix: choose another path, or remove it")
    return path


def _remove_dead(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        except OSError as error:
            raise UserError(f"uds {path}: {error.strerror or error}") from error
    raise UserError(f"uds {path}: a server listens there already. Fix: stop it, or choose another path")
