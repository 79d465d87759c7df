"""`hinge run` with real processes: start, serve, stop; exactly once each, within bounds, on every backend."""

import contextlib
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest
from tests.support.services import Serve, Service
from tests.support.waiting import PATIENCE, until
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

pytestmark = pytest.mark.server

SLOWNESS = 8.0
"""Seconds that a busy machine may add to what takes a moment."""

APP = """\
import asyncio
import gc
import os
import threading
import time

from hinge import App, Config, EventSourceResponse, HTTPError, Request, StreamingResponse

app = App(config=Config(max_body_size=1000))


def note(text):
    with open("notes", "a") as file:
        file.write(f"{text} {os.getpid()}\\n")


@app.lifespan
async def life(app):
    note("start")
    if os.path.exists("fail"):
        raise RuntimeError("no database")
    if os.path.exists("block"):
        await asyncio.sleep(2)
    yield {"pid": os.getpid()}
    note("stop")


@app.get("/")
def home(request: Request) -> dict:
    assert request.state["pid"] == os.getpid()
    return {"pid": os.getpid(), "debug": app.config.debug, "version": "one"}


@app.get("/where")
async def where() -> str:
    return "asgi" if threading.current_thread() is threading.main_thread() else "wsgi"


@app.get("/collector")
def collector() -> dict:
    return {"frozen": gc.get_freeze_count(), "young": gc.get_threshold()[0]}


@app.get("/slow")
def slow(seconds: float) -> str:
    note("slow")
    time.sleep(seconds)
    return "done"


async def ticks(name):
    try:
        while True:
            yield "tick\\n"
            await asyncio.sleep(0.05)
    finally:
        note(f"{name}-closed")


def blocking_ticks():
    try:
        while True:
            yield "tick\\n"
            time.sleep(0.05)
    finally:
        note("blocking-closed")


@app.get("/stream")
def stream():
    return StreamingResponse(ticks("stream"))


@app.get("/blocking")
def blocking():
    return StreamingResponse(blocking_ticks())


@app.get("/events")
def events():
    return EventSourceResponse(ticks("events"))


async def work(name, seconds):
    note(f"{name}-begins")
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        note(f"{name}-cancelled")
        raise
    note(f"{name}-done")


def blocking_work():
    note("blocking-begins")
    time.sleep(0.7)
    note("blocking-done")


@app.get("/after")
def after(request: Request) -> str:
    request.after_response(work, "coroutine", 0.7)
    request.after_response(blocking_work)
    return "answered"


@app.get("/after/endless")
async def after_endless(request: Request) -> str:
    request.after_response(work, "endless", 3600)
    return "answered"


@app.get("/poll")
async def poll() -> None:
    await work("poll", 3600)


@app.get("/left/def")
def left() -> str:
    note("def-begins")
    time.sleep(1.2)
    note("def-done")
    return "nobody reads it"


@app.get("/left/async")
async def left_async() -> None:
    await work("async", 1.2)


@app.get("/hang")
def hang() -> None:
    note("hang")
    while True:
        time.sleep(1)


def make():
    return app
"""

LIVE = """

from hinge import WebSocket


@app.websocket("/live")
async def live(ws: WebSocket) -> None:
    await ws.accept()
    try:
        async for text in ws:
            await ws.send(text)
    finally:
        note("live-closed")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "served.py").write_text(APP)
    (tmp_path / "live.py").write_text(APP + LIVE)
    return tmp_path


def timed_stop(service: Service) -> tuple[int, float]:
    """Stop a service and return its exit code and how many seconds it took."""
    begun = time.monotonic()
    return service.stop(), time.monotonic() - begun


class Reader(threading.Thread):
    """A client that reads an answer to its end, or to where it is cut."""

    def __init__(self, port: int, path: str) -> None:
        super().__init__(daemon=True)
        self._url = f"http://127.0.0.1:{port}{path}"
        self.begun = threading.Event()
        self.text = ""
        self.start()

    def run(self) -> None:
        with contextlib.suppress(httpx.HTTPError), httpx.stream("GET", self._url, timeout=PATIENCE) as response:
            for chunk in response.iter_text():
                self.text += chunk
                self.begun.set()


LATER = pytest.param("wsgi", marks=pytest.mark.gate)
both = pytest.mark.parametrize("backend", ["wsgi", "asgi"])
either = pytest.mark.parametrize("backend", [LATER, "asgi"])
"""For what the process that starts the workers does, whatever they serve: the other one is the gate's."""


