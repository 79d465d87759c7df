"""The command line: what it prints, and that a user's mistake is a line or two with the right exit code."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
from click.testing import CliRunner, Result
from tests.support.apps import working_directory

from hinge import App
from hinge.cli import main
from hinge.cli.preflight import Launch, docs_note
from hinge.cli.run import _HELP
from hinge.cli.serve import introduction
from hinge.config import Config, flag

SHOP = """\
from hinge import App, Query, Request

app = App()


@app.get("/items/{item_id}")
def read_item(item_id: int, page_size: Query[int] = 10) -> dict:
    return {}


@app.post("/items", max_body_size=4096)
async def create_item(request: Request) -> str:
    return ""
"""
CHAT = (
    SHOP
    + """

from hinge import WebSocket


@app.websocket("/live/{room}")
async def live(ws: WebSocket, room: str) -> None:
    await ws.accept()


@app.websocket("/more")
async def more(ws: WebSocket) -> None:
    await ws.accept()
"""
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a working directory with two apps."""
    with working_directory(tmp_path, monkeypatch, {"shop_under_test": SHOP, "chat_under_test": CHAT}) as folder:
        yield folder


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def fails(code: int, *arguments: str) -> str:
    """Return what a failing command says on standard error, which is a line or two and never a traceback."""
    result = run(*arguments)
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.stderr
    assert len(result.stderr.splitlines()) <= 2
    return result.stderr


def test_routes_lists_method_path_name_handler_and_place(folder: Path) -> None:
    result = run("routes", "chat_under_test:app")
    assert result.exit_code == 0
    lines = [line.split() for line in result.stdout.splitlines()]
    assert lines[0] == ["METHOD", "PATH", "NAME", "HANDLER", "PLACE"]
    assert lines[1][:4] == ["GET", "/items/{item_id}", "read_item", "chat_under_test.read_item"]
    assert lines[1][4].startswith("chat_under_test.py:")
    assert lines[3][:3] == ["WEBSOCKET", "/live/{room}", "live"]


def test_check_says_ok(folder: Path) -> None:
    result = run("check", "chat_under_test:app")
    assert (result.exit_code, result.stdout) == (0, "ok: backend asgi serves all 4 routes of chat_under_test:app\n")
    assert run("check", "shop_under_test:app", "--backend", "wsgi").exit_code == 0


def test_check_prints_every_unmet_need(folder: Path) -> None:
    result = run("check", "chat_under_test:app", "--backend", "wsgi")
    assert result.exit_code == 1
    first, second = result.stdout.splitlines()
    for line, path, handler in ((first, "/live/{room}", "live"), (second, "/more", "more")):
        assert path in line
        assert f"chat_under_test.{handler}" in line
        assert "chat_under_test.py:" in line
        assert "wsgi" in line
    assert run("check", "chat_under_test:app", "--backend", "wsgi", "--skip-unsupported").exit_code == 0


def test_check_takes_the_configured_backend(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "pyproject.toml").write_text('[tool.hinge]\nbackend = "wsgi"\n')
    assert run("check", "chat_under_test:app").exit_code == 1
    monkeypatch.setenv("HINGE_BACKEND", "asgi")
    del sys.modules["chat_under_test"]
    assert run("check", "chat_under_test:app").exit_code == 0


@pytest.mark.parametrize("mounted", [False, True], ids=["own", "mounted"])
def test_check_makes_the_document(folder: Path, monkeypatch: pytest.MonkeyPatch, *, mounted: bool) -> None:
    wrong = "@app.get('/', responses={200: object()})\ndef index() -> str: ...\n"
    around = "inner = app\napp = App()\napp.mount('/inner', inner)\n" if mounted else ""
    (folder / "document_under_test.py").write_text(f"from hinge import App\napp = App()\n{wrong}{around}")
    result = run("check", "document_under_test.py")
    assert result.exit_code == 1
    (line,) = result.stdout.splitlines()
    assert line.startswith("handler document_under_test.index (document_under_test.py:3): responses={200: ")
    assert fails(1, "openapi", "document_under_test.py:" + ("inner" if mounted else "app")).count(line) == 1


def test_check_tells_what_only_the_document_shows(folder: Path) -> None:
    (folder / "title_under_test.py").write_text("from hinge import App\napp = App()\napp.title = object()\n")
    result = run("check", "title_under_test.py")
    assert result.exit_code == 1
    assert result.stdout.startswith("the OpenAPI document of App(title=")
    assert "Traceback" not in fails(1, "openapi", "title_under_test.py")


def test_explain_says_what_each_route_gets(folder: Path) -> None:
    result = run("explain", "chat_under_test:app")
    assert result.exit_code == 0
    first, second, third, fourth, limits = result.stdout.split("\n\n")
    assert first.startswith("GET /items/{item_id}\n")
    for name in ("asgi", "wsgi"):
        assert f"\n    {name}  " in first
    assert "path item_id: int, query page_size: int = 10" in first
    assert "body        not read" in first
    assert "at most 4 KiB" in second
    assert "wsgi        not served" in third
    assert fourth.startswith("WEBSOCKET /more\n")
    assert "sync_threads     64" in limits
    assert "max_message_size 1 MiB" in limits


