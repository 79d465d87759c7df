"""What a gateway is answered."""

import json
from base64 import b64decode
from pathlib import Path

import pytest

Head = pytest.importorskip("hinge_lambda.event", reason="the distribution hinge-lambda is not installed").Head
reply = pytest.importorskip("hinge_lambda.reply").reply

EVENTS = {file.stem: json.loads(file.read_text()) for file in (Path(__file__).parent / "events").glob("*.json")}
LINES = [
    ("content-type", "text/plain"), ("set-cookie", "a=1"), ("set-cookie", "b=2"), ("vary", "accept"),
    ("vary", "origin"), ("connection", "close"), ("set-cookie", "c=3"),
]  # fmt: skip
MANY = {"content-type": ["text/plain"], "set-cookie": ["a=1", "b=2", "c=3"], "vary": ["accept", "origin"]}
JOINED = {"content-type": "text/plain", "vary": "accept,origin"}
V1 = {"multiValueHeaders": MANY}
V2 = {"headers": JOINED, "cookies": ["a=1", "b=2", "c=3"]}
ALB = {"headers": {**JOINED, "set-cookie": "a=1", "set-cookiE": "b=2", "set-cookIe": "c=3"}}
SHAPES = {
    **dict.fromkeys([name for name in EVENTS if name.startswith("rest") or "api-1" in name], V1),
    **dict.fromkeys(["http-api", "http-api-stage", "http-api-base64", "function-url"], V2),
    **dict.fromkeys(["alb", "alb-health"], ALB),
    "alb-multi": {"multiValueHeaders": MANY},
}


@pytest.mark.parametrize("name", EVENTS)
def test_shape(name):
    answer = reply(Head(EVENTS[name]), 404, LINES, b"no")
    assert answer == {"statusCode": 404, "body": "no", "isBase64Encoded": False, **SHAPES[name]}
    assert json.loads(json.dumps(answer)) == answer


BODIES = [
    (b"", False), (b"text", False), ("Grüße 😀".encode(), False), (b"\xef\xbb\xbfbom", False), (b"a\x00b", False),
    (b"\x1f\x8b\x08", True), (b"\x89PNG", True), (b"GIF87a\xff", True), ("ü".encode("latin-1"), True),
    (b"\xed\xa0\x80", True), (b"x" * 70_000 + b"\xc3", True),
]  # fmt: skip


@pytest.mark.parametrize("name", ["rest", "http-api", "alb", "alb-multi"])
@pytest.mark.parametrize(("body", "is_base64"), BODIES)
def test_bytes_go_out_as_they_came_in(name, body, is_base64):
    answer = json.loads(json.dumps(reply(Head(EVENTS[name]), 200, [], body)))
    assert answer["isBase64Encoded"] is is_base64
    assert (b64decode(answer["body"]) if is_base64 else answer["body"].encode()) == body


def test_no_cookies_no_list():
    assert "cookies" not in reply(Head(EVENTS["http-api"]), 204, [], b"")


def as_sent(answer):
    return len(json.dumps(answer))


@pytest.mark.parametrize(
    ("name", "most"), [("http-api", 6 * 1024 * 1024), ("rest", 6 * 1024 * 1024), ("alb", 1024 * 1024)]
)
@pytest.mark.parametrize("unit", [b"x", b"\xff", "\xfc".encode(), b'"\\', b"\x00", "\U0001f600".encode()])
@pytest.mark.parametrize("lines", [LINES, [*LINES, ("set-cookie", "x" * 70_000), ("x-long", "\\" * 70_000)]])
def test_an_answer_that_is_too_large_is_told(name, most, unit, lines, caplog):
    head = Head(EVENTS[name])
    small = as_sent(reply(head, 200, lines, unit))
    each = (as_sent(reply(head, 200, lines, unit * 3001)) - small) / 3000
    times = int((most - small - 8) / each)
    fits = reply(head, 200, lines, unit * times)
    assert fits["statusCode"] == 200
    assert most - 64 < as_sent(fits) <= most
    assert not caplog.records
    answer = reply(head, 200, lines, unit * (times + 64))
    told = json.loads(answer["body"])
    assert (answer["statusCode"], told["status"], told["detail"]) == (500, 500, "The answer is too large.")
    told = answer.get("headers") or {field: value for field, (value,) in answer["multiValueHeaders"].items()}
    assert told == {"content-type": "application/problem+json", "content-length": str(len(answer["body"]))}
    assert f"the answer is larger than the {most} bytes" in caplog.text
    assert "Fix: " in caplog.text


def test_head_gets_no_body_instead_of_an_answer_that_is_too_large():
    event = EVENTS["http-api"]
    asked = {**event, "requestContext": {**event["requestContext"], "http": {"method": "HEAD"}}}
    answer = reply(Head(asked), 200, [], b"x" * 7_000_000)
    assert (answer["statusCode"], answer["body"]) == (500, "")
    assert int(answer["headers"]["content-length"]) > 0


def test_each_cookie_has_a_spelling_of_its_own():
    headers = reply(Head(EVENTS["alb"]), 200, [("set-cookie", f"c{n}=1") for n in range(512)], b"")["headers"]
    assert len(headers) == 512
    assert {name.lower() for name in headers} == {"set-cookie"}