# -- start and stop ----------------------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.gate)])
def test_the_lifespan_runs_once_in_the_worker(serve: Serve, backend: str, number: signal.Signals) -> None:
    service = serve("served:app", "--backend", backend).started(1)
    assert service.notes() == ["start"], "the start precedes the first request"
    assert f"Serving served:app with backend {backend}: {service.url}, API documentation at /docs\n" in service.log()
    pid = service.get().json()["pid"]
    service.signal(number)
    assert service.wait() == 0
    assert service.notes() == ["start", "stop"]
    assert service.noted("start") == service.noted("stop") == [pid]
    assert pid != service.process.pid
    assert "Traceback" not in service.log()


@either
def test_the_collector_leaves_alone_what_is_loaded(serve: Serve, backend: str) -> None:
    found = serve("served:app", "--backend", backend).started(1).get("/collector").json()
    assert found["frozen"] > 10_000, "the app, the framework and what they import"
    assert found["young"] == 2000


@pytest.mark.gate
def test_an_app_sets_its_own_threshold_of_the_collector(serve: Serve, folder: Path) -> None:
    (folder / "served.py").write_text(f"{APP}\n\ngc.set_threshold(900)\n")
    assert serve("served:app").started(1).get("/collector").json()["young"] == 900


@pytest.mark.gate
@both
def test_a_failing_start_ends_the_service(serve: Serve, folder: Path, backend: str) -> None:
    (folder / "fail").touch()
    service = serve("served:app", "--backend", backend, "--workers", "2")
    assert service.wait() == 1
    assert service.log().count("Error: served:app did not start, nothing is served") == 1
    assert "RuntimeError: no database" in service.log()
    assert 'served.py", line ' in service.log()
    assert service.notes().count("start") <= 2, "nothing is respawned"
    assert "stop" not in service.notes()


@pytest.mark.gate
@both
def test_a_stop_ends_streams_and_runs_the_lifespan_within_the_bound(serve: Serve, backend: str) -> None:
    service = serve("served:app", "--backend", backend, "--graceful-timeout", "8").started(1)
    readers = [Reader(service.port, path) for path in ("/stream", "/blocking", "/events")]
    for reader in readers:
        assert reader.begun.wait(PATIENCE)
    code, seconds = timed_stop(service)
    assert code == 0
    assert seconds < 8 + SLOWNESS
    assert Counter(service.notes()) == Counter(["start", "stream-closed", "blocking-closed", "events-closed", "stop"])
    assert service.notes()[-1] == "stop"
    for reader in readers:
        reader.join(PATIENCE)
        assert not reader.is_alive()
    assert "Traceback" not in service.log()


def test_a_stop_closes_websockets_with_going_away(serve: Serve) -> None:
    service = serve("live:app", "--graceful-timeout", "20").started(1)
    with connect(f"ws://127.0.0.1:{service.port}/live", open_timeout=PATIENCE) as session:
        session.send("hello")
        assert session.recv(PATIENCE) == "hello"
        code, seconds = timed_stop(service)
        with pytest.raises(ConnectionClosed) as closed:
            session.recv(PATIENCE)
    assert code == 0
    assert seconds < SLOWNESS, "WebSockets do not wait for the bound"
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code in (1001, 1012)
    assert service.notes() == ["start", "live-closed", "stop"]


@both
def test_a_request_in_flight_is_answered(serve: Serve, backend: str) -> None:
    service = serve("served:app", "--backend", backend).started(1)
    reader = Reader(service.port, "/slow?seconds=1")
    until(lambda: "slow" in service.notes(), "the request has begun")
    code = service.stop()
    reader.join(PATIENCE)
    assert (code, reader.text) == (0, "done")
    assert service.notes() == ["start", "slow", "stop"]


