"""The same app behind Mangum (as ASGI) and apig-wsgi (as WSGI): one event, one answer, but for what is named here."""

import asyncio
import json
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hinge import App, Request, Response

mangum = pytest.importorskip("mangum", reason="what it is compared with is not installed")
apig_wsgi = pytest.importorskip("apig_wsgi")
pytest.importorskip("hinge_lambda", reason="the distribution hinge-lambda is not installed")
pytestmark = [pytest.mark.gate, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

EVENTS = {file.stem: file.read_text("utf-8") for file in sorted((Path(__file__).parent / "events").glob("*.json"))}
CUT = {"rest-custom-domain", "http-api-1-mapping", "http-api-1-stage", "http-api-stage"}
"""Where a stage or base path stands before the app's path."""
STAGED = CUT | {"rest", "rest-base64", "rest-console"}
LINES = {"rest", "rest-base64", "rest-custom-domain", "http-api-1", "http-api-1-stage", "http-api-1-mapping"}
"""Which tell repeated header lines apart."""
COOKIES = {"http-api", "http-api-base64", "http-api-stage", "function-url"}

DIFFERENT = {
    # Of repeated lines, an ASGI app is told one.
    "mangum": {"path": CUT, "prefix": STAGED, "tag": LINES},
    # Cookies are joined without a space, and those of a function URL are sent twice.
    "apig_wsgi": {"path": CUT, "prefix": STAGED, "cookie": COOKIES},
}
ASKED = ("method", "path", "prefix", "query", "host", "cookie", "tag", "body")


def echo() -> App:
    app = App(openapi_path=None, docs_path=None)

    @app.route("/{rest:path}", methods=["GET", "POST"])
    def told(request: Request, rest: str) -> Response:
        lines = request.headers
        answer = [request.method, request.path, request.url_for("told", rest=""), sorted(request.query.multi_items())]
        answer += [lines.get("host"), lines.get("cookie"), lines.get("x-tag"), request.body.hex()]
        return Response(json.dumps(answer), headers=[("set-cookie", "a=1"), ("set-cookie", "b=2"), ("x-a", "1")])

    @app.get("/bytes")
    def data() -> bytes:
        return b"\xff\xfe"

    return app


@pytest.fixture(scope="module")
def handlers() -> Iterator[dict[str, Callable[[Any, Any], Any]]]:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)  # which Mangum asks for
    ours = echo().compile("lambda")
    yield {
        "ours": ours,
        "mangum": mangum.Mangum(echo().compile("asgi"), lifespan="off"),
        "apig_wsgi": apig_wsgi.make_lambda_handler(echo().compile("wsgi"), binary_support=True),
    }
    ours.stop()
    asyncio.set_event_loop(None)
    loop.close()


def text_of(answer: dict[str, Any]) -> bytes:
    return b64decode(answer["body"]) if answer.get("isBase64Encoded") else answer["body"].encode()


def lines_of(answer: dict[str, Any]) -> set[tuple[str, str]]:
    lines = {(name.lower(), value) for name, value in (answer.get("headers") or {}).items()}
    lines |= {(name.lower(), value) for name, many in (answer.get("multiValueHeaders") or {}).items() for value in many}
    lines |= {("set-cookie", one) for one in answer.get("cookies", ())}
    return {line for line in lines if line[0] != "content-length"}


@pytest.mark.parametrize("peer", ["mangum", "apig_wsgi"])
@pytest.mark.parametrize("name", EVENTS)
def test_what_the_app_is_told(handlers: Any, name: str, peer: str) -> None:
    event = json.loads(EVENTS[name])
    told = [json.loads(text_of(handlers[who](event, None))) for who in ("ours", peer)]
    ours, theirs = (dict(zip(ASKED, one, strict=True)) for one in told)
    expected = {what for what, names in DIFFERENT[peer].items() if name in names}
    assert {what for what in ASKED if ours[what] != theirs[what]} == expected, (ours, theirs)


@pytest.mark.parametrize("peer", ["mangum", "apig_wsgi"])
@pytest.mark.parametrize("name", EVENTS)
def test_what_the_gateway_is_answered(handlers: Any, name: str, peer: str) -> None:
    event = json.loads(EVENTS[name])
    ours, theirs = handlers["ours"](event, None), handlers[peer](event, None)
    assert ours["statusCode"] == theirs["statusCode"] == 200
    if not (peer == "apig_wsgi" and name in ("alb", "alb-health")):  # which loses all cookies but one there
        assert lines_of(ours) == lines_of(theirs)


@pytest.mark.parametrize("peer", ["mangum", "apig_wsgi"])
@pytest.mark.parametrize("name", ["http-api", "function-url", "rest", "alb"])
def test_bytes(handlers: Any, name: str, peer: str) -> None:
    event = json.loads(EVENTS[name])
    event["path"] = event["rawPath"] = "/bytes"
    event["httpMethod"] = "GET"
    event["requestContext"].pop("path", None)
    event["requestContext"].get("http", {}).update(method="GET", path="/bytes")
    ours, theirs = handlers["ours"](event, None), handlers[peer](event, None)
    assert text_of(ours) == text_of(theirs) == b"\xff\xfe"
    assert ours["isBase64Encoded"] is theirs["isBase64Encoded"] is True
