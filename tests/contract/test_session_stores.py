"""Stores of sessions: what each owes in both colours, what workers share, and one that does not answer."""

import asyncio
import contextlib
import os
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.support.redis import Cut, Redis

from hinge import App, Session, Sessions
from hinge.middleware import Timeout
from hinge.sessions import MemoryStore, RedisStore, SQLiteStore, sqlite
from hinge.sessions.record import Change, Loaded
from hinge.sessions.store import StoreError
from hinge.testing import Client

KEY = "k" * 32
NAME = "__Host-session"
FAR = 4_000_000_000


class OnLoop:
    """The awaited methods of a store, each run to its end."""

    def __init__(self, store: Any) -> None:
        self._runner = asyncio.Runner()
        self._store = store

    def load(self, name: str) -> Any:
        return self._runner.run(self._store.aload(name))

    def commit(self, change: Change, expires: int) -> Any:
        return self._runner.run(self._store.acommit(change, expires))

    def close(self) -> None:
        self._runner.close()
        self._store.close()


@pytest.fixture(params=["memory", "sqlite", "redis"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Any]:
    """Return what makes a store; all of them share what they keep, but for memory."""
    if request.param == "memory":
        only = MemoryStore()
        return lambda: only
    if request.param == "sqlite":
        return lambda: SQLiteStore(tmp_path / "sessions.db")
    redis: Redis = request.getfixturevalue("redis")
    prefix = f"{request.node.name}:"
    return lambda: RedisStore(redis.url, prefix=prefix)


@pytest.fixture(params=["plain", "awaited"])
def store(request: pytest.FixtureRequest, make: Callable[[], Any]) -> Iterator[Any]:
    store = make() if request.param == "plain" else OnLoop(make())
    yield store
    store.close()


def new(name: str = "id", ended: str | None = None, **values: bytes) -> Change:
    return Change(name, None, 1, 2, values, ended=ended)


def changed(values: dict[str, bytes], *removed: str, was: str = "id", to: str = "id", **before: bytes) -> Change:
    return Change(to, was, 1, 5, values, removed, before)


# -- what a store owes -------------------------------------------------------------------------------------------------


def test_values_are_written_name_by_name(store: Any) -> None:
    assert store.load("id") is None
    assert store.commit(new(a=b"\x00", b=b"\xff"), FAR) == []
    assert store.load("id") == Loaded(1, 2, {"a": b"\x00", "b": b"\xff"})
    assert store.commit(changed({"c": b"3", "b": b""}, "a", a=b"\x00", b=b"\xff"), FAR) == []
    assert store.load("id") == Loaded(1, 5, {"b": b"", "c": b"3"})
    assert store.load("other") is None


def test_what_somebody_else_has_changed_is_told(store: Any) -> None:
    store.commit(new(a=b"1", b=b"2", c=b"3"), FAR)
    store.commit(changed({"a": b"9", "d": b"9"}, "b", a=b"1", b=b"2"), FAR)
    stale = changed({"a": b"8", "d": b"8", "e": b"8"}, "b", "c", a=b"1", b=b"2", c=b"3")
    assert sorted(store.commit(stale, FAR)) == ["a", "d"]  # both have removed b
    assert store.load("id").values == {"a": b"8", "d": b"8", "e": b"8"}
    assert store.commit(stale, FAR) == []  # it is so already


def test_one_that_is_not_there_comes_of_no_change(store: Any) -> None:
    assert store.commit(changed({"a": b"1"}), FAR) is None
    store.commit(new(a=b"1", b=b"1"), FAR)
    store.commit(changed({"c": b"1"}), FAR)
    assert store.commit(changed({"a": b"2"}, to="next", a=b"1"), FAR) == []
    assert (store.load("id"), store.load("next").values) == (None, {"a": b"2", "b": b"1", "c": b"1"})
    for late in (changed({"a": b"3"}), changed({"a": b"3"}, to="third")):
        assert store.commit(late, FAR) is None
    assert (store.load("id"), store.load("third")) == (None, None)
    assert store.commit(new("fresh", "next", d=b"1"), FAR) == []
    assert (store.load("next"), store.load("fresh").values) == (None, {"d": b"1"})
    for ended in ("fresh", "never"):
        assert store.commit(Change(None, None, 1, 2, {}, ended=ended), FAR) == []
    assert store.load("fresh") is None


@pytest.mark.gate
def test_many_change_one_at_once(make: Callable[[], Any]) -> None:
    store = make()
    store.commit(new(), FAR)
    start = threading.Barrier(8)

    def change(number: int) -> None:
        start.wait(10)
        for step in range(5):
            assert store.commit(changed({f"{number}.{step}": b"x"}), FAR) == []

    with ThreadPoolExecutor(8) as threads:
        for done in [threads.submit(change, number) for number in range(8)]:
            done.result(60)
    assert len(store.load("id").values) == 40
    store.close()
    assert len(make().load("id").values) == 40


@pytest.mark.gate
def test_a_store_is_asked_from_several_loops(make: Callable[[], Any]) -> None:
    store = make()

    def ask(question: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run(question)

    assert ask(store.acommit(new(a=b"1"), FAR)) == []
    assert ask(store.aload("id")).values == {"a": b"1"}
    assert not getattr(store, "_of_loop", None)
    store.close()


def test_what_is_too_old_goes(redis: Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = SQLiteStore(tmp_path / "a.db")
    monkeypatch.setattr(sqlite, "_PURGE_EVERY", 0.0)
    file.commit(new("old", a=b"1"), int(time.time()) - 1)
    file.commit(new("new", a=b"1"), FAR)
    file.close()
    with sqlite3.connect(tmp_path / "a.db") as connection:
        tables = ("hinge_sessions", "hinge_session_values")
        found = [connection.execute(f"SELECT id FROM {name}").fetchall() for name in tables]
    connection.close()
    assert found == [[("new",)], [("new",)]]
    remote = RedisStore(redis.url, prefix="age:")
    remote.commit(new("old", a=b"1"), int(time.time()) - 1)
    remote.commit(new("new", a=b"1"), FAR)
    assert (remote.load("old"), remote.load("new") is None) == (None, False)
    remote.close()


FOREIGN = {
    "of another kind": [("DEL", "id"), ("SET", "id", "x")],
    "without ages": [("HDEL", "id", "created")],
    "of no age": [("HSET", "id", "created", "x")],
    "with a name that is no text": [("HSET", "id", b"value:\xff", "x")],
    "ages of no number": ["UPDATE hinge_sessions SET created = 'x'"],
    "endless ages": ["UPDATE hinge_sessions SET created = 9e999"],
    "a value that is no bytes": ["UPDATE hinge_session_values SET value = 5"],
    "a text for a value": ["UPDATE hinge_session_values SET value = 'MQ=='"],
    "a name that is no text": ["UPDATE hinge_session_values SET name = x'ff'"],
    "another table": ["DROP TABLE hinge_sessions", "CREATE TABLE hinge_sessions (id TEXT PRIMARY KEY, data BLOB)"],
}


@pytest.mark.parametrize("what", FOREIGN)
def test_what_somebody_else_has_written_is_no_session(redis: Redis, tmp_path: Path, what: str) -> None:
    commands = FOREIGN[what]
    prefix = f"{what}:"
    store = SQLiteStore(tmp_path / "a.db") if isinstance(commands[0], str) else RedisStore(redis.url, prefix=prefix)
    store.commit(new(a=b"1"), FAR)
    if isinstance(store, SQLiteStore):
        store.close()
        with contextlib.closing(sqlite3.connect(tmp_path / "a.db")) as connection:
            connection.executescript(";".join(map(str, commands)))
    else:
        for command, _, *rest in commands:
            store._plain.client.execute_command(command, f"{prefix}id", *rest)
    with pytest.raises(StoreError):
        store.load("id")
    store.close()


def test_a_file_that_was_deleted_is_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    store = SQLiteStore(path)
    store.commit(new(a=b"1"), FAR)
    path.unlink()
    assert store.load("id") is None, "its sessions have ended, as whoever deleted it wanted"
    store.commit(new(a=b"2"), FAR)
    other = SQLiteStore(path)
    assert other.load("id") == store.load("id") == Loaded(1, 2, {"a": b"2"})
    other.close()
    store.close()


@pytest.mark.skipif(os.name != "posix", reason="files have other modes there")
def test_nobody_else_reads_the_file(tmp_path: Path) -> None:
    store, before = SQLiteStore(tmp_path / "a.db"), os.umask(0)
    try:
        store.commit(new(a=b"1"), FAR)
    finally:
        os.umask(before)
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in tmp_path.iterdir()}
    assert modes == dict.fromkeys(("a.db", "a.db-wal", "a.db-shm"), "0o600")
    store.close()
    (tmp_path / "a.db").chmod(0o640)  # that of a file that is there is its owner's affair
    assert store.load("id") is not None
    assert (tmp_path / "a.db").stat().st_mode & 0o777 == 0o640
    store.close()


def test_a_file_that_is_locked_keeps_nobody_waiting_in_line(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "a.db", timeout=0.2)
    store.commit(new(a=b"1"), FAR)

    async def ask() -> tuple[list[Any], float]:
        began = time.monotonic()
        asked = [store.acommit(changed({f"b{number}": b"2"}), FAR) for number in range(100)]
        return await asyncio.gather(*asked, return_exceptions=True), time.monotonic() - began

    with contextlib.closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        answers, seconds = asyncio.run(ask())
    assert {type(answer) for answer in answers} == {StoreError}
    assert seconds < 2.0, "with six threads it would be more than three"
    assert store.load("id").values == {"a": b"1"}  # type: ignore[union-attr]
    store.close()


def test_a_file_without_room_says_so(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "a.db")
    with store._connection() as connection:
        connection.execute("PRAGMA max_page_count = 20")
    store.commit(new(a=b"1"), FAR)
    with pytest.raises(StoreError, match="full"):
        store.commit(new("other", b=b"x" * 100_000), FAR)
    assert (store.load("id").values, store.load("other")) == ({"a": b"1"}, None)  # type: ignore[union-attr]
    store.close()


@pytest.mark.parametrize("closes", [True, False])
@pytest.mark.parametrize("how", ["plain", "awaited"])
def test_an_answer_that_is_lost(redis: Redis, how: str, closes: bool) -> None:
    """What Redis has done all the same is not done again; one that answers nothing is not asked again."""
    way = Cut(redis, closes=closes)
    only = RedisStore(way.url, prefix=f"lost {how} {closes}:", timeout=0.5)
    store: Any = only if how == "plain" else OnLoop(only)
    store.commit(new(a=b"1"), FAR)
    way.is_on = True
    renewed = changed({"a": b"2"}, to="next", a=b"1")
    if closes:
        assert store.commit(renewed, FAR) == []
    else:
        began = time.monotonic()
        with pytest.raises(StoreError, match="Timeout"):
            store.commit(renewed, FAR)
        assert time.monotonic() - began < 0.95
    assert (store.load("id"), store.load("next").values) == (None, {"a": b"2"})
    store.close()
    way.close()


def test_few_connections_are_waited_for(redis: Redis, backend: Any) -> None:
    store = RedisStore(f"{redis.url}?max_connections=1", prefix=f"few {backend.name}:", timeout=5.0)
    with Client(shop(store), backend.name, scheme="https") as client, ThreadPoolExecutor(8) as threads:
        client.put("/a?value=1")
        found = list(threads.map(lambda number: client.put(f"/b{number}?value=1").status_code, range(32)))
        assert found == [204] * 32
        assert len(client.get("/").json()) == 33


# -- in an app ---------------------------------------------------------------------------------------------------------


def shop(store: Any) -> App:
    app = App(sessions=Sessions([KEY], store=store))

    @app.get("/")
    def show(session: Session) -> dict[str, Any]:
        return dict(session.items())

    @app.put("/{name}")
    async def put(session: Session, name: str, value: str) -> None:
        session[name] = value

    @app.post("/login")
    async def login(session: Session) -> None:
        session.renew()

    @app.get("/public")
    def public() -> str:
        return "public"

    return app


@pytest.mark.gate
def test_workers_share_what_is_kept(make: Callable[[], Any], backend: Any) -> None:
    with (
        Client(shop(make()), backend.name, scheme="https") as one,
        Client(shop(make()), backend.name, scheme="https") as other,
    ):
        one.put("/a?value=1")
        planted = one.cookies[NAME]
        other.cookies.set(NAME, planted)
        other.put("/b?value=2")
        assert one.get("/").json() == {"a": "1", "b": "2"}
        one.post("/login")
        assert one.get("/").json() == {"a": "1", "b": "2"}
        assert other.get("/").json() == {}
        other.put("/c?value=3")
        assert other.cookies[NAME] not in (planted, one.cookies[NAME])


class Down:
    """A store that fails when it is told to, in both colours."""

    waits = True
    name = "a store"

    def __init__(self, *, waits: bool) -> None:
        self.waits = waits
        self.fails = ""
        self.asked: set[str] = set()
        self._store = MemoryStore()

    def _ask(self, what: str, *given: Any) -> Any:
        if self.fails == what:
            raise StoreError("it is down")
        return getattr(self._store, what)(*given)

    def load(self, name: str) -> Any:
        self.asked.add("plain")
        return self._ask("load", name)

    def commit(self, change: Change, expires: int) -> Any:
        self.asked.add("plain")
        return self._ask("commit", change, expires)

    async def aload(self, name: str) -> Any:
        self.asked.add("awaited")
        return self._ask("load", name)

    async def acommit(self, change: Change, expires: int) -> Any:
        self.asked.add("awaited")
        return self._ask("commit", change, expires)

    def close(self) -> None: ...


@pytest.mark.parametrize("what", ["load", "commit"])
@pytest.mark.parametrize("waits", [False, True])
def test_a_store_that_is_down_is_a_503(
    client_for: Any, backend: Any, caplog: pytest.LogCaptureFixture, waits: bool, what: str
) -> None:
    store = Down(waits=waits)
    client = client_for(shop(store), scheme="https")
    client.put("/a?value=1")
    store.fails = what
    for _ in range(3):
        answer = client.put("/b?value=2")
        assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
        assert "set-cookie" not in answer.headers
    assert client.get("/public").text == "public"
    store.fails = ""
    assert client.get("/").json() == {"a": "1"}
    client.put("/b?value=2")
    assert client.get("/").json() == {"a": "1", "b": "2"}
    said = [record.getMessage() for record in caplog.records if record.name == "hinge"]
    assert len(said) == 2
    assert "requests get a 503: it is down" in said[0]
    assert "again" in said[1]
    assert store.asked == {"awaited" if waits and backend.name != "wsgi" else "plain"}


class Slow(MemoryStore):
    """A store that takes its time to write."""

    waits = True

    def commit(self, change: Change, expires: int) -> Any:
        time.sleep(0.6)
        return super().commit(change, expires)

    async def acommit(self, change: Change, expires: int) -> Any:
        await asyncio.sleep(0.6)
        return super().commit(change, expires)


def test_no_timeout_cuts_what_is_kept(client_for: Any) -> None:
    app = App(sessions=Sessions([KEY], store=Slow()), middleware=[Timeout(0.4)])

    @app.post("/login")
    async def login(session: Session) -> None:
        session.renew()
        session["user"] = "ann"

    @app.get("/")
    async def show(session: Session) -> dict[str, Any]:
        return dict(session.items())

    client = client_for(app, scheme="https")
    assert client.post("/login").status_code == 204
    assert client.get("/").json() == {"user": "ann"}


@pytest.mark.gate
@pytest.mark.parametrize("how", ["refuses connections", "never answers", "no folder"])
def test_what_is_out_of_reach_is_a_503(client_for: Any, tmp_path: Path, how: str) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        if how == "never answers":
            silent.listen()
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}"
        store: Any = RedisStore(url, timeout=0.1) if how != "no folder" else SQLiteStore(tmp_path / "a.db")
        if how == "no folder":
            tmp_path.rename(tmp_path.with_name(f"{tmp_path.name}-gone"))
        client = client_for(shop(store), scheme="https")
        assert client.put("/a?value=1").status_code == 503
        assert client.get("/").json() == {}  # without a cookie nobody is asked