@pytest.mark.gate
@both
@pytest.mark.parametrize("colour", ["def", "async"])
def test_a_request_in_flight_is_finished_even_if_its_client_has_left(serve: Serve, backend: str, colour: str) -> None:
    service = serve("served:app", "--backend", backend).started(1)
    with socket.create_connection(("127.0.0.1", service.port), PATIENCE) as wire:
        wire.sendall(f"GET /left/{colour} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        until(lambda: f"{colour}-begins" in service.notes(), "the request has begun")
    assert service.stop() == 0
    assert service.notes() == ["start", f"{colour}-begins", f"{colour}-done", "stop"]


@pytest.mark.gate
@both
def test_a_stop_waits_for_work_after_responses(serve: Serve, backend: str) -> None:
    service = serve("served:app", "--backend", backend).started(1)
    assert service.get("/after").text == "answered"
    until(lambda: "coroutine-begins" in service.notes(), "the work has begun")
    assert service.stop() == 0
    assert service.notes() == [
        "start", "coroutine-begins", "coroutine-done", "blocking-begins", "blocking-done", "stop",
    ]  # fmt: skip


@pytest.mark.gate
@both
def test_coroutines_that_never_end_are_cancelled_within_the_bound(serve: Serve, backend: str) -> None:
    service = serve("served:app", "--backend", backend, "--graceful-timeout", "4").started(1)
    assert service.get("/after/endless").text == "answered"
    answers: list[httpx.Response] = []
    client = threading.Thread(target=lambda: answers.append(service.get("/poll")), daemon=True)
    client.start()
    until(lambda: {"poll-begins", "endless-begins"} <= set(service.notes()), "both have begun")
    assert service.stop() == 0
    client.join(PATIENCE)
    assert Counter(service.notes()) == Counter(
        ["start", "poll-begins", "endless-begins", "poll-cancelled", "endless-cancelled", "stop"]
    )
    assert service.notes()[-1] == "stop"
    assert [answer.status_code for answer in answers] == [503]
    assert "refused to gracefully stop" not in service.log()
    assert re.search(r"handler served\.poll \(served\.py:\d+\) is cancelled", service.log())
    assert re.search(r"after_response\(served\.work \(served\.py:\d+\)\) was cancelled", service.log())


@pytest.mark.gate
@both
def test_a_handler_that_never_ends_is_left_behind_at_the_bound(serve: Serve, backend: str) -> None:
    service = serve("served:app", "--backend", backend, "--graceful-timeout", "2").started(1)
    reader = Reader(service.port, "/hang")
    until(lambda: "hang" in service.notes(), "the request has begun")
    _, seconds = timed_stop(service)
    assert seconds < 2 + SLOWNESS
    assert service.notes() == ["start", "hang", "stop"]
    assert re.search(r"handler served\.hang \(served\.py:\d+\) is left running in its thread", service.log())
    reader.join(PATIENCE)


@pytest.mark.gate
@both
def test_a_stop_during_the_start_is_obeyed_after_it(serve: Serve, folder: Path, backend: str) -> None:
    (folder / "block").touch()
    service = serve("served:app", "--backend", backend, "--graceful-timeout", "20")
    until(lambda: "start" in service.notes(), "the lifespan has begun")
    code, seconds = timed_stop(service)
    assert code == 0
    assert seconds < 2 + SLOWNESS
    assert service.notes() == ["start", "stop"]


@pytest.mark.gate
@both
def test_a_stop_told_twice_during_the_start_is_one_stop(serve: Serve, folder: Path, backend: str) -> None:
    """Ctrl-C reaches the worker from the terminal and again from its parent."""
    (folder / "block").touch()
    service = serve("served:app", "--backend", backend, "--graceful-timeout", "20")
    until(lambda: "start" in service.notes(), "the lifespan has begun")
    (worker,) = service.noted("start")
    os.kill(int(worker), signal.SIGINT)
    code, seconds = timed_stop(service)
    assert code == 0
    assert seconds < 2 + SLOWNESS
    assert service.notes() == ["start", "stop"]


@pytest.mark.gate
def test_processes_may_be_spawned(serve: Serve, folder: Path) -> None:
    """Instead of forked: elsewhere than on Linux, and everywhere from Python 3.14 on."""
    (folder / "sitecustomize.py").write_text(
        "import multiprocessing\n\nmultiprocessing.set_start_method('spawn', force=True)\n"
    )
    path = os.pathsep.join([str(folder), *filter(None, map(os.path.abspath, filter(None, sys.path)))])
    for backend in ("wsgi", "asgi"):
        service = serve("served:app", "--backend", backend, PYTHONPATH=path).started(1)
        assert service.get().status_code == 200
        assert service.stop() == 0
    assert service.notes() == ["start", "stop"] * 2


@either
def test_workers_each_have_a_lifespan(serve: Serve, backend: str) -> None:
    service = serve("served:app", "--backend", backend, "--workers", "2").started(2)
    assert service.stop() == 0
    assert sorted(service.noted("start")) == sorted(service.noted("stop"))
    assert len(set(service.noted("start"))) == 2


@either
def test_a_request_is_one_line_of_the_access_log(serve: Serve, backend: str) -> None:
    service = serve("served:app", "--backend", backend, "--access-log").started(1)
    forged = "/a%0A%0D%1b[31m%22%20%C3%A9%2525%E2%80%AE"
    for target in (forged, "/slow?seconds=0%0A", "/last"):
        with socket.create_connection(("127.0.0.1", service.port), PATIENCE) as wire:
            wire.sendall(f"GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
            while wire.recv(65_536):
                pass
    service.wait_for("/last")
    assert service.stop() == 0
    (line,) = (line for line in service.log().splitlines() if "/a" in line)
    assert '127.0.0.1 - "GET /a%0A%0D%1B%5B31m%22%20%C3%A9%2525%E2%80%AE HTTP/1.1" 404 ' in line
    assert line.isascii()
    assert line.isprintable()
    assert sum("GET /" in line for line in service.log().splitlines()) == 3


FORGED = """

import warnings

EVIL = "x\\r2026 ERROR forged\\n2026 ERROR forged\\x1b[31m"
OWN = os.environ.get("OWN_HOOK")
if OWN:
    threading.excepthook = lambda failed: print("a hook of its own", flush=True)


class Failing:
    def __del__(self):
        raise ValueError(EVIL)


def fails():
    raise ValueError(EVIL)


@app.get("/forged")
def forged() -> str:
    thread = threading.Thread(target=fails)
    thread.start()
    thread.join()
    Failing()
    warnings.warn(EVIL)
    return "done"
"""


@pytest.mark.parametrize("own", ["", pytest.param("1", marks=pytest.mark.gate)], ids=["no hooks", "a hook of its own"])
@either
def test_what_python_itself_says_forges_no_line(serve: Serve, folder: Path, backend: str, own: str) -> None:
    (folder / "forged.py").write_text(APP + FORGED)
    service = serve("forged:app", "--backend", backend, OWN_HOOK=own).started(1)
    assert service.get("/forged").text == "done"
    assert service.stop() == 0
    lines = service.log().splitlines()
    assert not [line for line in lines if line.startswith("2026") or "\x1b" in line]
    assert sum("2026 ERROR forged\\x1b[31m" in line for line in lines) == (2 if own else 3)
    assert any("a hook of its own" in line for line in lines) is bool(own)


@either
def test_a_killed_worker_is_replaced(serve: Serve, backend: str) -> None:
    service = serve("served:app", "--backend", backend).started(1)
    first = service.get().json()["pid"]
    os.kill(first, signal.SIGKILL)
    service.started(2)
    assert service.get().json()["pid"] != first
    assert service.stop() == 0


@either
def test_workers_end_when_their_parent_is_killed(serve: Serve, backend: str) -> None:
    service = serve("served:app", "--backend", backend, "--workers", "2").started(2)
    service.signal(signal.SIGKILL)
    service.wait()
    until(lambda: service.notes().count("stop") == 2, "both workers stopped")


# -- refuse ------------------------------------------------------------------------------------------------------------


def test_an_app_that_the_backend_cannot_serve_is_refused(serve: Serve) -> None:
    service = serve("live:app", "--backend", "wsgi")
    assert service.wait() == 1
    assert "backend wsgi cannot serve live:app" in service.log()
    assert "/live" in service.log()
    assert re.search(r"live\.py:\d+", service.log())
    assert "Fix: " in service.log()
    assert "Starting granian" not in service.log()
    assert service.notes() == []


def test_skip_unsupported_serves_the_rest(serve: Serve) -> None:
    service = serve("live:app", "--backend", "wsgi", "--skip-unsupported").started(1)
    assert service.get().status_code == 200
    assert service.get("/live").status_code == 426


def test_a_port_in_use_is_one_line(serve: Serve) -> None:
    first = serve("served:app").started(1)
    second = serve("served:app", port=first.port)
    assert second.wait() == 2
    assert len(second.log().splitlines()) == 1
    assert second.log().startswith(f"Error: cannot listen on 127.0.0.1:{first.port}: the port is in use. Fix: ")


def test_a_host_without_an_address_is_one_line(serve: Serve) -> None:
    service = serve("served:app", "--host", "no.such.host.invalid")
    assert service.wait() == 2
    assert len(service.log().splitlines()) == 1
    assert "no.such.host.invalid" in service.log()


@pytest.mark.parametrize(
    ("text", "said"),
    [("1 / 0\n", 'broken.py", line 1'), ("import os, sys\nos.kill(os.getpid(), 9)\n", "SIGKILL ended the process")],
)
def test_a_module_that_does_not_load_is_refused(serve: Serve, folder: Path, text: str, said: str) -> None:
    (folder / "broken.py").write_text(text)
    service = serve("broken:app")
    assert service.wait() == 1
    assert said in service.log()
    assert "multiprocessing" not in service.log()
    assert "Starting granian" not in service.log()


def test_a_mistyped_target_is_one_line(serve: Serve) -> None:
    service = serve("srved:app")
    assert service.wait() == 2
    assert service.log().splitlines() == ["Error: target 'srved:app': there is no module 'srved'. Did you mean served?"]


# -- configure ---------------------------------------------------------------------------------------------------------


@pytest.mark.gate
def test_each_source_switches_the_backend(serve: Serve, folder: Path) -> None:
    def served_as(*arguments: str, **environ: str) -> str:
        service = serve("served:app", *arguments, **environ).started(1)
        answer = service.get("/where").text
        assert service.stop() == 0
        return answer

    assert served_as() == "asgi"
    (folder / "pyproject.toml").write_text('[tool.hinge]\nbackend = "wsgi"\n')
    assert served_as() == "wsgi"
    assert served_as(HINGE_BACKEND="asgi") == "asgi"
    assert served_as("--backend", "wsgi", HINGE_BACKEND="asgi") == "wsgi"


def test_flags_reach_the_app_in_the_worker(serve: Serve, folder: Path) -> None:
    (folder / "compiled.py").write_text("from served import app\n\napplication = app.asgi\n")
    service = serve("served:app", "--debug", "--max-query-fields", "1").started(1)
    assert service.get().json()["debug"] is True
    assert service.get("/slow?seconds=0&b=1").status_code == 400


def test_a_module_that_compiles_by_itself_is_served(serve: Serve, folder: Path) -> None:
    (folder / "compiled.py").write_text("from served import app\n\napplication = app.asgi\n")
    service = serve("compiled:app").started(1)
    assert service.get().status_code == 200
    assert service.stop() == 0
    refused = serve("compiled:app", "--debug")
    assert refused.wait() == 2
    assert "comes too late" in refused.log()


def test_the_command_takes_factories_and_host_names(serve: Serve) -> None:
    service = serve("served:make", "--factory", "--host", "localhost", "--access-log").started(1)
    assert service.get().status_code == 200


# -- listen ------------------------------------------------------------------------------------------------------------


@either
def test_a_unix_socket(serve: Serve, folder: Path, backend: str) -> None:
    path = folder / "s.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    service = serve("served:app", "--backend", backend, "--uds", "s.sock").started(1)
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(path))) as client:
        assert client.get("http://localhost/").status_code == 200
    second = serve("served:app", "--uds", "s.sock")
    assert second.wait() == 2
    assert "a server listens there already" in second.log()
    assert service.stop() == 0
    path.write_text("not a socket")
    third = serve("served:app", "--uds", "s.sock")
    assert third.wait() == 2
    assert "it exists and is no socket" in third.log()
    assert path.read_text() == "not a socket"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    if shutil.which("openssl") is None:
        reason = "openssl is not installed"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key


