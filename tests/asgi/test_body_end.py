"""Where a body is over: at its declared length, but over HTTP/2 where its stream ends."""

import asyncio
from typing import Any

import pytest

from hinge_asgi.body import Incoming, read_body
from hinge_asgi.lines import lines_of


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
    return b"".join([piece async for piece in Incoming(head, receive, 100).stream])


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


@pytest.mark.parametrize("read", [whole, streamed])
def test_a_body_whose_end_comes_with_it_is_read_at_once(read: Any) -> None:
    messages = [{"type": "http.request", "body": b"abc", "more_body": False}]

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    assert asyncio.run(read(scope("2"), receive)) == b"abc"
