"""Where a body is over: at its declared length, but over HTTP/2 where its stream ends."""

import asyncio
from typing import Any

import pytest

from hinge_asgi.body import Incoming, read_body
from hinge_asgi.scope import lines_of


def scope(version: str) -> dict[str, Any]:
    return {
        "type": "http",
        "method": "POST",
        "path": "/",
        "http_version": version,
        "headers": [(b"content-length", b"3")],
    }


async def whole(head: dict[str, Any], receive: Any) -> bytes:
    return await read_body(head, lines_of(head), receive, 100)


async def streamed(head: dict[str, Any], receive: Any) -> bytes:
    return b"".join([piece async for piece in Incoming(head, lines_of(head), receive, 100).stream])


@pytest.mark.parametrize("read", [whole, streamed])
@pytest.mark.parametrize("pieces", [[b"abc"], [b"ab", b"c"]])
@pytest.mark.parametrize("version", ["1.1", "2"])
def test_a_body_is_read_to_its_end_and_no_further(version: str, pieces: list[bytes], read: Any) -> None:
    messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    messages += [{"type": "http.request", "body": b"", "more_body": False}, {"type": "http.disconnect"}]

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    assert asyncio.run(read(scope(version), receive)) == b"abc"
    assert len(messages) == (2 if version == "1.1" else 1)


UNFRAMED = {
    "one message": [{"type": "http.request", "body": b"abc", "more_body": False}],
    "no more_body": [{"type": "http.request", "body": b"abc"}],
    "pieces": [
        {"type": "http.request", "body": b"ab", "more_body": True},
        {"type": "http.request", "body": b"c", "more_body": False},
    ],
    "an end of its own": [{"type": "http.request", "body": b"abc", "more_body": True}, {"type": "http.request"}],
    "an empty start": [
        {"type": "http.request", "more_body": True},
        {"type": "http.request", "body": b"", "more_body": True},
        {"type": "http.request", "body": b"abc"},
    ],
}
"""What a body is that no header announces: of a gateway, or behind middleware that has rewritten it."""


@pytest.mark.parametrize("read", [whole, streamed])
@pytest.mark.parametrize("name", UNFRAMED)
@pytest.mark.parametrize("version", [None, "1.0", "1", "1.1", "2", "3"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "QUERY"])
def test_a_body_that_no_header_announces_is_read(method: str, version: str | None, name: str, read: Any) -> None:
    head = {**scope("1.1"), "method": method, "headers": [], "http_version": version}
    if version is None:
        del head["http_version"]
    messages = [*UNFRAMED[name], {"type": "http.disconnect"}]

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    assert asyncio.run(read(head, receive)) == b"abc"
    assert len(messages) == 1


@pytest.mark.parametrize("read", [whole, streamed])
@pytest.mark.parametrize("version", ["1.1", "2"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_a_request_that_has_no_body_costs_no_receive(method: str, version: str, read: Any) -> None:
    async def receive() -> dict[str, Any]:
        raise AssertionError

    assert asyncio.run(read({**scope(version), "method": method, "headers": []}, receive)) == b""


@pytest.mark.parametrize("read", [whole, streamed])
def test_a_body_whose_end_comes_with_it_is_read_at_once(read: Any) -> None:
    messages = [{"type": "http.request", "body": b"abc", "more_body": False}]

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    assert asyncio.run(read(scope("2"), receive)) == b"abc"
