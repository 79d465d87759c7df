"""examples/realworld with a count of its connections and sessions, noted when a worker stops. The API does not know."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import event
from sqlalchemy.orm import session
from sqlalchemy.pool import Pool

from hinge import App
from realworld.app import create_app as make

lent: set[int] = set()
"""The connections that somebody has, by their records."""
seen: list[int] = [0]


@event.listens_for(Pool, "checkout")
def _lent(connection: object, record: object, proxy: object) -> None:
    lent.add(id(record))
    seen[0] += 1


@event.listens_for(Pool, "checkin")
def _back(connection: object, record: object) -> None:
    lent.discard(id(record))


def note(what: str, number: int) -> None:
    with Path(os.environ["NOTES"]).open("a") as file:
        file.write(f"{what} {number}\n")


def count() -> Iterator[None]:
    note("start", os.getpid())
    yield
    gc.collect()
    note("lent", len(lent))
    note("checkouts", seen[0])
    note("sessions", sum(one.in_transaction() for one in session._sessions.values()))


def create_app() -> App:
    app = make()
    app.lifespan(count)
    return app
