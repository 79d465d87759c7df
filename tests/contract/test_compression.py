"""Compression: what shrinks is sent in a coding that the client accepts, and nothing waits for more."""

import os
import threading
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import brotli
import pytest
import zstandard

from hinge import App, ConfigurationError, EventSourceResponse, FileResponse, Response, Router, StreamingResponse
from hinge.backend import Feature
from hinge.middleware import CORS, Compression

TEXT = "All work and no play makes Jack a dull boy. " * 100
DECODERS: dict[str, Callable[[], Any]] = {
    "gzip": lambda: zlib.decompressobj(31).decompress,
    "br": lambda: brotli.Decompressor().process,
    "zstd": lambda: zstandard.ZstdDecompressor().decompressobj().decompress,
}


def compressing(handler: Any, **options: Any) -> App:
    app = App(middleware=[Compression(**options)])
    app.get("/")(handler)
    return app


def accepting(codings: str) -> dict[str, str]:
    return {"accept-encoding": codings}


@pytest.mark.parametrize("coding", DECODERS)
def test_a_text_in_each_coding(each_backend: Any, coding: str) -> None:
    with each_backend(compressing(lambda: TEXT)) as client:
        answer = client.get("/", headers=accepting(coding))
        assert answer.headers["content-encoding"] == coding
        assert answer.headers["vary"] == "accept-encoding"
        assert int(answer.headers["content-length"]) == len(answer.content) < len(TEXT) / 4
        assert DECODERS[coding]()(answer.content).decode() == TEXT


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, br", "br"),
        ("gzip;q=1.0, br;q=0.9", "gzip"),
        ("x-gzip", "gzip"),
        ("*", "zstd"),
        ("*;q=0.1, zstd;q=0", "br"),
        ("GZip", "gzip"),
        ("identity;q=1, gzip;q=0.5", None),
        ("identity;q=0.5, gzip;q=1", "gzip"),
        ("gzip;q=0", None),
        ("deflate", None),
        ("", None),
        (";;,q=1,gzip;q=2,gzip;level=9,", None),
    ],
)
def test_what_the_client_accepts(each_backend: Any, accepted: str, coding: str | None) -> None:
    with each_backend(compressing(lambda: TEXT)) as client:
        answer = client.get("/", headers=accepting(accepted))
        assert answer.headers.get("content-encoding") == coding
        assert answer.headers["vary"] == "accept-encoding"
        assert coding is not None or answer.text == TEXT


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: "short", id="small"),
        pytest.param(lambda: Response(TEXT, media_type="image/png"), id="type that is compressed already"),
        pytest.param(lambda: Response(TEXT.encode()), id="unknown type"),
        pytest.param(lambda: Response(TEXT, headers={"content-encoding": "br"}), id="compressed by the handler"),
        pytest.param(lambda: Response(TEXT, headers={"cache-control": "public, no-transform"}), id="no-transform"),
        pytest.param(
            lambda: Response(TEXT, status=206, headers={"content-range": f"bytes 0-{len(TEXT) - 1}/9999"}), id="part"
        ),
        pytest.param(lambda: Response(status=304, headers={"content-type": "text/plain"}), id="304"),
        pytest.param(lambda: None, id="204"),
    ],
)
def test_what_stays_as_it_is(each_backend: Any, make: Callable[[], Any]) -> None:
    def handler() -> Response | str | None:
        found: Response | str | None = make()
        return found

    with each_backend(compressing(handler)) as client:
        bare = client.get("/")
        answer = client.get("/", headers=accepting("gzip"))
        assert (answer.status_code, answer.content) == (bare.status_code, bare.content)
        assert answer.headers.get("content-encoding") == bare.headers.get("content-encoding")
        # What stands for a 200 has the Vary that this one would have.
        assert ("vary" in answer.headers) is (answer.status_code in (206, 304))


def test_errors_json_and_types_with_a_suffix(each_backend: Any) -> None:
    app = App(middleware=[Compression(min_size=0, codings=["gzip"])])

    @app.get("/json")
    def json() -> dict[str, int]:
        return {"a": 1}

    @app.get("/svg")
    def svg() -> Response:
        return Response("<svg/>", media_type="image/svg+xml")

    with each_backend(app) as client:
        for path, status, start in (("/json", 200, b'{"a":1}'), ("/svg", 200, b"<svg/>"), ("/x", 404, b'{"type"')):
            answer = client.get(path, headers=accepting("gzip"))
            assert answer.status_code == status
            assert zlib.decompress(answer.content, 31).startswith(start)