MOUNTED = """\
from hinge import App, Depends, HTTPConnection


def old(environ, start_response): ...


async def new(scope, receive, send): ...


def staff(request: HTTPConnection) -> None: ...


app = App(openapi_path=None)
app.mount("/old", old)
app.mount("/new", new, dependencies=[Depends(staff)], max_body_size=1024)
"""


def test_mounted_applications_are_listed_checked_and_explained(folder: Path) -> None:
    (folder / "mounted_under_test.py").write_text(MOUNTED)
    listed = run("routes", "mounted_under_test:app").stdout.splitlines()
    assert listed[1].split()[:4] == ["any", "(WSGI)", "/old/{path:path}", "old"]
    assert listed[2].endswith("mounted_under_test.py:15")
    assert run("check", "mounted_under_test:app", "--backend", "wsgi").stdout.startswith("ok: backend wsgi")
    old, new, _ = run("explain", "mounted_under_test:app").stdout.split("\n\n")
    assert "handler     mounted_under_test.old (mounted_under_test.py:14)" in old
    assert "wsgi        handed over as the server has it" in old
    assert "asgi        a worker thread" in old
    assert "body        read by the application as it arrives, with limits of its own" in old
    assert "needs 1     mounted_under_test.staff" in new
    assert "at most 1 KiB" in new


def test_explain_tells_a_mistake_at_its_own_route_and_explains_the_others(folder: Path) -> None:
    (folder / "faulty_under_test.py").write_text(
        "from hinge import App\n"
        "app = App()\n"
        "@app.get('/good')\n"
        "def good() -> str: ...\n"
        "@app.get('/bad')\n"
        "def bad(request) -> str: ...\n"
        "@app.get('/odd')\n"
        "def odd(value: complex) -> str: ...\n"
        "@app.get('/fine')\n"
        "async def fine() -> str: ...\n"
    )
    result = run("explain", "faulty_under_test:app")
    assert result.exit_code == 1
    good, bad, odd, fine, limits = result.stdout.split("\n\n")
    for block in (good, fine):
        assert "error" not in block
        assert "arguments   none" in block
    assert "asgi        a worker thread" in good
    assert "asgi        the event loop" in fine
    assert bad.count("error ") == 1
    assert "annotate it: request: Request" in bad
    assert "asgi" not in bad, "there is nothing to place"
    assert "complex cannot be made from a text" in odd
    assert limits.startswith("limits")


@pytest.mark.parametrize(
    "target",
    ["shop_under_test", "shop_under_test:app", "shop_under_test.py", "shop_under_test.py:app", "./shop_under_test.py"],
)
def test_spellings_of_a_target(folder: Path, target: str) -> None:
    assert run("routes", target).exit_code == 0


def test_a_target_in_a_package_and_below_an_object(folder: Path) -> None:
    package = folder / "pkg_under_test" / "inner"
    package.mkdir(parents=True)
    for place in (package.parent, package):
        (place / "__init__.py").touch()
    (package / "web.py").write_text(f"{SHOP}\n\nclass Site:\n    entry = app\n\nfrom . import __name__ as parent\n")
    assert run("routes", "pkg_under_test.inner.web:Site.entry").exit_code == 0
    del sys.modules["pkg_under_test.inner.web"]
    assert run("routes", "pkg_under_test/inner/web.py:Site.entry").exit_code == 0


def test_a_file_elsewhere_finds_its_neighbours(folder: Path) -> None:
    elsewhere = folder / "else where"
    elsewhere.mkdir()
    (elsewhere / "neighbour_under_test.py").write_text(SHOP)
    (elsewhere / "main-file.py").write_text("from neighbour_under_test import app\n")
    assert run("routes", "else where/main-file.py").exit_code == 0


def test_a_factory(folder: Path) -> None:
    (folder / "made_under_test.py").write_text(
        "from hinge import App\n\ndef make():\n    return App()\n\ndef wrong():\n    return 1\n"
        "def broken():\n    raise RuntimeError('no file')\n"
    )
    assert run("routes", "made_under_test:make", "--factory").exit_code == 0
    assert "returned an int, not a hinge.App" in fails(2, "routes", "made_under_test:wrong", "--factory")
    result = run("routes", "made_under_test:broken", "--factory")
    assert result.exit_code == 1
    assert "RuntimeError: no file" in result.stderr


ENVIRON = """\
# a comment
SHOP_NAME="The shop"  # another
export SHOP_PAGE=5

HINGE_BACKEND=wsgi
SHOP_HOME=${SHOP_NAME}s
"""


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """Lend the process an environment that nothing is left in."""
    found = dict(os.environ)
    monkeypatch.setattr(os, "environ", found)
    return found


