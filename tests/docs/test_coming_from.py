"""The pages "Coming from": the app of the other framework and that of Hinge answer the same requests alike.

Law: the code is the page's own, put together as `test_snippets` says; `<!-- elsewhere: there.py -->` is the other
framework's. What a page says that differs is in `DIFFERENT`, and is checked as well: on both sides.
"""

import importlib.util
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import httpx
import pytest
from tests.docs.pages import ROOT, blocks_of

from hinge.testing import Client

PAGES = ("fastapi", "flask", "django", "starlette")
KEY = {"x-api-key": "open sesame"}
TEA = {"text": "buy <tea>", "tag": "shop"}

SCHEMA = """
CREATE TABLE notes (id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT NOT NULL, tag TEXT NOT NULL);
CREATE TABLE events (id INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL);
"""

Request = tuple[str, str, dict[str, Any]]
Answer = tuple[int, str, Any]

REQUESTS: list[Request] = [
    ("GET", "/notes", {}),
    ("POST", "/notes", {"json": TEA}),
    ("POST", "/notes", {"json": TEA, "headers": {"x-api-key": "open barley"}}),
    ("POST", "/notes", {"json": TEA, "headers": KEY}),
    ("POST", "/notes", {"json": {"text": "walk"}, "headers": {**KEY, "x-request-id": "r-2"}}),
    ("POST", "/notes", {"json": {"text": "sl\u00e4p", "tag": "shop"}, "headers": KEY}),
    ("POST", "/notes", {"json": {"text": "", "tag": 3}, "headers": KEY}),
    ("POST", "/notes", {"json": {}, "headers": KEY}),
    ("POST", "/notes", {"json": {"text": "x" * 201}, "headers": KEY}),
    ("GET", "/notes", {}),
    ("GET", "/notes?limit=2", {}),
    ("GET", "/notes?limit=2&offset=2", {}),
    ("GET", "/notes?tag=shop", {}),
    ("GET", "/notes?tag=none", {}),
    ("GET", "/notes?limit=0&offset=-1", {}),
    ("GET", "/notes?limit=ten", {}),
    ("GET", "/notes/1", {}),
    ("GET", "/notes/99", {}),
    ("PUT", "/notes/1", {"json": {"text": "drink tea"}}),
    ("PUT", "/notes/1", {"json": {"text": "drink tea"}, "headers": KEY}),
    ("PUT", "/notes/1", {"json": {"text": 1}, "headers": KEY}),
    ("PUT", "/notes/99", {"json": {"text": "drink tea"}, "headers": KEY}),
    ("GET", "/notes/1", {}),
    ("DELETE", "/notes/2", {}),
    ("DELETE", "/notes/2", {"headers": KEY}),
    ("DELETE", "/notes/2", {"headers": KEY}),
    ("GET", "/notes", {}),
    ("GET", "/events", {}),
    ("GET", "/", {}),
    ("GET", "/nothing", {}),
    ("PATCH", "/notes/1", {}),
]
UNKNOWN = {"/nothing", "/notes/1"}
"""Whose 404 and 405 is the framework's own."""


class Different(NamedTuple):
    """A request that the two answer differently: as the page says."""

    method: str
    target: str
    options: dict[str, Any]
    there: int
    here: int


CUT = {"content": b'{"text": ', "headers": {**KEY, "content-type": "application/json"}}
OF_NO_TYPE = {"content": b'{"text": "walk"}', "headers": {**KEY, "content-type": "text/plain"}}
TWICE = ("GET", "/notes?limit=1&limit=2", {})
DIFFERENT: dict[str, list[Different]] = {
    "fastapi": [
        Different("POST", "/notes", CUT, there=422, here=400),
        Different("POST", "/notes", OF_NO_TYPE, there=422, here=415),
        Different("GET", "/notes/one", {}, there=422, here=404),
        Different("HEAD", "/notes/1", {}, there=405, here=200),
        Different(*TWICE, there=200, here=422),
    ],
    "flask": [Different(*TWICE, there=200, here=422), Different("POST", "/notes", OF_NO_TYPE, there=415, here=415)],
    "django": [Different(*TWICE, there=200, here=422), Different("POST", "/notes", OF_NO_TYPE, there=201, here=415)],
    "starlette": [Different(*TWICE, there=200, here=422), Different("POST", "/notes", OF_NO_TYPE, there=201, here=415)],
}