def test_an_etag_becomes_weak_and_ranges_are_off(each_backend: Any) -> None:
    def handler() -> Response:
        return Response(TEXT, headers={"etag": '"v1"', "accept-ranges": "bytes"})

    with each_backend(compressing(handler)) as client:
        answer = client.get("/", headers=accepting("gzip"))
        assert answer.headers["etag"] == 'W/"v1"'
        assert "accept-ranges" not in answer.headers
        assert client.get("/").headers["etag"] == '"v1"'


def test_head_tells_what_get_would(each_backend: Any) -> None:
    with each_backend(compressing(lambda: TEXT)) as client:
        got, head = (client.request(method, "/", headers=accepting("gzip")) for method in ("GET", "HEAD"))
        assert head.content == b""
        for name in ("content-encoding", "content-length", "vary"):
            assert head.headers[name] == got.headers[name]


def test_a_long_body_is_compressed_piece_by_piece(each_backend: Any) -> None:
    text = "".join(f"{number} bottles\n" for number in range(60_000))
    app = compressing(
        lambda: Response(text, status=203, headers=[("x-a", "1"), ("set-cookie", "a=1"), ("set-cookie", "b=2")])
    )
    with each_backend(app) as client:
        answer = client.get("/", headers=accepting("br"))
        assert (answer.status_code, answer.headers["x-a"]) == (203, "1")
        assert answer.headers.get_all("set-cookie") == ["a=1", "b=2"]
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert brotli.decompress(answer.content).decode() == text


