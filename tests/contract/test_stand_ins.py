"""A 304 and a 206 carry what the 200 they stand for would have carried (RFC 9110 sections 15.4.5 and 15.3.7)."""

import os
from pathlib import Path
from typing import Any

import pytest

from hinge import App, FileResponse, HTTPError, Request, Response, Router
from hinge.middleware import CORS, Compression
from hinge.testing import Client, EachBackend

NAMES = ("etag", "vary", "cache-control", "expires", "content-location", "last-modified", "access-control-allow-origin")
EXPIRES = "Thu, 01 Jan 2037 00:00:00 GMT"
PLACES = ["none", "app", "router", "route"]
FILES = {"page.html": b"<p>" * 1000, "small.txt": b"x", "photo.png": b"\x89PNG" * 1000, "style.css": b"a{}" * 1000}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in {**FILES, "style.css.gz": b"\x1f\x8b" * 100}.items():
        (tmp_path / name).write_bytes(content)
        os.utime(tmp_path / name, (10**9, 10**9))
    return tmp_path


def make_app(folder: Path, place: str, layers: list[Any]) -> App:
    app = App(middleware=layers if place == "app" else [])
    router = Router("/r", middleware=layers if place == "router" else [])
    own = layers if place == "route" else []
    given = {
        "cache-control": "max-age=60",
        "expires": EXPIRES,
        "content-location": "/r/here",
        "vary": "accept-language",
    }

    @router.get("/file/{name}", middleware=own)
    def file(name: str) -> FileResponse:
        return FileResponse(folder / name, headers=given)

    @router.get("/own", middleware=own)
    def by_hand(request: Request) -> Response:
        headers = {**given, "etag": '"1"'}
        if request.headers.get("if-none-match", "").removeprefix("W/") == '"1"':
            return Response(status=304, headers=headers)
        return Response("x" * 5000, media_type="text/plain", headers=headers)

    @router.get("/part", middleware=own)
    def part(request: Request) -> Response:
        headers = {**given, "etag": '"1"'}
        if "range" in request.headers:
            headers["content-range"] = "bytes 0-9/5000"
            return Response("x" * 10, status=206, media_type="text/plain", headers=headers)
        return Response("x" * 5000, media_type="text/plain", headers=headers)

    router.static("/static", folder, cache_control="max-age=5", middleware=own)
    app.include(router)
    return app


def carried(answer: Any) -> dict[str, Any]:
    found = {name: answer.headers[name] for name in NAMES if name in answer.headers}
    if "vary" in found:
        found["vary"] = {one.strip().lower() for one in found["vary"].split(",")}
    return found


def check(client: Client, path: str, headers: dict[str, str]) -> tuple[Any, Any]:
    whole = client.get(path, headers=headers)
    assert whole.status_code == 200
    again = client.get(path, headers={**headers, "if-none-match": whole.headers["etag"]})
    assert again.status_code == 304
    assert carried(again) == carried(whole)
    assert again.content == b""
    return whole, again


