"""Probes: a status, and no more than one round of checks a moment."""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import anyio
import pytest

from hinge import App, ConfigurationError, Depends, HTTPError, Request, Router
from hinge.backend import draining
from hinge.health import Health
from hinge.testing import Client


def passes() -> None: ...


async def passes_async() -> bool:
    return True


def fails() -> None:
    raise RuntimeError("postgresql://user:secret@db")


async def fails_async() -> None:
    raise RuntimeError("postgresql://user:secret@db")


def says_no() -> bool:
    return False


def yields() -> Iterator[int]:
    yield 1


async def yields_no() -> AsyncIterator[bool]:
    yield False


def fails_behind() -> Iterator[int]:
    yield 1
    raise RuntimeError("no")


async def is_late() -> None:
    await anyio.sleep(60)


async def waits_for_what_is_cancelled() -> None:
    raise asyncio.CancelledError


def leaves() -> None:
    raise SystemExit(3)


async def is_late_and_says_nothing_of_it() -> None:
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(60)


def app_with(*checks: Any, **options: Any) -> App:
    app = App()
    app.include(Health(checks=checks, **options))
    return app


@pytest.mark.parametrize(
    ("checks", "status"),
    [
        ([], 200),
        ([passes], 200),
        ([passes_async], 200),
        ([passes, passes_async, yields], 200),
        ([fails], 503),
        ([fails_async], 503),
        ([says_no], 503),
        ([yields_no], 503),
        ([fails_behind], 503),
        ([waits_for_what_is_cancelled], 503),
        ([leaves], 503),
        ([is_late_and_says_nothing_of_it], 503),
        ([passes, passes_async, fails], 503),
    ],
)
def test_it_is_ready_if_every_check_passes(client_for: Any, checks: list[Any], status: int) -> None:
    client = client_for(app_with(*checks))
    answer = client.get("/ready")
    assert (answer.status_code, answer.json()) == (status, {"status": "ok" if status == 200 else "failed"})
    assert answer.headers["cache-control"] == "no-store"
    assert client.head("/ready").status_code == status
    live = client.get("/live")
    assert (live.status_code, live.json()) == (200, {"status": "ok"})


def test_details_name_the_checks(client_for: Any) -> None:
    answer = client_for(app_with(passes, fails, is_late, timeout=0.05, details=True)).get("/ready")
    assert answer.status_code == 503
    assert answer.json() == {"status": "failed", "checks": {"passes": "ok", "fails": "failed", "is_late": "late"}}
    assert "secret" not in answer.text


def test_checks_run_at_once_and_are_late_after_their_time(client_for: Any) -> None:
    async def slow() -> None:
        await anyio.sleep(0.3)

    def slow_too() -> None:
        time.sleep(0.3)

    async def slowest() -> None:
        await anyio.sleep(0.3)

    client = client_for(app_with(slow, slow_too, slowest, timeout=5))
    begun = time.monotonic()
    assert client.get("/ready").status_code == 200
    assert time.monotonic() - begun < 0.85, "less than one after the other"
    client = client_for(app_with(is_late, timeout=0.05))
    begun = time.monotonic()
    assert client.get("/ready").status_code == 503
    assert time.monotonic() - begun < 5


def test_what_checks_say_is_kept_for_a_moment(client_for: Any) -> None:
    calls = []
    client = client_for(app_with(lambda: calls.append(1), cache=60))
    assert [client.get("/ready").status_code for _ in range(5)] == [200] * 5
    assert len(calls) == 1
    client = client_for(app_with(lambda: calls.append(1), cache=0))
    assert [client.get("/ready").status_code for _ in range(5)] == [200] * 5
    assert len(calls) == 6


@pytest.mark.parametrize("name", ["wsgi", "asgi"])
def test_who_asks_meanwhile_waits_for_the_same_round(name: str) -> None:
    calls = []

    async def slow() -> None:
        calls.append(1)
        await anyio.sleep(0.2)

    with Client(app_with(slow, cache=60), name) as client:
        codes: list[int] = []
        asking = [threading.Thread(target=lambda: codes.append(client.get("/ready").status_code)) for _ in range(5)]
        for one in asking:
            one.start()
        for one in asking:
            one.join()
    assert (codes, len(calls)) == ([200] * 5, 1)


def test_a_check_that_hangs_holds_one_thread_and_no_more(client_for: Any) -> None:
    release, begun = threading.Event(), []

    def hangs() -> None:
        begun.append(1)
        release.wait(30)

    client = client_for(app_with(hangs, timeout=0.05, cache=0))
    try:
        assert [client.get("/ready").status_code for _ in range(4)] == [503] * 4
        assert begun == [1]
    finally:
        release.set()
    end = time.monotonic() + 10
    while client.get("/ready").status_code != 200:
        assert time.monotonic() < end
    assert len(begun) >= 2