@contextmanager
def imported(file: Path) -> Iterator[ModuleType]:
    """Import a file as a module, and forget it."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[file.stem] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        del sys.modules[file.stem]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NOTES_DB", str(tmp_path / "notes.db"))
    monkeypatch.setenv("NOTES_KEY", KEY["x-api-key"])
    return tmp_path


def written(name: str, folder: Path) -> None:
    """Write the files that a page makes up, with those of the other framework."""
    for block in blocks_of(ROOT / f"docs/from-{name}.md"):
        for note in ("file", "append", "elsewhere"):
            if note in block.notes:
                path = folder / block.notes[note]
                path.parent.mkdir(exist_ok=True)
                with path.open("w" if note == "file" else "a", encoding="utf-8") as file:
                    file.write(block.text)


def tables(folder: Path) -> None:
    """Make the database anew."""
    file = folder / "notes.db"
    file.unlink(missing_ok=True)
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(SCHEMA)


def answers(client: Any, requests: list[Request]) -> list[Answer]:
    """Send the requests and return what came back, without what each framework says in its own words."""
    found = []
    for method, target, options in requests:
        answer = client.request(method, target, **options)
        assert answer.headers["server-timing"].startswith("app;dur="), (method, target)
        sent = options.get("headers", {}).get("x-request-id")
        assert answer.headers["x-request-id"] == (sent or answer.headers["x-request-id"]) != ""
        kind = answer.headers.get("content-type", "").partition(";")[0] if answer.content else ""
        body = answer.json() if kind == "application/json" else answer.text.strip()
        if answer.status_code in (404, 405) and target in UNKNOWN:
            del body["error"]["detail"]
        found.append((answer.status_code, kind, body))
    return found


def client_of(name: str, app: Any) -> Any:
    """Return a client, in a `with`, of the other framework's app."""
    if name in ("fastapi", "starlette"):
        from starlette.testclient import TestClient

        return TestClient(app, base_url="http://testserver")
    return httpx.Client(transport=httpx.WSGITransport(app=app), base_url="http://testserver")


def shown_tests(module: ModuleType) -> list[Callable[[], None]]:
    return [value for name, value in vars(module).items() if name.startswith("test_")]


def need(name: str) -> None:
    """Skip where the other framework is not installed; the gate installs it, and fails."""
    if not os.environ.get("CI"):
        pytest.importorskip(name)


@pytest.mark.gate
@pytest.mark.filterwarnings("ignore:Using `httpx` with")
@pytest.mark.parametrize("name", PAGES)
def test_both_answer_alike(name: str, folder: Path) -> None:
    need(name)
    written(name, folder)
    different = [(one.method, one.target, one.options) for one in DIFFERENT[name]]
    tables(folder)
    with imported(folder / "there.py") as there, client_of(name, there.app) as client:
        expected = answers(client, REQUESTS)
        statuses = [client.request(method, target, **options).status_code for method, target, options in different]
        assert statuses == [one.there for one in DIFFERENT[name]]
        for test in shown_tests(there):
            test()
    for backend in ("wsgi", "asgi"):
        tables(folder)
        with imported(folder / "notes.py") as here, Client(here.app, backend) as client:
            for request, wanted, found in zip(REQUESTS, expected, answers(client, REQUESTS), strict=True):
                assert (request, found) == (request, wanted)
            statuses = [client.request(method, target, **options).status_code for method, target, options in different]
            assert statuses == [one.here for one in DIFFERENT[name]]


@pytest.mark.parametrize("name", PAGES)
def test_the_tests_that_a_page_shows_pass(name: str, folder: Path) -> None:
    written(name, folder)
    tables(folder)
    with imported(folder / "notes.py") as here:
        tests = shown_tests(here)
        assert tests
        for test in tests:
            test()


@pytest.mark.gate
def test_djangos_orm_keeps_its_transactions(folder: Path) -> None:
    """In a process of its own, since Django is configured once in each."""
    need("django")
    written("django", folder)
    tables(folder)
    with (folder / "orm.py").open("a") as file:
        file.write(ORM)
    done = subprocess.run(
        [sys.executable, "orm.py"], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, "201 409 ['tea']\n201 409 ['tea', 'tea']\n"), done.stderr


ORM = """
from hinge.testing import Client

for backend in ("wsgi", "asgi"):
    with Client(app, backend) as client:
        kept, refused = (client.post("/notes", json={"text": text}).status_code for text in ("tea", "taken"))
        print(kept, refused, client.get("/notes").json())
"""
