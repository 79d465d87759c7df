"""Reading a scope: what servers put there, what they leave out, and what it means."""

import pytest

from hinge import Address, HTTPError
from hinge_asgi import scope as reader


def http(**fields):
    return {"type": "http", "headers": [], **fields}


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"path": "/"}, "/"),
        ({"path": "/ü"}, "/ü"),
        ({"path": ""}, "/"),
        ({"path": "*"}, "*"),
        ({"path": "http://host/x"}, "/x"),  # uvicorn, hypercorn, daphne
        ({"path": "/a", "root_path": ""}, "/a"),
        ({"path": "/a", "root_path": "/"}, "/a"),
        ({"path": "/p/a", "root_path": "/p"}, "/a"),  # uvicorn
        ({"path": "/p/a", "root_path": "/p/"}, "/a"),
        ({"path": "/a", "root_path": "/p"}, "/a"),  # the proxy cut the prefix off
        ({"path": "/p", "root_path": "/p"}, "/"),
        ({"path": "/p/", "root_path": "/p"}, "/"),
        ({"path": "/pa", "root_path": "/p"}, "/pa"),
        ({"path": "/\ufffd", "raw_path": b"/%EF%BF%BD"}, "/\ufffd"),
        ({"path": "/\ufffd", "raw_path": b"/%EF%BF%BD?q=%FF"}, "/\ufffd"),
    ],
)
def test_path(fields, path):
    assert reader.path(http(**fields)) == path


@pytest.mark.parametrize(
    "fields",
    [
        {"path": "/\ufffd", "raw_path": b"/%FF"},
        {"path": "/\ufffd", "raw_path": b"/\xff"},
        {"path": "/\ufffd"},  # without the raw path nobody knows what it was
        {"path": "evil"},
        {"path": "@evil"},
    ],
)
def test_a_path_that_is_none_is_400(fields):
    with pytest.raises(HTTPError) as caught:
        reader.path(http(**fields))
    assert caught.value.status == 400


@pytest.mark.parametrize(("fields", "prefix"), [({}, ""), ({"root_path": "/"}, ""), ({"root_path": "/ü/"}, "/ü")])
def test_prefix(fields, prefix):
    assert reader.prefix(http(**fields)) == prefix


@pytest.mark.parametrize(
    ("found", "version"), [("1", "1.0"), ("1.0", "1.0"), ("1.1", "1.1"), ("2", "2"), ("2.0", "2"), ("3", "3")]
)
def test_http_version(found, version):
    assert reader.http_version(http(http_version=found)) == version


def test_what_may_be_missing():
    assert reader.http_version(http()) == "1.1"
    assert reader.query_string(http()) == ""
    assert reader.client(http()) is None
    assert reader.scheme(http()) == "http"
    assert reader.scheme({"type": "websocket"}) == "ws"
    assert reader.scheme(http(scheme="https")) == "https"


def test_the_query_string_stays_undecoded():
    assert reader.query_string(http(query_string=b"a=%20\xff")) == "a=%20\xff"


@pytest.mark.parametrize(
    ("found", "client"),
    [
        (("::1", 80), Address("::1", 80)),
        (("::1", "80"), Address("::1", 80)),  # Granian
        (["::1", 80], Address("::1", 80)),  # daphne
        (("::1", None), Address("::1", None)),
        (("::1", ""), Address("::1", None)),
        (("::1",), Address("::1", None)),
        ((None, 80), None),
        ((b"::1", 80), None),
        ((), None),
        ("::1", None),
        ({"host": "::1"}, None),
        (80, None),
        (("", 0), None),  # a Unix socket
        (None, None),
    ],
)
def test_client(found, client):
    assert reader.client(http(client=found)) == client


@pytest.mark.parametrize(
    ("name", "headers", "value"),
    [
        ("x-a", [], None),
        ("x-a", [(b"x-a", b"")], ""),
        ("x-a", [(b"x-a", b"1"), (b"x-b", b"3"), (b"x-a", b"2")], "1,2"),
        ("x-a", [[b"x-a", b"1"]], "1"),
        ("x-a", [(b"x-a", b"caf\xe9")], ""),
        ("x-a", [(b"x-a", b"1"), (b"x-a", b"\xe9")], ""),
        ("x_a", [(b"x_a", b"1")], None),
        ("cookie", [(b"cookie", b"a=1"), (b"cookie", b"b=2")], "a=1; b=2"),
        ("content-type", [(b"content-type", b"")], None),
    ],
)
def test_header(name, headers, value):
    assert reader.header(name)(http(headers=headers)) == value


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ([], []),
        ([(b"x-a", b"1"), (b"x_a", b"forged"), (b"x-a", b"2")], [("x-a", "1,2")]),
        ([(b"x-a", b"1"), (b"x-a", b"\xe9"), (b"x-b", b"2")], [("x-a", ""), ("x-b", "2")]),
        ([(b"content-type", b""), (b"content-length", b"0")], [("content-length", "0")]),
        ([(b"cookie", b"a=1"), (b"cookie", b"b=2")], [("cookie", "a=1; b=2")]),
    ],
)
def test_headers(headers, found):
    assert sorted(reader.headers(http(headers=headers)).multi_items()) == found