@either
def test_tls_with_http_1_and_2(serve: Serve, backend: str, certificate: tuple[Path, Path]) -> None:
    names = ("--ssl-certificate", str(certificate[0]), "--ssl-keyfile", str(certificate[1]))
    service = serve("served:app", "--backend", backend, *names).started(1)
    trust = ssl.create_default_context(cafile=str(certificate[0]))
    for http2, version in ((False, "HTTP/1.1"), (True, "HTTP/2")):
        with httpx.Client(http2=http2, verify=trust) as client:
            response = client.get(f"https://localhost:{service.port}/")
        assert (response.status_code, response.http_version) == (200, version)
    assert service.stop() == 0


def test_a_wrong_certificate_is_one_line(serve: Serve, folder: Path, certificate: tuple[Path, Path]) -> None:
    (folder / "bad.pem").write_text("bad")
    for path, said in (("none.pem", "No such file"), ("bad.pem", "do not fit")):
        service = serve("served:app", "--ssl-certificate", path, "--ssl-keyfile", str(certificate[1]))
        assert service.wait() == 2
        assert len(service.log().splitlines()) == 1
        assert said in service.log()
    half = serve("served:app", "--ssl-certificate", str(certificate[0]))
    assert half.wait() == 2
    assert "TLS needs both" in half.log()


