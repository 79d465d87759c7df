"""The settings of `hinge run` that say where the app stands: real processes, on both backends."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from tests.support.ports import accepts, free_port
from tests.support.processes import children
from tests.support.services import Serve, Service, services
from tests.support.waiting import until

from hinge.backend.installed import installed_backends

pytestmark = pytest.mark.server

BACKENDS = pytest.mark.parametrize("backend", ["asgi", "wsgi"])
WITH_RSGI = pytest.mark.parametrize("backend", [one for one in ("asgi", "wsgi", "rsgi") if one in installed_backends()])
APP = """\
import logging
import os

from hinge import App, Request
from hinge.backend import draining

app = App()


@app.get("/x")
def seen(request: Request) -> dict:
    logging.getLogger("shop").info("asked")
    client = request.client and request.client.host
    return {"pid": os.getpid(), "path": request.path, "url": request.url_for("seen"), "client": client,
            "scheme": request.scheme, "draining": draining.has_begun()}


@app.get("/fails")
def fails() -> None:
    raise ValueError("boom")
"""


@pytest.fixture
def serve(tmp_path: Path):
    (tmp_path / "app.py").write_text(APP)
    with services(tmp_path) as serve:
        yield serve


@WITH_RSGI
def test_port_0_is_a_free_one_that_is_told(tmp_path: Path, backend: str) -> None:
    (tmp_path / "app.py").write_text(APP)
    command = [sys.executable, "-m", "hinge", "run", "--port", "0", "--workers", "2", "--backend", backend]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        try:
            url = process.stdout.readline().strip()
            assert re.fullmatch(r"http://127\.0\.0\.1:[1-9]\d*", url)
            line = next(line for line in process.stdout if "Serving" in line)
            assert f"Serving app.py with backend {backend}: {url}" in line
            found = set()
            until(lambda: len(found) == 2 or found.add(ask(url)), "both workers")  # on one port
        finally:
            process.terminate()
            process.stdout.read()
    assert process.returncode == 0


def ask(url: str) -> int | None:
    try:
        return httpx.get(f"{url}/x").json()["pid"]
    except httpx.TransportError:  # no worker listens yet
        return None


@BACKENDS
def test_root_path_holds_whether_a_proxy_cuts_it_off_or_not(serve: Serve, backend: str) -> None:
    service = serve("--root-path", "/shop", "--backend", backend).started()
    for path in ("/x", "/shop/x"):
        assert service.get(path).json() | {"path": "/x", "url": "/shop/x"} == service.get(path).json()
    assert [service.get(path).status_code for path in ("/shopx", "/shop", "/shop/shop/x")] == [404, 404, 404]
    redirect = service.get("/shop/x/")
    assert (redirect.status_code, redirect.headers["location"]) == (308, "/shop/x")


@pytest.mark.skipif("rsgi" not in installed_backends(), reason="hinge-rsgi is not installed, which lacks PREFIX")
def test_root_path_is_refused_where_no_prefix_can_be_told(serve: Serve) -> None:
    service = serve("--root-path", "/shop", "--backend", "rsgi")
    assert service.wait() == 2
    assert service.log() == (
        "Error: root_path '/shop': with backend 'rsgi' an app is served at the root only. Fix: --backend asgi or wsgi\n"
    )


@WITH_RSGI
def test_trusted_proxies_are_believed(serve: Serve, backend: str) -> None:
    service = serve("--trusted-proxies", "127.0.0.1,unix", "--backend", backend).started()
    told = {"x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "https"}
    seen = service.get("/x", headers=told).json()
    assert (seen["client"], seen["scheme"]) == ("203.0.113.9", "https")


@pytest.mark.gate
@WITH_RSGI
def test_a_worker_that_is_told_to_stop_serves_on_for_a_while(serve: Serve, backend: str) -> None:
    service = serve("--drain-delay", "1.5", "--backend", backend).started()
    assert service.get("/x").json()["draining"] is False
    begun = time.monotonic()
    service.signal()
    until(lambda: service.get("/x").json()["draining"], "readiness to go")  # on new connections
    assert service.wait() == 0
    assert 1.5 <= time.monotonic() - begun < 9


def test_a_stop_while_the_app_is_loaded_ends_all(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("open('loading', 'w').close()\nimport time\ntime.sleep(60)\n" + APP)
    service = serve()
    until((tmp_path / "loading").exists, "the app", service.log)
    (loading,) = service.workers()
    service.signal()
    assert service.wait() == 0
    until(lambda: not Path(f"/proc/{loading}").exists(), "the end of the other process")
    assert service.log() == ""


CONTAINED = ["unshare", "--pid", "--fork", "--mount-proc"]


def may_contain() -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*CONTAINED, "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.gate
@pytest.mark.parametrize("while_loaded", [True, False])
def test_process_1_of_a_container_hears_of_a_stop(tmp_path: Path, while_loaded: bool) -> None:
    if not may_contain():
        pytest.skip("this user may make no namespace of processes, as a container is one")
    (tmp_path / "app.py").write_text(("import time\ntime.sleep(5)\n" if while_loaded else "") + APP)
    port = free_port()
    command = [*CONTAINED, sys.executable, "-m", "hinge", "run", "--port", str(port)]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL) as outside:
        (first,) = until(lambda: children(outside.pid), "process 1")
        if while_loaded:
            until(lambda: children(first), "the process that loads the app")
        else:
            until(lambda: accepts(port), "a connection")
        begun = time.monotonic()
        os.kill(first, signal.SIGTERM)
        try:
            assert outside.wait(30) == 0
        finally:
            if outside.returncode is None:
                os.kill(first, signal.SIGKILL)
        assert time.monotonic() - begun < 4


COUNTED = "\nfrom hinge.observability import Metrics\n\napp.observe(Metrics(path=None))\n"


@pytest.mark.gate
@WITH_RSGI
def test_metrics_have_a_port_of_their_own(serve: Serve, tmp_path: Path, backend: str) -> None:
    (tmp_path / "app.py").write_text(APP + COUNTED)
    port = free_port()
    service = serve("--metrics-port", str(port), "--workers", "2", "--backend", backend).started()
    until(lambda: ": http" in service.log(), "the introduction", service.log)
    assert f", metrics at http://127.0.0.1:{port}/metrics" in service.log()
    pids = {service.get("/x").json()["pid"] for _ in range(40)}
    page = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    assert re.search(r'http_requests_total\{method="GET",route="/x",status="200"\} 40\.0', page), page
    assert len(pids) == 2
    assert service.get("/metrics").status_code == 404
    assert service.stop() == 0


@pytest.mark.gate
def test_metrics_that_cannot_be_shown_are_a_line(serve: Serve, tmp_path: Path) -> None:
    service = serve("--metrics-port", "9")
    assert service.wait() == 2
    assert service.log() == (
        "Error: metrics_port: app.py counts nothing. Fix: app.observe(Metrics(path=None)), of hinge.observability\n"
    )
    (tmp_path / "app.py").write_text(APP + COUNTED)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        service = serve("--metrics-port", str(other.getsockname()[1]))
        assert service.wait() == 2
    assert re.fullmatch(r"Error: cannot listen on 127\.0\.0\.1:\d+: the port is in use\. Fix: .*\n", service.log())


LOGS = {
    "log.json": json.dumps(
        {
            "version": 1,
            "formatters": {"mine": {"format": "MINE %(levelname)s %(name)s %(message)s"}},
            "handlers": {"out": {"class": "logging.StreamHandler", "formatter": "mine"}},
            "root": {"level": "INFO", "handlers": ["out"]},
        }
    ),
    "log.ini": "[loggers]\nkeys=root\n[handlers]\nkeys=out\n[formatters]\nkeys=mine\n[logger_root]\nlevel=INFO\n"
    "handlers=out\n[handler_out]\nclass=StreamHandler\nformatter=mine\nargs=(sys.stderr,)\n"
    "[formatter_mine]\nformat=MINE %(levelname)s %(name)s %(message)s\n",
}


@pytest.mark.gate
@pytest.mark.parametrize(("name", "backend"), [("log.json", "asgi"), ("log.json", "wsgi"), ("log.ini", "asgi")])
def test_log_config_is_of_every_process_and_logger(serve: Serve, tmp_path: Path, name: str, backend: str) -> None:
    (tmp_path / name).write_text(LOGS[name])
    service = serve("--log-config", name, "--access-log", "--backend", backend).started()
    service.get("/x")
    service.get("/fails")
    assert service.stop() == 0
    lines = service.log().splitlines()
    for begins in (
        "MINE INFO _granian Serving app.py",  # the main process
        "MINE INFO _granian.serve Started worker-1",
        "MINE INFO shop asked",
        "MINE ERROR hinge GET '/fails'",
    ):
        assert any(line.startswith(begins) for line in lines), (begins, service.log())
    assert any(re.match(r'MINE INFO hinge\.access .*"GET /x', line) for line in lines), service.log()
    assert not any(line.startswith("[INFO]") for line in lines)


def test_a_wrong_log_config_is_a_line(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "log.json").write_text('{"root": {"handlers": ["not_there"]}}')
    service = serve("--log-config", "log.json")
    assert service.wait() == 2
    (line,) = service.log().splitlines()
    assert line.startswith("Error: log_config log.json: Unable to configure root logger: ")


@pytest.mark.gate
def test_dev_reloads_shows_failures_and_logs_requests(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.hinge]\nhost = "0.0.0.0"\nuds = "x.sock"\nworkers = 2\n')
    service = serve(run="hinge dev").started()
    assert "Serving app.py with backend asgi: http://127.0.0.1:" in service.log()
    assert "boom" in service.get("/fails").text
    service.wait_for('"GET /fails HTTP/1.1" 500')
    # Of another size, for Python takes the bytecode of a file of the same second and size for its own.
    (tmp_path / "app.py").write_text(APP.replace('"/x"', '"/y"') + "\n")
    until(lambda: answers(service, "/y"), "the new code", service.log)
    assert len(service.workers()) == 1
    service.signal(signal.SIGINT)
    assert service.wait() == 0


def answers(service: Service, path: str) -> bool:
    try:
        return service.get(path).status_code == 200
    except httpx.TransportError:  # between the two
        return False


@pytest.mark.gate
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--host", "0.0.0.0"], "Error: --host 0.0.0.0 is open to others, and hinge dev shows them the cause of each"),
        (["--host", "::"], "Fix: --no-debug, or --debug if they may see it"),
        (["--host", "example.org"], "Error: --host example.org is open to others"),
        # These are let through, to the next mistake.
        (["--host", "0.0.0.0", "--no-debug"], "there is no file none.py"),
        (["--host", "0.0.0.0", "--debug"], "there is no file none.py"),
        (["--host", "127.0.0.2"], "there is no file none.py"),
        (["--host", "localhost"], "there is no file none.py"),
    ],
)
def test_dev_shows_failures_to_this_machine_alone(serve: Serve, arguments: list[str], told: str) -> None:
    service = serve("none.py", *arguments, run="hinge dev")
    assert service.wait() == 2
    assert told in service.log()
