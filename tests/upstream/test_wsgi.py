"""What WSGI servers do, shown by applications without a framework (raw.py)."""

import socket
from pathlib import Path
from typing import Any

import pytest
from tests.servers.conftest import Pool
from tests.support.http2 import H2
from tests.support.servers import KINDS, Server
from tests.support.wire import chunked, format_request

pytestmark = [pytest.mark.server, pytest.mark.upstream(granian="2.8.9", gunicorn="27.0.1", waitress="3.0.2")]


# -- WSGI: the response ------------------------------------------------------------------------------------------------


def test_granian_forgets_what_a_lazy_callable_says(granian: Server) -> None:
    """Hence a stream is begun before the callable returns (hinge_wsgi.respond)."""
    answer = granian.get("/lazy")
    assert (answer.status, answer["x-seen"], answer.body) == (200, None, b"lazy")


def test_granian_gives_no_write(granian: Server) -> None:
    """Hence nothing uses it."""
    assert granian.get("/writes").text == "NoneType"


def test_granian_measures_a_list_and_chunks_everything_else(granian: Server) -> None:
    """Hence a complete body is a list, and Content-Length is always our own (hinge_wsgi.respond)."""
    assert (granian.get("/lists").framing, granian.get("/tuples").framing) == ("length", "chunked")


@pytest.mark.parametrize("name", ["granian-wsgi", "gunicorn"])
def test_a_wrong_length_takes_the_next_answer_for_its_body(pool: Pool, name: str) -> None:
    """Hence Content-Length cannot be set by a handler (hinge.responses.response.FRAMING)."""
    with pool(name, "raw:wsgi").wire() as wire:
        wire.get("/wrong_length")
        wire.get("/lists")
        assert wire.head()["content-length"] == "100"
        assert wire.exactly(30).startswith(b"shortHTTP/1.1 200 OK")


def test_bad_header_values_are_dropped_mangled_or_fatal(wsgi: Server) -> None:
    """Hence values are visible ASCII, checked where they are set (hinge.http.headers)."""
    answer = wsgi.get("/bad_headers")
    if wsgi.name == "granian-wsgi":
        assert (answer.status, answer["x-split"], answer["x-good"]) == (200, None, "yes")
        assert answer["x-latin"] == "caf\xc3\xa9"
    else:
        assert answer.status == 500


def test_a_connection_header_is_sent_dropped_or_fatal(wsgi: Server) -> None:
    """Hence it is left out on WSGI, as PEP 3333 demands (hinge_wsgi.respond)."""
    answer = wsgi.get("/hop")
    seen = (answer.status, answer["connection"])
    assert (
        seen == {"granian-wsgi": (200, "close"), "gunicorn": (200, "keep-alive"), "waitress": (500, "close")}[wsgi.name]
    )


def test_a_body_that_failed_is_cut(wsgi: Server) -> None:
    """Granian 2.8.7 ended it as if it were complete (docs/servers.md)."""
    answer = wsgi.get("/fails_midway")
    assert (answer.body, answer.complete) == (b"onetwo", False)
    if KINDS[wsgi.name].h2c:
        with H2(wsgi.port) as connection:
            assert not connection.request("GET", "/fails_midway").complete


@pytest.mark.parametrize("sized", [True, False])
def test_who_ends_a_body_without_length_after_close_only(wsgi: Server, sized: bool, name: str) -> None:
    """Hence what runs after a stream has a thread of its own (`Runtime.in_background` of hinge_wsgi)."""
    end = Path(f"{wsgi.journal_path}-{name}")
    with wsgi.wire() as wire:
        wire.get(f"/slow_close?{'sized' if sized else 'lazy'}={name}")
        answer = wire.head()
        assert (wire.exactly(3) if sized else wire.chunk()) == b"all"
        wsgi.wait_for(f"closing {name}")
        late = not sized and wsgi.name in {"granian-wsgi", "waitress"}
        if late:
            assert not wire.has_more()
        elif not sized:
            assert wire.read_some(answer) == b""
        end.touch()
        wsgi.wait_for(f"closed {name}")
        if late:
            assert wire.read_some(answer) == b""


def test_granian_ends_a_stream_of_http_2_after_close_even_if_it_has_a_length(granian: Server, name: str) -> None:
    """Hence work after the response is not done in close() there (hinge_wsgi.respond)."""
    with H2(granian.port) as connection:
        number = connection.begin("GET", f"/slow_close?sized={name}")
        assert connection.wait_for_body(number, 3).body == b"all"
        granian.wait_for(f"closing {name}")
        assert not connection.has_ended(number)
        Path(f"{granian.journal_path}-{name}").touch()
        assert connection.answer(number).complete


# -- WSGI: the request -------------------------------------------------------------------------------------------------


