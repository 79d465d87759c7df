"""What ASGI servers do with requests and responses, shown by applications without a framework (raw.py)."""

from pathlib import Path
from typing import Any

import pytest
from tests.servers.conftest import Pool
from tests.support.servers import Server, running
from tests.support.waiting import until
from websockets.sync.client import connect

pytestmark = [
    pytest.mark.server,
    pytest.mark.upstream(granian="2.8.9", uvicorn="0.54.0", hypercorn="0.18.0", daphne="4.2.3"),
]


# -- ASGI: the request -------------------------------------------------------------------------------------------------


def scope_of(server: Server, target: str = "/scope") -> dict[str, Any]:
    found: dict[str, Any] = server.get(target).json()
    return found


def test_how_the_peer_is_told(asgi: Server) -> None:
    """Hence ports are converted (hinge_asgi.scope.client)."""
    peer = scope_of(asgi)["client"]
    kinds = [type(part).__name__ for part in peer]
    if asgi.name == "daphne":
        assert kinds == ["str", "int"]  # a list
    else:
        assert peer[0] == "a tuple"
        assert kinds == ["str", "str", "str" if asgi.name == "granian-asgi" else "int"]


def test_what_the_scope_says_of_the_server(asgi: Server) -> None:
    """Hence `state` is never read, and denials look for their extension (hinge_asgi.transport)."""
    scope = scope_of(asgi)
    assert ("state" in scope) == (asgi.name != "daphne")
    assert scope.get("extensions") == {
        "granian-asgi": {"http.response.pathsend": {}, "websocket.http.response": {}},
        "hypercorn": {},
    }.get(asgi.name)


def test_who_takes_an_absolute_target_for_a_path(asgi: Server) -> None:
    """Hence hinge.http.target.origin_form."""
    path = scope_of(asgi, "http://other.example/scope?a=1")["path"]
    assert path == ("/scope" if asgi.name == "granian-asgi" else "http://other.example/scope")


def test_a_path_that_is_not_utf_8_is_decoded_with_replacements(asgi: Server) -> None:
    """Hence it is judged again by raw_path (hinge_asgi.scope.path)."""
    scope = scope_of(asgi, "/scope/%ff%2Fx?q")
    assert scope["path"] == "/scope/\N{REPLACEMENT CHARACTER}/x"
    assert scope["raw_path"] == "/scope/%ff%2Fx"


def test_uvicorn_puts_the_root_path_before_the_path(asgi: Server, tmp_path: Path) -> None:
    """Hence the prefix is taken off only where it is there (hinge_asgi.scope.path)."""
    if asgi.name != "uvicorn":
        pytest.skip("the others hand over the path as it came")
    with running("uvicorn", "raw:asgi", tmp_path, "--root-path", "/api") as server:
        assert scope_of(server)["path"] == "/api/scope"
        assert scope_of(server, "/api/scope")["path"] == "/api/api/scope"


def test_http_1_0_has_two_names(asgi: Server) -> None:
    """Hence hinge_asgi.scope.http_version."""
    with asgi.wire() as wire:
        wire.send(b"GET /scope HTTP/1.0\r\n\r\n")
        assert wire.answer().json()["http_version"] == ("1" if asgi.name == "granian-asgi" else "1.0")


def test_names_with_an_underscore_arrive(asgi: Server) -> None:
    """Hence they are dropped (hinge_asgi.scope.headers)."""
    names = [name for name, _ in asgi.request("GET", "/headers", {"X_Under": "u"}).json()]
    assert ("x_under" in names) == (asgi.name != "daphne")


@pytest.mark.parametrize(
    ("name", "extra"), [("granian-asgi", True), ("hypercorn", True), ("uvicorn", False), ("daphne", False)]
)
def test_who_ends_a_body_with_one_message_more(pool: Pool, name: str, extra: bool) -> None:
    """Hence reading stops at Content-Length: each receive() costs (hinge_asgi.body)."""
    messages = pool(name, "raw:asgi").request("POST", "/messages", body=b"abc").json()
    assert messages == [["http.request", 3], ["http.request", 0]][: 2 if extra else 1]


def test_granians_receive_is_no_coroutine(granian_asgi: Server) -> None:
    """Hence it is awaited inside a coroutine of ours before a task is made of it (hinge.loop.watch)."""
    assert granian_asgi.get("/awaitable").json() == "PyFutureAwaitable"


TWO_FRAMINGS = (
    b"POST /messages HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    b"GET /headers HTTP/1.1\r\nHost: a\r\n\r\n"
)


def test_who_serves_the_request_behind_one_framed_twice(asgi: Server) -> None:
    """Hence a 400 that closes the connection (hinge.http.body.check_framing)."""
    with asgi.wire() as wire:
        wire.send(TWO_FRAMINGS)
        first = wire.answer().status
        assert first == (400 if asgi.name == "daphne" else 200)
        if asgi.name in {"uvicorn", "hypercorn"}:
            assert wire.answer().status == 200
        else:
            assert wire.ended()


# -- ASGI: the response ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("events", [False, True])
def test_who_holds_the_head_back_until_there_is_a_body(asgi: Server, events: bool) -> None:
    """Hence event streams say their type bare: Granian looks for exactly that (hinge.responses.events)."""
    held = asgi.name == "daphne" or (asgi.name == "granian-asgi" and not events)
    before = len(asgi.journal("body"))
    with asgi.wire() as wire:
        # Where the head comes alone the body waits for our word, elsewhere for a while.
        wire.get(f"/holds_start?{'events' * events}&{0.3 if held else 30}")
        wire.head()
        came_before_the_body = len(asgi.journal("body")) == before
        asgi.get("/release")
    assert came_before_the_body == (not held)
    asgi.wait_for("body", before + 1)


def test_a_send_after_the_client_left_says_nothing_and_gives_nobody_a_turn(asgi: Server) -> None:
    """Hence streams watch for the disconnect, and make a turn for that themselves (hinge.loop.stream)."""
    with asgi.wire() as wire:
        wire.get("/sends_on")
        wire.read_some(wire.head())
    (noted,) = until(lambda: asgi.journal("sent") + asgi.journal("raised"), "the end of the sending")
    assert noted.text == ("sent turns" if asgi.name == "hypercorn" else "sent without-a-turn")


def test_daphne_leaves_a_failed_response_hanging_and_looks_after_nothing_any_more(asgi: Server, tmp_path: Path) -> None:
    """Hence it is told nothing of a stream that failed (hinge_asgi.compile)."""
    if asgi.name != "daphne":
        with asgi.wire() as wire:
            wire.get("/raises_midway")
            answer = wire.head()
            assert wire.read_some(answer) == b"first"
            with pytest.raises(EOFError):
                wire.read_some(answer)
        return
    with running("daphne", "raw:asgi", tmp_path) as server, server.wire() as wire:
        wire.get("/raises_midway")
        answer = wire.head()
        assert wire.read_some(answer) == b"first"
        server.wait_for_log("Exception inside application: in the middle")
        assert not wire.has_more()
        with connect(server.websocket_url("/ws_raises"), close_timeout=0.1) as ws, pytest.raises(TimeoutError):
            ws.recv(1.5)  # which is 1011 within a second otherwise
