"""examples/realworld under load: 64 connections and everything the API does, over sockets, on both backends.

Law: nothing is lost, nothing fails, and nothing stays: what was answered is in the database, no answer is a 5xx, and
when a worker stops, nobody has a connection or a session of its pools.

REALWORLD_REQUESTS=20000 sends so many in place of 2,000; `-rP` shows the rates.
"""

import http.client
import itertools
import json
import os
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from tests.examples.harness import EXAMPLES, ROOT
from tests.examples.realworld_support import ARTICLE
from tests.support.services import Serve, Service
from tests.support.waiting import PATIENCE

pytestmark = [pytest.mark.server, pytest.mark.gate]

REQUESTS = int(os.environ.get("REALWORLD_REQUESTS", "2000"))
CONNECTIONS = 64
APP = "tests/examples/realworld_counted.py:create_app"


@dataclass
class Visitor:
    """One connection, its user, and what they were told is done."""

    port: int
    number: int
    statuses: Counter[int] = field(default_factory=Counter)
    articles: list[str] = field(default_factory=list)
    comments: int = 0
    is_favorite: bool = False

    def __post_init__(self) -> None:
        self.name = f"visitor{self.number}"
        self._wire = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE * 2)
        self._headers: dict[str, str] = {}
        self._password = f"{self.name}'s password"

    def send(self, method: str, path: str, **body: Any) -> Any:
        """Return the document of an answer; `None` where it has none."""
        content = json.dumps(body).encode() if body else None
        headers = self._headers | ({"content-type": "application/json"} if body else {})
        self._wire.request(method, f"/api{path}", content, headers)
        response = self._wire.getresponse()
        document = response.read()
        self.statuses[response.status] += 1
        if response.status not in (200, 201, 204):
            raise AssertionError(f"{method} {path}: {response.status} {document!r}")
        return json.loads(document) if document else None

    def register(self) -> None:
        user = {"username": self.name, "email": f"{self.name}@example.org", "password": self._password}
        token = self.send("POST", "/users", user=user)["user"]["token"]
        self._headers["authorization"] = f"Token {token}"
        self.write()

    def close(self) -> None:
        self._wire.close()

    # -- what they do --------------------------------------------------------------------------------------------------

    def write(self) -> None:
        article = {**ARTICLE, "title": f"{self.name} {len(self.articles)}", "tagList": ["load", self.name]}
        self.articles.append(self.send("POST", "/articles", article=article)["article"]["slug"])

    def change(self) -> None:
        self.send("PUT", f"/articles/{self.articles[-1]}", article={"body": f"Changed by {self.name}."})

    def read(self) -> None:
        assert self.send("GET", f"/articles/{self.articles[-1]}")["article"]["author"]["username"] == self.name

    def search(self) -> None:
        assert self.send("GET", "/articles?limit=10")["articlesCount"] >= len(self.articles)

    def find(self) -> None:
        assert self.send("GET", f"/articles?author={self.name}&limit=5")["articlesCount"] == len(self.articles)

    def feed(self) -> None:
        self.send("GET", "/articles/feed?limit=5")

    def comment(self) -> None:
        self.send("POST", f"/articles/{self.articles[0]}/comments", comment={"body": "Nice."})
        self.comments += 1

    def comments_(self) -> None:
        found = self.send("GET", f"/articles/{self.articles[0]}/comments")["comments"]
        assert len(found) == self.comments

    def favorite(self) -> None:
        method = "DELETE" if self.is_favorite else "POST"
        article = self.send(method, f"/articles/{self.articles[0]}/favorite")["article"]
        self.is_favorite = not self.is_favorite
        assert article["favorited"] is self.is_favorite

    def me(self) -> None:
        assert self.send("GET", "/user")["user"]["username"] == self.name

    def follow(self) -> None:
        assert self.send("POST", "/profiles/visitor0/follow")["profile"]["following"] is True

    def profile(self) -> None:
        self.send("GET", "/profiles/visitor0")

    def tags(self) -> None:
        assert "load" in self.send("GET", "/tags")["tags"]

    def log_in(self) -> None:
        self.send("POST", "/users/login", user={"email": f"{self.name}@example.org", "password": self._password})


