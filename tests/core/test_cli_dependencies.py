"""What the command line says of dependencies."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.support.apps import working_directory

from hinge.cli import main

SHOP = """\
from collections.abc import Iterator
from typing import Annotated

import msgspec

from hinge import App, Depends, Request


class Item(msgspec.Struct):
    name: str


async def pool(app: App) -> int:
    return 1


def check() -> None: ...


def session(pool: Annotated[int, Depends(pool, scope="app")]) -> Iterator[int]:
    yield pool


def audit(request: Request):
    yield


app = App(dependencies=[Depends(check)])


@app.post("/items")
async def create(item: Item, session: Annotated[int, Depends(session)]) -> Item:
    return item


@app.post("/audited", middleware=[audit])
def audited(item: Item) -> Item:
    return item
"""


def test_explain_tells_the_order_the_scopes_and_the_hops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with working_directory(tmp_path, monkeypatch, {"needs_under_test": SHOP}):
        result = CliRunner().invoke(main, ["explain", "needs_under_test:app", "--backend", "asgi"])
    assert result.exit_code == 0, result.output
    lines = [line.strip() for line in result.stdout.splitlines()]
    lines = [line for line in lines if line.startswith(("needs", "hops"))]
    assert lines == [
        "needs 1     needs_under_test.check (needs_under_test.py:17): request-scoped, def, before the body",
        "needs 2     needs_under_test.pool (needs_under_test.py:13): app-scoped, async def",
        "needs 3     needs_under_test.session (needs_under_test.py:20): request-scoped, def with yield",
        (
            "hops        plain: needs_under_test.check; "
            "then plain: needs_under_test.pool, needs_under_test.session; then awaited: needs_under_test.create"
        ),
        "needs 1     needs_under_test.check (needs_under_test.py:17): request-scoped, def, before the body",
        "hops        plain: needs_under_test.check; then plain: needs_under_test.audited",
    ]


SECURED = """\
from typing import Annotated

import msgspec

from hinge import App, Depends, Security, SecurityScopes
from hinge.security import OAuth2PasswordBearer

oauth = OAuth2PasswordBearer("token", scopes={"write": "Write."})
app = App()


class Item(msgspec.Struct):
    name: str


def user(token: Annotated[str, Depends(oauth)], scopes: SecurityScopes) -> str:
    scopes.require(token)
    return token


@app.post("/items")
async def create(item: Item, user: Annotated[str, Security(user, scopes=["write"])]) -> str:
    return user
"""


def test_explain_tells_schemes_and_scopes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with working_directory(tmp_path, monkeypatch, {"secured_under_test": SECURED}):
        result = CliRunner().invoke(main, ["explain", "secured_under_test:app", "--backend", "asgi"])
        checked = CliRunner().invoke(main, ["check", "secured_under_test:app", "--backend", "asgi"])
    assert result.exit_code == checked.exit_code == 0, result.output + checked.output
    lines = [line.strip() for line in result.stdout.splitlines()]
    lines = [line for line in lines if line.startswith(("needs", "hops", "security"))]
    assert lines == [
        (
            "needs 1     hinge.security.oauth2.OAuth2PasswordBearer (secured_under_test.py:8): read of the head, "
            "before the body"
        ),
        "needs 2     secured_under_test.user (secured_under_test.py:16): request-scoped, def, before the body",
        "security    OAuth2PasswordBearer; scopes write",
        "hops        plain: secured_under_test.user; then awaited: secured_under_test.create",
    ]
    assert checked.stdout.startswith("ok: ")


def test_check_warns_of_guards_behind_the_body(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    late = (
        SHOP.replace("def audit(", "class Audit:\n    needs_body = True\n\n    def __call__(self, ")
        .replace("middleware=[audit]", "middleware=[Audit()]")
        .replace("request: Request):\n    yield", "request: Request):\n        yield")
    )
    with working_directory(tmp_path, monkeypatch, {"late_under_test": late}):
        result = CliRunner().invoke(main, ["check", "late_under_test:app", "--backend", "wsgi"])
    assert result.exit_code == 0, result.output
    warning, ok = result.stdout.splitlines()
    assert warning.startswith("warning: handler late_under_test.audited (late_under_test.py:")
    assert "its body is read before its dependencies= refuse anybody, since middleware late_under_test.Audit" in warning
    assert ok.startswith("ok: ")


def test_check_warns_of_what_a_guard_holds_during_an_upload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check, session = "def check() -> None: ...\n\n\n", SHOP[SHOP.index("def session") : SHOP.index("def audit")]
    taking = "def check(session: Annotated[int, Depends(session)]) -> None: ...\n\n\n"
    held = SHOP.replace(check, "").replace(session, session + taking)
    apps = {
        "early_under_test": held,
        "late_under_test": SHOP,
        "bare_under_test": held.replace("(item: Item", "(item: int"),
    }
    said = {}
    with working_directory(tmp_path, monkeypatch, apps):
        for name in apps:
            result = CliRunner().invoke(main, ["check", f"{name}:app", "--backend", "asgi"])
            assert result.exit_code == 0, result.output
            said[name] = result.stdout.splitlines()[:-1]
    assert [line.partition(": ")[0] for line in said["early_under_test"]] == ["warning"] * 2
    assert "create" in said["early_under_test"][0]
    assert (
        "dependency early_under_test.session (early_under_test.py:17) is entered before" in said["early_under_test"][0]
    )
    assert said["late_under_test"] == said["bare_under_test"] == []


def test_explain_shows_the_session_of_a_route(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = """\
from hinge import App, Depends, Session, Sessions
from hinge.sessions import MemoryStore

app = App(sessions=Sessions(["k" * 32], store=MemoryStore(), idle_timeout=60, lifetime=90))


def user(session: Session) -> str:
    return ""


@app.get("/", dependencies=[Depends(user)])
def index() -> None: ...


@app.get("/public")
def public() -> None: ...
"""
    with working_directory(tmp_path, monkeypatch, {"sessions_under_test": app}):
        result = CliRunner().invoke(main, ["explain", "sessions_under_test:app", "--backend", "wsgi"])
    assert result.exit_code == 0, result.output
    lines = [line.strip() for line in result.stdout.splitlines()]
    assert [line for line in lines if line.startswith(("session ", "middleware"))] == [
        (
            "session     in this worker's memory, its id in the signed cookie __Host-session, 60 s idle, 90 s at most "
            "(sessions_under_test.py:4)"
        ),
        "middleware  none",
        "middleware  none",
    ]
