"""A limit by user under `hinge run` with two workers: they share their counts, and go on without their Redis."""

import sys
from pathlib import Path
from typing import Any

import pytest
from tests.support.redis import redis
from tests.support.servers import Kind, running
from tests.support.waiting import until

from hinge.backend.installed import installed_backends

__all__ = ["redis"]
pytestmark = [
    pytest.mark.server,
    pytest.mark.gate,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Granian's workers share a port there"),
]
pytest.importorskip("limits", reason="the extra hinge-web[limits] is not installed")
pytest.importorskip("redis", reason="the extra hinge-web[limits] is not installed")


@pytest.mark.parametrize("backend", [name for name in installed_backends() if name != "lambda"])
@pytest.mark.parametrize("store", ["up", "down"])
def test_two_workers(backend: str, store: str, redis: Any, tmp_path: Path) -> None:
    kind = Kind(
        f"hinge-{backend}",
        backend,
        lambda port, target: ["hinge", "run", "--backend", backend, "--workers", "2", "--port", str(port), target],
    )
    url = redis.url if store == "up" else "redis://127.0.0.1:1/0"
    with running(kind, "limited:app", tmp_path, environ={"LIMITED_STORE": url}) as server:
        until(lambda: len(server.workers()) == 2, "two workers", server.log)
        user = f"{backend}-{store}-{server.port}"
        answers = [server.get("/", user=user) for _ in range(12)]
        statuses = [answer.status for answer in answers]
        assert statuses == ([200] * 5 + [429] * 7 if store == "up" else [200] * 12)
        if store == "up":
            assert 1 <= int(answers[-1]["retry-after"] or "") <= 3600
        else:
            assert "the store does not answer" in server.log()
