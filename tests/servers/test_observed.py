"""What is observed of an app under `hinge run`: the workers' sums, the end of streams, the stop."""

import contextlib
import json
import re
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.support.services import Serve, services
from tests.support.waiting import until
from websockets.sync.client import connect

pytest.importorskip("prometheus_client")
pytest.importorskip("opentelemetry.sdk")

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

TRACED = """
import asyncio, json, os, time
from hinge import App, Request
from hinge.observability import Tracing
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult


class Journal(SpanExporter):
    def export(self, spans):
        with open("spans", "a") as file:
            for one in spans:
                parent = one.parent and format(one.parent.span_id, "016x")
                told = [one.name, format(one.context.span_id, "016x"), parent, format(one.context.trace_id, "032x")]
                file.write(json.dumps([*told, os.getpid()]) + "\\n")
        return SpanExportResult.SUCCESS


provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(Journal()))
span = provider.get_tracer("app").start_as_current_span
app = App()
app.observe(Tracing(provider=provider))


@app.lifespan
def life(app):
    with open("notes", "a") as file:
        file.write(f"start {os.getpid()}\\n")
    yield


@app.get("/def")
def plain() -> str:
    with span("inner"):
        time.sleep(0.02)
        return "ok"


@app.get("/async")
async def waits() -> str:
    with span("inner"):
        await asyncio.sleep(0.02)
        return "ok"


@app.get("/stream")
async def stream():
    with span("inner"):
        pass
    yield "a"
    await asyncio.sleep(0.01)
    yield "b"


@app.get("/after")
def after(request: Request) -> str:
    async def work():
        with span("inner"):
            await asyncio.sleep(0)

    request.after_response(work)
    return "ok"
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


@both
@pytest.mark.parametrize("workers", ["1", "2"])
def test_spans_of_requests_at_once_have_their_own_parents(
    serve: Serve, backend: str, workers: str, tmp_path: Path
) -> None:
    (tmp_path / "traced.py").write_text(TRACED)
    service = serve("traced:app", "--backend", backend, "--workers", workers).started(int(workers))
    paths = ["/def", "/async", "/stream", "/after"] * 10

    def ask(number: int) -> None:
        caller = f"00-{number + 1:032x}-{number + 1:016x}-01"
        answer = service.get(paths[number], headers={"traceparent": caller})
        assert answer.text in ("ok", "ab")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(len(paths))))
    read = (tmp_path / "spans").read_text
    until(lambda: read().count("\n") == 2 * len(paths), "all spans", service.log)
    spans = [json.loads(line) for line in read().splitlines()]
    servers = {trace: (span, name) for name, span, parent, trace, _ in spans if name != "inner"}
    assert len(servers) == len(paths)
    for name, _, parent, trace, _ in spans:
        if name == "inner":
            assert parent == servers[trace][0]
        else:
            assert int(parent, 16) == int(trace, 16), "the caller's"
            assert name == f"GET {paths[int(trace, 16) - 1]}"


# -- on each server ----------------------------------------------------------------------------------------------------

SERVERS = ("granian-wsgi", "granian-asgi", "uvicorn", "hypercorn", "daphne", "gunicorn", "waitress")
SIZE = len((Path(__file__).parent / "observed_app.py").read_bytes())


@pytest.fixture(params=SERVERS)
def seen(request: pytest.FixtureRequest, pool: Any) -> Any:
    """Return `(server, what was noted of a route since the test began, once there is something)`."""
    server = pool(request.param, "observed_app:app")
    before = len(server.journal("seen "))

    def noted(route: str) -> list[str]:
        def found() -> list[str]:
            lines = [entry.text.split() for entry in server.journal("seen ")[before:]]
            return [line for line in lines if line[1] == route]

        until(found, f"the end of {route}", server.log)
        return [" ".join(line[2:]) for line in found()]

    return server, noted


@pytest.mark.parametrize(
    ("method", "target", "route", "ended"),
    [
        ("GET", "/plain", "/plain", "200 5 NoneType"),
        ("HEAD", "/plain", "/plain", "200 0 NoneType"),
        ("GET", "/sync", "/sync", "200 5 NoneType"),
        ("HEAD", "/sync", "/sync", "200 0 NoneType"),
        ("GET", "/async", "/async", "200 5 NoneType"),
        ("GET", "/file", "/file", f"200 {SIZE} NoneType"),
        ("HEAD", "/file", "/file", "200 0 NoneType"),
        ("GET", "/cut", "/cut", "200 3 KeyError"),
        ("POST", "/nowhere", "None", "404 "),
    ],
)
def test_the_end_of_an_answer_is_seen_once(seen: Any, method: str, target: str, route: str, ended: str) -> None:
    server, noted = seen
    with contextlib.suppress(Exception):
        server.request(method, target)
    (line,) = noted(route)
    assert line.startswith(ended)


def test_a_client_that_leaves_is_seen(seen: Any) -> None:
    server, noted = seen
    wire = server.wire()
    wire.get("/endless")
    wire.read_some(wire.head())
    wire.close()
    (line,) = noted("/endless")
    status, size, error = line.split()
    assert (status, error) == ("200", "ClientDisconnect")
    assert int(size) >= 1000


def test_work_after_a_response_comes_after_its_end(seen: Any) -> None:
    server, noted = seen
    server.get("/after")
    assert noted("/after") == ["200 5 NoneType"]
    (after,) = server.wait_for("after")
    assert after.time >= server.journal("seen /after")[-1].time


def test_a_websocket_is_seen_at_its_end(seen: Any) -> None:
    server, noted = seen
    if not server.kind.websocket:
        pytest.skip("the server has no WebSockets")
    with connect(server.websocket_url("/ws")) as ws:
        ws.send("one")
        assert ws.recv() == "one"
        assert server.journal("seen /ws") == []
    assert noted("/ws") == ["101 0 NoneType"]
