"""The in-process WSGI connection: the environ it makes, and the rules it holds an application to."""

import sys
import threading
from contextlib import suppress
from types import SimpleNamespace

import pytest

from hinge import Address, App
from hinge.backend.testing import Aborted, ProtocolViolation
from hinge.errors import ConfigurationError
from hinge.testing import Client
from hinge_wsgi.inprocess.connection import connect
from hinge_wsgi.inprocess.server_environ import Upload, build_environ

TEXT = [("content-type", "text/plain")]


def served(function):
    """Return a hand-written application with the hooks of a compiled one."""

    def application(environ, start_response):
        return function(environ, start_response)

    application.start = application.stop = lambda: None
    application.runtime = SimpleNamespace(stop_failure=None)
    return application


def ask(function, method="GET", target="/", headers=(), body=b"", **options):
    with connect(served(function), {"timeout": 10.0, **options}) as connection:
        reply = connection.request(method, target, list(headers), body)
        return reply.status, reply.headers, list(reply.chunks)


# -- the environ -------------------------------------------------------------------------------------------------------


def environ_of(target="/", headers=(), method="GET", **options):
    return build_environ(method, target, list(headers), Upload([]), options)


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/", "/", ""),
        ("/a?b=%20&c=?", "/a", "b=%20&c=?"),
        ("/%C3%BC%2F", "/\xc3\xbc/", ""),
        ("/%FF", "/\xff", ""),
        ("*", "*", ""),
        ("http://x/y", "http://x/y", ""),
        ("", "", ""),
    ],
)
def test_paths_are_latin_1_in_disguise(target, path, query):
    environ = environ_of(target)
    assert (environ["PATH_INFO"], environ["QUERY_STRING"], environ["SCRIPT_NAME"]) == (path, query, "")


def test_the_prefix_is_latin_1_in_disguise():
    assert environ_of(prefix="/ü")["SCRIPT_NAME"] == "/\xc3\xbc"


def test_repeated_headers_are_joined_as_servers_do():
    pairs = [("x-a", "1"), ("X-A", "2"), ("cookie", "a=1"), ("cookie", "b=2"), ("x_b", "never"), ("x-é", "é")]
    environ = environ_of(headers=pairs)
    assert (environ["HTTP_X_A"], environ["HTTP_COOKIE"]) == ("1,2", "a=1;b=2")
    assert "HTTP_X_B" not in environ


def test_content_headers_have_bare_names():
    environ = environ_of(headers=[("content-type", "a/b"), ("content-length", "0"), ("transfer-encoding", "chunked")])
    assert (environ["CONTENT_TYPE"], environ["CONTENT_LENGTH"]) == ("a/b", "0")
    assert environ["HTTP_TRANSFER_ENCODING"] == "chunked"
    assert environ["wsgi.input_terminated"] is True
    assert not {"HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"} & environ.keys()
    assert not {"CONTENT_TYPE", "CONTENT_LENGTH"} & environ_of().keys()


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        (Address("::1", 80), ("::1", "80")),
        (Address("::1", None), ("::1", None)),
        (None, ("", None)),
    ],
)
def test_the_peer(client, expected):
    environ = environ_of(client=client)
    assert (environ["REMOTE_ADDR"], environ.get("REMOTE_PORT")) == expected


def test_the_scheme():
    assert (environ_of()["wsgi.url_scheme"], environ_of()["SERVER_PORT"]) == ("http", "80")
    assert (environ_of(scheme="https")["wsgi.url_scheme"], environ_of(scheme="https")["SERVER_PORT"]) == (
        "https",
        "443",
    )


# -- the upload --------------------------------------------------------------------------------------------------------


def test_the_upload_gives_short_reads_and_ends():
    upload = Upload([b"abc", b"", b"de"])
    assert [upload.read(2), upload.read(9), upload.read(9), upload.read(9), upload.read(9)] == [
        b"ab",
        b"c",
        b"de",
        b"",
        b"",
    ]


def test_the_upload_has_the_whole_file_interface():
    assert Upload([b"a\nb", b"c\nd"]).readlines() == [b"a\n", b"bc\n", b"d"]
    assert list(Upload([b"a\nb"])) == [b"a\n", b"b"]
    assert Upload([b"a", b"b"]).read() == b"ab"


def test_the_upload_ends_at_its_declared_length():
    upload = Upload([b"abc", b"def"])
    upload.limit(4)
    assert upload.read() == b"abcd"
    assert upload.read(1) == b""


def test_an_upload_that_fails_is_cut():
    def pieces():
        yield b"a"
        raise ConnectionResetError

    upload = Upload(pieces())
    assert upload.read() == b"a"
    assert isinstance(upload.failure, ConnectionResetError)
    assert upload.read(1) == b""


# -- the rules ---------------------------------------------------------------------------------------------------------


def answering(status, headers, body):
    """Return an application that does as it is told."""

    def application(environ, start_response):
        start_response(status, headers)
        return body

    return application


