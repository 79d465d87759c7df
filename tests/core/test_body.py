"""How long a body may be, when it is complete, and how it is read in pieces of either colour."""

import asyncio
from collections.abc import Iterator

import pytest

from hinge import BodyStream, HTTPError
from hinge.http.body import check_framing, declared_length, incomplete, too_large


@pytest.mark.parametrize(
    ("value", "expected"), [(None, None), ("", None), ("0", 0), ("10", 10), ("007", 7), ("100", 100)]
)
def test_a_declared_length(value: str | None, expected: int | None) -> None:
    assert declared_length(value, 100) == expected


@pytest.mark.parametrize(
    "value", ["-1", "+1", " 1", "1 ", "1,1", "1, 1", "0x10", "1.0", "1e2", "1_0", "٣", "²", "five", "\x001"]
)
def test_anything_but_ascii_digits_is_a_400_and_the_connection_is_closed(value: str) -> None:
    with pytest.raises(HTTPError) as caught:
        declared_length(value, 100)
    assert (caught.value.status, caught.value.connection) == (400, (("connection", "close"),))


@pytest.mark.parametrize("value", ["101", "9" * 19, "9" * 20, "0" * 30 + "1", "9" * 100_000])
def test_above_the_limit_is_a_413_without_converting_thousands_of_digits(value: str) -> None:
    with pytest.raises(HTTPError) as caught:
        declared_length(value, 100)
    assert (caught.value.status, caught.value.extensions) == (413, {"limit": 100})


@pytest.mark.parametrize(
    ("encoding", "length"), [("chunked", "5"), ("chunked", "0"), ("gzip, chunked", "5"), ("", "5")]
)
def test_two_framings_are_refused(encoding: str, length: str) -> None:
    """Whichever of the two a server followed, another party may have followed the other: request smuggling."""
    with pytest.raises(HTTPError) as caught:
        check_framing(encoding, length)
    assert (caught.value.status, caught.value.connection) == (400, (("connection", "close"),))


@pytest.mark.parametrize(
    "encoding", ["gzip", "gzip, chunked", "chunked, chunked", "identity", "xchunked", "", "chunked,"]
)
def test_an_encoding_that_servers_may_read_differently_is_refused(encoding: str) -> None:
    with pytest.raises(HTTPError) as caught:
        check_framing(encoding, None)
    assert (caught.value.status, caught.value.connection) == (400, (("connection", "close"),))


@pytest.mark.parametrize("encoding", ["chunked", "Chunked", " chunked\t"])
def test_chunked_is_understood_in_any_case(encoding: str) -> None:
    check_framing(encoding, None)


@pytest.mark.parametrize(("encoding", "length"), [(None, None), (None, "5"), ("chunked", None), ("chunked", "")])
def test_one_framing_is_fine(encoding: str | None, length: str | None) -> None:
    check_framing(encoding, length)


def test_the_answers_say_what_was_expected() -> None:
    assert too_large(10).detail == "The request body is larger than the 10 bytes allowed here."
    assert incomplete(3, 10).detail == "The request body ended after 3 of 10 declared bytes."
    assert (too_large(10).status, incomplete(3, 10).status) == (413, 400)


class Source:
    """Pieces of a body, by either way to get them."""

    def __init__(self, *pieces: bytes | Exception) -> None:
        self._pieces: Iterator[bytes | Exception] = iter(pieces)

    def blocking(self) -> bytes:
        piece = next(self._pieces, b"")
        if isinstance(piece, Exception):
            raise piece
        return piece

    async def waiting(self) -> bytes:
        await asyncio.sleep(0)
        return self.blocking()


def stream(*pieces: bytes | Exception, limit: int = 10) -> BodyStream:
    source = Source(*pieces)
    return BodyStream(source.blocking, source.waiting, limit)


def read_sync(body: BodyStream) -> list[bytes]:
    return list(body)


def read_async(body: BodyStream) -> list[bytes]:
    async def read() -> list[bytes]:
        return [piece async for piece in body]

    return asyncio.run(read())


each_colour = pytest.mark.parametrize("read", [read_sync, read_async])


@each_colour
def test_the_pieces_come_as_they_are(read: object) -> None:
    assert callable(read)
    body = stream(b"ab", b"c", b"defg")
    assert read(body) == [b"ab", b"c", b"defg"]
    assert body.received == 7
    assert read(body) == [], "it can be read once"
    assert read(stream()) == []


@each_colour
def test_up_to_the_limit_and_not_beyond(read: object) -> None:
    assert callable(read)
    assert read(stream(b"x" * 4, b"y" * 6)) == [b"x" * 4, b"y" * 6]
    body = stream(b"x" * 4, b"y" * 7, b"z")
    for _ in range(2):
        with pytest.raises(HTTPError) as caught:
            read(body)
        assert caught.value.status == 413


@each_colour
def test_what_ends_the_upload_ends_the_iteration(read: object) -> None:
    assert callable(read)
    with pytest.raises(HTTPError, match="declared bytes"):
        read(stream(b"x", incomplete(1, 2)))


def test_a_body_may_be_begun_in_one_colour_and_ended_in_the_other() -> None:
    body = stream(b"a", b"b", b"c")
    for piece in body:
        assert piece == b"a"
        break
    assert read_async(body) == [b"b", b"c"]
