"""examples/streaming.py: bodies that arrive while they are made."""

import json
from collections.abc import Iterator
from datetime import datetime
from itertools import islice

import pytest
from tests.examples.harness import Load

from hinge.testing import Client


@pytest.fixture
def client(load: Load, backend: str) -> Iterator[Client]:
    with Client(load("streaming").app, backend) as client:
        yield client


def test_a_plain_generator_sends_text(client: Client) -> None:
    response = client.get("/primes?count=6")
    assert response.text == "2\n3\n5\n7\n11\n13\n"
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert "content-length" not in response.headers
    assert client.get("/primes?count=0").text == ""


def test_lines_arrive_before_the_last_one_is_made(client: Client) -> None:
    """The hundred-thousandth prime takes far longer than the test's patience."""
    with client.stream("GET", "/primes?count=100000") as response:
        assert list(islice(response.iter_lines(), 3)) == ["2", "3", "5"]


def test_an_async_generator_sends_text(client: Client) -> None:
    assert client.get("/countdown?start=3&pause=0").text == "3\n2\n1\nlift-off\n"


@pytest.mark.parametrize("query", ["start=-1", "start=x", "pause=-1", "pause=61", "pause=nan"])
def test_a_wrong_query_is_answered_before_anything_is_sent(client: Client, query: str) -> None:
    assert client.get(f"/countdown?{query}").status_code == 422


def test_the_clock_ticks_in_events(client: Client) -> None:
    with client.stream("GET", "/clock?pause=0") as response:
        assert response.headers["content-type"] == "text/event-stream"
        ticks = list(islice(response.events(), 3))
    assert [(tick.event, tick.id) for tick in ticks] == [("tick", "1"), ("tick", "2"), ("tick", "3")]
    assert all(datetime.fromisoformat(json.loads(tick.data)["now"]).tzinfo for tick in ticks)


def test_a_browser_that_comes_back_gets_the_next_tick(client: Client) -> None:
    with client.stream("GET", "/clock?pause=0", headers={"last-event-id": "41"}) as response:
        assert next(response.events()).id == "42"


def test_a_plain_generator_sends_events(client: Client) -> None:
    with client.stream("GET", "/progress?steps=2&pause=0") as response:
        events = [(event.event, event.data) for event in response.events()]
    assert events == [("progress", '{"done":1,"of":2}'), ("progress", '{"done":2,"of":2}'), ("end", "")]


def test_the_page_is_html(client: Client) -> None:
    response = client.get("/")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "EventSource" in response.text
