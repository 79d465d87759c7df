"""The posts, in SQLite.

Law: what `add` has returned is on the disk, whatever happens to the process or the machine afterwards. Posts are only
ever added, and SQLite lets in one writer at a time, so ids grow in the order of the commits: whoever has seen the posts
up to an id has missed none of them.

Every worker process has a `Store` of its own on the same file.
"""

import sqlite3
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

MAX_ID = 2**63 - 1
PATIENCE = 30.0
"""Seconds to wait while another process writes."""

SCHEMA = """
    CREATE TABLE IF NOT EXISTS posts (
        id     INTEGER PRIMARY KEY AUTOINCREMENT,
        author TEXT NOT NULL,
        text   TEXT NOT NULL,
        at     INTEGER NOT NULL  -- milliseconds since 1970, UTC
    )
"""


class Post(msgspec.Struct, frozen=True):
    """One post, as it is kept and as clients get it."""

    id: int
    author: str
    text: str
    at: datetime


class Store:
    """The board's file; safe to use from several threads and processes."""

    def __init__(self, path: str | Path) -> None:
        self._path = path
        self._idle: deque[sqlite3.Connection] = deque()
        try:
            with self._connection() as connection:
                _switch_to_wal(connection)
                connection.execute(SCHEMA)
            self._watch = self._connect()
        except sqlite3.Error as error:
            _close(self._idle)
            raise OSError(f"the board cannot keep its posts in {path}: {error}") from error

    def add(self, author: str, text: str) -> Post:
        """Keep a post; it is on the disk when this returns."""
        at = time.time_ns() // 1_000_000
        with self._connection() as connection:
            cursor = connection.execute("INSERT INTO posts (author, text, at) VALUES (?, ?, ?)", (author, text, at))
        return _post((cursor.lastrowid, author, text, at))

    def get(self, post_id: int) -> Post | None:
        """Return a post, None if there is none with that id."""
        found = self._select("WHERE id = ?", post_id)
        return found[0] if found else None

    def newest(self, limit: int, before: int | None = None) -> list[Post]:
        """Return the newest posts (below an id), the oldest of them first."""
        found = self._select("WHERE id < ? ORDER BY id DESC LIMIT ?", MAX_ID if before is None else before, limit)
        return found[::-1]

    def after(self, post_id: int, limit: int = 100) -> list[Post]:
        """Return the posts that came right after an id, the oldest first."""
        return self._select("WHERE id > ? ORDER BY id LIMIT ?", post_id, limit)

    def version(self) -> int:
        """Return a number that changes whenever the file does. For one caller at a time."""
        # SQLite tells each connection of the commits of all others, so this one never writes.
        (version,) = self._watch.execute("PRAGMA data_version").fetchone()
        return int(version)

    def close(self) -> None:
        """Close the file; nothing may use the store any more."""
        _close([self._watch, *self._idle])

    def _select(self, condition: str, *values: int) -> list[Post]:
        with self._connection() as connection:
            rows = connection.execute(f"SELECT id, author, text, at FROM posts {condition}", values).fetchall()
        return [_post(row) for row in rows]

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection; there are never more than threads that were in here at the same time."""
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._connect()
        try:
            yield connection
        finally:
            self._idle.append(connection)

    def _connect(self) -> sqlite3.Connection:
        # No isolation level: each statement is a transaction, committed when it returns.
        connection = sqlite3.connect(self._path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA synchronous=FULL")  # a commit waits for the disk
        except sqlite3.Error:  # the file is something else
            connection.close()
            raise
        return connection


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Have readers and the writer not wait for each other. The file remembers it."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            # The connection's timeout does not cover this statement: another process switches at the same moment.
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _close(connections: Iterable[sqlite3.Connection]) -> None:
    for connection in connections:
        connection.close()


def _post(row: tuple[Any, ...]) -> Post:
    post_id, author, text, at = row
    return Post(post_id, author, text, datetime.fromtimestamp(at / 1000, UTC))