LAYERS = {"compression": lambda: [Compression()], "cors": lambda: [CORS(["https://a.example"])]}
LAYERS["both"] = lambda: LAYERS["cors"]() + LAYERS["compression"]()
TARGETS = [*(f"/r/file/{name}" for name in FILES), *(f"/r/static/{name}" for name in FILES), "/r/own"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("layers", LAYERS)
def test_a_304_has_what_its_200_has(each_backend: EachBackend, folder: Path, layers: str, place: str) -> None:
    with each_backend(make_app(folder, place, LAYERS[layers]())) as client:
        for headers in ({}, {"accept-encoding": "gzip"}, {"accept-encoding": "gzip", "origin": "https://a.example"}):
            for path in TARGETS:
                check(client, path, headers)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("layers", LAYERS)
def test_a_206_has_what_its_200_has(each_backend: EachBackend, folder: Path, layers: str, place: str) -> None:
    """But for the tag: what has none of its bytes changed keeps the strong one, that of the bytes themselves."""
    with each_backend(make_app(folder, place, LAYERS[layers]())) as client:
        for headers in ({}, {"accept-encoding": "gzip"}, {"accept-encoding": "gzip", "origin": "https://a.example"}):
            for path in (*TARGETS[:-1], "/r/part"):
                whole = client.get(path, headers=headers)
                for wanted in ("bytes=0-0", "bytes=0-0,2-3"):
                    if path.endswith("small.txt") and "," in wanted:
                        continue
                    part = client.get(path, headers={**headers, "range": wanted})
                    assert part.status_code == 206
                    expected = carried(whole)
                    if path != "/r/static/style.css":
                        expected["etag"] = expected["etag"].removeprefix("W/")
                    assert carried(part) == expected


def test_the_other_client_s_copy_is_told_apart(each_backend: EachBackend, folder: Path) -> None:
    """One that takes no coding has the strong tag, whatever others have."""
    with each_backend(make_app(folder, "app", [Compression()])) as client:
        coded, _ = check(client, "/r/file/page.html", {"accept-encoding": "gzip"})
        plain, _ = check(client, "/r/file/page.html", {})
        assert coded.headers["etag"] == "W/" + plain.headers["etag"]
        # A tag of the one is weakly that of the other: the 304 has the tag that its 200 would have.
        again = client.get("/r/file/page.html", headers={"if-none-match": coded.headers["etag"]})
        assert (again.status_code, again.headers["etag"]) == (304, plain.headers["etag"])
        crossed = {"accept-encoding": "gzip", "if-none-match": plain.headers["etag"]}
        again = client.get("/r/file/page.html", headers=crossed)
        assert (again.status_code, again.headers["etag"]) == (304, coded.headers["etag"])


@pytest.mark.parametrize("place", PLACES[1:])
def test_compression_works_wherever_it_stands(each_backend: EachBackend, folder: Path, place: str) -> None:
    app = make_app(folder, place, [Compression()])

    @app.error(KeyError)
    def told(request: Request, error: KeyError) -> str:
        return "told " * 1000

    gzip = {"accept-encoding": "gzip"}
    with each_backend(app) as client:
        for path in ("/r/own", "/r/file/page.html", "/r/static/page.html"):
            assert client.get(path, headers=gzip).headers["content-encoding"] == "gzip"
            assert client.head(path, headers=gzip).headers["content-encoding"] == "gzip"
            assert "content-encoding" not in client.get(path).headers


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("has_own", [False, True])
def test_options_that_are_no_preflight_are_answered_as_without_cors(
    each_backend: EachBackend, place: str, *, has_own: bool
) -> None:
    def build(layers: list[Any]) -> App:
        app = App(middleware=layers if place == "app" else [])
        router = Router("/r", middleware=layers if place == "router" else [])
        own = layers if place == "route" else []
        router.get("/x", middleware=own)(lambda: "x")
        if has_own:
            router.options("/x", middleware=own)(lambda: "own")
        router.options("/fails", middleware=own)(refuse)
        app.include(router)
        return app

    def refuse() -> None:
        raise HTTPError(409, "no")

    headers: list[dict[str, str]] = [
        {},
        {"origin": "https://a.example"},
        {"origin": "https://a.example", "access-control-request-headers": "x-a"},
        {"origin": "https://a.example", "access-control-request-method": ""},
        {"access-control-request-method": "GET"},
    ]
    with each_backend(build([])) as without, each_backend(build([CORS(["https://a.example"])])) as client:
        for sent in headers:
            for path in ("/r/x", "/r/fails", "/r/nowhere"):
                expected, answer = without.options(path, headers=sent), client.options(path, headers=sent)
                assert (answer.status_code, answer.content) == (expected.status_code, expected.content)
                assert answer.headers.get("allow") == expected.headers.get("allow")
