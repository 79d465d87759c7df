"""RateLimit: who sends more is told when to come back, in one worker and in several."""

import socket
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.support.redis import Redis
from tests.support.waiting import until

from hinge import App, ConfigurationError, Request, Router, WebSocket
from hinge.middleware import ProxyHeaders, RateLimit, rate_limit
from hinge.testing import Client, WebSocketDenied

pytest.importorskip("limits", reason="the extra hinge-web[limits] is not installed")
pytest.importorskip("redis", reason="the extra hinge-web[limits] is not installed")


def app_with(*middleware: Any) -> App:
    app = App(middleware=list(middleware))
    app.get("/")(lambda: "in")
    return app


def statuses(client: Any, times: int, **headers: str) -> list[int]:
    return [client.get("/", headers=headers).status_code for _ in range(times)]


def by_user(request: Request) -> str:
    return request.headers.get("user", "")


# -- in memory ---------------------------------------------------------------------------------------------------------


def test_the_next_one_is_told_when_to_come_back(client_for: Any) -> None:
    client = client_for(app_with(RateLimit("3/hour")))
    assert statuses(client, 4) == [200, 200, 200, 429]
    answer = client.get("/nowhere")
    assert (answer.status_code, answer.headers["content-type"]) == (429, "application/problem+json")
    assert 1 <= int(answer.headers["retry-after"]) <= 3600


def test_several_limits_and_a_window_that_slides() -> None:
    with Client(app_with(RateLimit("100/hour; 2 per 1 second")), "asgi") as client:
        assert 429 in statuses(client, 5)  # whichever second it is
        assert client.get("/").headers.get("retry-after", "1") == "1"
        until(lambda: client.get("/").status_code == 200, "the window to slide")


@pytest.mark.parametrize(
    ("first", "second", "are_one"),
    [
        ("203.0.113.9", "203.0.113.9", True),
        ("203.0.113.9", "203.0.113.10", False),
        ("2001:db8::1", "2001:db8::ffff", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("unknown", "unknown", True),
    ],
)
def test_clients_are_told_apart(client_for: Any, first: str, second: str, are_one: bool) -> None:
    client = client_for(app_with(ProxyHeaders("x-forwarded", hops=1), RateLimit("1/hour")))
    spoofed = [f"192.0.2.{number}, {client_is}" for number, client_is in enumerate((first, second))]
    found = [client.get("/", headers={"x-forwarded-for": one}).status_code for one in spoofed]
    assert found == [200, 429 if are_one else 200]


def test_by_a_key_of_any_length_on_a_router(client_for: Any) -> None:
    app, router = App(), Router("/in", middleware=[RateLimit("2/hour", key=by_user)])
    router.get("")(lambda: "in")
    app.get("/out")(lambda: "out")
    app.include(router)
    client = client_for(app)
    for user in ("ann", "bob", "x" * 4000, "x" * 4001):
        found = [client.get("/in", headers={"user": user}).status_code for _ in range(3)]
        assert found == [200, 200, 429]
    assert client.get("/out").text == "out"


def test_a_key_that_is_no_text_lets_nobody_in(client_for: Any) -> None:
    client = client_for(app_with(RateLimit("1/hour", key=lambda request: None)))  # type: ignore[arg-type, return-value]
    assert client.get("/").status_code == 500


def test_a_handshake_counts(each_backend: Any) -> None:
    app = app_with(RateLimit("1/hour"))

    @app.websocket("/live")
    async def live(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send("hello")

    with each_backend(app) as client:
        with client.websocket("/live") as ws:
            assert ws.receive() == "hello"
        with pytest.raises(WebSocketDenied), client.websocket("/live"):
            pass


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ((), {}),
        (("many",), {}),
        (("5/minute; many",), {}),
        (("0/minute",), {}),
        (("",), {}),
        ((5,), {}),
        (("5/minute",), {"key": "user"}),
        (("5/minute",), {"store": "mysql://localhost"}),
        (("5/minute",), {"store": None}),
        (("5/minute",), {"name": 5}),
        (("5/minute",), {"when_store_fails": "maybe"}),
        (("5/minute",), {"store_timeout": 0}),
        (("5/minute",), {"stores": "memory"}),
    ],
)
def test_mistakes_are_found_at_once(arguments: Any, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"RateLimit\(.*test_rate_limit.py.*Fix: "):
        RateLimit(*arguments, **options)


def test_a_key_that_waits_is_refused() -> None:
    async def waits(request: Request) -> str:
        return "x"

    with pytest.raises(ConfigurationError, match="nobody awaits it"):
        RateLimit("5/minute", key=waits)  # type: ignore[arg-type]


# -- a store that workers share ----------------------------------------------------------------------------------------


def test_two_workers_share_their_counts(redis: Redis, backend: Any) -> None:
    urls = [redis.url, f"redis+unix://{redis.socket}?db=0"]
    with ExitStack() as stack:
        one, other, apart = (
            stack.enter_context(Client(app_with(RateLimit("3/hour", key=by_user, store=url, name=name)), backend.name))
            for url, name in [(urls[0], "shared"), (urls[1], "shared"), (urls[0], "apart")]
        )
        user = f"{backend.name}{time.time()}"
        found = [client.get("/", headers={"user": user}).status_code for client in (one, other, one, other, one, apart)]
        assert found == [200, 200, 200, 429, 429, 200]
        assert 1 <= int(one.get("/", headers={"user": user}).headers["retry-after"]) <= 3600
        assert one.get("/", headers={"user": f"not {user}"}).status_code == 200


@pytest.mark.parametrize("how", ["refuses connections", "never answers"])
@pytest.mark.parametrize(("when", "status"), [("allow", 200), ("refuse", 503)])
def test_a_store_that_is_down(
    client_for: Any, caplog: pytest.LogCaptureFixture, how: str, when: Any, status: int
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        if how == "never answers":
            silent.listen()
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}"
        client = client_for(app_with(RateLimit("1/hour", store=url, when_store_fails=when, store_timeout=0.2)))
        began = time.monotonic()
        assert statuses(client, 20) == [status] * 20
        assert time.monotonic() - began < 20 * 0.2  # not each of them has waited
    said = [record.getMessage() for record in caplog.records if record.name == "hinge"]
    assert len([line for line in said if "the store does not answer" in line]) == 1


def test_it_counts_again_once_the_store_is_back(
    redis: Redis, backend: Any, tmp_path: Path, monkeypatch: Any, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(rate_limit, "ASK_AGAIN_SECONDS", 0.0)
    there = tmp_path / "redis.sock"
    limit = RateLimit("1/hour", store=f"redis+unix://{there}", name=f"{backend.name}{time.time()}")
    with Client(app_with(limit), backend.name) as client:
        assert statuses(client, 3) == [200, 200, 200]
        there.symlink_to(redis.socket)
        assert statuses(client, 3) == [200, 429, 429]
    assert "the store answers again" in caplog.text
