"""What servers do, shown by applications without a framework (raw.py).

Each test pins one oddity that the backends work around, and says where; a release of the server that changes it is
noticed here, and the workaround may go. A test that fails after an upgrade is news, not a bug of Hinge.
"""

import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.servers.conftest import Pool
from tests.servers.harness import BARE_GRANIAN, H2, KINDS, Server, chunked, format_request, running, start, until
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus
from websockets.sync.client import connect

pytestmark = pytest.mark.server

WSGI = [name for name, kind in KINDS.items() if kind.interface == "wsgi"]
ASGI = [name for name, kind in KINDS.items() if kind.interface == "asgi"]


@pytest.fixture
def granian(pool: Pool) -> Server:
    """Granian with the raw WSGI application."""
    return pool("granian-wsgi", "raw:wsgi")


@pytest.fixture
def granian_asgi(pool: Pool) -> Server:
    """Granian with the raw ASGI application."""
    return pool("granian-asgi", "raw:asgi")


@pytest.fixture(params=WSGI)
def wsgi(request: pytest.FixtureRequest, pool: Pool) -> Server:
    """Every WSGI server with the raw application."""
    return pool(request.param, "raw:wsgi")


@pytest.fixture(params=ASGI)
def asgi(request: pytest.FixtureRequest, pool: Pool) -> Server:
    """Every ASGI server with the raw application."""
    return pool(request.param, "raw:asgi")


# -- WSGI: the response ------------------------------------------------------------------------------------------------


def test_granian_forgets_what_a_lazy_callable_says(granian: Server) -> None:
    """Hence a stream is begun before the callable returns (hinge_wsgi.respond)."""
    answer = granian.get("/lazy")
    assert (answer.status, answer["x-seen"], answer.body) == (200, None, b"lazy")


def test_granian_gives_no_write(granian: Server) -> None:
    """Hence nothing uses it."""
    assert granian.get("/writes").text == "NoneType"


def test_granian_measures_a_list_and_chunks_everything_else(granian: Server) -> None:
    """Hence a complete body is a list, and Content-Length is always our own (hinge_wsgi.respond)."""
    assert (granian.get("/lists").framing, granian.get("/tuples").framing) == ("length", "chunked")


@pytest.mark.parametrize("name", ["granian-wsgi", "gunicorn"])
def test_a_wrong_length_takes_the_next_answer_for_its_body(pool: Pool, name: str) -> None:
    """Hence Content-Length cannot be set by a handler (hinge.response.FRAMING)."""
    with pool(name, "raw:wsgi").wire() as wire:
        wire.get("/wrong_length")
        wire.get("/lists")
        assert wire.head()["content-length"] == "100"
        assert wire.exactly(30).startswith(b"shortHTTP/1.1 200 OK")


def test_bad_header_values_are_dropped_mangled_or_fatal(wsgi: Server) -> None:
    """Hence values are visible ASCII, checked where they are set (hinge.headers)."""
    answer = wsgi.get("/bad_headers")
    if wsgi.name == "granian-wsgi":
        assert (answer.status, answer["x-split"], answer["x-good"]) == (200, None, "yes")
        assert answer["x-latin"] == "caf\xc3\xa9"
    else:
        assert answer.status == 500


def test_a_connection_header_is_sent_dropped_or_fatal(wsgi: Server) -> None:
    """Hence it is left out on WSGI, as PEP 3333 demands (hinge_wsgi.respond)."""
    answer = wsgi.get("/hop")
    seen = (answer.status, answer["connection"])
    assert (
        seen == {"granian-wsgi": (200, "close"), "gunicorn": (200, "keep-alive"), "waitress": (500, "close")}[wsgi.name]
    )


def test_granian_ends_a_body_that_failed_as_if_it_were_complete(wsgi: Server) -> None:
    """Documented in docs/servers.md: nothing on WSGI can do better."""
    answer = wsgi.get("/fails_midway")
    assert answer.body == b"onetwo"
    assert answer.complete == (wsgi.name == "granian-wsgi")


