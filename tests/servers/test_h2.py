"""HTTP/2 with prior knowledge (h2c): the contract again, and what only streams have."""

import hashlib
import time

import httpx
import pytest
from tests.servers.served import BODY_LIMIT
from tests.servers.test_http import CASES, Case
from tests.support.servers import Server

pytestmark = pytest.mark.server

NOTICE = 8.0
CONNECTION_HEADERS = {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_answers_are_those_of_http_1(h2_server: Server, case: Case) -> None:
    headers = [(name.lower(), value) for name, value in case.send.items() if name != "Host"]
    if "Host" in case.send:
        pytest.skip("the host is the :authority here, and has a test of its own")
    with h2_server.h2() as connection:
        answer = connection.request(case.method, case.target, headers, case.sent)
    assert answer.status == case.status
    assert {name: answer[name] for name in case.headers} == case.headers
    assert (answer.text if isinstance(case.body, str) else answer.json()) == case.body
    assert not CONNECTION_HEADERS & {name for name, _ in answer.headers}  # RFC 9113 section 8.2.2


def test_the_head_of_a_request(h2_server: Server) -> None:
    with h2_server.h2() as connection:
        head = connection.request("GET", "/head?a=1").json()
        host = connection.request("GET", "/head/host").text
        # A browser sends each cookie as a line of its own (RFC 9113 section 8.2.3).
        cookies = connection.request("GET", "/cookies", [("cookie", "a=1"), ("cookie", "b=2")]).json()
        token = connection.request("GET", "/items/1", [("x-token", "secret")]).json()["token"]
    assert (head["method"], head["path"], head["version"]) == ("GET", "/head", "2")
    assert head["scheme"] == h2_server.scheme
    assert host == "127.0.0.1"
    assert cookies == {"a": "1", "b": "2"}
    assert token == "secret"


@pytest.mark.parametrize("path", ["/upload/sync", "/upload/async"])
def test_a_body_needs_no_length(h2_server: Server, path: str) -> None:
    body = bytes(range(256)) * 1000
    expected = {"size": len(body), "digest": hashlib.sha256(body).hexdigest()}
    with h2_server.h2() as connection:
        assert connection.request("POST", path, body=body).json() == expected
        assert connection.request("POST", path, [("content-length", str(len(body)))], body).json() == expected
        assert connection.request("POST", path, body=b"").json()["size"] == 0
        assert connection.request("POST", path).json()["size"] == 0
        assert connection.request("POST", "/echo", body=b"abc").body == b"abc"
        item = connection.request("POST", "/items", [("content-type", "application/json")], b'{"name":"x","price":1}')
        assert item.status == 201


def test_a_body_above_the_limit_is_refused(h2_server: Server) -> None:
    with h2_server.h2() as connection:
        for path in ("/echo", "/upload/async"):
            number = connection.begin("POST", path, end=False)
            connection.send(number, b"x" * (BODY_LIMIT + 1))
            assert connection.wait_for_head(number).status == 413
    assert h2_server.get("/plain").status == 200


def test_a_large_answer_needs_its_window_to_be_opened(h2_server: Server) -> None:
    with h2_server.h2() as connection:
        answer = connection.request("GET", "/large")
        assert (len(answer.body), answer.complete) == (3_000_000, True)
        assert len(connection.request("GET", "/sized").body) == 1_000_000


def test_requests_of_one_connection_do_not_wait_for_each_other(h2_server: Server, name: str) -> None:
    with h2_server.h2() as connection:
        waiting = [connection.begin("GET", f"/stream/{kind}/{name}-{kind}") for kind in ("generator", "async-iterator")]
        for number in waiting:
            assert connection.wait_for_body(number, 2).body == b"0 "
        answers = [connection.begin("GET", f"/named/{number}") for number in range(20)]
        assert [connection.answer(number).body for number in answers] == [b"%d" % number for number in range(20)]
        for kind in ("generator", "async-iterator"):
            for number in range(3):
                connection.request("POST", f"/gates/{name}-{kind}-{number}")
        for number in waiting:
            answer = connection.answer(number)
            assert (answer.body, answer.complete) == (b"0 1 2 ", True)


@pytest.mark.parametrize("path", ["/endless/sync", "/endless/async", "/flood", "/events/idle"])
def test_a_reset_stream_closes_its_source_and_nothing_else(h2_server: Server, path: str, name: str) -> None:
    with h2_server.h2() as connection:
        number = connection.begin("GET", f"{path}/{name}")
        connection.wait_for_body(number, 1)
        left = time.monotonic()
        connection.reset(number)
        (closed,) = h2_server.wait_for(f"closed {name}")
        assert closed.time - left < NOTICE
        assert connection.request("GET", "/plain").text == "plain"


def test_a_lost_connection_closes_all_its_streams(h2_server: Server, name: str) -> None:
    with h2_server.h2() as connection:
        for path in ("/endless/sync", "/endless/async"):
            connection.wait_for_body(connection.begin("GET", f"{path}/{name}"), 1)
        left = time.monotonic()
    closed = h2_server.wait_for(f"closed {name}", 2)
    assert max(entry.time for entry in closed) - left < NOTICE


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_a_failure_after_the_first_chunk_resets_the_stream(h2_server: Server, colour: str) -> None:
    with h2_server.h2() as connection:
        number = connection.begin("GET", f"/fail/mid/{colour}")
        # A reset may overtake what was sent before it.
        assert b"one two ".startswith(connection.wait_for_body(number, 8).body)
        h2_server.wait_for_log("the response was cut off")
        if h2_server.name != "hypercorn":  # it leaves the stream open; the connection's other streams go on
            # Granian's WSGI ends it as if it were complete before 2.8.9, as on HTTP/1.1.
            assert not connection.answer(number).complete or h2_server.name == "granian-wsgi"
        assert connection.request("GET", "/plain").text == "plain"


def test_head_has_no_body(h2_server: Server) -> None:
    with h2_server.h2() as connection:
        for target in ("/plain", "/large", "/unknown", "/layered/stream"):
            answer = connection.request("HEAD", target)
            assert (answer.body, answer.complete) == (b"", True)


def test_work_after_the_response(h2_server: Server, name: str) -> None:
    with h2_server.h2() as connection:
        for path in ("/after", "/after/async", "/after/stream"):
            word = f"{name}{path.replace('/', '-')}"
            assert connection.request("GET", f"{path}/{word}").complete
            assert connection.request("POST", f"/gates/{word}").status == 204
            h2_server.wait_for(f"after {word}", 2)


def test_an_ordinary_client(h2_server: Server) -> None:
    with httpx.Client(
        http1=False, http2=True, verify=False, base_url=f"{h2_server.scheme}://127.0.0.1:{h2_server.port}"
    ) as client:
        answers = [client.get("/items/3", params={"tag": ["a", "b"]}), client.post("/echo", content=b"abc")]
        with client.stream("GET", "/events") as events:
            assert events.headers["content-type"] == "text/event-stream"
            assert sum(1 for line in events.iter_lines() if line.startswith("data:")) == 4
        moved = client.get("/plain/", follow_redirects=True)
    assert [answer.http_version for answer in (*answers, moved)] == ["HTTP/2"] * 3
    assert answers[0].json()["tag"] == ["a", "b"]
    assert answers[1].content == b"abc"
    assert moved.text == "plain"