def environ_of(server: Server, *headers: tuple[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = server.request("GET", "/environ/%E2%82%AC%ff%2Fx", list(headers)).json()
    return found


def test_granian_puts_the_process_environment_into_the_environ(wsgi: Server) -> None:
    """Hence variables that look like headers are remembered from the start (hinge_wsgi.environ)."""
    environ = environ_of(wsgi)
    seen = environ.get("HTTP_X_LEAK"), "PATH" in environ
    assert seen == (("from the environment", True) if wsgi.name == "granian-wsgi" else (None, False))


def test_paths_are_decoded_as_latin_1(wsgi: Server) -> None:
    """Hence PATH_INFO is decoded again, strictly (hinge_wsgi.environ.path)."""
    assert environ_of(wsgi)["PATH_INFO"] == "/environ/\xe2\x82\xac\xff/x"


def test_where_the_raw_target_and_the_peers_port_are(wsgi: Server) -> None:
    """Hence `client.port` may be None, and %2F cannot be told from a slash (hinge_wsgi.environ)."""
    environ = environ_of(wsgi)
    present = {key for key in ("RAW_URI", "REQUEST_URI", "REMOTE_PORT") if key in environ}
    assert (
        present
        == {
            "granian-wsgi": set(),
            "gunicorn": {"RAW_URI", "REMOTE_PORT"},
            "waitress": {"REQUEST_URI", "REMOTE_PORT"},
        }[wsgi.name]
    )


def test_repeated_lines_are_joined_each_in_its_way(wsgi: Server) -> None:
    """Hence lists are split at commas (http/headers.py); cookies are not, because commas stand in their values."""
    environ = environ_of(wsgi, ("X-List", "1"), ("X-List", "2"), ("Cookie", "a=1"), ("Cookie", "b=2"))
    assert (environ["HTTP_X_LIST"], environ["HTTP_COOKIE"]) == {
        "granian-wsgi": ("1,2", "a=1;b=2"),
        "gunicorn": ("1,2", "a=1,b=2"),
        "waitress": ("1, 2", "a=1, b=2"),
    }[wsgi.name]


def test_granian_takes_an_underscore_for_a_hyphen(wsgi: Server) -> None:
    """Hence ASGI drops names with an underscore; on Granian's WSGI nothing can be told (docs/servers.md)."""
    assert environ_of(wsgi, ("X_Under", "u")).get("HTTP_X_UNDER") == ("u" if wsgi.name == "granian-wsgi" else None)


def test_granian_empties_values_that_are_not_ascii(wsgi: Server) -> None:
    """Hence they read as empty everywhere (hinge_wsgi.environ.header, hinge_asgi.scope.header)."""
    value = environ_of(wsgi, ("X-Latin", "caf\xe9"))["HTTP_X_LATIN"]
    assert value == ("" if wsgi.name == "granian-wsgi" else "caf\xe9")


def test_a_chunked_body_has_no_length(wsgi: Server) -> None:
    """Hence it is read until its end (hinge_wsgi.body); waitress reads it first, and then knows."""
    environ = wsgi.request("POST", "/environ", {"Transfer-Encoding": "chunked"}, chunked(b"x")).json()
    assert environ["wsgi.input_terminated"] is True
    seen = environ.get("CONTENT_LENGTH"), environ.get("HTTP_TRANSFER_ENCODING")
    assert seen == (("1", None) if wsgi.name == "waitress" else (None, "chunked"))


def test_how_protocols_are_called(wsgi: Server) -> None:
    """Hence the table of hinge_wsgi.environ.http_version."""
    with wsgi.wire() as wire:
        wire.send(b"GET /environ HTTP/1.0\r\n\r\n")
        assert wire.answer().json()["SERVER_PROTOCOL"] == ("HTTP/1" if wsgi.name == "granian-wsgi" else "HTTP/1.0")
    if KINDS[wsgi.name].h2c:
        with H2(wsgi.port) as connection:
            assert connection.request("GET", "/environ").json()["SERVER_PROTOCOL"] == "HTTP/2"


READS = {
    "read()": ["line one\nline two\n"],
    "read(n)": ["line", " one", "\nlin", "e tw", "o\n"],
    "read(n) read()": ["line", " one\nline two\n"],
    "read(-1)": ["line one\nline two\n"],
    "readline": ["line one\n", "line two\n"],
    "iteration": ["line one\n", "line two\n"],
    "readlines": ["line one\n", "line two\n"],
}
GRANIAN_READS = {"read(n) read()": ["line", ""], "read(-1)": ["OverflowError"]}
"""Up to 2.8.7 those by line lost data as well."""


@pytest.mark.parametrize("how", READS)
def test_which_reads_lose_data(wsgi: Server, how: str) -> None:
    """Hence read(n) alone is used (hinge_wsgi.body)."""
    found = wsgi.request("POST", f"/reads?{how.replace(' ', '%20')}", body=b"line one\nline two\n").json()
    assert found == (READS | GRANIAN_READS if wsgi.name == "granian-wsgi" else READS)[how]


def test_a_cut_body_looks_complete(wsgi: Server) -> None:
    """Hence what arrived is compared with Content-Length (hinge_wsgi.body)."""
    with wsgi.wire() as wire:
        wire.send(format_request("POST", "/length", {"Content-Length": "1000"}) + b"x" * 100)
        wire.socket.shutdown(socket.SHUT_WR)
        if wsgi.name == "waitress":  # it waits for the whole body, and calls nothing without it
            with pytest.raises(EOFError):
                wire.answer()
        else:
            assert wire.answer().json() == 100
