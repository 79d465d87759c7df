"""examples/realworld under `hinge run`, as its README.md says: real sockets, several workers, both databases."""

import re
import shlex
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from tests.examples.harness import EXAMPLES, ROOT
from tests.examples.realworld_support import Someone
from tests.support.services import Serve, Service

pytestmark = [pytest.mark.server, pytest.mark.gate]

APP = ("examples/realworld/app.py:create_app", "--factory")


@pytest.fixture
def environ(database_url: str) -> dict[str, str]:
    return {"REALWORLD_SECRET": "s" * 32, "REALWORLD_DATABASE_URL": database_url}


def told() -> list[Any]:
    """Return the environment and the arguments of each command of the README."""
    lines = re.findall(r"^(REALWORLD_.*) hinge run (.*)$", (EXAMPLES / "realworld/README.md").read_text(), re.MULTILINE)
    assert len(lines) == 3
    return [pytest.param(*line, id=line[1]) for line in lines]


@pytest.mark.parametrize(("variable", "arguments"), told())
def test_what_the_readme_tells_to_type_works(serve: Serve, tmp_path: Path, variable: str, arguments: str) -> None:
    name, _, value = variable.partition("=")
    given = {name: "s" * 32 if value.startswith("$(") else value}
    service = serve(*shlex.split(arguments), REALWORLD_DATABASE_URL=f"sqlite:///{tmp_path}/r.db", **given)
    assert service.client.get("/api/articles").json() == {"articles": [], "articlesCount": 0}
    assert service.client.get("/docs").status_code == 200
    assert service.stop() == 0
    assert "Traceback" not in service.log()


def test_without_a_secret_it_does_not_start(tmp_path: Path) -> None:
    service = Service(tmp_path, *APP, cwd=ROOT)
    assert service.wait() == 1
    assert "REALWORLD_SECRET must have 32 characters or more" in service.log()


def test_workers_share_a_new_database(serve: Serve, backend: str, environ: dict[str, str]) -> None:
    """Of two that start together one makes the tables; a token that one gave is good for all."""
    service = serve(*APP, "--backend", backend, workers=2, **environ)
    ann = Someone(service.client).registered("ann")
    slug = ann.write(tagList=["dragons"])["slug"]
    for _ in range(20):  # on connections of their own, to any worker
        answer = service.get(f"/api/articles/{slug}", headers=ann.headers)
        assert answer.json()["article"]["tagList"] == ["dragons"]
        assert service.get("/api/user", headers=ann.headers).json()["user"]["username"] == "ann"
    assert service.stop() == 0
    assert "Traceback" not in service.log()


def test_what_was_answered_survives_a_power_cut(serve: Serve, backend: str, environ: dict[str, str]) -> None:
    service = serve(*APP, "--backend", backend, **environ)
    ann = Someone(service.client).registered("ann")
    written = [ann.write(title=f"number {number}")["slug"] for number in range(10)]
    service.kill()
    again = serve(*APP, "--backend", backend, **environ)
    assert Someone(again.client).slugs() == written[::-1]


def test_an_upload_of_nobody_is_refused_before_it_came(serve: Serve, backend: str, environ: dict[str, str]) -> None:
    service = serve(*APP, "--backend", backend, **environ)
    begun = time.monotonic()
    answer = service.client.post(
        "/api/articles", content=b"x" * 5_000_000, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Token ")
    assert time.monotonic() - begun < 10
    assert service.client.get("/api/tags").json() == {"tags": []}
    service.signal(signal.SIGTERM)
    assert service.wait() == 0
