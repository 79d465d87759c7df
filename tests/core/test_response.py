"""Responses with a complete body: what is checked where it is set, and what a backend then sends unchecked."""

from http import HTTPStatus

import pytest

from hinge.responses.response import (
    FRAMING,
    HTMLResponse,
    JSONResponse,
    RedirectResponse,
    Response,
    TextResponse,
    content_type,
)


class Text(str):
    __slots__ = ()


class Octets(bytes):
    __slots__ = ()


@pytest.mark.parametrize(
    ("content", "body"),
    [
        (None, b""),
        (b"", b""),
        ("", b""),
        ("grüße", b"gr\xc3\xbc\xc3\x9fe"),
        (b"\xff\x00", b"\xff\x00"),
        (bytearray(b"ab"), b"ab"),
        (memoryview(b"abcd")[::2], b"ac"),
        (Text("t"), b"t"),
        (Octets(b"o"), b"o"),
    ],
)
def test_the_body_is_plain_bytes_whatever_it_is_given_as(content, body):
    response = Response(content)
    assert response.body == body
    assert type(response.body) is bytes
    assert response.content_length == len(body)

    assigned = Response("old")
    assigned.body = content
    assert assigned.body == body
    assert type(assigned.body) is bytes
    assert assigned.content_length == len(body)


def test_a_mutable_body_is_copied():
    buffer = bytearray(b"before")
    response = Response(buffer)
    buffer[:] = b"after!"
    assert response.body == b"before"


@pytest.mark.parametrize("content", [1, 1.5, {"a": 1}, ["a"], object(), iter(["a"])])
def test_other_bodies_are_refused(content):
    with pytest.raises(TypeError, match=f"a response body is str, bytes or None, not {type(content).__name__}"):
        Response(content)
    response = Response("kept")
    with pytest.raises(TypeError):
        response.body = content
    assert response.body == b"kept"


def test_text_that_has_no_utf_8_form_is_an_error_and_not_sent():
    with pytest.raises(UnicodeEncodeError):
        TextResponse("\ud800")


@pytest.mark.parametrize("status", [200, 204, 304, 404, 599, HTTPStatus.CREATED])
def test_statuses_a_server_can_send(status):
    response = Response(status=status)
    assert response.status == status
    assert type(response.status) is int
    response.status = status
    assert response.status == status
    assert type(response.status) is int


@pytest.mark.parametrize(
    "status", [0, 99, 100, 101, 103, 199, 600, 999, 1000, -200, 200.0, 204.0, "200", None, True, False]
)
def test_other_statuses_are_refused_where_they_are_set(status):
    with pytest.raises(ValueError, match=r"a response status is an int in 200\.\.599, not "):
        Response(status=status)
    for kind in (TextResponse, HTMLResponse, JSONResponse):
        with pytest.raises(ValueError):
            kind("x", status=status)
    response = Response()
    with pytest.raises(ValueError, match=repr(status).replace(".", r"\.")):
        response.status = status
    assert response.status == 200


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (Response(), None),
        (Response(b""), None),
        (Response(b"x"), "application/octet-stream"),
        (Response("x"), "text/plain; charset=utf-8"),
        (Response(""), "text/plain; charset=utf-8"),
        (Response("x", media_type="text/csv"), "text/csv; charset=utf-8"),
        (Response(b"x", media_type="image/png"), "image/png"),
        (Response("x", headers={"Content-Type": "text/x"}), "text/x"),
        (TextResponse("x"), "text/plain; charset=utf-8"),
        (TextResponse("x", media_type="text/markdown"), "text/markdown; charset=utf-8"),
        (TextResponse("x", status=404, headers={"x-a": "b"}), "text/plain; charset=utf-8"),
        (HTMLResponse("x"), "text/html; charset=utf-8"),
        (HTMLResponse("x", headers=[("content-type", "application/xhtml+xml")]), "application/xhtml+xml"),
        (JSONResponse([]), "application/json"),
        (JSONResponse([], media_type="application/problem+json"), "application/problem+json"),
        (RedirectResponse("/"), None),
    ],
)
def test_content_types(response, expected):
    assert response.headers.get_all("content-type") == ([] if expected is None else [expected])


@pytest.mark.parametrize(
    ("media_type", "expected"),
    [
        ("text/plain", "text/plain; charset=utf-8"),
        ("TEXT/Plain", "TEXT/Plain; charset=utf-8"),
        ("text/plain; charset=latin-1", "text/plain; charset=latin-1"),
        ("text/plain;Charset=latin-1", "text/plain;Charset=latin-1"),
        ("text/plain; format=flowed", "text/plain; format=flowed; charset=utf-8"),
        ("text/event-stream", "text/event-stream"),
        ("application/json", "application/json"),
        ("image/svg+xml", "image/svg+xml"),
    ],
)
def test_text_types_get_a_charset(media_type, expected):
    assert content_type(media_type) == expected