def test_a_file(each_backend: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(TEXT * 100)
    os.utime(path, (1e9, 1e9))  # the backends have to agree on its ETag

    with each_backend(compressing(lambda: FileResponse(path))) as client:
        answer = client.get("/", headers=accepting("zstd"))
        assert zstandard.ZstdDecompressor().decompressobj().decompress(answer.content).decode() == TEXT * 100
        assert answer.headers["etag"].startswith('W/"')


# -- streams -----------------------------------------------------------------------------------------------------------


class Source:
    """Makes a chunk when it is asked for, and not before the one before has arrived."""

    def __init__(self) -> None:
        self.asked = threading.Semaphore(0)
        self.closed = threading.Event()

    def chunks(self) -> Iterator[str]:
        try:
            for number in range(3):
                assert self.asked.acquire(timeout=20)
                yield f"chunk {number}\n"
                yield ""
        finally:
            self.closed.set()

    async def achunks(self) -> AsyncIterator[str]:
        import anyio

        try:
            for number in range(3):
                assert await anyio.to_thread.run_sync(lambda: self.asked.acquire(timeout=20))
                yield f"chunk {number}\n"
                yield ""
        finally:
            self.closed.set()


@pytest.mark.parametrize("coding", DECODERS)
@pytest.mark.parametrize("kind", ["chunks", "achunks"])
def test_a_stream_holds_nothing_back(each_backend: Any, kind: str, coding: str) -> None:
    if Feature.STREAMING not in each_backend.features:
        pytest.skip("what it streams goes out as a whole")
    source = Source()

    def handler() -> StreamingResponse:
        return StreamingResponse(getattr(source, kind)(), media_type="text/plain")

    source.asked.release()  # the first chunk is made before the status goes out
    with (
        each_backend(compressing(handler)) as client,
        client.stream("GET", "/", headers=accepting(coding)) as answer,
    ):
        assert "content-length" not in answer.headers
        decode = DECODERS[coding]()
        chunks = answer.iter_bytes()
        for number in range(3):
            text = b""
            while not text.endswith(b"\n"):
                text += decode(next(chunks))
            assert text == f"chunk {number}\n".encode()
            source.asked.release()
        assert b"".join(decode(chunk) for chunk in chunks) == b""
    assert source.closed.is_set()


@pytest.mark.parametrize("kind", ["chunks", "achunks"])
def test_a_client_that_leaves_closes_the_source(each_backend: Any, kind: str) -> None:
    source = Source()
    source.asked.release(3)

    def handler() -> StreamingResponse:
        return StreamingResponse(getattr(source, kind)(), media_type="text/plain")

    with each_backend(compressing(handler)) as client:
        with client.stream("GET", "/", headers=accepting("gzip")) as answer:
            next(answer.iter_bytes())
        assert source.closed.wait(20)


@pytest.mark.parametrize("kind", ["chunks", "achunks"])
def test_head_of_a_stream_closes_it_unread(each_backend: Any, kind: str) -> None:
    source = Source()

    class Chunks:
        """Not a generator: those run no `finally` before they have begun."""

        def __init__(self) -> None:
            self.inner = source.chunks()

        def __iter__(self) -> "Chunks":
            return self

        def __next__(self) -> str:
            raise AssertionError("read")

        def close(self) -> None:
            source.closed.set()

    class AsyncChunks:
        def __aiter__(self) -> "AsyncChunks":
            return self

        async def __anext__(self) -> str:
            raise AssertionError("read")

        async def aclose(self) -> None:
            source.closed.set()

    def handler() -> StreamingResponse:
        chunks: Any = Chunks() if kind == "chunks" else AsyncChunks()
        return StreamingResponse(chunks, media_type="text/plain")

    with each_backend(compressing(handler)) as client:
        assert client.head("/", headers=accepting("gzip")).headers["content-encoding"] == "gzip"
    assert source.closed.is_set()


async def _ticks(closed: threading.Event) -> AsyncIterator[Any]:
    import anyio

    yield {"n": 1}
    await anyio.sleep(0.3)
    yield {"n": 2}


@pytest.mark.parametrize("coding", DECODERS)
def test_events_and_their_keep_alives_share_the_coding(each_backend: Any, coding: str) -> None:
    def handler() -> EventSourceResponse:
        return EventSourceResponse(_ticks(threading.Event()), ping=0.05)

    with each_backend(compressing(handler)) as client:
        with client.stream("GET", "/", headers=accepting(coding)) as answer:
            assert answer.headers["content-encoding"] == coding
            decode = DECODERS[coding]()
            text = b"".join(decode(chunk) for chunk in answer.iter_bytes()).decode()
        lines = [line for line in text.split("\n") if line]
        assert lines[0] == 'data: {"n":1}'
        assert lines[-1] == 'data: {"n":2}'
        assert len(lines) > 2
        assert set(lines[1:-1]) == {": keep-alive"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"codings": ["deflate"]}, "zstd, br, gzip"),
        ({"codings": "gzip"}, "list of texts"),
        ({"codings": []}, "there is none"),
        ({"codings": ["gzip"], "levels": {"br": 1}}, "not among"),
        ({"levels": {"gzip": 12}}, "levels 1 to 9"),
        ({"min_size": -1}, "whole number from 0"),
    ],
)
def test_mistakes_are_found_at_once(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Compression(**options)


def test_a_coding_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "brotli", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'hinge-web\[compression\]'"):
        Compression(codings=["br", "gzip"])
    assert Compression()._codings == ("zstd", "gzip")


def test_on_a_router_or_a_route_with_cors_around(client_for: Any) -> None:
    app = App()
    router = Router("/api", middleware=[CORS(origins=["https://a.example"]), Compression(min_size=0)])
    router.get("/in")(lambda: TEXT)
    app.get("/one", middleware=[Compression(min_size=0)])(lambda: TEXT)
    app.get("/out")(lambda: TEXT)
    app.include(router)
    client = client_for(app)
    asked = {"accept-encoding": "gzip", "origin": "https://a.example"}
    found = {path: client.get(path, headers=asked).headers for path in ("/api/in", "/one", "/out")}
    assert {path: headers.get("content-encoding") for path, headers in found.items()} == {
        "/api/in": "gzip",
        "/one": "gzip",
        "/out": None,
    }
    assert found["/api/in"]["vary"] == "accept-encoding, origin"
    preflight = {"origin": "https://a.example", "access-control-request-method": "GET"}
    assert client.options("/api/in", headers=preflight).status_code == 204
