"""What ASGI servers do with WebSockets, shown by applications without a framework (raw.py)."""

import socket

import pytest
from tests.servers.conftest import Pool
from tests.support.servers import Server
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

pytestmark = [
    pytest.mark.server,
    pytest.mark.upstream(granian="2.8.9", uvicorn="0.54.0", hypercorn="0.18.0", daphne="4.2.3"),
]


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


def test_a_close_is_sent_while_somebody_receives(asgi: Server) -> None:
    """Granian 2.8.7 kept it back until then, hence reading ahead ends before a close (hinge_asgi.transport)."""
    assert closing(asgi, "/ws_closes_while_receiving")[0] == 3000


def test_daphne_sends_few_codes_and_no_reason(asgi: Server) -> None:
    """Hence others are moved into the private range (hinge_asgi.transport)."""
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
    """Hence a denial's body is one message (hinge_asgi.transport)."""
    with pytest.raises(InvalidStatus) as denied:
        connect(pool(name, "raw:asgi").websocket_url("/ws_denies"), legacy=True)
    response = denied.value.response
    expected = (403, b"") if name == "granian-asgi" else (401, b"one two")
    assert (response.status_code, bytes(response.body or b"")) == expected


@pytest.mark.parametrize("name", ["granian-asgi", "uvicorn", "hypercorn"])
def test_a_denial_may_repeat_a_header(pool: Pool, name: str) -> None:
    """Granian 2.8.7 ended its worker there, hence a denial's headers are made unique (hinge_asgi.transport)."""
    with pytest.raises(InvalidStatus) as denied:
        connect(pool(name, "raw:asgi").websocket_url("/ws_denies?repeated"), legacy=True)
    assert denied.value.response.headers.get_all("set-cookie") == ["a=1", "b=2"]
