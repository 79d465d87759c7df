"""RateLimit: who sends more is told when to come back, in one worker and in several."""

import socket
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

import pytest
from tests.support.redis import Cut, Redis
from tests.support.waiting import until

from hinge import App, Body, ConfigurationError, Depends, Header, Request, Router, WebSocket
from hinge.middleware import ProxyHeaders, RateLimit, moving_window, rate_limit
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


def test_several_limits_and_a_window_that_moves() -> None:
    with Client(app_with(RateLimit("100/hour; 2 per 1 second")), "asgi") as client:
        until(lambda: client.get("/").status_code == 429, "three within a second")
        until(lambda: client.get("/").status_code == 200, "the window to move")


HALF = 1_700_000_000.0 - 1_700_000_000 % 60 + 30.0
"""A time in the middle of a minute of the clock."""


class Clock:
    """The time as both stores are told it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = HALF
        told = SimpleNamespace(time=lambda: self.now)
        monkeypatch.setattr(moving_window, "monotonic", told.time)
        monkeypatch.setattr(rate_limit, "time", told.time)
        monkeypatch.setattr("limits.aio.storage.redis.redispy.time", told)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture(params=["memory", "redis"])
def store(request: pytest.FixtureRequest) -> str:
    return "memory" if request.param == "memory" else request.getfixturevalue("redis").url


@pytest.mark.parametrize(
    ("limit", "steps"),
    [
        # (seconds since the middle of a minute, requests at once, how many pass, Retry-After of the rest)
        ("1 per 4 seconds", [(1.95, 1, 1, 0), (2.05, 2, 0, 4), (5.9, 1, 0, 1), (5.96, 2, 1, 4)]),
        ("3 per 4 seconds", [(1.95, 3, 3, 0), (2.05, 6, 0, 4), (5.96, 6, 3, 4)]),
        ("5/minute", [(29.9, 5, 5, 0), (30.1, 6, 0, 60), (59.9, 6, 0, 30), (89.8, 1, 0, 1), (90.0, 6, 5, 60)]),
        ("2/minute", [(0, 1, 1, 0), (40, 2, 1, 20), (60.1, 2, 1, 40), (100.1, 2, 1, 20), (300, 3, 2, 60)]),
        ("1 per 2 seconds; 2/minute", [(0, 2, 1, 2), (3, 1, 1, 0), (6, 1, 0, 54), (61, 2, 1, 2)]),
    ],
)
def test_no_more_pass_in_any_window_than_the_limit(
    backend: Any, clock: Clock, store: str, limit: str, steps: list[tuple[float, int, int, int]]
) -> None:
    made = RateLimit(limit, store=store, store_timeout=5.0, name=f"{backend.name}{time.time()}")
    with Client(app_with(made), backend.name) as client:
        for at, asked, passing, seconds in steps:
            clock.now = HALF + at
            answers = [client.get("/") for _ in range(asked)]
            assert [one.status_code for one in answers] == [200] * passing + [429] * (asked - passing), at
            assert {one.headers["retry-after"] for one in answers[passing:]} <= {str(seconds)}, at


def test_what_is_told_is_when_the_next_one_passes(clock: Clock) -> None:
    window, passed = moving_window.MovingWindow(3, 7), []
    for _ in range(50):
        while not (seconds := window.wait("ann")):
            passed.append(clock.now)
            clock.now += 0.37
        clock.now += seconds - 0.001
        assert window.wait("ann") > 0
        clock.now += 0.002
    assert all(fourth - first >= 7 for first, fourth in zip(passed, passed[3:], strict=False))


def test_clients_that_are_quiet_take_no_room(clock: Clock) -> None:
    window = moving_window.MovingWindow(2, 60)
    for number in range(100):
        assert window.wait(number) == 0.0
    assert len(window._passed) == 100
    clock.now += 61
    for _ in range(100):
        window.wait("one that stays")
    assert list(window._passed) == ["one that stays"]


def test_threads_together_get_no_more_than_the_limit() -> None:
    window = moving_window.MovingWindow(50, 3600)
    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(window.wait, ["ann"] * 400))
    assert waits.count(0.0) == 50


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


@pytest.mark.parametrize(
    ("first", "second", "are_one"),
    [
        ("::ffff:192.0.2.1", "::ffff:192.0.2.1", True),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),  # both are in ::/64
        ("::ffff:192.0.2.1", "::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
    ],
)
def test_peers_are_told_apart(each_backend: Any, first: str, second: str, are_one: bool) -> None:
    app = app_with(RateLimit("1/hour"))
    found = []
    for address in (first, second):
        with Client(app, each_backend.name, client=(address, 1)) as client:
            found.append(client.get("/").status_code)
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
        (("5/minute",), {"store": "redis://u:hunter2@host:port"}),
        (("5/minute",), {"store": "redis://u:hunter2@[::1"}),
        (("5/minute",), {"store": "redis+cluster://u:hunter2@host"}),
        (("5/minute",), {"store": b"redis://u:hunter2@host"}),
        (("5/minute",), {"store": "redis://u:hunter2@host?decode_responses=yes"}),
        (("5/minute",), {"name": 5}),
        (("5/minute",), {"when_store_fails": "maybe"}),
        (("5/minute",), {"store_timeout": 0}),
        (("5/minute",), {"stores": "memory"}),
    ],
)
def test_mistakes_are_found_at_once(arguments: Any, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"RateLimit\(.*test_rate_limit.py.*Fix: ") as raised:
        RateLimit(*arguments, **options)
    assert "hunter2" not in str(raised.value)


def test_a_key_that_waits_is_refused() -> None:
    async def waits(request: Request) -> str:
        return "x"

    with pytest.raises(ConfigurationError, match="nobody awaits it"):
        RateLimit("5/minute", key=waits)  # type: ignore[arg-type]


# -- by user -----------------------------------------------------------------------------------------------------------


class User:
    def __init__(self, name: str) -> None:
        self.name = name


def name_of(user: Header[str | None] = None) -> str | None:
    return user


async def afound(user: Header[str]) -> AsyncIterator[User]:
    yield User(user)


def unsaid(user: Header[str]) -> Any:
    return User(user)


Found = Annotated[User, Depends(afound)]


def by_name(user: User) -> str:
    return user.name


def guarded(guard: Any, coloured: Any = lambda one: one) -> App:
    app = App(dependencies=[Depends(guard)])
    app.get("/")(coloured(lambda: "in"))
    return app


@pytest.mark.parametrize(
    ("user", "options"),
    [(name_of, {}), (afound, {"key": by_name}), (Found, {"key": by_name}), (unsaid, {"key": by_name})],
    ids=["a text", "an object", "an alias", "unsaid"],
)
def test_a_guard_counts_by_user(client_for: Any, coloured: Any, user: Any, options: Any) -> None:
    client = client_for(guarded(RateLimit("2/hour", **options).by(user), coloured))
    assert statuses(client, 3, user="ann") == [200, 200, 429]
    answer = client.get("/", headers={"user": "ann"})
    assert 1 <= int(answer.headers["retry-after"]) <= 3600
    assert statuses(client, 3, user="bob") == [200, 200, 429]
    assert client.get("/nowhere", headers={"user": "ann"}).status_code == 404  # what has no guards


def test_nobody_is_told_apart_by_the_address(client_for: Any) -> None:
    app = App(middleware=[ProxyHeaders("x-forwarded", hops=1)], dependencies=[Depends(RateLimit("1/hour").by(name_of))])
    app.get("/")(lambda: "in")
    client = client_for(app)

    def ask(address: str, **headers: str) -> int:
        status: int = client.get("/", headers={"x-forwarded-for": address, **headers}).status_code
        return status

    found = [ask("192.0.2.1"), ask("192.0.2.1"), ask("192.0.2.2"), ask("192.0.2.1", user="192.0.2.1")]
    assert found == [200, 429, 200, 200]


def test_it_is_a_guard_and_may_be_left_out(client_for: Any) -> None:
    limit = RateLimit("1/hour").by(name_of)
    app = App(dependencies=[Depends(limit, responses={429: "Too many requests."})])

    def write(data: Body[list[int]]) -> str:
        return "written"

    app.post("/write")(write)
    app.post("/free", without=[limit])(write)
    client = client_for(app)
    assert client.post("/write", json=[1], headers={"user": "ann"}).status_code == 200
    assert client.post("/write", json="none", headers={"user": "ann"}).status_code == 429  # before the body
    assert [client.post("/free", json=[1], headers={"user": "ann"}).status_code for _ in range(3)] == [200] * 3
    described = client.get("/openapi.json").json()["paths"]
    assert described["/write"]["post"]["responses"]["429"]["description"] == "Too many requests."
    assert "429" not in described["/free"]["post"]["responses"]


def test_a_handshake_counts_by_user(each_backend: Any) -> None:
    app = App(dependencies=[Depends(RateLimit("1/hour").by(name_of))])

    @app.websocket("/live")
    async def live(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send("hello")

    with each_backend(app) as client:
        with client.websocket("/live", headers={"user": "ann"}) as ws:
            assert ws.receive() == "hello"
        with pytest.raises(WebSocketDenied), client.websocket("/live", headers={"user": "ann"}):
            pass


def test_counting_in_memory_changes_no_thread() -> None:
    seen = []

    def noting(user: User) -> str:
        seen.append(threading.get_ident())
        return user.name

    async def handler() -> str:
        seen.append(threading.get_ident())
        return "in"

    app = App(dependencies=[Depends(RateLimit("1/hour", key=noting).by(Found))])
    app.get("/")(handler)
    with Client(app, "asgi") as client:
        assert client.get("/", headers={"user": "ann"}).status_code == 200
    assert len(seen) == 2
    assert len(set(seen)) == 1


def test_a_user_that_is_no_text_lets_nobody_in(client_for: Any) -> None:
    client = client_for(guarded(RateLimit("1/hour").by(unsaid)))
    assert client.get("/", headers={"user": "ann"}).status_code == 500


@pytest.mark.parametrize("user", [3, "user", afound, Found, User, Annotated[User, Depends()], None])
def test_what_gives_no_text(user: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"RateLimit.by\(.*test_rate_limit.py:\d+\): .*Fix: "):
        RateLimit("1/hour").by(user)


def test_what_it_needs_is_told_with_its_line() -> None:
    def user(data: Body[str]) -> str:
        return data

    with pytest.raises(ConfigurationError, match=r"user .*takes the body") as raised:
        guarded(RateLimit("1/hour").by(user)).compile("wsgi")
    assert "framework/hinge" not in str(raised.value)


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


def test_two_workers_share_what_they_count_by_user(redis: Redis, backend: Any) -> None:
    def worker() -> Client:
        return Client(guarded(RateLimit("3/hour", store=redis.url, name=name).by(name_of)), backend.name)

    name = f"{backend.name}{time.time()}"
    with worker() as one, worker() as other:
        found = [client.get("/", headers={"user": "ann"}).status_code for client in (one, other, one, other, one)]
        assert found == [200, 200, 200, 429, 429]
        assert one.get("/", headers={"user": "bob"}).status_code == 200


def test_no_client_counts_for_a_user(redis: Redis, backend: Any) -> None:
    limit = RateLimit("1/hour", key=by_user, store=redis.url, name=f"{backend.name}{time.time()}")
    app = guarded(RateLimit("1/hour", store=redis.url, name=limit._name).by(name_of))
    app.get("/login", middleware=[limit])(lambda: "in")
    with Client(app, backend.name) as client:
        for planted in ("user/ann", "ann/user", "/user/ann"):
            client.get("/login", headers={"user": planted})
        assert client.get("/", headers={"user": "ann"}).status_code == 200


def test_a_worker_whose_clock_is_ahead_shuts_nobody_out_for_longer(redis: Redis, backend: Any, clock: Clock) -> None:
    limit = RateLimit("1/minute", store=redis.url, store_timeout=5.0, name=f"{backend.name}{time.time()}")
    with Client(app_with(limit), backend.name) as client:
        clock.now += 3600
        assert client.get("/").status_code == 200
        clock.now -= 3600
        assert client.get("/").headers["retry-after"] == "60"


def test_many_at_once_are_counted(redis: Redis, backend: Any, caplog: pytest.LogCaptureFixture) -> None:
    """However few connections there are: a pool that refuses would let everybody through."""
    url = f"{redis.url}?max_connections=1"
    limit = RateLimit("5/hour", store=url, store_timeout=5.0, name=f"{backend.name}{time.time()}")
    with Client(app_with(limit), backend.name) as client, ThreadPoolExecutor(16) as threads:
        found = list(threads.map(lambda _: client.get("/").status_code, range(64)))
    assert sorted(found) == [200] * 5 + [429] * 59
    assert not caplog.records


def test_a_count_whose_answer_is_lost(redis: Redis, backend: Any, caplog: pytest.LogCaptureFixture) -> None:
    way = Cut(redis, closes=True)
    limit = RateLimit("3/hour", store=way.url, store_timeout=5.0, name=f"{backend.name}{time.time()}")
    with Client(app_with(limit), backend.name) as client:
        assert client.get("/").status_code == 200
        way.is_on = True
        assert statuses(client, 2) == [200, 429], "it may have counted twice, and lets nobody through"
    way.close()
    assert not caplog.records


@pytest.mark.parametrize("guard", [False, pytest.param(True, marks=pytest.mark.gate)])
@pytest.mark.parametrize("how", ["refuses connections", "never answers"])
@pytest.mark.parametrize(("when", "status"), [("allow", 200), ("refuse", 503)])
def test_a_store_that_is_down(
    client_for: Any, caplog: pytest.LogCaptureFixture, how: str, when: Any, status: int, guard: bool
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        if how == "never answers":
            silent.listen()
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}"
        limit = RateLimit("1/hour", store=url, when_store_fails=when, store_timeout=0.2)
        client = client_for(guarded(limit.by(name_of)) if guard else app_with(limit))
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
