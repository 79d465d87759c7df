"""Where migrations run: the database of the settings, one process at a time."""

import time

from alembic import context
from sqlalchemy import Connection, create_engine, make_url, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from realworld.models import Base
from realworld.settings import Settings

PATIENCE = 30.0
LOCK = 5_117_431
"""A number for PostgreSQL that nobody else locks."""


def lock(connection: Connection) -> None:
    """Have others that migrate wait for us. SQLite is switched to WAL before, so that readers never wait."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        return
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")  # for which the connection's timeout does not hold
            break
        except OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def run() -> None:
    settings = context.config.attributes.get("settings") or Settings()
    url = make_url(settings.database_url)
    is_sqlite = url.get_backend_name() == "sqlite"
    driver = "sqlite+pysqlite" if is_sqlite else "postgresql+psycopg"
    engine = create_engine(
        url.set(drivername=driver), poolclass=NullPool, connect_args={"timeout": PATIENCE} if is_sqlite else {}
    )
    with engine.begin() as connection:
        lock(connection)
        context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=is_sqlite)
        context.run_migrations()


run()
