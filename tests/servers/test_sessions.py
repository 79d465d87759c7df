"""Sessions that two workers of Granian share, over real connections."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.processes import PATIENCE
from tests.support.services import services
from tests.support.waiting import until

pytestmark = [pytest.mark.server, pytest.mark.gate]

HERE = str(Path(__file__).parent)


@pytest.fixture(params=["wsgi", "asgi"])
def url(request: pytest.FixtureRequest, tmp_path: Path, where: str) -> Any:
    environ = {"SESSIONS_STORE": where, "SESSIONS_PREFIX": f"{request.param}:"}
    with services(tmp_path, cwd=Path(HERE), **environ) as serve:
        service = serve("sessions_app:app", "--backend", request.param, "--workers", "2").started()
        yield service.url
        assert service.stop() == 0, service.log()
        assert "Traceback" not in service.log()
        assert "Warning" not in service.log()


@pytest.fixture(params=["sqlite", "redis"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "s.db") if request.param == "sqlite" else request.getfixturevalue("redis").url


def fresh(url: str, method: str, path: str, cookie: str | None = None) -> httpx.Response:
    """Send a request on a connection of its own, which any worker may take."""
    headers = {"cookie": f"session={cookie}"} if cookie else {}
    return httpx.request(method, url + path, headers=headers, timeout=PATIENCE)


def test_two_workers_share_a_session(url: str) -> None:
    cookie = fresh(url, "PUT", "/a?value=1").cookies["session"]
    workers: set[int] = set()

    def seen() -> bool:
        found = fresh(url, "GET", "/", cookie).json()
        workers.add(found.pop("worker"))
        assert found == {"a": "1"}
        return len(workers) == 2

    until(seen, "both workers")
    with ThreadPoolExecutor(8) as threads:
        paths = [f"/k{number}?value=x" for number in range(40)]
        answers = list(threads.map(lambda path: fresh(url, "PUT", path, cookie), paths))
    assert {answer.status_code for answer in answers} == {200}
    kept = fresh(url, "GET", "/", cookie).json()
    assert {name for name in kept if name.startswith("k")} == {f"k{number}" for number in range(40)}
    renewed = fresh(url, "POST", "/login", cookie).cookies["session"]
    for _ in range(10):  # whichever worker it is
        assert "user" not in fresh(url, "GET", "/", cookie).json()
        assert fresh(url, "GET", "/", renewed).json()["user"] == "ada"
    fresh(url, "POST", "/logout", renewed)
    assert all(set(fresh(url, "GET", "/", renewed).json()) == {"worker"} for _ in range(10))