@pytest.mark.parametrize(
    "media_type", ["", "html", "/", "text/", "/html", "text html", "text/html\r\nx: y", "a/b/c", "a/b,c/d"]
)
def test_what_is_no_media_type_is_refused(media_type):
    with pytest.raises(ValueError, match="a media type is written type/subtype"):
        Response("x", media_type=media_type)


@pytest.mark.parametrize("media_type", ["text/html; a=\r\nset-cookie: b=c", "text/html;\x00", "text/html; \xe9"])
def test_header_splitting_on_output_through_the_media_type(media_type):
    with pytest.raises(ValueError):
        TextResponse("x", media_type=media_type)
    response = TextResponse("x")
    with pytest.raises(ValueError):
        response.media_type = media_type


def test_a_content_type_given_twice_is_refused():
    with pytest.raises(ValueError, match="twice"):
        Response("x", headers={"content-type": "text/css"}, media_type="text/css")


def test_the_media_type_is_read_and_replaced_without_its_parameters():
    response = HTMLResponse("x")
    assert response.media_type == "text/html"
    response.media_type = "text/css"
    assert response.headers.multi_items() == [("content-type", "text/css; charset=utf-8")]
    assert Response().media_type is None


def test_headers_as_a_mapping_as_pairs_and_as_another_response_has_them():
    assert Response(headers={"X-A": "1"}).headers.multi_items() == [("x-a", "1")]
    pairs = [("x-a", "1"), ("x-b", "2"), ("X-A", "3")]
    assert Response(headers=pairs).headers.multi_items() == [("x-a", "1"), ("x-a", "3"), ("x-b", "2")]
    assert Response(headers=iter(pairs)).headers.multi_items() == [("x-a", "1"), ("x-a", "3"), ("x-b", "2")]
    first = Response()
    first.set_cookie("a", "1")
    first.set_cookie("b", "2")
    second = Response(headers=first.headers)
    assert second.headers.multi_items() == first.headers.multi_items()
    assert second.headers.multi_items() is not first.headers.multi_items()
    assert len(second.headers.multi_items()) == 2


@pytest.mark.parametrize("kind", [TextResponse, HTMLResponse, JSONResponse, Response])
def test_no_response_shares_its_headers_with_the_next(kind):
    first = kind("x")
    first.headers["x-a"] = "1"
    first.headers["content-type"] = "text/x"
    assert "x-a" not in kind("x").headers
    assert kind("x").headers["content-type"] != "text/x"


def test_headers_cannot_be_swapped_for_something_unchecked():
    with pytest.raises(AttributeError):
        Response().headers = {"x": "\r\n"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-a", "b\r\nset-cookie: c=d"),
        ("x-a", "b\nc"),
        ("x-a", "b\rc"),
        ("x-a", "b\0c"),
        ("x-a\r\nx-b", "c"),
        ("x a", "c"),
        ("x-a:", "c"),
        ("", "c"),
        ("x-a", "ü"),
    ],
)
def test_header_splitting_on_output_is_refused_where_it_is_set(name, value):
    with pytest.raises(ValueError):
        Response(headers={name: value})
    with pytest.raises(ValueError):
        Response(headers=[(name, value)])
    response = Response()
    for setter in (response.headers.__setitem__, response.headers.append, response.headers.setdefault):
        with pytest.raises(ValueError):
            setter(name, value)
    with pytest.raises(ValueError):
        response.headers.update({name: value})
    assert response.headers.multi_items() == []


@pytest.mark.parametrize("name", ["x-a", "content-length"])
def test_a_header_value_is_a_string(name):
    with pytest.raises((TypeError, ValueError)):
        Response().headers[name] = 5
    with pytest.raises(TypeError):
        Response().headers[5] = "x"


@pytest.mark.parametrize("name", [*sorted(FRAMING), "Content-Length", "TRANSFER-ENCODING", "Connection"])
def test_framing_belongs_to_the_framework_on_every_way_in(name):
    for headers in ({name: "1"}, [(name, "1")]):
        with pytest.raises(ValueError, match="belongs to the framework"):
            TextResponse("x", headers=headers)
    headers = Response().headers
    with pytest.raises(ValueError, match=f"'{name}' belongs to the framework"):
        headers[name] = "1"
    with pytest.raises(ValueError, match="belongs to the framework"):
        headers.append(name, "1")
    with pytest.raises(ValueError, match="belongs to the framework"):
        headers.setdefault(name, "1")
    with pytest.raises(ValueError, match="belongs to the framework"):
        headers.update({name: "1"})
    assert headers.multi_items() == []


def test_names_that_only_resemble_framing_are_free():
    response = Response(headers={"x-content-length": "1", "content-encoding": "gzip", "connection-id": "7"})
    assert len(response.headers.multi_items()) == 3