@pytest.mark.parametrize("sized", [True, False])
def test_who_ends_a_body_without_length_after_close_only(wsgi: Server, sized: bool, name: str) -> None:
    """Hence what runs after a stream has a thread of its own (hinge_wsgi.runtime.in_background)."""
    end = Path(f"{wsgi.journal_path}-{name}")
    with wsgi.wire() as wire:
        wire.get(f"/slow_close?{'sized' if sized else 'lazy'}={name}")
        answer = wire.head()
        assert (wire.exactly(3) if sized else wire.chunk()) == b"all"
        wsgi.wait_for(f"closing {name}")
        late = not sized and wsgi.name in {"granian-wsgi", "waitress"}
        if late:
            assert not wire.has_more()
        elif not sized:
            assert wire.read_some(answer) == b""
        end.touch()
        wsgi.wait_for(f"closed {name}")
        if late:
            assert wire.read_some(answer) == b""


def test_granian_ends_a_stream_of_http_2_after_close_even_if_it_has_a_length(granian: Server, name: str) -> None:
    """Hence work after the response is not done in close() there (hinge_wsgi.respond)."""
    with H2(granian.port) as connection:
        number = connection.begin("GET", f"/slow_close?sized={name}")
        assert connection.wait_for_body(number, 3).body == b"all"
        granian.wait_for(f"closing {name}")
        assert not connection.has_ended(number)
        Path(f"{granian.journal_path}-{name}").touch()
        assert connection.answer(number).complete


# -- WSGI: the request -------------------------------------------------------------------------------------------------