def test_an_application_that_is_right():
    assert ask(answering("200 OK", TEXT, [b"a", b"b"])) == (200, TEXT, [b"a", b"b"])


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "204 No Content", "304 Not Modified"])
@pytest.mark.parametrize("headers", [TEXT, []])
def test_a_content_type_is_the_applications_affair(status, headers):
    assert ask(answering(status, headers, []))[:2] == (int(status[:3]), headers)


def starts_when_iterated(environ, start_response):
    start_response("200 OK", TEXT)
    yield b"a"
    yield b"b"


def starts_when_iterated_and_says_nothing(environ, start_response):
    start_response("200 OK", TEXT)
    yield from ()


def writes(environ, start_response):
    write = start_response("200 OK", TEXT)
    write(b"a")
    write(b"")
    return [b"b"]


def writes_when_iterated(environ, start_response):
    write = start_response("200 OK", TEXT)
    write(b"a")
    yield b"b"


def writes_all(environ, start_response):
    write = start_response("200 OK", [("Content-Type", "text/plain")])
    for piece in (b"a", b"b"):
        write(piece)
    return []


def changes_its_mind(environ, start_response):
    start_response("404 Not Found", [("x", "y")])
    yield b""
    try:
        raise LookupError
    except LookupError:
        start_response("200 OK", TEXT, sys.exc_info())
    yield b"ab"


class Lazily:
    def __init__(self, environ, start_response):
        self.start = start_response

    def __iter__(self):
        self.start("200 OK", TEXT)
        return iter([b"ab"])


@pytest.mark.parametrize(
    "application",
    [
        starts_when_iterated,
        starts_when_iterated_and_says_nothing,
        writes,
        writes_when_iterated,
        writes_all,
        changes_its_mind,
        Lazily,
    ],
)
def test_what_pep_3333_allows_is_served(application):
    with connect(served(application), {"timeout": 10.0}) as connection:
        reply = connection.request("GET", "/", [], b"")
        body = b"".join(reply.chunks)
        assert (reply.status, reply.headers) == (200, TEXT)
        assert body == (b"" if application is starts_when_iterated_and_says_nothing else b"ab")


def test_a_client_that_leaves_a_writing_application_ends_it():
    seen = []

    def application(environ, start_response):
        write = start_response("200 OK", TEXT)
        try:
            while True:
                write(b"x")
        except OSError as error:
            seen.append(error)
        return [b"never"]

    with connect(served(application), {"timeout": 10.0}) as connection:
        reply = connection.request("GET", "/", [], b"")
        assert next(reply.chunks) == b"x"
        reply.close()
    assert len(seen) == 1


def test_an_application_that_fails_behind_what_it_wrote():
    def application(environ, start_response):
        start_response("200 OK", TEXT)(b"x")
        raise LookupError("mine")

    with pytest.raises(Aborted) as caught:
        ask(application)
    assert isinstance(caught.value.__cause__, LookupError)


@pytest.mark.parametrize("method", ["get", "stream"])
def test_the_client_has_what_the_head_is_in_the_end(method):
    """Also the cookies: those of a head that was replaced were never sent."""

    def around(application):
        def native(environ, start_response):
            start_response("404 Not Found", [("Set-Cookie", "first=1")])
            yield b""
            try:
                raise LookupError
            except LookupError:
                start_response("200 OK", [("Set-Cookie", "second=2"), ("X-Case", "found")], sys.exc_info())
            yield b"x"

        return native

    with Client(App(wsgi_middleware=[around]), "wsgi") as client:
        if method == "get":
            answer = client.get("/")
            assert (answer.status_code, answer.headers["x-case"], answer.headers["X-CASE"]) == (200, "found", "found")
            assert answer.cookies == {"second": "2"}
            assert client.cookies.header("/", "http", "testserver") == "second=2"
        else:
            with client.stream("GET", "/") as answer:
                assert answer.read() == b"x"


def never_starts_and_says_nothing(environ, start_response):
    yield from ()


def starts_behind_its_first_chunk(environ, start_response):
    yield b""
    start_response("200 OK", TEXT)
    yield b"x"


def starts_twice(environ, start_response):
    start_response("200 OK", TEXT)
    start_response("201 Created", TEXT)
    return [b"x"]


def reads_without_a_size(environ, start_response):
    environ["wsgi.input"].read()
    start_response("200 OK", TEXT)
    return []


def writes_text(environ, start_response):
    start_response("200 OK", TEXT)("x")
    return []


def starts_wrongly_and_swallows_it(environ, start_response):
    try:
        start_response("200 OK", [("x", "a\nb")])
    except AssertionError:
        start_response("200 OK", TEXT)
    yield b"x"


def starts_wrongly_and_begins_anew(environ, start_response):
    with suppress(AssertionError):
        start_response("200 OK", [("x", "a\nb")])
    start_response("200 OK", TEXT)
    return []


