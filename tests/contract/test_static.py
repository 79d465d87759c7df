"""Static folders: what is there is found, and nothing else is, whatever it is called."""

import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hinge import App, ConfigurationError, Router
from hinge.middleware import Compression
from hinge.static import is_safe


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "site-secret").mkdir()
    (tmp_path / "site-secret" / "key").write_text("secret")
    root = tmp_path / "site"
    files = {
        "index.html": "<h1>home</h1>",
        "app.js": "run()",
        "über uns.txt": "umlaut",
        "assets/style.css": "body {}",
        "assets/deep/index.html": "<h1>deep</h1>",
        "empty/readme": "no index here",
        ".env": "PASSWORD=secret",
        ".well-known/thing": "known",
        "big.txt": "big" * 1000,
        "big.txt.gz": "",
        "big.txt.br": "brotli",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "big.txt.gz").write_bytes(zlib.compress(b"big" * 1000, wbits=31))
    (root / "out.txt").symlink_to(tmp_path / "secret.txt")
    (root / "out").symlink_to(tmp_path / "site-secret")
    (root / "in.txt").symlink_to(root / "app.js")
    (root / "loop").symlink_to("loop")
    for path in root.rglob("*"):
        if path.is_file():
            os.utime(path, (1e9, 1e9))
    return root


@pytest.fixture
def serving(site: Path) -> Callable[..., App]:
    def app(path: str = "/s", **options: Any) -> App:
        app = App()
        app.static(path, site, **options)
        return app

    return app


@pytest.mark.parametrize(
    ("path", "text", "kind"),
    [
        ("/s/app.js", "run()", "text/javascript; charset=utf-8"),
        ("/s/assets/style.css", "body {}", "text/css; charset=utf-8"),
        ("/s/%C3%BCber%20uns.txt", "umlaut", "text/plain; charset=utf-8"),
        ("/s/", "<h1>home</h1>", "text/html; charset=utf-8"),
        ("/s/assets/deep/", "<h1>deep</h1>", "text/html; charset=utf-8"),
        ("/s/in.txt", "run()", "text/plain; charset=utf-8"),
    ],
)
def test_what_is_there(each_backend: Any, serving: Callable[..., App], path: str, text: str, kind: str) -> None:
    with each_backend(serving()) as client:
        answer = client.get(path)
        assert (answer.status_code, answer.text, answer.headers["content-type"]) == (200, text, kind)
        assert client.head(path).headers["content-length"] == str(len(text))
        assert client.get(path, headers={"if-none-match": answer.headers["etag"]}).status_code == 304
        assert client.get(path, headers={"range": "bytes=1-2"}).text == text[1:3]


@pytest.mark.parametrize(
    "path",
    [
        "/s/missing.txt",
        "/s/../secret.txt",
        "/s/%2e%2e/secret.txt",
        "/s/..%2fsecret.txt",
        "/s/..%5csecret.txt",
        "/s/%252e%252e/secret.txt",
        "/s/assets/../../secret.txt",
        "/s/../site-secret/key",
        "/s//etc/passwd",
        "/s/%2fetc%2fpasswd",
        "/s/app.js/",
        "/s/app.js/x",
        "/s/app.js%00.html",
        "/s/./app.js",
        "/s/assets//style.css",
        "/s/.env",
        "/s/.well-known/thing",
        "/s/out.txt",
        "/s/out/key",
        "/s/loop",
        "/s/empty/",
        "/s/empty",
        "/s/" + "x" * 5000,
        "/s/" + "a/" * 3000 + "b",
    ],
)
def test_what_is_not(each_backend: Any, serving: Callable[..., App], path: str) -> None:
    with each_backend(serving()) as client:
        answer = client.get(path)
        assert answer.status_code == 404
        assert "secret" not in answer.text
        assert "site" not in answer.text  # nor where the files lie


def test_a_folder_has_a_slash(each_backend: Any, serving: Callable[..., App]) -> None:
    with each_backend(serving(), follow_redirects=False) as client:
        answer = client.get("/s/assets/deep?a=1")
        assert (answer.status_code, answer.headers["location"]) == (308, "/s/assets/deep/?a=1")
        assert client.get("/s").headers["location"] == "/s/"


def test_only_get_and_head(each_backend: Any, serving: Callable[..., App]) -> None:
    with each_backend(serving()) as client:
        answer = client.put("/s/app.js", content=b"x")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")


def test_options_open_what_is_closed(each_backend: Any, serving: Callable[..., App]) -> None:
    with each_backend(serving(dot_files=True, follow_symlinks=True, index=None)) as client:
        assert client.get("/s/.well-known/thing").text == "known"
        assert client.get("/s/out.txt").text == "secret"
        assert client.get("/s/").status_code == 404
        assert client.get("/s/..").status_code == 404


