"""Metrics: counted by route template, method and status; nothing that a client chooses becomes a label."""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

prometheus = pytest.importorskip("prometheus_client")

from prometheus_client.parser import text_string_to_metric_families  # noqa: E402
from tests.support.waiting import until  # noqa: E402

from hinge import App, ConfigurationError, Depends, HTTPError, WebSocket  # noqa: E402
from hinge.backend import Feature  # noqa: E402
from hinge.observability import Metrics  # noqa: E402
from hinge.observability.metrics import exposition, forget_the_dead, serve  # noqa: E402


def samples(text: str) -> dict[tuple[str, ...], float]:
    """Return the samples of a page: their names and the values of their labels, in the order of the labels' names."""
    return {
        (one.name, *(value for _, value in sorted(one.labels.items()))): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


@pytest.fixture
def registry() -> Any:
    return prometheus.CollectorRegistry()


def app_with(metrics: Metrics) -> App:
    app = App()
    app.get("/items/{item_id}")(lambda item_id: item_id)
    app.route("/odd", methods=["BREW"])(lambda: "ok")
    app.get("/live")(lambda: "ok")

    @app.get("/stream")
    async def stream() -> AsyncIterator[str]:
        yield "abc"
        yield "de"

    @app.get("/broken")
    def broken() -> None:
        raise KeyError("no")

    app.observe(metrics)
    return app


def test_requests_are_counted_by_template_method_and_status(client_for: Any, registry: Any) -> None:
    client = client_for(app_with(Metrics(registry=registry, ignore=["/live"])))
    for path in ("/items/1", "/items/2", "/stream", "/broken", "/live", "/secret/1", "/secret/2"):
        client.get(path)
    client.delete("/items/1")
    for method in ("BREW", "FOO", "BAR"):
        client.request(method, "/odd")
    page = client.get("/metrics")
    assert page.headers["content-type"].startswith("text/plain; version=")
    found = samples(page.text)
    assert {key[1:]: value for key, value in found.items() if key[0] == "http_requests_total"} == {
        ("GET", "/items/{item_id}", "200"): 2,
        ("GET", "/stream", "200"): 1,
        ("GET", "/broken", "500"): 1,
        ("GET", "none", "404"): 2,
        ("DELETE", "none", "405"): 1,
        ("BREW", "/odd", "200"): 1,
        ("OTHER", "none", "405"): 2,
    }
    assert found["http_request_duration_seconds_count", "GET", "/items/{item_id}"] == 2
    assert 0 < found["http_request_duration_seconds_sum", "GET", "/items/{item_id}"] < 10
    assert found["http_response_body_bytes_total", "GET", "/stream"] == 5
    assert found["http_requests_failed_total", "KeyError", "GET", "/broken"] == 1
    assert found["http_requests_in_progress", "GET", "/items/{item_id}"] == 0
    assert found["http_requests_in_progress", "GET", "/metrics"] == 1  # this one
    assert "secret" not in page.text
    assert "FOO" not in page.text


def test_what_clients_choose_makes_no_series(client_for: Any, registry: Any) -> None:
    app = app_with(Metrics(registry=registry))
    client = client_for(app)
    client.get("/items/0")
    client.request("X", "/none")
    client.get("/metrics")
    before = {key for key in samples(client.get("/metrics").text) if "created" not in key[0]}
    for number in range(50):
        client.get(f"/items/{number}", headers={"x-any": str(number)})
        client.request(f"M{number}", f"/none/{number}")
    assert {key for key in samples(client.get("/metrics").text) if "created" not in key[0]} == before
    (metrics,) = app.observers
    assert len(metrics._known) < 10  # type: ignore[attr-defined]


def test_classes_of_errors_that_are_made_on_the_way_make_no_series(client_for: Any, registry: Any) -> None:
    app = app_with(Metrics(registry=registry))

    @app.get("/made/{name}")
    def made(name: str) -> None:
        raise type(name, (ValueError,), {})

    client = client_for(app, raise_server_exceptions=False)
    for number in range(250):
        client.get(f"/made/E{number}")
    found = samples(client.get("/metrics").text)
    failed = {key: value for key, value in found.items() if key[0] == "http_requests_failed_total"}
    assert len(failed) == 201
    assert failed["http_requests_failed_total", "OTHER", "GET", "/made/{name}"] == 50


@pytest.mark.parametrize(
    ("accept", "begins"),
    [
        (None, "text/plain; version="),
        ("application/openmetrics-text", "application/openmetrics-text; version=1"),
        ("application/openmetrics-text; version=1.0.0, text/plain", "application/openmetrics-text; version=1.0.0"),
        ("application/openmetrics-text; version=abc", "text/plain; version="),
        ("application/openmetrics-text; version=1.0.1.<b>", "text/plain; version="),
        ("text/html", "text/plain; version="),
    ],
)
def test_the_page_is_in_the_format_that_is_asked_for(
    client_for: Any, registry: Any, accept: str | None, begins: str
) -> None:
    client = client_for(app_with(Metrics(registry=registry)))
    client.get("/live")
    page = client.get("/metrics", headers={} if accept is None else {"accept": accept})
    assert (page.status_code, page.headers["content-type"].startswith(begins)) == (200, True)
    assert page.text.endswith("# EOF\n") == begins.startswith("application")


def test_the_page_may_be_guarded_and_elsewhere_and_is_in_no_document(client_for: Any, registry: Any) -> None:
    def scraper() -> None:
        raise HTTPError(403)

    app = app_with(Metrics(registry=registry, path="/internal/metrics", dependencies=[Depends(scraper)]))
    client = client_for(app)
    assert client.get("/internal/metrics").status_code == 403
    assert "/internal/metrics" not in client.get("/openapi.json").json()["paths"]
    without = client_for(app_with(Metrics(registry=registry, path=None)))
    assert without.get("/metrics").status_code == 404


@pytest.mark.needs(Feature.STREAMING, "the client leaves while a response is sent")
def test_streams_are_under_way_until_they_end(client_for: Any, registry: Any) -> None:
    app = App()

    @app.get("/endless")
    def endless() -> Iterator[str]:
        while True:
            yield "x" * 1000

    app.observe(Metrics(registry=registry, path=None))
    client, labels = client_for(app), {"method": "GET", "route": "/endless"}
    with client.stream("GET", "/endless") as answer:
        next(iter(answer.iter_bytes()))
        assert registry.get_sample_value("http_requests_in_progress", labels) == 1
        assert registry.get_sample_value("http_request_duration_seconds_count", labels) == 0
    failed = labels | {"error": "ClientDisconnect"}
    until(lambda: registry.get_sample_value("http_requests_failed_total", failed) == 1, "the end of the stream")
    assert registry.get_sample_value("http_requests_in_progress", labels) == 0


@pytest.mark.needs(Feature.WEBSOCKET, "the handler speaks it")
def test_websockets_have_metrics_of_their_own(client_for: Any, registry: Any) -> None:
    app = App()

    @app.websocket("/rooms/{name}")
    async def room(ws: WebSocket, name: str) -> None:
        await ws.accept()
        async for _ in ws:
            if name == "bad":
                raise KeyError(name)

    app.observe(Metrics(registry=registry, path=None))
    client, route = client_for(app), {"route": "/rooms/{name}"}
    with client.websocket("/rooms/a"), client.websocket("/rooms/b"):
        assert registry.get_sample_value("websockets_open", route) == 2
    with contextlib.suppress(Exception), client.websocket("/rooms/bad") as ws:
        ws.send("x")
        ws.receive()
    with contextlib.suppress(Exception), client.websocket("/elsewhere"):
        pass
    assert registry.get_sample_value("websockets_open", route) == 0
    assert registry.get_sample_value("websockets_total", route | {"status": "101"}) == 3
    assert registry.get_sample_value("websockets_total", {"route": "none", "status": "404"}) == 1
    assert registry.get_sample_value("websockets_failed_total", route | {"error": "KeyError"}) == 1
    assert registry.get_sample_value("websocket_duration_seconds_count", route) == 3
    assert registry.get_sample_value("http_requests_total", route) is None


def test_a_mounted_app_is_counted_once(client_for: Any, registry: Any) -> None:
    outer, inner = app_with(Metrics(registry=registry)), app_with(Metrics(registry=registry))
    outer.mount("/in", inner)
    client = client_for(outer)
    assert client.get("/in/live").text == "ok"
    page = client.get("/in/metrics").text
    assert samples(page)["http_requests_total", "GET", "/in/live", "200"] == 1
    with pytest.raises(ConfigurationError, match="the app has that already"):
        app_with(Metrics(registry=registry)).observe(Metrics(registry=registry, path=None))


def test_an_app_may_be_made_twice(client_for: Any, registry: Any) -> None:
    for _ in range(2):
        client_for(app_with(Metrics(registry=registry))).get("/live")
    labels = {"method": "GET", "route": "/live", "status": "200"}
    assert registry.get_sample_value("http_requests_total", labels) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ignore": "/live"}, r"Metrics\(ignore='/live'\) \(.*\): it is no list of texts\. Fix: ignore=\['/live'\]"),
        ({"registry": "x"}, r"Metrics\(registry='x'\) \(.*\): it is none\. Fix: registry=CollectorRegistry\(\)"),
        ({"buckets": [2, 1]}, r"Metrics\(\.\.\.\) \(.*\): .*Fix: other buckets"),
    ],
)
def test_what_does_not_fit_is_refused(registry: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Metrics(**{"registry": registry, **options})


def test_one_registry_has_one_set_of_buckets(registry: Any) -> None:
    Metrics(registry=registry)
    with pytest.raises(ConfigurationError, match=r"this registry has them with .*\. Fix: the same ones, or registry="):
        Metrics(registry=registry, buckets=[1, 2])


def test_a_port_of_its_own_shows_the_same_and_waits_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    import httpx
    from tests.support.ports import free_port

    port = free_port()
    monkeypatch.setattr("hinge.observability.metrics._PATIENCE", 0.2)
    close = serve("127.0.0.1", port)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as slow:
            slow.sendall(b"GET /metr")
            assert slow.recv(100) == b""
        assert "python_info" in httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
    finally:
        close()


SHARED = """
import os, sys
from hinge import App
from hinge.observability import Metrics
from hinge.testing import Client
app = App()
app.get("/")(lambda: "ok")
app.observe(Metrics())
with Client(app, "wsgi") as client:
    for _ in range(int(sys.argv[1])):
        client.get("/")
    print(client.get("/metrics").text)
"""


def test_processes_that_share_a_folder_show_their_sum(tmp_path: Any) -> None:
    environ = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    pages = [
        subprocess.run(
            [sys.executable, "-c", SHARED, number], capture_output=True, text=True, timeout=60, env=environ, check=True
        ).stdout
        for number in ("2", "3")
    ]
    found = samples(pages[1])
    assert found["http_requests_total", "GET", "/", "200"] == 5
    # What was under way in the first process, its own page, was forgotten with it.
    assert found["http_requests_in_progress", "GET", "/metrics"] == 1
    assert len([*tmp_path.glob("gauge_live*")]) == 1
    forget_the_dead(str(tmp_path))
    assert [*tmp_path.glob("gauge_live*")] == []


def test_a_folder_that_comes_too_late_is_refused(registry: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    with pytest.raises(ConfigurationError, match=r"was set after prometheus_client was imported\. Fix: set it before"):
        Metrics(registry=registry)


def test_all_that_is_registered_is_shown() -> None:
    body, media_type = exposition()
    assert b"python_info" in body
    assert media_type.startswith("text/plain")