BREAKS = {
    "never starts": lambda environ, start_response: [b"x"],
    "never starts and says nothing": never_starts_and_says_nothing,
    "starts behind its first chunk": starts_behind_its_first_chunk,
    "starts wrongly and swallows it": starts_wrongly_and_swallows_it,
    "starts wrongly and begins anew": starts_wrongly_and_begins_anew,
    "starts twice": starts_twice,
    "text body": answering("200 OK", TEXT, ["x"]),
    "a string": answering("200 OK", TEXT, "x"),
    "no reason": answering("200", TEXT, []),
    "number as status": answering(200, TEXT, []),
    "bytes headers": answering("200 OK", [(b"x", b"y")], []),
    "list headers": answering("200 OK", [["x", "y"]], []),
    "line break": answering("200 OK", [("x", "a\r\nb: c")], []),
    "reads without a size": reads_without_a_size,
    "writes text": writes_text,
}


@pytest.mark.parametrize("application", BREAKS.values(), ids=BREAKS)
def test_what_breaks_pep_3333_is_an_error(application):
    with pytest.raises(AssertionError) as caught:
        ask(application)
    assert "Iterator garbage collected" not in str(caught.value)


@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        ("BREW", "/", []),
        ("get", "/", []),
        ("OPTIONS", "*", []),
        ("POST", "/", [("content-length", "many")]),
        ("POST", "/", [("content-length", "-1")]),
    ],
)
def test_requests_that_no_validator_passes_still_go_through(method, target, headers):
    def application(environ, start_response):
        start_response("200 OK", TEXT)
        return [environ["REQUEST_METHOD"].encode()]

    assert ask(application, method, target, headers)[2] == [method.encode()]


def test_start_response_with_exc_info_replaces_what_has_not_been_sent():
    def application(environ, start_response):
        import sys

        start_response("200 OK", TEXT)
        try:
            raise LookupError
        except LookupError:
            start_response("500 Internal Server Error", TEXT, sys.exc_info())
        return []

    assert ask(application)[0] == 500


def test_start_response_with_exc_info_after_the_head_raises_it():
    def application(environ, start_response):
        import sys

        start_response("200 OK", TEXT)

        def body():
            yield b"x"
            try:
                raise LookupError("late")
            except LookupError:
                start_response("500 Internal Server Error", TEXT, sys.exc_info())

        return body()

    with pytest.raises(Aborted) as caught:
        ask(application)
    assert isinstance(caught.value.__cause__, LookupError)


def test_what_an_application_raises_is_raised_here():
    def application(environ, start_response):
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        ask(application)


def test_close_is_called_in_the_thread_of_the_call_whatever_happens():
    threads = []

    class Body:
        def __init__(self, error):
            threads.append(threading.current_thread())
            self.error = error

        def __iter__(self):
            yield b"x"
            if self.error:
                raise LookupError

        def close(self):
            threads.append(threading.current_thread())

    for error in (False, True):

        def application(environ, start_response, error=error):
            start_response("200 OK", TEXT)
            return Body(error)

        with connect(served(application), {"timeout": 10.0}) as connection:
            reply = connection.request("GET", "/", [], b"")
            assert next(reply.chunks) == b"x"
            reply.close()
            reply.close()
    assert len(threads) == 4
    assert len(set(threads[:2])) == len(set(threads[2:])) == 1


def test_threads_are_reused_as_a_server_reuses_them():
    def application(environ, start_response):
        start_response("200 OK", TEXT)
        return [str(threading.get_ident()).encode()]

    with connect(served(application), {"timeout": 10.0}) as connection:
        idents = set()
        for _ in range(3):
            reply = connection.request("GET", "/", [], b"")
            idents |= set(reply.chunks)
            reply.close()
    assert len(idents) == 1


def test_a_websocket_is_refused_with_the_feature():
    with Client(App(), "wsgi") as client, pytest.raises(ConfigurationError, match="'wsgi' has no WebSocket routes"):
        client.websocket("/live").__enter__()


def test_native_middleware_is_held_to_the_rules():
    def breaks(application):
        def wrapped(environ, start_response):
            return application(environ, lambda status, headers: start_response(status, [*headers, ("x-a", "b\n")]))

        return wrapped

    app = App(wsgi_middleware=[breaks])

    @app.get("/")
    def hello() -> str:
        return "hello"

    with Client(app, "wsgi") as client, pytest.raises(AssertionError, match="Bad header value"):
        client.get("/")


def test_a_wrong_length_is_noticed():
    def shortens(application):
        def wrapped(environ, start_response):
            return [b"".join(application(environ, start_response))[:-1]]

        return wrapped

    app = App(wsgi_middleware=[shortens])

    @app.get("/")
    def hello() -> str:
        return "hello"

    with Client(app, "wsgi") as client, pytest.raises(ProtocolViolation, match="4 bytes and content-length says 5"):
        client.get("/")