def test_addresses_of_the_pages_own(each_backend: Any, serving: Callable[..., App]) -> None:
    app = serving("/", fallback="index.html")

    @app.get("/api/items")
    def items() -> list[int]:
        return [1]

    with each_backend(app) as client:
        for path in ("/", "/users/7", "/users/", "/empty/"):
            assert client.get(path).text == "<h1>home</h1>"
        assert client.get("/api/items").json() == [1]
        for path in ("/missing.js", "/assets/missing.css", "/.env", "/../secret", "/%2e%2e/secret"):
            assert client.get(path).status_code == 404


def test_cache_control_by_pattern(each_backend: Any, serving: Callable[..., App]) -> None:
    values = {"assets/*": "max-age=9, immutable", "*.html": "no-cache"}
    with each_backend(serving(cache_control=values)) as client:
        found = {
            path: client.get(path).headers.get("cache-control") for path in ("/s/assets/style.css", "/s/", "/s/app.js")
        }
        assert list(found.values()) == ["max-age=9, immutable", "no-cache", None]
    with each_backend(serving(cache_control="no-store")) as client:
        assert client.get("/s/app.js").headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [("gzip, br", "br"), ("gzip", "gzip"), ("zstd", None), ("br;q=0.1, gzip", "gzip"), (None, None)],
)
def test_files_compressed_beforehand(
    each_backend: Any, serving: Callable[..., App], accepted: str | None, coding: str | None
) -> None:
    with each_backend(serving()) as client:
        answer = client.get("/s/big.txt", headers={} if accepted is None else {"accept-encoding": accepted})
        assert answer.headers.get("content-encoding") == coding
        assert (answer.headers["vary"], answer.headers["content-type"]) == (
            "accept-encoding",
            "text/plain; charset=utf-8",
        )
        bodies = {"br": b"brotli", "gzip": None, None: b"big" * 1000}
        expected = bodies[coding]
        assert (zlib.decompress(answer.content, 31) if expected is None else answer.content) == (
            expected or b"big" * 1000
        )
        assert "vary" not in client.get("/s/app.js").headers


def test_inside_compression(each_backend: Any, site: Path) -> None:
    app = App(middleware=[Compression(codings=["gzip"])])
    app.static("/s", site)
    with each_backend(app) as client:
        answer = client.get("/s/big.txt", headers={"accept-encoding": "gzip, br"})
        assert (answer.headers["content-encoding"], answer.content) == ("br", b"brotli")  # not twice


def test_in_a_router_in_threads_and_by_name(each_backend: Any, site: Path) -> None:
    app = App()
    router = Router("/docs")
    router.static("/files", site, name="files", inline=False)
    app.include(router, "/v1")
    assert app.url_for("files", path="assets/style.css") == "/v1/docs/files/assets/style.css"
    with each_backend(app) as client:
        assert client.get("/v1/docs/files/app.js").text == "run()"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"directory": "/nowhere/at/all"}, "no directory"),
        ({"index": ""}, "no file name"),
        ({"fallback": 7}, "no file name"),
        ({"cache_control": {"*": 5}}, "cache_control"),
        ({"cache_control": "a\r\nset-cookie: b"}, "cache_control"),
        ({"indx": "a"}, "indx"),
    ],
)
def test_mistakes_are_found_at_once(site: Path, options: dict[str, Any], message: str) -> None:
    app = App()
    with pytest.raises(ConfigurationError, match=message) as caught:
        app.static("/s", **{"directory": site, **options})
    assert "test_static.py" in str(caught.value)


def test_a_missing_relative_directory_is_told_with_where_it_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        App().static("/s", "pages")
    assert f"'pages' is no directory in {tmp_path}. Fix: " in str(caught.value)
    assert "Path(__file__).parent / 'pages'" in str(caught.value)


@pytest.mark.parametrize("name", ["a", "a.b", "a b", "über", "...a", "con", "nul.txt", "a:b", "x.", "x "])
def test_names_elsewhere(name: str) -> None:
    assert is_safe(name, dot_files=True, windows=False)


@pytest.mark.parametrize("name", ["con", "NUL.txt", "com1", "a:b", "c:", "x.", "x ", "lpt9.css", "a\\b"])
def test_names_on_windows(name: str) -> None:
    assert not is_safe(name, dot_files=True, windows=True)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "a\0b"])
def test_names_nowhere(name: str) -> None:
    assert not is_safe(name, dot_files=True, windows=False)
    assert is_safe("a.css", dot_files=False, windows=True)