MIX = (
    *[Visitor.search] * 6, *[Visitor.read] * 6, *[Visitor.find] * 3, *[Visitor.feed] * 3, *[Visitor.profile] * 3,
    *[Visitor.me] * 3, *[Visitor.comments_] * 3, *[Visitor.tags] * 2, *[Visitor.comment] * 3, *[Visitor.favorite] * 3,
    *[Visitor.write] * 2, Visitor.change, Visitor.follow, Visitor.log_in,
)  # fmt: skip
"""Forty requests: three of four read."""


def order(number: int) -> "itertools.cycle[Any]":
    """Return what a visitor does, in an order of their own."""
    step = (3, 7, 11, 17, 23, 29)[number % 6]  # primes that do not divide 40: other orders of the same mix
    return itertools.cycle([MIX[(number + index * step) % len(MIX)] for index in range(len(MIX))])


def load(visitors: list[Visitor], requests: int) -> float:
    """Have all visitors send their share at the same time, and return the seconds that it took."""
    barrier = Barrier(len(visitors) + 1)

    def visit(visitor: Visitor) -> None:
        visitor.register()
        barrier.wait(PATIENCE * 4)
        for action in itertools.islice(order(visitor.number), requests // len(visitors)):
            action(visitor)

    with ThreadPoolExecutor(len(visitors)) as threads:
        visits = [threads.submit(visit, visitor) for visitor in visitors]
        for one in visits:
            one.add_done_callback(lambda done: barrier.abort() if done.exception() else None)
        barrier.wait(PATIENCE * 4)
        begun = time.monotonic()
        for one in visits:
            one.result(PATIENCE * 20)
        return time.monotonic() - begun


def started(serve: Serve, url: str, backend: str, workers: int, folder: Path) -> Service:
    return serve(
        APP, "--factory", "--backend", backend, workers=workers, cwd=ROOT, NOTES=str(folder / "notes"),
        REALWORLD_SECRET="s" * 32, REALWORLD_DATABASE_URL=url, PYTHONPATH=os.pathsep.join([str(EXAMPLES), str(ROOT)]),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("database_url", "workers"), [("sqlite", 1), ("sqlite", 2), ("postgresql", 2)], indirect=["database_url"]
)
def test_under_load_nothing_is_lost_and_nothing_stays(
    serve: Serve, backend: str, workers: int, database_url: str, tmp_path: Path
) -> None:
    service = started(serve, database_url, backend, workers, tmp_path)
    visitors = [Visitor(service.port, number) for number in range(CONNECTIONS)]
    try:
        seconds = load(visitors, REQUESTS)
        statuses = sum((visitor.statuses for visitor in visitors), Counter())
        visitors[0].close()
        found = visitors[0].send("GET", "/articles?limit=1")["articlesCount"]
        assert found == sum(len(visitor.articles) for visitor in visitors), "each article that was answered is there"
        for visitor in visitors:
            visitor.close()  # the server leaves connections that were idle for long; the next request makes a new one
            visitor.find()
            visitor.comments_()
            assert (
                visitor.send("GET", f"/articles/{visitor.articles[0]}")["article"]["favorited"] is visitor.is_favorite
            )
    finally:
        for visitor in visitors:
            visitor.close()
    if database_url.startswith("postgresql"):
        import psycopg

        with psycopg.connect(database_url) as connection:
            open_ = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle'"
            assert connection.execute(open_).fetchone() == (1,), "none but this connection has a transaction"
    assert service.stop() == 0
    assert set(statuses) <= {200, 201, 204}
    assert service.noted("lent") == [0] * workers
    assert service.noted("sessions") == [0] * workers
    assert sum(service.noted("checkouts")) > REQUESTS, "the count counts"
    assert "Traceback" not in service.log()
    assert "WARNING" not in service.log()
    rate = REQUESTS // CONNECTIONS * CONNECTIONS / seconds
    kind = database_url.partition(":")[0]
    sys.stdout.write(f"{backend}, {workers} workers, {kind}: {rate:.0f} requests/s\n")
