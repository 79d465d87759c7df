"""What the tests of examples/realworld share: its modules, a database of each kind, users, who counts connections."""

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.examples.harness import imported

ARTICLE = {"title": "How to train your dragon", "description": "Ever wonder how?", "body": "Very carefully."}

Modules = Callable[[str], Any]
"""From the name of one of the example's modules to the module."""


@pytest.fixture(scope="module")
def realworld() -> Iterator[Modules]:
    """Import the example once for a file: nothing that it keeps in modules belongs to an app."""
    pytest.importorskip("sqlalchemy", reason="hinge-web[realworld] is not installed")
    with imported("realworld.app"):
        yield lambda name: importlib.import_module(f"realworld.{name}")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of an empty database, once of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/realworld.db"
    return str(request.getfixturevalue("postgres").database())


@pytest.fixture
def settings(realworld: Modules, database_url: str) -> Any:
    """Return the settings of an app with that database."""
    return realworld("settings").Settings(
        _env_file=None, secret="s" * 32, database_url=database_url, origins=["https://ui.example"]
    )


class Pools:
    """The pools of an app's connections."""

    def __init__(self) -> None:
        self.engines: list[Any] = []

    def watched(self, engine: Any) -> Any:
        """Return an engine whose pool counts."""
        self.engines.append(engine)
        return engine

    def plain(self) -> Any:
        """Return the engine of the plain handlers."""
        return next(engine for engine in self.engines if not hasattr(engine, "sync_engine"))

    def lent(self) -> int:
        """Return how many connections somebody has."""
        return sum(engine.pool.checkedout() for engine in self.engines)


class Someone:
    """A user with a token, or nobody."""

    def __init__(self, client: Any, user: dict[str, Any] | None = None) -> None:
        self.client = client
        self.user = user or {}
        self.headers = {"authorization": f"Token {user['token']}"} if user else {}

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Return the answer to a request."""
        sent: dict[str, Any] = {} if body is None else {"json": body}
        return self.client.request(method, f"/api{path}", headers=self.headers, **sent)

    def send(self, method: str, path: str, status: int = 200, **body: Any) -> Any:
        """Return the document of an answer, which must have a status."""
        response = self.ask(method, path, body or None)
        assert response.status_code == status, (method, path, response, response.text)
        return response.json() if response.content else None

    def registered(self, name: str) -> "Someone":
        """Return a new user."""
        user = {"username": name, "email": f"{name}@example.org", "password": f"{name}'s password"}
        return Someone(self.client, self.send("POST", "/users", 201, user=user)["user"])

    def write(self, **fields: Any) -> Any:
        """Return a new article."""
        return self.send("POST", "/articles", 201, article={**ARTICLE, **fields})["article"]

    def slugs(self, query: str = "") -> list[str]:
        """Return the slugs of a list of articles."""
        return [article["slug"] for article in self.send("GET", f"/articles{query}")["articles"]]
