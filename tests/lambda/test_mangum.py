"""The contract's cases behind Mangum: the app on ASGI, called with the events of an HTTP API."""

import asyncio
import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from tests.servers.test_http import CASES, Case

mangum = pytest.importorskip("mangum", reason="the adapter is not installed")
pytestmark = [pytest.mark.gate, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

EVENT = json.loads((Path(__file__).parent / "events/http-api.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def handler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Any, Any], Any]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SERVED_JOURNAL", str(tmp_path_factory.mktemp("mangum") / "journal"))
        from tests.servers.served import app

        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)  # which Mangum asks for
        yield mangum.Mangum(app.compile("asgi"), lifespan="auto")
        asyncio.set_event_loop(None)
        loop.close()


def event(case: Case) -> dict[str, Any]:
    path, _, query = case.target.partition("?")
    headers = {"host": "127.0.0.1"} | {name.lower(): value for name, value in case.send.items()}
    if case.sent is not None:
        headers["content-length"] = str(len(case.sent))
    http = EVENT["requestContext"]["http"] | {"method": case.method, "path": unquote(path)}
    return EVENT | {
        "rawPath": path,
        "rawQueryString": query,
        "cookies": [],
        "headers": headers,
        "requestContext": EVENT["requestContext"] | {"http": http},
        "body": b64encode(case.sent or b"").decode(),
        "isBase64Encoded": True,
    }


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_same_answer_as_under_a_server(handler: Callable[[Any, Any], Any], case: Case) -> None:
    answer = handler(event(case), None)
    if "%EF%BF%BD" in case.target:  # Mangum 0.22.0 hands over no raw path, in which alone it is no damage
        assert answer["statusCode"] == 400
        return
    body = b64decode(answer["body"]) if answer["isBase64Encoded"] else answer["body"].encode()
    assert answer["statusCode"] == case.status
    assert {name: answer["headers"].get(name) for name in case.headers} == case.headers
    assert (body.decode() if isinstance(case.body, str) else json.loads(body)) == case.body