def test_an_env_file_sets_what_is_not_set(folder: Path, environ: dict[str, str]) -> None:
    pytest.importorskip("dotenv", reason="python-dotenv is of the extra dotenv")
    (folder / ".env").write_text(ENVIRON)
    (folder / "set_under_test.py").write_text(
        "import os\nfrom hinge import App\n\ndef make():\n    return App(os.environ['SHOP_NAME'])\n"
    )
    environ["SHOP_PAGE"] = "7"
    assert run("check", "set_under_test:make", "--factory", "--env-file", ".env").stdout.startswith("ok: backend wsgi")
    wanted = {"SHOP_NAME": "The shop", "SHOP_PAGE": "7", "HINGE_BACKEND": "wsgi", "SHOP_HOME": "The shops"}
    assert {name: environ[name] for name in wanted} == wanted
    for command in ("routes", "explain", "openapi"):
        assert run(command, "set_under_test:make", "--factory", "--env-file", ".env").exit_code == 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"A=1\n\nB\n", "line 3 sets nothing. Fix: NAME=value"),
        (b"A=1\n=2\n", "line 2 sets nothing"),
        (b"A='1\n", "line 1 sets nothing"),
        (b"A=\xff\n", "it cannot be read: it is not UTF-8"),
        (None, "it cannot be read: No such file or directory"),
    ],
)
def test_an_env_file_that_sets_nothing(folder: Path, environ: dict[str, str], content: bytes | None, said: str) -> None:
    pytest.importorskip("dotenv", reason="python-dotenv is of the extra dotenv")
    if content is not None:
        (folder / "env").write_bytes(content)
    assert f"--env-file env: {said}" in fails(2, "check", "shop_under_test", "--env-file", "env")
    assert "A" not in environ


def test_an_env_file_without_the_extra(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dotenv", None)
    said = fails(2, "check", "shop_under_test", "--env-file", "env")
    assert "--env-file needs python-dotenv. Fix: pip install 'hinge-web[dotenv]'" in said


@pytest.mark.parametrize(("target", "said"), [("", "names no module"), ("shop under test", "there is no module")])
def test_a_target_that_is_no_word_is_one_line(folder: Path, target: str, said: str) -> None:
    assert said in fails(2, "routes", target)


def test_a_file_named_like_a_module_is_refused(folder: Path) -> None:
    (folder / "json.py").write_text(SHOP)
    assert "json.py has the name of the module json" in fails(2, "routes", "json.py")


def test_an_unknown_backend(folder: Path) -> None:
    assert "no backend 'wsgo' is installed" in fails(2, "check", "shop_under_test", "--backend", "wsgo")


def test_bad_settings_name_where_they_came_from(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "--port: port must be an integer from 0 to 65535, not '99999'" in fails(2, "run", "x", "--port", "99999")
    assert "--backend: no backend 'wsgo' is installed" in fails(2, "run", "shop_under_test", "--backend", "wsgo")
    monkeypatch.setenv("HINGE_PROT", "1")
    assert "HINGE_PROT: there is no setting" in fails(2, "run", "shop_under_test")
    assert "HINGE_PROT: there is no setting" in fails(2, "check", "shop_under_test")


def test_tasks_in_rust_are_refused(folder: Path) -> None:
    assert "break worker threads" in fails(2, "run", "shop_under_test", "--task-impl", "rust")


def test_an_unknown_command() -> None:
    assert run("rnu", "x").exit_code == 2


def test_every_setting_is_a_flag_with_help() -> None:
    fields = [field.name for field in msgspec.structs.fields(Config)]
    assert sorted(_HELP) == sorted(fields)
    text = run("run", "--help").stdout
    assert all(flag(name) in text for name in fields)


@pytest.mark.parametrize("name", ["run", "dev", "routes", "check", "explain"])
def test_every_command_has_help(name: str) -> None:
    context: Any = click.Context(main)
    assert name in main.list_commands(context)  # type: ignore[attr-defined]
    assert "TARGET" in run(name, "--help").stdout


def test_help() -> None:
    assert "explain" in run("-h").stdout


@pytest.mark.parametrize(
    ("config", "docs", "said"),
    [
        (Config(backend="wsgi"), "", "wsgi: http://127.0.0.1:8000"),
        (Config(host="::1", port=80), "no /docs", "asgi: http://[::1]:80, no /docs"),
        (Config(uds="/run/app.sock"), "", "asgi: unix:/run/app.sock"),
        (Config(ssl_certificate="a", ssl_keyfile="b"), "", "asgi: https://127.0.0.1:8000"),
    ],
)
def test_a_start_says_what_is_served_and_where(config: Config, docs: str, said: str) -> None:
    launch = Launch("app.py", factory=False, config=config, interface="asgi", has_websockets=True, docs=docs)
    assert introduction(launch) == f"Serving app.py with backend {said}"


@pytest.mark.parametrize(
    ("app", "is_installed", "said"),
    [
        (App(), True, "API documentation at /docs"),
        (App(docs_path="/api"), True, "API documentation at /api"),
        (App(), False, "/docs needs a package: pip install 'hinge-web[openapi]'"),
        (App(docs_path=None), False, ""),
        (App(openapi_path=None), True, ""),
    ],
)
def test_a_start_says_where_the_docs_are(
    app: App, is_installed: bool, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hinge.cli.preflight.assets", lambda: "folder" if is_installed else None)
    assert docs_note(app) == said