def test_checks_take_dependencies_and_share_what_the_worker_has(client_for: Any) -> None:
    made: list[str] = []

    async def pool() -> AsyncIterator[str]:
        made.append("pool")
        yield "pool"
        made.append("closed")

    Pool = Annotated[str, Depends(pool, scope="app")]

    def session(pool: Pool) -> Iterator[str]:
        made.append("session")
        yield f"session of {pool}"
        made.append("left")

    def database(db: Annotated[str, Depends(session)]) -> bool:
        return db == "session of pool"

    app = app_with(database, cache=0)
    client = client_for(app)
    assert [client.get("/ready").status_code for _ in range(2)] == [200, 200]
    assert made == ["pool", "session", "left", "session", "left"]


def test_a_test_may_put_another_in_its_place(client_for: Any) -> None:
    app = app_with(fails)
    assert client_for(app, overrides={fails: passes}).get("/ready").status_code == 200
    assert client_for(app).get("/ready").status_code == 503


def test_guards_of_the_app_are_not_asked_and_its_own_are(client_for: Any) -> None:
    def guard() -> None:
        raise HTTPError(401)

    app = App(dependencies=[Depends(guard)])
    app.include(Health(checks=[passes]))
    app.include(Health(live="/internal/live", ready="/internal/ready", dependencies=[Depends(guard)]), name="internal")
    app.get("/")(lambda: "in")
    client = client_for(app)
    paths = ("/", "/live", "/ready", "/internal/live", "/internal/ready")
    assert [client.get(path).status_code for path in paths] == [401, 200, 200, 401, 401]


def test_guards_of_a_router_around_it_are_asked(client_for: Any) -> None:
    def guard() -> None:
        raise HTTPError(401)

    router = Router("/internal", dependencies=[Depends(guard)])
    router.include(Health())
    app = App()
    app.include(router)
    assert client_for(app).get("/internal/ready").status_code == 401


def test_who_is_about_to_stop_is_alive_and_not_ready(client_for: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    client = client_for(app_with(passes))
    other = client_for(app_with(ready="/other"))
    assert client.get("/ready").status_code == other.get("/other").status_code == 200
    monkeypatch.setattr(draining, "_begun", True)
    for answer in (client.get("/ready"), other.get("/other")):
        assert (answer.status_code, answer.json()) == (503, {"status": "stopping"})
    assert client.get("/live").status_code == 200


def test_the_log_has_why_once(client_for: Any, caplog: pytest.LogCaptureFixture) -> None:
    is_broken = [True]

    def database() -> None:
        if is_broken[0]:
            raise RuntimeError("no connection\nforged line")

    client = client_for(app_with(database, cache=0))
    with caplog.at_level(logging.INFO, "hinge"):
        for _ in range(3):
            client.get("/ready")
        is_broken[0] = False
        for _ in range(3):
            client.get("/ready")
    lines = [record.getMessage() for record in caplog.records if record.name == "hinge"]
    assert lines == ["health check database: failed", "health check database passes again"]
    assert "\nforged line" not in caplog.text
    assert "RuntimeError: no connection" in caplog.text


def test_they_are_in_no_document(client_for: Any) -> None:
    assert client_for(app_with(passes)).get("/openapi.json").json()["paths"] == {}


def test_a_path_that_is_none_is_not_served(client_for: Any) -> None:
    client = client_for(app_with(live=None, ready="/status"))
    assert [client.get(path).status_code for path in ("/live", "/ready", "/status")] == [404, 404, 200]


def takes_request(request: Request) -> None: ...


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"checks": "database"}, r"Health\(checks='database'\) \(.*\): it is no list\. Fix: checks=\[database\]"),
        ({"checks": [5]}, r"Health\(5\) \(.*\): it cannot be called\. Fix: give the function that Depends names"),
        ({"timeout": -1}, r"Health\(timeout=-1\) \(.*\): it is no number of seconds"),
        ({"cache": "1"}, r"Health\(cache='1'\) \(.*\): it is no number of seconds"),
        ({"details": 1}, r"Health\(details=1\) \(.*\): it is no True or False"),
    ],
)
def test_what_does_not_fit_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Health(**options)


def test_a_check_that_takes_something_of_a_request_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"Health\(checks=\[\.\.\.\]\) \(.*\): .*takes_request.* takes the"):
        app_with(takes_request).compile("asgi")