def environ_of(server: Server, *headers: tuple[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = server.request("GET", "/environ/%E2%82%AC%ff%2Fx", list(headers)).json()
    return found


def test_granian_puts_the_process_environment_into_the_environ(wsgi: Server) -> None:
    """Hence variables that look like headers are remembered from the start (hinge_wsgi.environ)."""
    environ = environ_of(wsgi)
    seen = environ.get("HTTP_X_LEAK"), "PATH" in environ
    assert seen == (("from the environment", True) if wsgi.name == "granian-wsgi" else (None, False))


def test_paths_are_decoded_as_latin_1(wsgi: Server) -> None:
    """Hence PATH_INFO is decoded again, strictly (hinge_wsgi.environ.path)."""
    assert environ_of(wsgi)["PATH_INFO"] == "/environ/\xe2\x82\xac\xff/x"


def test_where_the_raw_target_and_the_peers_port_are(wsgi: Server) -> None:
    """Hence `client.port` may be None, and %2F cannot be told from a slash (hinge_wsgi.environ)."""
    environ = environ_of(wsgi)
    present = {key for key in ("RAW_URI", "REQUEST_URI", "REMOTE_PORT") if key in environ}
    assert (
        present
        == {
            "granian-wsgi": set(),
            "gunicorn": {"RAW_URI", "REMOTE_PORT"},
            "waitress": {"REQUEST_URI", "REMOTE_PORT"},
        }[wsgi.name]
    )


def test_repeated_lines_are_joined_each_in_its_way(wsgi: Server) -> None:
    """Hence lists are split at commas (hinge.headers); cookies are not, in whose values they stand (hinge.cookies)."""
    environ = environ_of(wsgi, ("X-List", "1"), ("X-List", "2"), ("Cookie", "a=1"), ("Cookie", "b=2"))
    assert (environ["HTTP_X_LIST"], environ["HTTP_COOKIE"]) == {
        "granian-wsgi": ("1,2", "a=1;b=2"),
        "gunicorn": ("1,2", "a=1,b=2"),
        "waitress": ("1, 2", "a=1, b=2"),
    }[wsgi.name]


def test_granian_takes_an_underscore_for_a_hyphen(wsgi: Server) -> None:
    """Hence ASGI drops names with an underscore; on Granian's WSGI nothing can be told (docs/servers.md)."""
    assert environ_of(wsgi, ("X_Under", "u")).get("HTTP_X_UNDER") == ("u" if wsgi.name == "granian-wsgi" else None)


def test_granian_empties_values_that_are_not_ascii(wsgi: Server) -> None:
    """Hence they read as empty everywhere (hinge_wsgi.environ.header, hinge_asgi.scope.header)."""
    value = environ_of(wsgi, ("X-Latin", "caf\xe9"))["HTTP_X_LATIN"]
    assert value == ("" if wsgi.name == "granian-wsgi" else "caf\xe9")


def test_a_chunked_body_has_no_length(wsgi: Server) -> None:
    """Hence it is read until its end (hinge_wsgi.body); waitress reads it first, and then knows."""
    environ = wsgi.request("POST", "/environ", {"Transfer-Encoding": "chunked"}, chunked(b"x")).json()
    assert environ["wsgi.input_terminated"] is True
    seen = environ.get("CONTENT_LENGTH"), environ.get("HTTP_TRANSFER_ENCODING")
    assert seen == (("1", None) if wsgi.name == "waitress" else (None, "chunked"))


def test_how_protocols_are_called(wsgi: Server) -> None:
    """Hence the table of hinge_wsgi.environ.http_version."""
    with wsgi.wire() as wire:
        wire.send(b"GET /environ HTTP/1.0\r\n\r\n")
        assert wire.answer().json()["SERVER_PROTOCOL"] == ("HTTP/1" if wsgi.name == "granian-wsgi" else "HTTP/1.0")
    if KINDS[wsgi.name].h2c:
        with H2(wsgi.port) as connection:
            assert connection.request("GET", "/environ").json()["SERVER_PROTOCOL"] == "HTTP/2"


READS = {
    "read()": ["line one\nline two\n"],
    "read(n)": ["line", " one", "\nlin", "e tw", "o\n"],
    "read(n) read()": ["line", " one\nline two\n"],
    "read(-1)": ["line one\nline two\n"],
    "readline": ["line one\n", "line two\n"],
    "iteration": ["line one\n", "line two\n"],
    "readlines": ["line one\n", "line two\n"],
}
GRANIAN_READS = {
    "read(n) read()": ["line", ""],
    "read(-1)": ["OverflowError"],
    "readline": ["line one", ""],
    "iteration": ["line one"],
    "readlines": ["line one", "line two", ""],
}


@pytest.mark.parametrize("how", READS)
def test_which_reads_lose_data(wsgi: Server, how: str) -> None:
    """Hence read(n) alone is used (hinge_wsgi.body)."""
    found = wsgi.request("POST", f"/reads?{how.replace(' ', '%20')}", body=b"line one\nline two\n").json()
    assert found == (READS | GRANIAN_READS if wsgi.name == "granian-wsgi" else READS)[how]


def test_a_cut_body_looks_complete(wsgi: Server) -> None:
    """Hence what arrived is compared with Content-Length (hinge_wsgi.body)."""
    with wsgi.wire() as wire:
        wire.send(format_request("POST", "/length", {"Content-Length": "1000"}) + b"x" * 100)
        wire.socket.shutdown(socket.SHUT_WR)
        if wsgi.name == "waitress":  # it waits for the whole body, and calls nothing without it
            with pytest.raises(EOFError):
                wire.answer()
        else:
            assert wire.answer().json() == 100


# -- WSGI: the process -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["granian-wsgi", "gunicorn"])
def test_context_variables_leak_from_request_to_request(pool: Pool, name: str) -> None:
    """Hence each request runs in a copy of the context (hinge_wsgi.compile)."""
    server = pool(name, "raw:wsgi")
    until(lambda: server.get("/context").json() == "another request's", "a leak")


def test_what_runs_when_a_process_ends(wsgi: Server, tmp_path: Path) -> None:
    """Hence lifespans stop by both (hinge_wsgi.runtime), and not at all under waitress (docs/servers.md)."""
    server = start(wsgi.name, "raw:wsgi", tmp_path)
    try:
        server.get("/exits")
    finally:
        server.stop()
    ran = {entry.text for entry in server.journal()} - {"state False"}
    if wsgi.name == "waitress":
        assert ran == set()
    elif wsgi.name == "granian-wsgi" and sys.version_info < (3, 13):
        assert ran == {"finalizer"}
    else:
        assert ran == {"atexit", "finalizer"}


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
    """Hence `state` is never read, and denials look for their extension (hinge_asgi.websocket)."""
    scope = scope_of(asgi)
    assert ("state" in scope) == (asgi.name != "daphne")
    assert scope.get("extensions") == {
        "granian-asgi": {"http.response.pathsend": {}, "websocket.http.response": {}},
        "hypercorn": {},
    }.get(asgi.name)


def test_who_takes_an_absolute_target_for_a_path(asgi: Server) -> None:
    """Hence hinge.target.origin_form."""
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
    """Hence a 400 that closes the connection (hinge.body.check_framing)."""
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
    """Hence event streams say their type bare: Granian looks for exactly that (hinge.events)."""
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


# -- ASGI: the lifespan ------------------------------------------------------------------------------------------------


def test_an_exception_in_the_lifespan_is_taken_for_no_lifespan(asgi: Server, tmp_path: Path) -> None:
    """Hence `startup.failed` is always said (hinge_asgi.lifespan)."""
    with running(asgi.name, "raw:asgi", tmp_path, environ={"RAW_RAISES": "1"}) as server:
        assert server.get("/scope").status == 200


def test_granian_empties_the_state_before_the_shutdown(asgi: Server, tmp_path: Path) -> None:
    """Hence the lifespans' values are kept by ourselves (hinge.loop.runtime)."""
    server = start(asgi.name, "raw:asgi", tmp_path)
    try:
        server.get("/scope")
    finally:
        server.stop()
    expected = [] if asgi.name == "daphne" else [f"state {asgi.name != 'granian-asgi'}"]
    assert [entry.text for entry in server.journal()] == expected


# -- ASGI: WebSockets --------------------------------------------------------------------------------------------------


def closing(server: Server, path: str) -> tuple[int | None, str]:
    """Return the close frame that the peer of a WebSocket gets; None if it gets none."""
    with connect(server.websocket_url(path), close_timeout=0.1) as ws, pytest.raises(ConnectionClosed) as closed:
        ws.recv(20)
    frame = closed.value.rcvd
    return (frame.code, frame.reason) if frame else (None, "")


@pytest.mark.parametrize("path", ["/ws_returns", "/ws_raises"])
def test_how_a_websocket_ends_that_nobody_closes(asgi: Server, path: str) -> None:
    """Hence we always close, with a code (hinge_asgi.websocket)."""
    if (asgi.name, path) == ("daphne", "/ws_returns"):
        with connect(asgi.websocket_url(path), close_timeout=0.1) as ws, pytest.raises(TimeoutError):
            ws.recv(0.5)  # it stays open for ever
        return
    expected = {"granian-asgi": 1005, "uvicorn": None, "hypercorn": 1011, "daphne": 1011}
    assert closing(asgi, path)[0] == expected[asgi.name]


def test_granian_keeps_a_close_back_while_somebody_receives(asgi: Server) -> None:
    """Hence reading ahead ends before the close is sent (hinge_asgi.websocket)."""
    if asgi.name == "granian-asgi":
        with connect(asgi.websocket_url("/ws_closes_while_receiving"), close_timeout=0.1) as ws:
            with pytest.raises(TimeoutError):
                ws.recv(0.5)
            ws.send("anything")  # it lets go of both
            with pytest.raises(ConnectionClosed):
                ws.recv(20)
    else:
        assert closing(asgi, "/ws_closes_while_receiving")[0] == 3000


def test_daphne_sends_few_codes_and_no_reason(asgi: Server) -> None:
    """Hence others are moved into the private range (hinge_asgi.websocket)."""
    assert closing(asgi, "/ws_closes_with?3000") == (3000, "" if asgi.name == "daphne" else "why")
    refused = len(asgi.journal("refused"))
    assert closing(asgi, "/ws_closes_with?1001") == ((1000, "") if asgi.name == "daphne" else (1001, "why"))
    assert len(asgi.journal("refused")) == refused + (asgi.name == "daphne")


def test_daphne_drops_empty_messages(asgi: Server) -> None:
    """Documented in docs/servers.md."""
    with connect(asgi.websocket_url("/ws_sends_empty"), close_timeout=0.1) as ws:
        assert ws.recv(20) == ("after" if asgi.name == "daphne" else b"")


def test_what_is_told_of_a_peer_that_left(asgi: Server) -> None:
    """Hence WebSocketDisconnect's code and reason are the server's best guess (docs/servers.md)."""
    before = len(asgi.journal("end"))
    with connect(asgi.websocket_url("/ws_notes_the_end")) as ws:
        ws.close(4001, "going")
    told = asgi.wait_for("end", before + 1)[-1].text
    assert told == {"uvicorn": "end 4001 going", "hypercorn": "end 1006 -"}.get(asgi.name, "end 4001 -")
    lost = connect(asgi.websocket_url("/ws_notes_the_end"), legacy=True, close_timeout=0.1)
    lost.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    lost.socket.close()
    told = asgi.wait_for("end", before + 2)[-1].text
    assert told == ("end 1005 -" if asgi.name in {"granian-asgi", "uvicorn"} else "end 1006 -")


def test_who_sends_the_headers_of_an_accept(asgi: Server) -> None:
    """Documented at WebSocket.accept."""
    with connect(asgi.websocket_url("/ws_closes_with?1000"), close_timeout=0.1) as ws:
        sent = ws.response.headers.get("x-accepted") if ws.response else None
    assert sent == ("yes" if asgi.name in {"uvicorn", "hypercorn"} else None)


@pytest.mark.parametrize("name", ["granian-asgi", "uvicorn", "hypercorn"])
def test_who_denies_with_a_body_in_two_parts(pool: Pool, name: str) -> None:
    """Hence a denial's body is one message (hinge_asgi.websocket)."""
    with pytest.raises(InvalidStatus) as denied:
        connect(pool(name, "raw:asgi").websocket_url("/ws_denies"), legacy=True)
    response = denied.value.response
    expected = (403, b"") if name == "granian-asgi" else (401, b"one two")
    assert (response.status_code, bytes(response.body or b"")) == expected


def test_granian_does_not_survive_a_denial_that_repeats_a_header(tmp_path: Path) -> None:
    """Hence a denial's headers are made unique (hinge_asgi.websocket)."""
    server = start("granian-asgi", "raw:asgi", tmp_path)
    try:
        with pytest.raises((InvalidStatus, InvalidMessage, EOFError, OSError)):
            connect(server.websocket_url("/ws_denies?repeated"), legacy=True)
        assert server.wait() == 1
    finally:
        server.stop()
    assert "panicked" in server.log()


# -- Granian's stop ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["granian-wsgi", "granian-asgi"])
def test_granian_does_not_stop_while_an_idle_http_2_connection_is_open(name: str, tmp_path: Path) -> None:
    """Hence a bound on the stop, also where no stream and no WebSocket is open (docs/servers.md)."""
    server = start(name, f"raw:{KINDS[name].interface}", tmp_path)
    try:
        with H2(server.port) as connection:
            connection.request("GET", "/environ")
            server.signal()
            server.wait_for_log("Stopping worker-1")
            with pytest.raises(subprocess.TimeoutExpired):
                server.process.wait(1)
        assert server.wait() == 0
    finally:
        server.stop()


# -- Granian's default interface ---------------------------------------------------------------------------------------


def test_granian_serves_a_wsgi_function_as_rsgi_and_answers_500(tmp_path: Path) -> None:
    """Hence every callable of ours explains itself (hinge.rsgi)."""
    with running(BARE_GRANIAN, "raw:wsgi", tmp_path) as server:
        answer = server.get("/lists")
        assert (answer.status, answer.body) == (500, b"")
