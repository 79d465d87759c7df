"""Reading an environ: what servers put there, and what it means."""

import subprocess
import sys

import pytest

from hinge import Address, HTTPError
from hinge_wsgi import environ as reader


@pytest.mark.parametrize(
    ("found", "path"),
    [
        ("/", "/"),
        ("/a b", "/a b"),
        ("/\xc3\xbc", "/ü"),
        ("", "/"),
        ("*", "*"),
        ("http://host/x", "/x"),
        ("HTTPS://host", "/"),
    ],
)
def test_path(found, path):
    assert reader.path({"PATH_INFO": found}) == path


def test_a_missing_path_is_the_root():
    assert reader.path({}) == "/"


@pytest.mark.parametrize(
    "found", ["/\xff", "/\xc3", "/\xed\xa0\x80", "/\u20ac", "/\udcff", "evil", "@evil", "ftp://x/y"]
)
def test_a_path_that_is_none_is_400(found):
    with pytest.raises(HTTPError) as caught:
        reader.path({"PATH_INFO": found})
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("found", "prefix"),
    [(None, ""), ("", ""), ("/", ""), ("/a", "/a"), ("/a/", "/a"), ("/\xc3\xbc", "/ü")],
)
def test_prefix(found, prefix):
    assert reader.prefix({} if found is None else {"SCRIPT_NAME": found}) == prefix


@pytest.mark.parametrize(
    ("found", "version"),
    [
        ("HTTP/1", "1.0"),
        ("HTTP/1.0", "1.0"),
        ("HTTP/1.1", "1.1"),
        ("HTTP/2", "2"),
        ("HTTP/2.0", "2"),
        ("HTTP/3", "3"),
        (None, "1.1"),
    ],
)
def test_http_version(found, version):
    """Granian says `HTTP/1` for 1.0."""
    assert reader.http_version({} if found is None else {"SERVER_PROTOCOL": found}) == version


@pytest.mark.parametrize(
    ("environ", "client"),
    [
        ({"REMOTE_ADDR": "::1", "REMOTE_PORT": "80"}, Address("::1", 80)),
        ({"REMOTE_ADDR": "::1"}, Address("::1", None)),  # Granian
        ({"REMOTE_ADDR": "::1", "REMOTE_PORT": ""}, Address("::1", None)),
        ({"REMOTE_ADDR": "::1", "REMOTE_PORT": "\u0663"}, Address("::1", None)),
        ({"REMOTE_ADDR": "::1", "REMOTE_PORT": 80}, Address("::1", 80)),  # what wraps an ASGI server may put there
        ({"REMOTE_ADDR": ("::1", 80), "REMOTE_PORT": 80}, None),
        ({"REMOTE_ADDR": None, "REMOTE_PORT": None}, None),
        ({"REMOTE_ADDR": ""}, None),  # gunicorn on a Unix socket
        ({}, None),
    ],
)
def test_client(environ, client):
    assert reader.client(environ) == client


@pytest.mark.parametrize(
    ("name", "environ", "value"),
    [
        ("x-a", {"HTTP_X_A": "1"}, "1"),
        ("x-a", {}, None),
        ("x-a", {"HTTP_X_A": ""}, ""),
        ("x-a", {"HTTP_X_A": "caf\xe9"}, ""),
        ("content-type", {"CONTENT_TYPE": "a/b", "HTTP_CONTENT_TYPE": "forged"}, "a/b"),
        ("content-type", {"CONTENT_TYPE": ""}, None),
        ("content-length", {"CONTENT_LENGTH": ""}, None),
        ("content-length", {"CONTENT_LENGTH": "0"}, "0"),
    ],
)
def test_header(name, environ, value):
    assert reader.header(name)(environ) == value


def test_headers():
    environ = {
        "HTTP_X_A": "1,2",
        "HTTP_X_B": "caf\xe9",
        "CONTENT_TYPE": "",
        "CONTENT_LENGTH": "3",
        "REQUEST_METHOD": "GET",
        "wsgi.input": None,
    }
    assert reader.headers(environ).multi_items() == [("x-a", "1,2"), ("x-b", ""), ("content-length", "3")]


PROCESS = """
from hinge_wsgi import environ as reader
import os

leaked = dict(os.environ)
sent = {**leaked, "HTTP_X_LEAK": "sent by a client", "HTTP_X_OTHER": "1"}
print([reader.header("x-leak")(leaked), reader.headers(leaked).multi_items()])
print([reader.header("x-leak")(sent), sorted(reader.headers(sent).multi_items())])
"""


def test_the_processs_environment_is_not_taken_for_headers():
    """Granian copies it into every environ."""
    done = subprocess.run(
        [sys.executable, "-c", PROCESS],
        env={"HTTP_X_LEAK": "from the process", "PYTHONPATH": ":".join(sys.path), "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [
        "[None, []]",
        "['sent by a client', [('x-leak', 'sent by a client'), ('x-other', '1')]]",
    ]


@pytest.mark.parametrize(
    "environ", [{"CONTENT_TYPE": "\xff"}, {"CONTENT_LENGTH": "\xb2"}, {"HTTP_CONTENT_TYPE": "text/html"}]
)
def test_all_headers_together_say_what_each_alone_does(environ):
    headers = reader.headers(environ)
    assert "content-type" not in headers
    assert headers.multi_items() == []


def test_a_second_key_for_the_content_type_adds_nothing():
    headers = reader.headers({"CONTENT_TYPE": "text/plain", "HTTP_CONTENT_TYPE": "text/html"})
    assert headers.multi_items() == [("content-type", headers["content-type"])]
