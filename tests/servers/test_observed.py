"""What is observed of an app under `hinge run`: the workers' sums, the end of streams, the stop."""

import json
import re
import signal
from pathlib import Path
from typing import Any

import pytest
from tests.support.services import Serve, services
from tests.support.waiting import until

pytest.importorskip("prometheus_client")

pytestmark = [pytest.mark.server, pytest.mark.gate]

APP = """
import logging, os, time
from hinge import App
from hinge.health import Health
from hinge.observability import Metrics


async def check() -> None:
    if os.path.exists("down"):
        raise RuntimeError("no database")


app = App()
app.observe(Metrics())
app.include(Health(checks=[check], cache=0))


@app.lifespan
def life(app):
    with open("notes", "a") as file:
        file.write(f"start {os.getpid()}\\n")
    yield


@app.get("/pid")
def pid() -> int:
    return os.getpid()


@app.get("/fails")
def fails() -> None:
    logging.getLogger("seen").info("about to fail")
    raise KeyError("no")


@app.get("/kill")
def kill() -> None:
    os.kill(os.getpid(), 9)


@app.get("/ticks")
def ticks():
    for _ in range(40):
        yield "tick"
        time.sleep(0.05)
"""

both = pytest.mark.parametrize("backend", ["wsgi", "asgi"])


@pytest.fixture
def serve(tmp_path: Path) -> Any:
    (tmp_path / "seen.py").write_text(APP)
    with services(tmp_path) as found:
        yield found


def value(page: str, line: str) -> float:
    """Return the value of the line of a page that begins so, 0 if there is none."""
    return next((float(one.rpartition(" ")[2]) for one in page.splitlines() if one.startswith(line)), 0.0)


@both
@pytest.mark.parametrize("workers", ["1", "2"])
def test_the_page_shows_the_sum_of_all_workers(serve: Serve, backend: str, workers: str, tmp_path: Path) -> None:
    service = serve("seen:app", "--backend", backend, "--workers", workers, TMPDIR=str(tmp_path)).started(int(workers))
    pids: set[int] = set()
    count = 0
    while len(pids) < int(workers):
        pids.add(service.get("/pid").json())
        count += 1
    for _ in range(5):
        assert value(service.get("/metrics").text, 'http_requests_total{method="GET",route="/pid"') == count
    service.stop()
    assert [*tmp_path.glob("hinge-metrics-*")] == [], "the folder is gone with the service"


@both
def test_a_stream_is_under_way_until_it_ends(serve: Serve, backend: str) -> None:
    service = serve("seen:app", "--backend", backend).started(1)
    line = 'http_requests_in_progress{method="GET",route="/ticks"}'
    with service.client.stream("GET", "/ticks") as answer:
        next(answer.iter_text())
        assert value(service.get("/metrics").text, line) == 1
    until(lambda: value(service.get("/metrics").text, line) == 0, "the end of the stream", service.log)
    page = service.get("/metrics").text
    assert value(page, 'http_requests_failed_total{error="ClientDisconnect",method="GET",route="/ticks"}') == 1
    assert 0 < value(page, 'http_request_duration_seconds_sum{method="GET",route="/ticks"}') < 3


@both
def test_a_worker_that_dies_is_not_counted_as_busy(serve: Serve, backend: str) -> None:
    service = serve("seen:app", "--backend", backend, "--workers", "2").started(2)
    line = 'http_requests_in_progress{method="GET",route="/kill"}'
    with pytest.raises(Exception, match=r"disconnected|reset"):
        service.get("/kill")
    until(lambda: len(service.notes()) == 3, "another worker", service.log)
    page = service.get("/metrics").text
    assert value(page, line) == 0
    assert "http_requests_in_progress" in page


@both
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_service_that_stops_is_not_ready_and_still_serves(
    serve: Serve, backend: str, workers: str, tmp_path: Path
) -> None:
    service = serve("seen:app", "--backend", backend, "--workers", workers, "--drain-delay", "2")
    service.started(int(workers))
    assert service.get("/ready").status_code == 200
    (tmp_path / "down").touch()
    assert (service.get("/ready").status_code, service.get("/live").status_code) == (503, 200)
    (tmp_path / "down").unlink()
    service.signal(signal.SIGTERM)
    until(lambda: service.get("/ready").status_code == 503, "the end of readiness", service.log)
    assert service.get("/ready").json() == {"status": "stopping"}
    assert [service.get(path).status_code for path in ("/pid", "/live")] == [200, 200]
    assert service.wait() == 0


@both
def test_all_that_is_logged_is_json(serve: Serve, backend: str) -> None:
    service = serve("seen:app", "--backend", backend, "--access-log", "--log-format", "json").started(1)
    assert service.get("/pid?secret").status_code == 200
    assert service.get("/fails").status_code == 500
    assert service.get("/%0Aforged").status_code == 404
    service.wait_for("forged")
    assert service.stop() == 0
    lines = [json.loads(line) for line in service.log().splitlines()]
    loggers = {line["logger"] for line in lines}
    assert loggers >= {"_granian", "hinge", "hinge.access", "seen"}
    assert [line["message"] for line in lines if line["logger"] == "seen"] == ["about to fail"]
    access = [line for line in lines if line["logger"] == "hinge.access"]
    assert [(line["route"], line["status"]) for line in access] == [("/pid", 200), ("/fails", 500), ("-", 404)]
    assert "secret" not in service.log()
    (failure,) = [line for line in lines if line["logger"] == "hinge"]
    assert "KeyError" in failure["exception"]


@both
def test_the_access_log_has_the_time_and_goes_to_stdout(serve: Serve, backend: str) -> None:
    service = serve("seen:app", "--backend", backend, "--access-log").started(1)
    assert service.get("/pid").status_code == 200
    service.wait_for("GET /pid")
    assert service.stop() == 0
    (line,) = [line for line in service.log().splitlines() if "GET /pid" in line]
    time = r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}\]"
    assert re.fullmatch(time + r' 127\.0\.0\.1 - "GET /pid HTTP/1\.1" 200 \d+\.\d{3} \d+ /pid -', line)


def test_a_file_and_a_format_are_not_both(serve: Serve) -> None:
    service = serve("seen:app", "--log-format", "json", "--log-config", "log.toml")
    assert service.wait() == 2
    assert "log_format is set with log_config, which says how lines are written. Fix: drop one" in service.log()
