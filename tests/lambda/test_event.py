"""What a Lambda event says of its request."""

import json
import time
from pathlib import Path
from urllib.parse import parse_qsl, quote_plus

import pytest

from hinge import HTTPError

event = pytest.importorskip("hinge_lambda.event", reason="the distribution hinge-lambda is not installed")
ALB, V1, V2, EventError, Head = event.ALB, event.V1, event.V2, event.EventError, event.Head

EVENTS = {file.stem: file.read_text("utf-8") for file in (Path(__file__).parent / "events").glob("*.json")}
QUERY = "tag=a&tag=b&next=https%3A%2F%2Fexample.com%2Fa%3Fb%3Dc%26d&plus=a%2Bb&space=a+b&empty="
LAST = QUERY.replace("tag=a&", "")
BODY = '{"title": "Grüße"}'.encode()
GATEWAY, LB = "abc.execute-api.eu-west-1.amazonaws.com", "lb.eu-west-1.elb.amazonaws.com"


def of(name, **changes):
    return json.loads(EVENTS[name]) | changes


COOKIES = "sid=a1; theme=dark"
SENT = "first,second", COOKIES
HEADS = {  # kind, method, prefix, path, query, scheme, client, host, x-tag, cookie
    "rest": (V1, "POST", "/live", "/items/a b", QUERY, "https", GATEWAY, *SENT),
    "rest-custom-domain": (V1, "POST", "/v1/nested", "/items/a b", QUERY, "https", GATEWAY, *SENT),
    "rest-console": (V1, "POST", "/live", "/items/a b", "", "https", None, None, None),
    "rest-base64": (V1, "POST", "/live", "/items/a b", QUERY, "https", GATEWAY, *SENT),
    "http-api-1": (V1, "POST", "", "/items/a b", QUERY, "https", GATEWAY, *SENT),
    "http-api-1-stage": (V1, "POST", "/dev", "/items/a b", QUERY, "https", GATEWAY, *SENT),
    "http-api-1-mapping": (V1, "POST", "/v1", "/items/a b", QUERY, "https", GATEWAY, *SENT),
    "http-api": (V2, "POST", "", "/items/a b", QUERY, "https", GATEWAY, *SENT),
    "http-api-stage": (V2, "POST", "/dev", "/items/a b", QUERY, "https", GATEWAY, *SENT),
    "http-api-base64": (V2, "POST", "", "/items/a b", QUERY, "https", GATEWAY, *SENT),
    "function-url": (V2, "POST", "", "/items/a b", QUERY, "https", "abc.lambda-url.eu-west-1.on.aws", *SENT),
    "alb": (ALB, "POST", "", "/items/a b", LAST, "https", LB, "second", COOKIES),
    "alb-multi": (ALB, "POST", "", "/items/a b", QUERY, "https", LB, *SENT),
    "alb-health": (ALB, "GET", "", "/", "", "http", None, None, None),
}  # fmt: skip


def test_every_event_has_its_row():
    assert {*HEADS} == {*EVENTS}


@pytest.mark.parametrize("name", HEADS)
def test_head(name):
    head = Head(of(name))
    told = [head.kind, event.method(head), event.prefix(head), event.path(head), event.query_string(head)]
    told += [event.scheme(head), *[event.header(field)(head) for field in ("host", "x-tag", "cookie")]]
    assert tuple(told) == HEADS[name]
    assert event.client(head) == (None if name == "alb-health" else ("198.51.100.9", None))
    assert event.http_version(head) == "1.1"
    assert all(field == field.lower() for field in event.headers(head))
    assert event.native(head) == of(name)


@pytest.mark.parametrize("name", HEADS)
def test_body(name):
    expected = b"GIF87a\xff\x00\xfe" if "base64" in name else b"" if name in ("rest-console", "alb-health") else BODY
    assert event.whole_body(Head(of(name)), 100) == expected


def with_path(name, path, whole=None, **changes):
    made = of(name, **changes)
    made["rawPath" if "rawPath" in made else "path"] = path
    if whole is not None:
        made["requestContext"]["path"] = whole
    return made


