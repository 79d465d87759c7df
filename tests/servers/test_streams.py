"""Streams over sockets: chunk by chunk, at the client's pace, and closed when it leaves."""

import contextlib
import time

import pytest
from tests.servers.served import PRESSURE_CHUNKS
from tests.support.servers import Server
from tests.support.waiting import until
from tests.support.wire import Answer, Wire, format_request

pytestmark = pytest.mark.server

NOTICE = 8.0
"""Seconds within which a source is closed after its client has left."""

KINDS_OF_ITERATOR = [
    "generator",
    "async-generator",
    "iterator",
    "async-iterator",
    "iterator-of-async",
    "async-iterator-of-sync",
]


def open_stream(server: Server, target: str) -> tuple[Wire, Answer]:
    wire = server.wire()
    wire.get(target)
    return wire, wire.head()


@pytest.mark.parametrize("kind", KINDS_OF_ITERATOR)
def test_a_chunk_is_sent_before_the_next_one_exists(server: Server, kind: str, name: str) -> None:
    wire, answer = open_stream(server, f"/stream/{kind}/{name}")
    with wire:
        for number in range(3):
            # The source goes on to the next chunk only when the gate is opened, after this one has arrived.
            assert wire.read_some(answer) == b"%d " % number
            assert server.journal(f"closed {name}") == []
            server.request("POST", f"/gates/{name}-{number}")
        assert wire.read_some(answer) == b""
    assert len(server.wait_for(f"closed {name}")) == 1


ENDLESS = ["/endless/sync", "/endless/async", "/flood", "/events/idle"]


@pytest.mark.parametrize("leave", ["close", "abort"])
@pytest.mark.parametrize("path", ENDLESS)
def test_a_source_is_closed_soon_after_its_client_left(server: Server, path: str, leave: str, name: str) -> None:
    wire, answer = open_stream(server, f"{path}/{name}")
    if path != "/events/idle":  # whose head comes alone
        wire.read_some(answer)
    left = time.monotonic()
    getattr(wire, leave)()
    (closed,) = server.wait_for(f"closed {name}")
    assert closed.time - left < NOTICE


@pytest.mark.parametrize("leave", ["close", "abort"])
def test_a_silent_source_is_closed_too_where_the_server_tells(asgi_server: Server, leave: str, name: str) -> None:
    # On WSGI nobody tells: a silent stream is noticed at its next chunk, which event streams have every few seconds.
    wire, answer = open_stream(asgi_server, f"/idle/{name}")
    assert wire.read_some(answer) == b"first"
    left = time.monotonic()
    getattr(wire, leave)()
    (closed,) = asgi_server.wait_for(f"closed {name}")
    assert closed.time - left < NOTICE


def test_the_server_goes_on_while_streams_are_open(server: Server, name: str) -> None:
    open_ones = [open_stream(server, f"/endless/{colour}/{name}-{colour}") for colour in ("sync", "async")]
    assert server.get("/plain").text == "plain"
    assert server.get("/colour/async").status == 200
    for wire, answer in open_ones:
        assert wire.read_some(answer)
        wire.close()
    server.wait_for(f"closed {name}", 2)


ALL = PRESSURE_CHUNKS
"""Chunks of 64 KiB that the source has to offer: more than every buffer between it and the client."""


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_a_client_that_does_not_read_holds_up_the_source(server: Server, colour: str, name: str) -> None:
    wire = server.wire()
    with wire:
        wire.get(f"/pressure/{colour}/{name}")
        if server.name != "daphne":  # it has no backpressure, and takes everything into memory
            assert settled(server, name) < ALL * 2 / 3
        answer = wire.answer()
    assert answer.complete
    assert len(answer.body) == ALL * 65_536


def settled(server: Server, name: str) -> int:
    """Return how much was produced once that has not changed for a while."""
    produced, since = -1, time.monotonic()
    while time.monotonic() - since < 0.3:
        now = int(server.get(f"/produced/{name}").body)
        if now != produced:
            produced, since = now, time.monotonic()
    return produced


# -- failures ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_a_failure_after_the_first_chunk_cuts_the_connection(server: Server, colour: str) -> None:
    before = server.log().count("ValueError: the secret cause")
    wire, answer = open_stream(server, f"/fail/mid/{colour}")
    with wire:
        assert wire.read_some(answer) == b"one "
        assert wire.read_some(answer) == b"two "
        if server.name == "daphne":  # it leaves the client waiting
            until(lambda: server.log().count("ValueError: the secret cause") > before, "the failure in the log")
        elif server.name == "granian-wsgi":  # before 2.8.9 it ends the body as if it were complete
            with contextlib.suppress(EOFError):
                assert wire.read_some(answer) == b""
        else:
            with pytest.raises(EOFError):
                wire.read_some(answer)
    server.wait_for_log(f"'/fail/mid/{colour}': handler served.fail_mid_{colour}")
    assert server.log().count("ValueError: the secret cause") == before + 1


# -- special ones ------------------------------------------------------------------------------------------------------


def test_an_event_stream_on_the_wire(server: Server) -> None:
    answer = server.get("/events")
    assert answer["content-type"] == "text/event-stream"
    assert answer["cache-control"] == "no-store"
    assert answer["x-accel-buffering"] == "no"
    assert answer.text == (
        'event: news\nid: 1\nretry: 1000\ndata: one\ndata: two\n\ndata: text\n\ndata: {"number":3}\n\n'
    )


def test_an_event_stream_starts_and_lives_without_events(server: Server, name: str) -> None:
    wire, answer = open_stream(server, f"/events/idle/{name}")
    with wire:
        assert answer.status == 200
        assert wire.read_some(answer) == b": keep-alive\n\n"
    server.wait_for(f"closed {name}")


def test_empty_chunks_end_nothing(server: Server) -> None:
    assert server.get("/empty-chunks").body == b"ab"
    answer = server.get("/no-chunks")
    assert (answer.status, answer.body, answer.complete) == (200, b"", True)


def test_a_long_stream_arrives_whole(server: Server) -> None:
    answer = server.get("/sized")
    assert (len(answer.body), answer.complete) == (1_000_000, True)


def test_head_closes_a_stream_without_running_it(server: Server, name: str) -> None:
    answer = server.request("HEAD", f"/stream/iterator/{name}")
    assert (answer.status, answer.body) == (200, b"")
    # The iterator's generator was never entered, so it has nothing to note; a later request is answered all the same.
    assert server.get("/plain").status == 200
    assert server.journal(f"closed {name}") == []


def test_a_middleware_sees_a_streams_head(server: Server) -> None:
    for path, stamps in (("/layered/stream", ["x-stamp"]), ("/layered/async/stream", ["x-stamp", "x-stamp-async"])):
        answer = server.get(path)
        assert answer.text == "nothing in the stream"
        assert [answer[stamp] for stamp in stamps] == ["200"] * len(stamps)


def test_a_file_is_streamed_with_its_length(server: Server) -> None:
    answer = server.get("/file")
    assert answer.framing == "length"
    assert answer.body.startswith(b'"""The app that every real server serves')
    assert answer.complete


def test_a_connection_is_reused_after_a_stream(server: Server) -> None:
    with server.wire() as wire:
        wire.send(format_request("GET", "/empty-chunks"))
        answer = wire.answer()
        if answer["connection"] == "close":
            assert server.name == "waitress"
            return
        wire.get("/named/1")
        assert wire.answer().body == b"1"
