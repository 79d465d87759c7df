"""The database, in both colours: one pool for plain code and one for async code, and a session for each request.

Law: a request's session is committed once its answer exists, and rolled back if anything failed. What runs before the
body has come (who is asking) has a short session of its own: a slow upload must not hold a connection.
"""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Annotated, Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, Insert, Table, create_engine, event, make_url
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from hinge import Depends

from .settings import Settings

PATIENCE = 30
"""Seconds to wait for a connection of the pool, and on SQLite for another writer."""
DRIVERS = {"sqlite": ("sqlite+pysqlite", "sqlite+aiosqlite"), "postgresql": ("postgresql+psycopg",) * 2}

Configured = Annotated[Settings, Depends(Settings, scope="app")]


def engine(settings: Configured) -> Iterator[Engine]:
    engine = create_engine(**_options(settings, 0))
    _prepare(engine)
    yield engine
    engine.dispose()


async def async_engine(settings: Configured) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(**_options(settings, 1))
    _prepare(engine.sync_engine)
    yield engine
    await engine.dispose()


Pool = Annotated[Engine, Depends(engine, scope="app")]
AsyncPool = Annotated[AsyncEngine, Depends(async_engine, scope="app")]


def session(pool: Pool) -> Iterator[Session]:
    with Session(pool, expire_on_commit=False) as db:
        yield db
        db.commit()


async def async_session(pool: AsyncPool) -> AsyncIterator[AsyncSession]:
    async with AsyncSession(pool, expire_on_commit=False) as db:
        yield db
        await db.commit()


DB = Annotated[Session, Depends(session)]
AsyncDB = Annotated[AsyncSession, Depends(async_session)]


def added_once(table: Table, **values: int) -> Insert:
    """Return the statement that adds a row unless it is there."""
    return insert(table).values(values).on_conflict_do_nothing()


def migrate(settings: Settings) -> None:
    """Bring the database up to date; of workers that start together the others wait for the first."""
    config = Config(Path(__file__).with_name("alembic.ini"))
    config.set_main_option("prepend_sys_path", "")  # that is for the command line; here it is imported already
    config.attributes["settings"] = settings
    command.upgrade(config, "head")


def _options(settings: Settings, colour: int) -> dict[str, Any]:
    url = make_url(settings.database_url)
    is_sqlite = url.get_backend_name() == "sqlite"
    return {
        "url": url.set(drivername=DRIVERS[url.get_backend_name()][colour]),
        "connect_args": {"timeout": PATIENCE} if is_sqlite else {},
        "pool_size": settings.pool_size,
        "max_overflow": 0,
        "pool_timeout": PATIENCE,
        "pool_pre_ping": not is_sqlite,
    }


def _prepare(engine: Engine) -> None:
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _check_references)


def _check_references(connection: DBAPIConnection, _: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")  # SQLite ignores them unless each connection says so
    cursor.close()
