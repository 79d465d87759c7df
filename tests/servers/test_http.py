"""The core of the contract over sockets: one app, one answer, whichever server carries it."""

import contextlib
import hashlib
import json
import threading
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.servers.served import BODY_LIMIT
from tests.support.servers import Server
from tests.support.waiting import until
from tests.support.wire import Answer, chunked, format_request

pytestmark = pytest.mark.server

TEXT = {"content-type": "text/plain; charset=utf-8"}
JSON = {"content-type": "application/json"}
PROBLEM = {"content-type": "application/problem+json"}


def problem(status: int, title: str, **more: Any) -> dict[str, Any]:
    return {"type": "about:blank", "title": title, "status": status, **more}


@dataclass(frozen=True)
class Case:
    """A request, and the answer that every server gives; `body` is text, or a value that the answer's JSON equals."""

    target: str
    status: int
    body: Any = ""
    headers: dict[str, str] = field(default_factory=dict)
    method: str = "GET"
    sent: bytes | None = None
    send: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.method} {self.target}"


SERVER_ERROR = problem(500, "Internal Server Error")
NOT_FOUND = problem(404, "Not Found")
ITEM = b'{"name":"x","price":1.5,"tags":["a"]}'

CASES = [
    Case("/plain", 200, "plain", TEXT | {"content-length": "5"}),
    Case("/plain", 200, "", TEXT | {"content-length": "5"}, method="HEAD"),
    Case("/plain", 204, "", {"allow": "GET, HEAD, OPTIONS"}, method="OPTIONS"),
    Case(
        "/plain",
        405,
        problem(405, "Method Not Allowed", detail="This resource answers GET, HEAD, OPTIONS."),
        PROBLEM | {"allow": "GET, HEAD, OPTIONS"},
        method="POST",
        sent=b"body",
    ),
    Case("/plain/?a=1&b=%20", 308, "", {"location": "/plain?a=1&b=%20"}),
    Case("/unknown", 404, NOT_FOUND, PROBLEM),
    Case("/unknown", 404, "", PROBLEM, method="HEAD"),
    Case("/unknown", 404, NOT_FOUND, PROBLEM, method="DELETE"),
    Case("/echo", 405, "", PROBLEM | {"allow": "DELETE, OPTIONS, PATCH, POST, PUT"}, method="HEAD"),
    Case(
        "/items/3?size=2&tag=a&tag=b",
        200,
        {"id": 3, "size": 2, "tag": ["a", "b"], "token": "secret"},
        JSON,
        send={"X-Token": "secret"},
    ),
    Case("/items/x", 404, NOT_FOUND, PROBLEM),
    Case("/items/%D9%A3", 404, NOT_FOUND, PROBLEM),
    Case("/items", 201, json.loads(ITEM), JSON, method="POST", sent=ITEM, send={"Content-Type": "application/json"}),
    Case("/items/sync", 201, json.loads(ITEM), JSON, method="POST", sent=ITEM, send=JSON),
    Case("/files/a/b%2Fc/%E2%82%AC", 200, {"rest": "a/b/c/\N{EURO SIGN}"}, JSON),
    Case("/files/", 200, {"rest": ""}, JSON),
    Case("/files/%ff", 400, problem(400, "Bad Request", detail="The path is not valid UTF-8."), PROBLEM),
    Case("/files/%EF%BF%BD", 200, {"rest": "\N{REPLACEMENT CHARACTER}"}, JSON),
    Case("/head/host", 200, "example.org:8080", TEXT, send={"Host": "example.org:8080"}),
    Case("/head/url", 200, "/named/7", TEXT),
    Case("/redirect", 303, "", {"location": "/plain?a=1", "content-length": "0"}),
    Case("/nothing", 204),
    Case("/not-modified", 304, "", {"etag": '"1"'}),
    Case("/status/404", 404, "body", TEXT),
    Case("/status/599", 599, "body", TEXT),
    Case("/fail/sync", 500, SERVER_ERROR, PROBLEM),
    Case("/fail/async", 500, SERVER_ERROR, PROBLEM),
    Case("/fail/first-chunk", 500, SERVER_ERROR, PROBLEM),
    Case("/fail/first-chunk/async", 500, SERVER_ERROR, PROBLEM),
    Case(
        "/fail/conflict",
        409,
        problem(409, "Conflict", detail="taken", owner="somebody"),
        PROBLEM | {"x-extra": "yes"},
    ),
    Case("/fail/teapot", 418, "teapot /fail/teapot", TEXT),
    Case("/layered/ok", 200, "plain", TEXT | {"x-stamp": "200"}),
    Case("/layered/ok?stop=1", 403, "stopped", TEXT),
    Case("/layered/nothing", 204, "", {"x-stamp": "204"}),
    Case("/layered/fail", 500, SERVER_ERROR, PROBLEM | {"x-stamp": "500"}),
    Case("/layered/fail/async", 500, SERVER_ERROR, PROBLEM | {"x-stamp": "500"}),
    Case("/layered/echo", 200, "abc", {"x-stamp": "200", "x-length": "3"}, method="POST", sent=b"abc"),
    Case("/layered/async/ok", 200, "plain", TEXT | {"x-stamp": "200", "x-stamp-async": "200"}),
    Case("/layered/async/fail", 500, SERVER_ERROR, PROBLEM | {"x-stamp": "500", "x-stamp-async": "500"}),
    Case("/layered/async/fail/async", 500, SERVER_ERROR, PROBLEM | {"x-stamp": "500", "x-stamp-async": "500"}),
    Case("/layered/async/echo", 200, "abc", {"x-stamp-async": "200", "x-length": "3"}, method="POST", sent=b"abc"),
    Case("/layered/async/echo/async", 200, "abc", {"x-stamp-async": "200"}, method="POST", sent=b"abc"),
    Case(
        "/ws/json",
        426,
        problem(426, "Upgrade Required", detail="This resource speaks WebSocket only."),
        PROBLEM,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_server_gives_the_same_answer(server: Server, case: Case) -> None:
    answer = server.request(case.method, case.target, case.send, case.sent)
    assert answer.status == case.status
    assert {name: answer[name] for name in case.headers} == case.headers
    assert (answer.text if isinstance(case.body, str) else answer.json()) == case.body
    assert answer.complete


def test_every_method_reaches_its_handler_with_its_body(server: Server) -> None:
    for path in ("/echo", "/echo/async"):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            answer = server.request(method, path, body=b"some bytes")
            assert (answer.status, answer.body, answer["x-method"]) == (200, b"some bytes", method)


def test_an_answer_without_a_body_has_no_length_either(server: Server) -> None:
    for target in ("/nothing", "/not-modified"):
        answer = server.get(target)
        assert (answer["content-length"], answer["transfer-encoding"]) == (None, None)


def test_head_says_what_get_says_and_the_connection_goes_on(server: Server) -> None:
    for target in ("/plain", "/large", "/file", "/unknown", "/fail/sync", "/layered/stream"):
        with server.wire() as wire:
            wire.send(format_request("HEAD", target) + format_request("GET", "/named/1"))
            head = wire.answer("HEAD")
            assert (head.framing, head.body) == ("none", b"")
            if head["connection"] != "close":  # waitress closes after what it cannot frame
                assert wire.answer().body == b"1"
        get = server.get(target)
        assert head.status == get.status
        if get["content-length"] is not None:
            assert head["content-length"] == get["content-length"]


def test_options_for_the_server_as_a_whole(server: Server) -> None:
    assert server.request("OPTIONS", "*").status == 204


def test_an_unread_body_does_not_become_the_next_request(server: Server) -> None:
    inner = format_request("GET", "/unknown")
    with server.wire() as wire:
        for target in ("/upload/ignored", "/unknown", "/plain"):
            wire.send(format_request("POST", target, body=inner * 20))
            first = wire.answer("POST")
            assert first.status in {200, 404, 405}
            if first["connection"] == "close":
                return
        wire.get("/named/5")
        assert wire.answer().body == b"5"


def test_unread_chunks_do_not_become_the_next_request(server: Server) -> None:
    chunks = {"Transfer-Encoding": "chunked"}
    for target in ("/upload/ignored", "/unknown", "/plain"):
        with server.wire() as wire:
            inner = format_request("GET", "/named/666")
            wire.send(format_request("POST", target, chunks, chunked(inner * 20)) + format_request("GET", "/named/5"))
            assert wire.answer("POST").status in {200, 404, 405}
            with contextlib.suppress(EOFError):
                answer = wire.answer()
                assert (answer.status, answer.body) == (200, b"5") or answer.status == 400


# -- colours -----------------------------------------------------------------------------------------------------------


def test_where_handlers_run(server: Server) -> None:
    places = {name: server.get(f"/colour/{name}").json() for name in ("sync", "async", "sync-inline", "async-inline")}
    on_loop = {name for name, place in places.items() if place["loop"]}
    if server.kind.interface != "wsgi":
        assert on_loop == {"async", "sync-inline", "async-inline"}
        assert len({places[name]["thread"] for name in on_loop}) == 1
        assert server.get("/colour/waits").text == "it waited"
    else:
        assert on_loop == {"async"}
        assert places["async"]["thread"] not in {places[name]["thread"] for name in places if name != "async"}
        assert server.get("/colour/waits").status == 500
        server.wait_for_log("served.colour_waits")


def test_context_variables_are_of_one_request_alone(server: Server) -> None:
    def ask(number: int) -> None:
        for path in ("sync", "async", "stream", "stream/async"):
            name = f"{path}-{number}".replace("/", "-")
            answer = server.get(f"/context/{path}?name={name}")
            assert answer["x-before"] == "nothing"
            if "stream" in path:
                assert (answer.text, answer["x-after"]) == (f"{name} in the stream", name)
            else:
                assert (answer.text, answer["x-after"]) == (name, "handler's")
        for path in ("bare", "bare/async"):
            assert server.get(f"/context/{path}").text == "nothing"

    failures = in_threads(4, lambda thread: [ask(10 * thread + number) for number in range(3)])
    assert failures == []


def in_threads(count: int, work: Any) -> list[BaseException]:
    failures: list[BaseException] = []

    def run(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


def test_the_state_of_the_lifespans_is_copied_for_each_request(server: Server) -> None:
    for path in ("/state", "/state/async", "/state"):
        state = server.get(path).json()
        assert (state["greeting"], state["title"]) == ("hello", "Served")
        assert "mine" not in state
    starts = server.journal("start")
    assert [entry.text for entry in starts] == ["start plain", "start async"]
    assert {entry.pid for entry in starts} == {state["pid"]}


# -- what a request brings ---------------------------------------------------------------------------------------------


def test_the_head_of_a_request(server: Server) -> None:
    with server.wire() as wire:
        wire.get("/head?a=1&b=&a=%E2%82%AC+x")
        head = wire.answer().json()
        port = wire.socket.getsockname()[1]
    # Granian's environ has no REMOTE_PORT.
    assert head.pop("port") in ({port, None} if server.name == "granian-wsgi" else {port})
    assert head == {
        "method": "GET",
        "path": "/head",
        "scheme": server.scheme,
        "version": "1.1",
        "query": [["a", "1"], ["b", ""], ["a", "\N{EURO SIGN} x"]],
        "client": "127.0.0.1",
    }


def test_an_absolute_target_is_its_path(server: Server) -> None:
    answer = server.get("http://other.example/head?a=1")
    assert (answer.status, answer.json()["path"], answer.json()["query"]) == (200, "/head", [["a", "1"]])


def test_repeated_headers_are_one_list(server: Server) -> None:
    pairs = [("X-List", "a"), ("X-Other", "between"), ("X-List", 'b, "c,d"'), ("x-list", "e")]
    assert server.request("GET", "/head/headers", pairs).json()["list"] == ["a", "b", '"c,d"', "e"]


def test_a_value_that_is_not_ascii_reads_as_empty(server: Server) -> None:
    answer = server.request("GET", "/items/1", {"X-Token": "caf\xe9"})
    assert (answer.status, answer.json()["token"]) == (200, "")


DROPS_THE_LENGTH = {"granian-wsgi", "granian-asgi", "waitress"}
"""Servers that hide Content-Length where there is Transfer-Encoding; waitress keeps the connection then."""


def test_a_body_framed_twice(server: Server) -> None:
    head = format_request("POST", "/echo", {"Content-Length": "5", "Transfer-Encoding": "chunked"})
    with server.wire() as wire:
        wire.send(head + chunked(b"abc") + format_request("GET", "/plain"))
        answer = wire.answer()
        if answer.status == 400 or server.name not in DROPS_THE_LENGTH:
            assert answer.status == 400  # by Hinge under uvicorn and hypercorn, before it by the others
            assert wire.ended()
            return
        # What both they and Hinge take for the body is the same: the chunks.
        assert (answer.status, answer.body, answer["x-length"]) == (200, b"abc", "3")
        if not wire.ended():
            assert wire.answer().text == "plain"


def test_the_process_environment_is_no_header(server: Server) -> None:
    assert server.get("/head/leak").json() == {"leak": None}
    assert server.get("/head/headers").json()["leak"] is None
    assert server.get("/head/leak", X_Leak="sent").json() == {"leak": "sent"}


def test_cookies_in_and_out(server: Server) -> None:
    answer = server.request("GET", "/cookies", {"Cookie": 'a=1; b=two; c="3"'})
    assert answer.json() == {"a": "1", "b": "two", "c": "3"}
    assert answer.all("set-cookie") == [
        "first=1; Path=/; HttpOnly; SameSite=Lax",
        "second=2; Max-Age=60; Path=/; Secure; SameSite=Strict",
        "third=; Max-Age=0; Path=/; SameSite=Lax",
    ]


def test_response_headers_keep_their_lines(server: Server) -> None:
    answer = server.get("/headers-out")
    assert answer.all("x-many") == ["1", "2"]
    assert answer.all("content-length") == ["1"]


# -- bodies ------------------------------------------------------------------------------------------------------------

BODY = bytes(range(256)) * 1000
DIGEST = {"size": len(BODY), "digest": hashlib.sha256(BODY).hexdigest()}


@pytest.mark.parametrize("path", ["/upload/sync", "/upload/async", "/layered/upload", "/layered/async/upload/async"])
def test_a_body_is_read_as_a_stream(server: Server, path: str) -> None:
    assert server.request("POST", path, body=BODY).json() == DIGEST
    pieces = [BODY[start : start + 10_000] for start in range(0, len(BODY), 10_000)]
    assert server.request("POST", path, {"Transfer-Encoding": "chunked"}, chunked(*pieces)).json() == DIGEST
    assert server.request("POST", path, body=b"").json()["size"] == 0


def test_a_body_without_length_is_read_whole(server: Server) -> None:
    for path in ("/echo", "/echo/async", "/layered/async/echo"):
        answer = server.request("POST", path, {"Transfer-Encoding": "chunked"}, chunked(b"one ", b"two ", b"three"))
        assert answer.body == b"one two three"


def test_a_large_body_in_and_a_large_body_out(server: Server) -> None:
    body = b"x" * 5_000_000
    assert server.request("POST", "/upload/large", body=body).json()["size"] == len(body)
    answer = server.get("/large")
    assert (len(answer.body), answer["content-length"], answer.complete) == (3_000_000, "3000000", True)


@pytest.mark.parametrize("path", ["/echo", "/echo/async", "/upload/sync", "/upload/async"])
def test_a_body_above_the_limit_is_refused(server: Server, path: str) -> None:
    body = b"x" * (BODY_LIMIT + 1)
    for headers, sent in (({}, body), ({"Transfer-Encoding": "chunked"}, chunked(body[:200_000], body[200_000:]))):
        assert refused(server, path, headers, sent) == 413
    assert server.request("POST", path, body=body[:BODY_LIMIT]).status == 200


def refused(server: Server, path: str, headers: dict[str, str], body: bytes) -> int:
    with server.wire() as wire:
        # It may have answered, and closed, before it had all.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            wire.send(format_request("POST", path, headers, body))
        return wire.answer("POST").status


def test_an_answer_may_come_before_the_body_was_read(server: Server) -> None:
    with server.wire() as wire:
        wire.send(format_request("POST", "/upload/first", body=b"x" * 200_000))
        assert wire.answer("POST").text == "True"
    assert server.get("/plain").text == "plain"


def test_a_body_can_be_answered_piece_by_piece(server: Server) -> None:
    with server.wire() as wire:
        wire.send(format_request("POST", "/upload/back", {"Transfer-Encoding": "chunked"}))
        if server.kind.interface == "wsgi" or server.name == "daphne":
            # WSGI's read(n) may wait for n bytes or the end, and daphne for the whole body before it calls the app.
            wire.send(chunked(b"one", b"two"))
            assert wire.answer("POST").body == b"ONETWO"
            return
        wire.send(b"3\r\none\r\n")
        answer = wire.head("POST")
        assert wire.read_some(answer) == b"ONE"
        wire.send(b"3\r\ntwo\r\n")
        assert wire.read_some(answer) == b"TWO"
        wire.send(b"0\r\n\r\n")
        assert wire.read_some(answer) == b""


def test_a_cut_body_never_reaches_its_handler(server: Server) -> None:
    with server.wire() as wire:
        wire.send(format_request("POST", "/items", {"Content-Type": "application/json", "Content-Length": "1000"}))
        wire.send(ITEM)
        wire.socket.shutdown(1)
        try:
            status = wire.answer("POST").status
        except EOFError:
            status = 400
    assert status == 400
    assert server.get("/plain").status == 200


# -- after the response ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/after", "/after/async", "/after/stream"])
def test_work_after_the_response_waits_for_it_and_a_failure_stops_nothing(server: Server, path: str, name: str) -> None:
    answer = server.get(f"{path}/{name}")  # its work waits for the gate, which only the next request opens
    assert answer.complete
    assert server.journal(f"after {name}") == []
    assert server.request("POST", f"/gates/{name}").status == 204
    done = server.wait_for(f"after {name}", 2)
    assert [entry.text for entry in done] == [f"after {name} first {name}", f"after {name} second {name}"]
    server.wait_for_log("the failing task")


# -- errors ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["sync", "async", "first-chunk", "first-chunk/async"])
def test_a_failure_is_logged_once_and_told_to_nobody(server: Server, path: str) -> None:
    before = server.log().count("ValueError: the secret cause")
    answer = server.get(f"/fail/{path}")
    assert b"secret" not in answer.body
    until(lambda: server.log().count("ValueError: the secret cause") > before, "the failure in the log", server.log)
    assert server.log().count("ValueError: the secret cause") == before + 1
    assert f"'/fail/{path}': handler served.fail_" in server.log()


def test_many_at_a_time(server: Server) -> None:
    def ask(number: int) -> None:
        answers: list[Answer] = []
        with server.wire() as wire:
            for turn in range(10):
                wire.get(f"/named/{number * 100 + turn}")
                answers.append(wire.answer())
        assert [int(answer.body) for answer in answers] == [number * 100 + turn for turn in range(10)]

    assert in_threads(10, ask) == []
