"""Sessions in a SQLite file, which the workers of one machine share.

Law: a change is one transaction that begins by taking the file's one place for writers, so that what it compares with
is what it changes. Each value has a row of its own. What is too old goes when new sessions come, once a minute at most.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from time import time
from typing import Any, NamedTuple, TypeVar

from hinge.diagnostics.kinds import want, wrong
from hinge.diagnostics.misuse import fits
from hinge.middleware.timeout import SECONDS
from hinge.sessions.record import Change, Loaded
from hinge.sessions.store import StoreError, conflicts, loaded

_SCHEMA = """
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS hinge_sessions (
    id TEXT PRIMARY KEY, created INTEGER NOT NULL, touched INTEGER NOT NULL, expires INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS hinge_sessions_expires ON hinge_sessions (expires);
CREATE TABLE IF NOT EXISTS hinge_session_values (
    id TEXT NOT NULL, name TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (id, name)
) WITHOUT ROWID;
"""
_LOAD = """
SELECT created, touched, name, value FROM hinge_sessions LEFT JOIN hinge_session_values USING (id) WHERE id = ?
"""
_MOVE = "UPDATE hinge_sessions SET id = ?, created = ?, touched = ?, expires = ? WHERE id = ?"
_PURGE_EVERY = 60.0

T = TypeVar("T")


class SQLiteStore:
    """Keep sessions in the SQLite file at `path`; its folder has to be there.

    A file that is not there is made, and only its owner may read and write it.
    A request waits at most `timeout` seconds for its turn to write; on an event loop as long again for a thread.

    Raises:
        ConfigurationError: an argument is none of its kind.
    """

    waits = True

    @fits
    def __init__(self, path: str | os.PathLike[str], *, timeout: float = 5.0) -> None:
        want("SQLiteStore", SECONDS, timeout=timeout)
        if not isinstance(path, str | os.PathLike) or not str(path) or str(path).startswith((":", "file:")):
            raise wrong("SQLiteStore", "path", path, "it is no file that connections share", "the path of a file")
        if not Path(path).absolute().parent.is_dir():
            raise wrong("SQLiteStore", "path", str(path), "its folder is not there", "a path in a folder that is")
        self._path = os.fspath(path)
        self._timeout = timeout
        self.name = f"the SQLite file {self._path}"
        self._lock = Lock()
        self._idle: list[_Open] = []
        self._process = os.getpid()
        self._inherited: list[_Open] = []
        self._purge_at = 0.0

    def load(self, id: str) -> Loaded | None:  # noqa: A002 - as everywhere in this room
        """Return what is kept under an id; raises StoreError."""
        with self._connection() as connection:
            rows = connection.execute(_LOAD, (id,)).fetchall()
        if not rows:
            return None
        created, touched, _, _ = rows[0]
        return loaded(created, touched, {name: value for _, _, name, value in rows if name is not None})

    def commit(self, change: Change, expires: int) -> list[str] | None:
        """Write a change; see `hinge.sessions.store.Store`. Raises StoreError."""
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            found = self._write(connection, change, expires)  # what fails closes the connection, and is undone by that
            connection.execute("COMMIT")
            return found

    async def aload(self, id: str) -> Loaded | None:  # noqa: A002
        """Do what `load` does in a thread."""
        return await self._in_thread(self.load, id)

    async def acommit(self, change: Change, expires: int) -> list[str] | None:
        """Do what `commit` does in a thread."""
        return await self._in_thread(self.commit, change, expires)

    async def _in_thread(self, work: Callable[..., T], *given: Any) -> T:
        import asyncio  # noqa: PLC0415 - only an event loop pays for it

        try:
            async with asyncio.timeout(2 * self._timeout):  # who waits in line for a thread asks nothing any more
                return await asyncio.to_thread(work, *given)
        except TimeoutError as error:
            raise StoreError(f"{self.name}: it does not answer") from error

    def close(self) -> None:
        """Close the connections that are open; the store may be used again."""
        with self._lock:
            idle, self._idle = self._idle, []
        for one in idle:
            one.connection.close()

    def _write(self, connection: sqlite3.Connection, change: Change, expires: int) -> list[str] | None:
        run = connection.execute
        if change.ended is not None:
            run("DELETE FROM hinge_sessions WHERE id = ?", (change.ended,))
            run("DELETE FROM hinge_session_values WHERE id = ?", (change.ended,))
        if change.id is None:
            return []
        of, found = (change.id,), []
        row = (change.id, change.created, change.touched, expires)
        if change.was is None:
            self._purge(connection)
            run("INSERT INTO hinge_sessions (id, created, touched, expires) VALUES (?, ?, ?, ?)", row)
        else:
            there = run(_MOVE, (*row, change.was))
            if there.rowcount == 0:
                return None
            if change.was != change.id:
                run("UPDATE hinge_session_values SET id = ? WHERE id = ?", (change.id, change.was))
            found = conflicts(change, dict(run("SELECT name, value FROM hinge_session_values WHERE id = ?", of)))
        connection.executemany(
            "DELETE FROM hinge_session_values WHERE id = ? AND name = ?", [(*of, name) for name in change.removed]
        )
        connection.executemany(
            "INSERT OR REPLACE INTO hinge_session_values (id, name, value) VALUES (?, ?, ?)",
            [(*of, name, value) for name, value in change.values.items()],
        )
        return found

    def _purge(self, connection: sqlite3.Connection) -> None:
        now = time()
        if now < self._purge_at:
            return
        self._purge_at = now + _PURGE_EVERY
        old = "SELECT id FROM hinge_sessions WHERE expires <= ?"
        connection.execute(f"DELETE FROM hinge_session_values WHERE id IN ({old})", (now,))  # noqa: S608 - ours
        connection.execute("DELETE FROM hinge_sessions WHERE expires <= ?", (now,))

    # -- connections: each is used by one thread at a time, and by the process that has opened it ----------------------

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        found: _Open | None = None
        try:
            found = self._taken() or self._opened()
            yield found.connection
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"{self.name}: {error!r}") from error
        else:
            with self._lock:
                self._idle.append(found)
                found = None
        finally:
            if found is not None:  # whatever state it is in
                found.connection.close()

    def _taken(self) -> "_Open | None":
        with self._lock:
            if self._process != os.getpid():  # they are the parent's, who would miss what a close here takes away
                self._process, self._inherited, self._idle = os.getpid(), self._idle, []
            while self._idle:
                found = self._idle.pop()
                if found.file == self._file():
                    return found
                found.connection.close()  # of a file that was deleted or replaced: what it has is nobody's any more
            return None

    def _opened(self) -> "_Open":
        os.close(os.open(self._path, os.O_RDONLY | os.O_CREAT, 0o600))  # a new one is nobody else's to read
        connection = sqlite3.connect(self._path, timeout=self._timeout, isolation_level=None, check_same_thread=False)
        try:
            connection.executescript(_SCHEMA)
            connection.execute("PRAGMA synchronous = NORMAL")
            return _Open(connection, self._file())
        except BaseException:
            connection.close()
            raise

    def _file(self) -> tuple[int, int] | None:
        """Return which file is at the path, None without one."""
        try:
            found = os.stat(self._path)  # noqa: PTH116 - each request pays for it
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino


class _Open(NamedTuple):
    """A connection, and the file that it has open."""

    connection: sqlite3.Connection
    file: tuple[int, int] | None