def test_json():
    assert JSONResponse({"a": [1, None, "ü"]}).body == '{"a":[1,null,"ü"]}'.encode()
    assert JSONResponse(None).body == b"null"
    assert JSONResponse("x").body == b'"x"'
    assert JSONResponse(b"x").body == b'"eA=="'
    with pytest.raises(TypeError):
        JSONResponse(object())
    response = JSONResponse({}, status=201)
    assert (response.status, response.content_length) == (201, 2)


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("/a?b=c&d=%20#e", "/a?b=c&d=%20#e"),
        ("https://example.org:8000/x;y=(1)!*'$,+@~", "https://example.org:8000/x;y=(1)!*'$,+@~"),
        ("//other.example/x", "//other.example/x"),
        ("http://[::1]/", "http://[::1]/"),
        ("?page=2", "?page=2"),
        ("/grüße/a b", "/gr%C3%BC%C3%9Fe/a%20b"),
        ("/a\r\nset-cookie: b=c", "/a%0D%0Aset-cookie:%20b=c"),
        ("/\t/\0", "/%09/%00"),
        ("/\\evil.example", "/%5Cevil.example"),
        ('/"<script>', "/%22%3Cscript%3E"),
    ],
)
def test_redirect_locations(location, expected):
    response = RedirectResponse(location)
    assert response.headers.multi_items() == [("location", expected)]
    assert (response.status, response.body) == (307, b"")


def test_redirect_statuses():
    for status in (301, 302, 303, 307, 308):
        assert RedirectResponse("/", status=status).status == status
    for status in (200, 300, 304, 305, 404, True):
        with pytest.raises(ValueError, match="a redirect has one of the statuses"):
            RedirectResponse("/", status=status)


def test_a_redirect_needs_a_location():
    with pytest.raises(ValueError, match="needs a location"):
        RedirectResponse("")


def test_a_redirect_takes_headers():
    response = RedirectResponse("/b", headers=[("location", "/a"), ("x-c", "d")])
    assert sorted(response.headers.multi_items()) == [("location", "/b"), ("x-c", "d")]


def test_cookies_are_lines_of_their_own():
    response = TextResponse("x")
    response.set_cookie("a", "1")
    response.set_cookie("b", "2", max_age=60, secure=True, httponly=True, samesite="strict")
    cookies = [value for name, value in response.headers.multi_items() if name == "set-cookie"]
    assert [cookie.partition(";")[0] for cookie in cookies] == ["a=1", "b=2"]
    attributes = {part.strip().lower() for part in cookies[1].split(";")[1:]}
    assert {"max-age=60", "secure", "httponly", "samesite=strict", "path=/"} <= attributes


def test_a_deleted_cookie_expires_at_once_in_its_own_place():
    response = Response()
    response.delete_cookie("a", path="/x", domain="example.org")
    ((name, value),) = response.headers.multi_items()
    parts = [part.strip().lower() for part in value.split(";")]
    assert name == "set-cookie"
    assert parts[0].rstrip('"') in {"a=", 'a="'}
    assert {"max-age=0", "path=/x", "domain=example.org"} <= set(parts)


@pytest.mark.parametrize("name", ["__Host-a", "__Secure-a", "__Http-a", "__Host-Http-a"])
def test_prefixed_cookies_can_be_deleted(name):
    response = Response()
    response.delete_cookie(name)
    assert "secure" in response.headers["set-cookie"].lower()


@pytest.mark.parametrize(
    "arguments",
    [
        {"value": "b; Domain=evil.example"},
        {"value": "b\r\nx: y"},
        {"path": "/; Domain=evil.example"},
        {"path": "/\r\nx: y"},
        {"domain": "evil.example; Secure"},
        {"name": "a=b"},
        {"name": ""},
    ],
)
def test_cookie_attribute_injection(arguments):
    response = Response()
    with pytest.raises(ValueError):
        response.set_cookie(**({"name": "a"} | arguments))
    assert response.headers.multi_items() == []


def test_a_response_shows_itself_without_its_content():
    assert repr(TextResponse("secret", status=404)) == "<TextResponse 404 text/plain, 6 bytes>"
    assert repr(Response()) == "<Response 200 untyped, 0 bytes>"


def test_responses_take_no_misspelt_attributes():
    for response in (Response(), TextResponse(""), HTMLResponse(""), JSONResponse(1), RedirectResponse("/")):
        with pytest.raises(AttributeError):
            response.status_code = 404


def test_a_class_of_ones_own_has_its_constants_and_rendering():
    class Page(Response):
        default_headers = (("content-type", "text/x-page"), ("x-frame-options", "DENY"))

        def render(self, content):
            return repr(content).encode()

    assert Page([1]).body == b"[1]"
    assert Page(1).headers.multi_items() == [("content-type", "text/x-page"), ("x-frame-options", "DENY")]
    for headers, media_type, expected in (
        (None, "application/json", "application/json"),
        (None, "text/csv", "text/csv; charset=utf-8"),
        ({"content-type": "a/b"}, None, "a/b"),
        ({"x-a": "b"}, "text/plain", "text/plain; charset=utf-8"),
        ({}, None, "text/x-page"),
    ):
        response = Page(1, headers=headers, media_type=media_type)
        assert response.headers.get_all("content-type") == [expected]
        assert response.headers["x-frame-options"] == "DENY"