PATHS = [
    # What is sent as %252F is %2F to whoever decodes once: only those that get it encoded decode it.
    ("http-api", "/a%2Fb", None, {}, "", "/a%2Fb"),
    ("http-api-1", "/a%2Fb", "/a%2Fb", {}, "", "/a%2Fb"),
    ("function-url", "/a%252Fb", None, {}, "", "/a%2Fb"),
    ("rest", "/a%252Fb", "/live/a%252Fb", {}, "/live", "/a%2Fb"),
    ("alb", "/a%252Fb", None, {}, "", "/a%2Fb"),
    ("alb", "/%C3%BC", None, {}, "", "/ü"),
    ("http-api", "/a?b#c", None, {}, "", "/a?b#c"),
    ("alb", "", None, {}, "", "/"),
    ("rest", "/", "/live/", {"resource": "/", "pathParameters": None}, "/live", "/"),
    ("rest", "/", "/", {"resource": "/", "pathParameters": None}, "", "/"),
    ("rest", "/v1", "/v1", {"resource": "/", "pathParameters": None}, "/v1", "/"),
    ("rest", "/v1/", "/v1/", {"resource": "/", "pathParameters": None}, "/v1", "/"),
    (
        "rest",
        "/v1/items/7/",
        "/v1/items/7/",
        {"resource": "/items/{n}", "pathParameters": {"n": "7"}},
        "/v1",
        "/items/7/",
    ),
    ("rest", "/items/", "/items/", {"resource": "/items", "pathParameters": None}, "", "/items/"),
    ("rest", "/a%20b/x", "/a%20b/x", {"resource": "/x", "pathParameters": None}, "/a b", "/x"),
    ("rest", "/x", "/other", {}, "", "/x"),
    ("rest", "//x", "//x", {"pathParameters": {"proxy": "x"}}, "", "//x"),
    ("rest", "/{b}/x", "/{b}/x", {"resource": "/{a}/{b}", "pathParameters": {"a": "{b}", "b": "x"}}, "", "/{b}/x"),
    ("http-api-stage", "/dev", None, {}, "/dev", "/"),
    ("http-api-stage", "/devil", None, {}, "", "/devil"),
    ("http-api-stage", "/dev/dev/x", None, {}, "/dev", "/dev/x"),
    ("http-api-1-stage", "/devil", "/devil", {}, "", "/devil"),
]


@pytest.mark.parametrize(("name", "path", "whole", "changes", "prefix", "expected"), PATHS)
def test_path_and_prefix(name, path, whole, changes, prefix, expected):
    head = Head(with_path(name, path, whole, **changes))
    assert (event.prefix(head), event.path(head)) == (prefix, expected)


@pytest.mark.parametrize(("name", "path"), [("alb", "/%FF"), ("function-url", "/\ufffd"), ("alb", "x")])
def test_a_path_that_is_none_is_refused(name, path):
    with pytest.raises(HTTPError, match="path"):
        event.path(Head(with_path(name, path)))


QUERIES = [
    ("alb-multi", {"multiValueQueryStringParameters": {"a": ["%C3%BC", "1%2"], "%5B": [""]}}, "a=%C3%BC&a=1%2&%5B="),
    ("alb-multi", {"multiValueQueryStringParameters": {"a": ["ü"]}}, "a=\xc3\xbc"),
    ("alb", {"queryStringParameters": None}, ""),
    ("rest", {"multiValueQueryStringParameters": {"ü": ["&=+ %"]}}, "%C3%BC=%26%3D%2B+%25"),
    ("rest", {"multiValueQueryStringParameters": None}, LAST),
    ("rest", {"multiValueQueryStringParameters": {"a": None}, "queryStringParameters": {"a": None}}, "a="),
    ("http-api", {"rawQueryString": None}, ""),
    ("http-api", {"rawQueryString": "a=ü;%zz&&"}, "a=\xc3\xbc;%zz&&"),
]


@pytest.mark.parametrize(("name", "changes", "expected"), QUERIES)
def test_query(name, changes, expected):
    assert event.query_string(Head(of(name, **changes))) == expected