@either
def test_http_2_with_prior_knowledge(serve: Serve, backend: str) -> None:
    service = serve("served:app", "--backend", backend).started(1)
    with httpx.Client(http1=False, http2=True) as client:
        response = client.get(f"http://127.0.0.1:{service.port}/")
    assert (response.status_code, response.http_version) == (200, "HTTP/2")


def test_http_can_be_restricted(serve: Serve) -> None:
    service = serve("served:app", "--http", "1").started(1)
    with httpx.Client(http1=False, http2=True) as client, pytest.raises(httpx.HTTPError):
        client.get(f"http://127.0.0.1:{service.port}/")
    assert service.get().http_version == "HTTP/1.1"
    assert service.stop() == 0


# -- reload ------------------------------------------------------------------------------------------------------------


@either
def test_reload_serves_new_code_and_survives_a_mistake(serve: Serve, folder: Path, backend: str) -> None:
    pytest.importorskip("watchfiles")
    service = serve("served:app", "--backend", backend, "--reload").started(1)
    assert service.get().json()["version"] == "one"

    # Of another size: Python takes the bytecode of a file that is as large and of the same second for its own.
    (folder / "served.py").write_text(APP.replace('"one"', '"number two"'))
    service.started(2)
    assert service.get().json()["version"] == "number two"

    (folder / "served.py").write_text("1 / 0\n")
    service.wait_for("ZeroDivisionError")
    service.wait_for("Error: served:app did not start")
    assert service.log().count("Traceback") == 1, "of the user's own code"
    for slip, said in (('app.get("/", sttaus=3)', "did you mean 'status'"), ('app.get("/{a}")', "Fix: add")):
        (folder / "served.py").write_text(APP + f"\n@{slip}\ndef slip(): ...\n")
        service.wait_for(said)
    assert service.log().count("Traceback") == 1, "a mistake of a declaration is a line"
    (folder / "served.py").write_text(APP.replace('"one"', '"three"'))
    service.started(3)
    assert service.get().json()["version"] == "three"

    assert service.stop() == 0
    assert service.notes().count("start") == service.notes().count("stop") == 3


def test_reload_without_watchfiles_says_what_to_install(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    from hinge.cli.errors import UserError
    from hinge.cli.serve import check_extras
    from hinge.config import Config

    monkeypatch.setitem(sys.modules, "watchfiles", None)
    with pytest.raises(UserError, match=r"pip install 'hinge-web\[reload\]'"):
        check_extras(Config(reload=True))
    check_extras(Config())
