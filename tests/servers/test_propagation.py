"""`propagate_exceptions` under real servers: the failure is theirs to log and to answer, and they go on."""

from pathlib import Path

import httpx
import pytest
from tests.support.ports import free_port
from tests.support.processes import Process
from tests.support.waiting import PATIENCE, until
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

pytestmark = [pytest.mark.server, pytest.mark.gate]

APP = """\
import asyncio

from hinge import App, Config, WebSocket

app = App(config=Config(propagate_exceptions=True))


@app.get("/ok")
async def ok() -> str:
    return "ok"


@app.get("/plain")
def plain() -> None:
    raise LookupError("of the plain one")


@app.get("/async")
async def coroutine() -> None:
    raise LookupError("of the coroutine")


@app.get("/stream")
async def stream():
    yield "begun"
    await asyncio.sleep(0.2)
    raise LookupError("of the stream")


async def talk(ws: WebSocket) -> None:
    await ws.accept()
    raise LookupError("of the WebSocket")
"""

SERVERS = {
    "hinge run wsgi": "hinge run shop:app --backend wsgi --port {port}",
    "hinge run asgi": "hinge run shop:app --backend asgi --port {port}",
    "granian wsgi": "granian --interface wsgi --port {port} shop:app",
    "granian asgi": "granian --interface asgi --port {port} shop:app",
    "uvicorn": "uvicorn --port {port} shop:app",
    "hypercorn": "hypercorn --bind 127.0.0.1:{port} shop:app",
    "gunicorn": "gunicorn -k gthread --threads 4 --bind 127.0.0.1:{port} shop:app",
    "waitress": "waitress --listen 127.0.0.1:{port} shop:app",
}
WITH_WEBSOCKETS = ("hinge run asgi", "granian asgi", "uvicorn", "hypercorn")


@pytest.mark.parametrize("server", SERVERS)
def test_a_failure_is_the_server_s(tmp_path: Path, server: str) -> None:
    talks = server in WITH_WEBSOCKETS
    (tmp_path / "shop.py").write_text(APP + ('\n\napp.websocket("/ws")(talk)\n' if talks else ""))
    port = free_port()
    process = Process(SERVERS[server].format(port=port).split(), tmp_path, port, cwd=tmp_path)
    try:
        process.wait_until_it_listens()
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as client:
            for path in ("/plain", "/async"):
                answer = client.get(path)
                assert (answer.status_code, "LookupError" in answer.text) == (500, False)
            with pytest.raises(httpx.RemoteProtocolError), client.stream("GET", "/stream") as answer:
                list(answer.iter_bytes())
            if talks:
                with connect(f"ws://127.0.0.1:{port}/ws", open_timeout=PATIENCE) as ws:
                    with pytest.raises(ConnectionClosed) as closed:
                        ws.recv(PATIENCE)
                    assert closed.value.rcvd is not None
                    assert closed.value.rcvd.code == 1011
            assert client.get("/ok").text == "ok"
        places = ["plain one", "coroutine", "stream", *(["WebSocket"] if talks else [])]
        for place in places:
            line = f"LookupError: of the {place}"
            until(lambda line=line: line in process.log(), line, process.log)
            assert process.log().count(line) == 1, process.log()
        assert ") failed" not in process.log(), "Hinge's own line"
        process.stop()  # in time; uvicorn's code is that of the signal
    finally:
        process.kill()
