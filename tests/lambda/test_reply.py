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


@pytest.mark.parametrize(
    ("name", "most"), [("http-api", 6 * 1024 * 1024), ("rest", 6 * 1024 * 1024), ("alb", 1024 * 1024)]
)
@pytest.mark.parametrize(("body", "share"), [(b"x", 1), (b"\xff", 3 / 4), ("\xfc".encode(), 1)])
def test_an_answer_that_is_too_large_is_told(name, most, body, share, caplog):
    head, times = Head(EVENTS[name]), int(most * share) // len(body)
    assert reply(head, 200, LINES, body * times)["statusCode"] == 200
    assert not caplog.records
    answer = reply(head, 200, LINES, body * (times + 1))
    assert (answer["statusCode"], answer["body"]) == (500, "The answer is too large.")
    assert f"the answer is larger than the {most} bytes" in caplog.text
    assert "Fix: " in caplog.text


def test_each_cookie_has_a_spelling_of_its_own():
    headers = reply(Head(EVENTS["alb"]), 200, [("set-cookie", f"c{n}=1") for n in range(512)], b"")["headers"]
    assert len(headers) == 512
    assert {name.lower() for name in headers} == {"set-cookie"}