HEADERS = [
    ("rest", {"headers": {"A": "1", "B": "2"}, "multiValueHeaders": {"a": ["1", "3"]}}, {"a": "1,3", "b": "2"}),
    ("rest", {"headers": None, "multiValueHeaders": {"Cookie": ["a=1", "b=2"]}}, {"cookie": "a=1; b=2"}),
    ("http-api", {"headers": {"X": "1"}, "cookies": None}, {"x": "1"}),
    ("http-api", {"headers": {"host": "h", "cookie": "a=1"}, "cookies": ["b=2"]}, {"host": "h", "cookie": "b=2"}),
    ("http-api", {"headers": {"a_b": "1", "a": "\xfc"}, "cookies": ["\xfc"]}, {"a": "", "cookie": "\xfc"}),
    ("http-api", {"headers": {"content-type": "", "x": ""}, "cookies": []}, {"x": ""}),
    ("alb-multi", {"multiValueHeaders": {}}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "changes", "expected"), HEADERS)
def test_headers(name, changes, expected):
    head = Head(of(name, **changes))
    assert dict(event.headers(head).items()) == expected
    assert {
        field: value for field in {*head.fields, "none"} if (value := event.header(field)(head)) is not None
    } == expected


def test_nobody_but_the_gateway_tells_peer_and_scheme():
    spoofed = {"x-forwarded-for": ["192.0.2.1", "192.0.2.2, 198.51.100.9"], "x-forwarded-proto": ["https", "http"]}
    head = Head(of("alb-multi", multiValueHeaders=spoofed))
    assert (event.client(head), event.scheme(head)) == (("198.51.100.9", None), "http")
    for name in ("rest", "http-api"):
        head = Head(
            of(
                name,
                headers={"x-forwarded-for": "192.0.2.1", "x-forwarded-proto": "http,https"},
                multiValueHeaders=None,
            )
        )
        assert (event.client(head), event.scheme(head)) == (("198.51.100.9", None), "https")


@pytest.mark.parametrize(
    ("told", "expected"), [("198.51.100.9:4711", ("198.51.100.9", 4711)), ("::1", ("::1", None)), ("", None)]
)
def test_what_an_alb_tells_of_the_peer(told, expected):
    assert event.client(Head(of("alb", headers={"x-forwarded-for": told}))) == expected


@pytest.mark.parametrize(
    ("told", "expected"), [("HTTP/1.0", "1.0"), ("HTTP/2.0", "2"), ("HTTP/3", "3"), ("?", "1.1"), (None, "1.1")]
)
def test_http_version(told, expected):
    made = of("http-api")
    made["requestContext"]["http"]["protocol"] = told
    assert event.http_version(Head(made)) == expected


BARE = {"version": "2.0", "rawPath": "/", "requestContext": {"http": {"method": "GET"}}}
MISTAKEN = [
    (None, "None"),
    ([], "[]"),
    ({}, "{}"),
    ({"Records": [{"eventSource": "aws:sqs", "body": "a\nb"}]}, "{'Records': [{'eventSource': 'aws:sqs', 'body': "),
    ({"version": "0", "detail-type": "Scheduled Event", "source": "aws.events"}, "'detail-type': 'Scheduled Event'"),
    ({"source": "serverless-plugin-warmup"}, "{'source': 'serverless-plugin-warmup'}"),
    ({"type": "TOKEN", "methodArn": "arn"}, "{'type': 'TOKEN', 'methodArn': 'arn'}"),
    (of("http-api", type="REQUEST", routeArn="arn"), "{'version': '2.0'"),
    ({"requestContext": {"connectionId": "c", "eventType": "CONNECT"}}, "'eventType': 'CONNECT'"),
    ({"httpMethod": "GET", "requestContext": {}}, "'httpMethod': 'GET'"),
    ({"version": "2.0", "requestContext": {}, "rawPath": "/"}, "'rawPath': '/'"),
    ({"version": "2.0", "requestContext": {"http": {"method": "GET"}}}, "'method': 'GET'"),
    ({"httpMethod": "GET", "path": 7, "requestContext": {"path": "/"}}, "'path': 7"),
    ({"httpMethod": "GET", "path": "/", "requestContext": 7}, "'requestContext': 7"),
    ({"httpMethod": 5, "path": "/", "requestContext": {}}, "'httpMethod': 5"),
    ({**BARE, "multiValueHeaders": {"X": [1]}}, "'multiValueHeaders': {'X': [1]}"),
    ({**BARE, "multiValueHeaders": {"X": "ab"}}, "'multiValueHeaders': {'X': 'ab'}"),
    ({**BARE, "headers": {"host": 1}}, "'headers': {'host': 1}"),
    ({**BARE, "headers": {"X": None}}, "'headers': {'X': None}"),
    ({**BARE, "cookies": "a=b"}, "'cookies': 'a=b'"),
    ({**BARE, "cookies": [1]}, "'cookies': [1]"),
    ({**BARE, "rawQueryString": 3}, "'rawQueryString': 3"),
    ({**BARE, "body": 5}, "'body': 5"),
    ({**BARE, "requestContext": {"http": {"method": "GET", "sourceIp": 7}}}, "'sourceIp': 7"),
    ({**BARE, "requestContext": {"http": {"method": "GET", "protocol": [1]}}}, "'protocol': [1]"),
    ({"httpMethod": "GET", "path": "/", "requestContext": {"identity": 7}}, "'identity': 7"),
    ({"httpMethod": "GET", "path": "/", "multiValueQueryStringParameters": {"a": 7}}, "{'a': 7}"),
    ({"httpMethod": "GET", "path": "/", "queryStringParameters": [7]}, "'queryStringParameters': [7]"),
]  # fmt: skip


