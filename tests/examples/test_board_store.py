"""examples/board/store.py: what the disk promises, and who may write when."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from tests.examples.harness import Load


@pytest.fixture
def module(load: Load) -> Any:
    return load("board.store")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "board.db"


@pytest.fixture
def store(module: Any, file: Path) -> Iterator[Any]:
    with closing(module.Store(file)) as store:
        yield store


def test_every_connection_waits_for_the_disk(store: Any) -> None:
    with store._connection() as one, store._connection() as another:
        for connection in (one, another, store._watch):
            assert connection.execute("PRAGMA synchronous").fetchone() == (2,), "FULL"
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
            assert not connection.in_transaction


def test_what_was_added_is_there_for_others_at_once(store: Any, file: Path) -> None:
    post = store.add("Ann", "hello")
    with closing(sqlite3.connect(file)) as other:
        assert other.execute("SELECT id, author, text FROM posts").fetchall() == [(post.id, "Ann", "hello")]
    assert store.get(post.id) == post


def test_it_is_there_when_the_file_is_opened_again(module: Any, file: Path) -> None:
    with closing(module.Store(file)) as store:
        post = store.add("Ann", "hello")
    with closing(module.Store(file)) as store:
        assert store.newest(10) == [post]


def test_the_version_changes_with_every_commit_and_only_then(module: Any, store: Any, file: Path) -> None:
    first = store.version()
    assert store.version() == first
    store.newest(10)
    assert store.version() == first, "reading changes nothing"
    store.add("Ann", "here")
    second = store.version()
    assert second != first
    with closing(module.Store(file)) as elsewhere:
        elsewhere.add("Ben", "elsewhere")
    assert store.version() != second


def test_ids_grow_in_the_order_of_the_commits(module: Any, file: Path) -> None:
    """Two stores, eight threads: nobody who has seen an id finds a smaller one later."""
    with closing(module.Store(file)) as one, closing(module.Store(file)) as other, ThreadPoolExecutor(8) as threads:
        start = Barrier(8)

        def write(number: int) -> list[int]:
            start.wait(10)
            return [(one if number % 2 else other).add("Ann", "x").id for _ in range(25)]

        writers = [threads.submit(write, number) for number in range(8)]
        seen: list[int] = []
        while len(seen) < 200:
            seen += [post.id for post in one.after(seen[-1] if seen else 0)]
        assert seen == list(range(1, 201))
        assert sorted(post_id for writer in writers for post_id in writer.result(30)) == seen


def test_ids_are_not_used_again(store: Any, file: Path) -> None:
    store.add("Ann", "first")
    last = store.add("Ann", "removed by hand")
    with closing(sqlite3.connect(file)) as other, other:
        other.execute("DELETE FROM posts WHERE id = ?", (last.id,))
    assert store.add("Ann", "next").id == last.id + 1


def test_a_start_waits_for_another_that_has_the_new_file_locked(
    module: Any, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection's own timeout does not cover the switch to WAL."""
    waits: list[float] = []
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("CREATE TABLE something (x)")
        other.execute("BEGIN IMMEDIATE")

        def wait(seconds: float) -> None:
            waits.append(seconds)
            if len(waits) == 3:
                other.execute("ROLLBACK")

        monkeypatch.setattr(module.time, "sleep", wait)
        with closing(module.Store(file)) as store:
            store.add("Ann", "hello")
    assert len(waits) == 3


def test_a_start_does_not_wait_for_ever(module: Any, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("CREATE TABLE something (x)")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(OSError, match=r"board\.db: database is locked"):
            module.Store(file)


def test_a_file_that_is_something_else_is_named_and_left_alone(module: Any, file: Path) -> None:
    file.write_text("not a database, but somebody's letters" * 100)
    with pytest.raises(OSError, match=r"board\.db: file is not a database"):
        module.Store(file)
    assert file.read_text().startswith("not a database")


def test_connections_are_lent_again_and_closed_in_the_end(module: Any, file: Path) -> None:
    store = module.Store(file)
    for _ in range(50):
        store.add("Ann", "x")
        store.newest(10)
    assert len(store._idle) == 1, "one thread needs one"
    with pytest.raises(sqlite3.IntegrityError):
        store.add(None, "x")
    assert len(store._idle) == 1, "a failure loses none"
    store.close()
    assert [path.name for path in file.parent.iterdir()] == ["board.db"]
