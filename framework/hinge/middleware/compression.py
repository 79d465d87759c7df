"""Compress what shrinks, in a content coding that the client accepts (RFC 9110 section 8.4).

Law: nothing is held back. A body that is made chunk by chunk goes out chunk by chunk, each one flushed, and events with
their keep-alives as they happen. What is compressed already, small, or not to be touched stays as it is.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from threading import Lock
from typing import Any

from hinge.diagnostics.kinds import COUNT, texts, want, wrong
from hinge.diagnostics.misuse import fits
from hinge.http.accept import choose_coding
from hinge.http.codings import Encoder, installed_codings, load_coding
from hinge.http.headers import MutableHeaders
from hinge.middleware.layer import Middleware
from hinge.request import Request
from hinge.responses.events import KEEP_ALIVE, EventSourceResponse
from hinge.responses.files import FileResponse
from hinge.responses.response import Response
from hinge.responses.sources import encode_chunk
from hinge.responses.streaming import StreamingResponse
from hinge.websocket import WebSocket

_COMPRESSIBLE = frozenset(
    {
        "application/javascript", "application/json", "application/jsonl", "application/msgpack", "application/toml",
        "application/wasm", "application/x-ndjson", "application/xml", "application/yaml", "font/otf", "font/ttf",
        "image/bmp", "image/vnd.microsoft.icon",
    }
)  # fmt: skip
"""Types beside text/*, *+json and *+xml. Unknown ones are left alone: most formats bring their own compression."""

_AT_ONCE = 128 * 1024
"""A longer body is compressed in pieces while it is sent, so that on ASGI other requests get their turn in between."""

_UNTOUCHED = frozenset({204, 206, 304})
"""Without a body, or a part of one: its bytes are counted in the representation that the client began with."""
_STAND_INS = frozenset({206, 304})
"""Those of them that carry the headers of the 200 they stand for (RFC 9110 sections 15.3.7 and 15.4.5)."""


class Compression:
    """Compress responses; add an instance to the app, a router or a route.

    `codings` is a choice among zstd, br and gzip, the preferred one first; without it all that are installed (the
    extra `hinge-web[compression]` brings zstd and br). Bodies of fewer than `min_size` bytes are not worth it. `levels`
    sets the level of a coding: `{"gzip": 9}`.

    Do not compress pages that hold both a secret and what the client sent: the length tells about the secret (BREACH).

    Raises:
        ConfigurationError: a coding or level is unknown or not installed, or `min_size` is negative.
    """

    __slots__ = ("_codings", "_encoders", "_min_size")

    @fits
    def __init__(
        self, *, codings: Iterable[str] | None = None, min_size: int = 1024, levels: Mapping[str, int] | None = None
    ) -> None:
        chosen = installed_codings() if codings is None else tuple(texts("Compression", codings=codings)[0])
        if not chosen:
            raise wrong("Compression", "codings", codings, "there is none", "codings=['gzip']")
        want("Compression", COUNT, min_size=min_size)
        levels = {} if levels is None else levels
        if not isinstance(levels, Mapping):
            raise wrong("Compression", "levels", levels, "it is no mapping", "levels={'gzip': 9}")
        for name in levels:
            if name not in chosen:
                why = f"{name!r} is not among the codings {', '.join(chosen)}"
                raise wrong("Compression", "levels", levels, why, "name one of them")
        self._codings = chosen
        self._encoders = {name: load_coding(name, levels.get(name)) for name in chosen}
        self._min_size = min_size

    def __call__(self, request: Request | WebSocket) -> Middleware:
        """Compress the response on its way out, if that is allowed, worth it, and what the client accepts."""
        response = yield
        if isinstance(request, WebSocket):
            return None
        if response.status in _STAND_INS:
            self._agree(request, response)
            return None
        if not self._is_worth_it(response):
            return None
        headers = response.headers
        headers.vary("accept-encoding")
        coding = choose_coding(request.headers.get("accept-encoding"), self._codings)
        if coding is None:
            return None
        headers["content-encoding"] = coding
        if "accept-ranges" in headers:
            del headers["accept-ranges"]
        _weaken(headers)
        return _compressed(response, self._encoders[coding]())

    def _agree(self, request: Request, response: Response) -> None:
        """Give a 304 or a 206 the Vary, and a 304 the tag, of the 200 that it stands for.

        The bytes of a 206 are counted in what is not compressed, so its tag is that one's. What a handler's own 304
        stands for is not known; which tag the client has tells whether it was compressed.
        """
        headers = response.headers
        whole: Response | None = getattr(response, "whole", None)
        if whole is None:
            is_worth_it = self._is_text(response) if response.status == 206 else "content-encoding" not in headers
        else:
            is_worth_it = self._is_worth_it(whole)
        if not is_worth_it:
            return
        headers.vary("accept-encoding")
        etag = headers.get("etag")
        if response.status == 206 or etag is None:
            return
        known = request.headers.get_all("if-none-match")
        is_coded = choose_coding(request.headers.get("accept-encoding"), self._codings) is not None
        if is_coded and (whole is not None or (f"W/{etag}" in known and etag not in known)):
            _weaken(headers)

    def _is_worth_it(self, response: Response) -> bool:
        length = response.content_length
        if length is not None and length < self._min_size:
            return False
        if response.status in _UNTOUCHED or "content-range" in response.headers:
            return False
        return self._is_text(response)

    @staticmethod
    def _is_text(response: Response) -> bool:
        """Tell whether a response is of a type that shrinks, and may be touched."""
        headers = response.headers
        if "content-encoding" in headers:
            return False
        if "no-transform" in headers.get("cache-control", "").lower():  # RFC 9111 section 5.2.2.6
            return False
        media_type = (response.media_type or "").lower()
        return (
            media_type.startswith("text/")
            or media_type in _COMPRESSIBLE
            or media_type.endswith(("+json", "+xml", "+yaml"))
        )


def _weaken(headers: MutableHeaders) -> None:
    """Make the tag a weak one: the same content, but no longer byte for byte (RFC 9110 section 8.8.1)."""
    etag = headers.get("etag")
    if etag is not None and not etag.startswith("W/"):
        headers["etag"] = f"W/{etag}"


def _compressed(response: Response, encoder: Encoder) -> Response:
    """Return the response with the coding between its content and whoever sends it."""
    if isinstance(response, StreamingResponse):
        work = _Work(encoder, flushing=not isinstance(response, FileResponse))
        source: Any = response.iterator
        response.iterator = _AsyncCompressed(source, work) if response.is_async else _Compressed(source, work)
        if isinstance(response, EventSourceResponse):
            response.keep_alive = work.keep_alive
        return response
    body = response.body or b""
    if len(body) <= _AT_ONCE:
        response.body = encoder.add(body) + encoder.finish()
        return response
    pieces = (body[start : start + _AT_ONCE] for start in range(0, len(body), _AT_ONCE))
    chunks = _Compressed(pieces, _Work(encoder, flushing=False))
    return StreamingResponse(chunks, status=response.status, headers=response.headers)


class _Work:
    """One encoder between a source and its backend, which adds keep-alives from another thread.

    What is encoded first has to be sent first. The backend asks for the next chunk when it has sent the one before;
    until then there is nothing to keep alive.
    """

    __slots__ = ("_encoder", "_flushing", "_has_unsent", "_lock")

    def __init__(self, encoder: Encoder, *, flushing: bool) -> None:
        self._encoder = encoder
        self._flushing = flushing
        self._has_unsent = False
        self._lock = Lock()

    def ask(self) -> None:
        """Note that all that was returned is sent."""
        with self._lock:
            self._has_unsent = False

    def chunk(self, chunk: Any) -> bytes:
        """Return what can be sent after a chunk of the source."""
        data = encode_chunk(chunk)
        if not data:
            return b""
        with self._lock:
            self._has_unsent = True
            encoded = self._encoder.add(data)
            return encoded + self._encoder.flush() if self._flushing else encoded

    def end(self) -> bytes:
        """Return the rest."""
        with self._lock:
            self._has_unsent = True
            return self._encoder.finish()

    def keep_alive(self) -> bytes:
        """Return a comment in the coding; nothing while a chunk is on its way."""
        with self._lock:
            return b"" if self._has_unsent else self._encoder.add(KEEP_ALIVE) + self._encoder.flush()


# Classes and not generators: a generator that was never started does not run its `finally`, and the source stays open.


class _Compressed(Iterator[bytes]):
    """Encode the chunks of a sync source, and close it."""

    closes_once = True

    __slots__ = ("_source", "_work")

    def __init__(self, source: Iterator[Any], work: _Work) -> None:
        self._source: Iterator[Any] | None = source
        self._work = work

    def __next__(self) -> bytes:
        self._work.ask()
        while self._source is not None:
            try:
                data = self._work.chunk(next(self._source))
            except StopIteration:
                self.close()
                return self._work.end()
            if data:
                return data
        raise StopIteration

    def close(self) -> None:
        """Close the source."""
        source, self._source = self._source, None
        close = getattr(source, "close", None)
        if close is not None:
            close()


class _AsyncCompressed(AsyncIterator[bytes]):
    """Encode the chunks of an async source, and close it."""

    closes_once = True

    __slots__ = ("_source", "_work")

    def __init__(self, source: AsyncIterator[Any], work: _Work) -> None:
        self._source: AsyncIterator[Any] | None = source
        self._work = work

    async def __anext__(self) -> bytes:
        self._work.ask()
        while self._source is not None:
            try:
                data = self._work.chunk(await anext(self._source))
            except StopAsyncIteration:
                await self.aclose()
                return self._work.end()
            if data:
                return data
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Close the source."""
        source, self._source = self._source, None
        aclose = getattr(source, "aclose", None)
        if aclose is not None:
            await aclose()