@pytest.mark.parametrize(("foreign", "what"), MISTAKEN)
def test_another_event_is_named_in_one_line(foreign, what):
    with pytest.raises(EventError) as caught:
        Head(foreign)
    message = str(caught.value)
    assert what in message
    assert "Fix: " in message
    assert "\n" not in message
    assert len(message) < 450
    assert caught.value.__suppress_context__


SENT_BODIES = [  # body, isBase64Encoded, Content-Length, what is read: bytes, or the status of the refusal
    (None, False, None, b""),
    ("", False, "0", b""),
    ("12345", False, "7", 400),
    ("12345", False, "x", 400),
    ("1234567890x", False, None, 413),
    ("1", False, "11", 413),
    ("abcdef", False, "1", b"a"),
    ("abcdef", False, "0", b""),
    ("YWJj", True, "2", b"ab"),
    ("\ud800", False, None, 400),
    ("YQ==", True, None, b"a"),
    ("YQ", True, None, 400),
    ("!!!!a", True, None, 400),
    ("YQ==!!YQ==", True, None, 400),
    ("YQ==\n", True, None, 400),
    ("é", True, None, 400),
]


@pytest.mark.parametrize(("body", "is_base64", "length", "expected"), SENT_BODIES)
def test_what_is_read_of_a_body(body, is_base64, length, expected):
    headers = {} if length is None else {"content-length": length}
    head = Head(of("alb", body=body, isBase64Encoded=is_base64, headers=headers))
    try:
        read = event.whole_body(head, 10)
    except HTTPError as refused:
        read = refused.status
    assert read == expected


def test_the_time_is_linear():
    def seconds(size):
        resource = {"resource": "/{proxy+}", "pathParameters": {"proxy": "/" * size}}
        made = with_path("rest", "/" * (size + 1), "/" * (size + 1), **resource)
        made["multiValueHeaders"] = {"x-forwarded-for": [","] * size, "host": ["h"]}
        started = time.perf_counter()
        head = Head(made)
        assert (event.client(head), event.query_string(head), event.scheme(head)) is not None
        return time.perf_counter() - started

    assert min(seconds(1_000_000) for _ in range(3)) < 1


@pytest.mark.parametrize("text", ["", "a b", "".join(map(chr, range(0x120))), "😀/?", "+&=#%"])
def test_a_decoded_query_is_encoded_as_a_form_is(text):
    query = event.query_string(Head(of("rest", multiValueQueryStringParameters={text: [text]})))
    assert query == f"{quote_plus(text)}={quote_plus(text)}"
    assert parse_qsl(query, keep_blank_values=True) == [(text, text)]
