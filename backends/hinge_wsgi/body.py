"""Reading a request body from `wsgi.input`.

Law: `read(n)` with n > 0 until it is empty is the one way that every server serves right; Granian loses data or raises
on `readline`, iteration and `read(-1)`. A cut upload raises nothing on WSGI: what arrived is compared with
Content-Length.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from importlib import import_module

from hinge.errors import ClientDisconnect, HTTPError
from hinge.http.body import (
    BODILESS_METHODS,
    THROWN_AWAY,
    BodyStream,
    WholeBody,
    cut_off,
    declared_length,
    incomplete,
    is_short,
    too_large,
)
from hinge.loop.body import refuse_on_a_loop
from hinge_wsgi.environ import Environ

PIECE = 65536


def _reader(environ: Environ) -> Callable[[int], bytes]:
    """Return `read(n)`, which raises HTTPError where the server raises whatever it has for this."""
    read = environ["wsgi.input"].read
    if "uwsgi.version" in environ and "HTTP_TRANSFER_ENCODING" in environ:  # its input never has what comes in chunks
        read = _read_from(import_module("uwsgi").chunked_read)  # it is there within that server

    def checked(size: int) -> bytes:
        try:
            piece: bytes = read(size)
        except Exception as error:
            raise _unreadable() from error
        return piece

    return checked


def _read_from(chunk: Callable[[], bytes]) -> Callable[[int], bytes]:
    """Return `read(n)` of what comes a chunk at a time, of any size: up to n bytes, none at the end."""
    rest = b""

    def read(size: int) -> bytes:
        nonlocal rest
        piece = rest or chunk()
        piece, rest = piece[:size], piece[size:]
        return piece

    return read


def _unreadable() -> HTTPError:
    # A bad chunk, a client that left: the client's fault in each case.
    return HTTPError(400, "The request body ended early or is framed wrongly.", headers={"connection": "close"})


def read_body(environ: Environ, limit: int) -> bytes:
    """Return the whole body.

    Raises:
        HTTPError: 413 above `limit` bytes, 400 if it ends before its declared length.
    """
    length = declared_length(environ.get("CONTENT_LENGTH"), limit)
    if length is None:
        return _read_undeclared(environ, limit) if _ends_by_itself(environ) else b""
    if length == 0:
        return b""
    try:
        body: bytes = environ["wsgi.input"].read(length)
    except Exception as error:
        raise _unreadable() from error
    return body if len(body) == length else _read_rest(_reader(environ), bytearray(body), length)


def _ends_by_itself(environ: Environ) -> bool:
    """Tell whether there may be a body that declares no length, and the server ends it; cf. `framed_length`."""
    if "HTTP_TRANSFER_ENCODING" in environ:
        return True
    if not environ.get("wsgi.input_terminated") or environ.get("SERVER_PROTOCOL", "").startswith("HTTP/1"):
        return False
    return environ["REQUEST_METHOD"] not in BODILESS_METHODS


def _read_rest(read: Callable[[int], bytes], body: bytearray, length: int) -> bytes:
    while len(body) < length:
        piece = read(length - len(body))
        if not piece:
            raise incomplete(len(body), length)
        body += piece
    return bytes(body)


def _read_undeclared(environ: Environ, limit: int) -> bytes:
    body = bytearray()
    read = _undeclared_pieces(_reader(environ), limit)
    while piece := read():
        body += piece
        if len(body) > limit:
            raise too_large(limit)
    return bytes(body)


def throw_away(environ: Environ) -> None:
    """Read what is left of a short body that nobody takes; an application cannot have the connection closed.

    A client that awaits leave to send it (`Expect: 100-continue`) is not asked for it.
    """
    if "HTTP_EXPECT" in environ:
        return
    with suppress(HTTPError, ClientDisconnect):
        length = declared_length(environ.get("CONTENT_LENGTH"), THROWN_AWAY)
        read = _pieces(environ, length, THROWN_AWAY)
        received = 0
        while received <= THROWN_AWAY and (piece := read()):
            received += len(piece)


def body_stream(
    environ: Environ,
    limit: int,
    on_request_thread: Callable[[Callable[[], bytes]], Awaitable[bytes]],
    *,
    is_ahead: bool = False,
) -> BodyStream:
    """Return the body as a stream; `on_request_thread` lets a coroutine wait for a read in the server's thread.

    `is_ahead`: a short one is read here.

    Raises:
        HTTPError: 413, the declared length is above `limit`; 400, it is no number.
    """
    length = declared_length(environ.get("CONTENT_LENGTH"), limit)
    read = _pieces(environ, length, limit)
    if is_ahead and is_short(
        environ["REQUEST_METHOD"], environ.get("CONTENT_LENGTH") or None, environ.get("HTTP_TRANSFER_ENCODING")
    ):
        return WholeBody(b"".join(iter(read, b"")))

    def blocking() -> bytes:
        refuse_on_a_loop("a coroutine reads its BodyStream with `async for`: `for` would stop the event loop")
        return read()

    return BodyStream(blocking, lambda: on_request_thread(read), limit)


def _pieces(environ: Environ, length: int | None, limit: int) -> Callable[[], bytes]:
    source = _reader(environ)
    if length is None:
        return _undeclared_pieces(source, limit) if _ends_by_itself(environ) else bytes
    received = 0

    def read() -> bytes:
        nonlocal received
        if received == length:
            return b""
        try:
            piece = source(min(PIECE, length - received))
        except HTTPError as error:
            raise cut_off(received, length) from error  # with a length, nothing else can go wrong
        if not piece:
            raise cut_off(received, length)
        received += len(piece)
        return piece

    return read


def _undeclared_pieces(source: Callable[[int], bytes], limit: int) -> Callable[[], bytes]:
    is_over = False
    received = 0

    def read() -> bytes:
        nonlocal is_over, received
        # One byte more than is allowed: a read waits for all it asks for, and that byte is enough for the refusal.
        piece = b"" if is_over else source(max(1, min(PIECE, limit - received + 1)))
        is_over = not piece  # what a server says to a read after the end is anybody's guess
        received += len(piece)
        return piece

    return read
