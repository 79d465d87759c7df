"""A request -> the environ that a server would make of it (PEP 3333), for in-process connections.

Law: as strict as the servers together. Texts are latin-1 in disguise; repeated lines are joined, cookies with `;`;
names with `_` are dropped as gunicorn and waitress do; `wsgi.input` gives short reads and ends where the body ends.
"""

import io
import sys
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

_BARE = {"CONTENT_TYPE", "CONTENT_LENGTH"}


class Upload(io.RawIOBase):
    """A request body as `wsgi.input`: pulled from the client piece by piece; a failing client is a cut upload."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        super().__init__()
        self._pieces = iter(pieces)
        self._rest = memoryview(b"")
        self._allowed: int | None = None
        self.failure: BaseException | None = None

    def limit(self, length: int) -> None:
        """End the body after `length` bytes: what follows is not part of this request."""
        self._allowed = length

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what is there, at least one byte unless the body has ended."""
        room = memoryview(buffer)
        if self._allowed is not None:
            room = room[: self._allowed]
        while not self._rest and room:
            try:
                self._rest = memoryview(next(self._pieces))
            except StopIteration:
                return 0
            except BaseException as error:  # noqa: BLE001 - raised in the client's thread
                self.failure = error
                self._pieces = iter(())
                return 0
        count = min(len(room), len(self._rest))
        room[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        if self._allowed is not None:
            self._allowed -= count
        return count


def build_environ(
    method: str, target: str, headers: list[tuple[str, str]], upload: Upload, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the environ of a request."""
    path, _, query = target.partition("?")
    scheme = options.get("scheme", "http")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": _disguise(options.get("prefix", "")),
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "443" if scheme == "https" else "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme,
        "wsgi.input": upload,
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    _add_peer(environ, options.get("client"))
    _add_headers(environ, headers)
    length = environ.get("CONTENT_LENGTH", "")
    if length.isascii() and length.isdigit() and len(length) < 20:  # int() is quadratic
        upload.limit(int(length))
    return environ


def _disguise(text: str) -> str:
    return text.encode().decode("latin-1")


def _add_peer(environ: dict[str, Any], client: Any) -> None:
    environ["REMOTE_ADDR"] = ""
    if client is not None:
        environ["REMOTE_ADDR"] = client[0]
        if client[1] is not None:
            environ["REMOTE_PORT"] = str(client[1])


def _add_headers(environ: dict[str, Any], headers: list[tuple[str, str]]) -> None:
    for name, value in headers:
        if "_" in name:
            continue
        key = name.upper().replace("-", "_")
        if key not in _BARE:
            key = "HTTP_" + key
        if key in environ:
            environ[key] += (";" if key == "HTTP_COOKIE" else ",") + value
        else:
            environ[key] = value
