"""Streamed responses: the colour is read off the type, once, and nothing that is no stream goes out as one."""

import asyncio

import pytest

from hinge.responses.response import Response
from hinge.responses.sources import encode_chunk
from hinge.responses.streaming import StreamingResponse


def numbers():
    yield b"1"
    yield "2"


async def async_numbers():
    yield b"1"
    yield "2"


class Both:
    """Has `__iter__` and `__aiter__`, as the wrappers of HTTP clients do."""

    def __iter__(self):
        raise AssertionError("an async source was iterated synchronously")

    def __aiter__(self):
        return async_numbers()


class BareAsync:
    """Has `__anext__` only."""

    async def __anext__(self):
        raise StopAsyncIteration


class InstanceOnly:
    """Looks async on the instance, where Python does not look."""

    def __init__(self):
        self.__aiter__ = lambda: None

    def __iter__(self):
        return iter(["x"])


async def collect(iterator):
    return [chunk async for chunk in iterator]


def test_a_sync_iterator_is_used_as_it_is():
    source = numbers()
    response = StreamingResponse(source)
    assert response.iterator is source
    assert response.is_async is False
    assert list(response.iterator) == [b"1", "2"]


def test_an_iterable_becomes_one_iterator():
    response = StreamingResponse(["a", "b"])
    assert response.iterator is response.iterator
    assert next(response.iterator) == "a"
    assert next(response.iterator) == "b"
    assert response.is_async is False


def test_an_async_iterator_is_used_as_it_is():
    source = async_numbers()
    response = StreamingResponse(source)
    assert response.iterator is source
    assert response.is_async is True
    assert asyncio.run(collect(source)) == [b"1", "2"]


def test_the_colour_is_decided_by_the_type():
    both = StreamingResponse(Both())
    assert both.is_async is True
    assert asyncio.run(collect(both.iterator)) == [b"1", "2"]
    assert StreamingResponse(BareAsync()).is_async is True
    assert StreamingResponse(InstanceOnly()).is_async is False


def test_nothing_is_consumed_before_it_is_sent():
    started = []

    def source():
        started.append(True)
        yield b""

    StreamingResponse(source())
    assert started == []


@pytest.mark.parametrize("content", ["text", b"bytes", bytearray(b"x"), memoryview(b"x"), {"a": 1}])
def test_whole_values_are_not_streamed_in_pieces(content):
    with pytest.raises(TypeError, match=f"a streamed body is an iterable of chunks, not {type(content).__name__}"):
        StreamingResponse(content)


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        (None, "not NoneType$"),
        (1, "not int$"),
        (numbers, "call the generator function"),
        (async_numbers, "call the generator"),
    ],
)
def test_what_is_not_iterable_is_refused(content, hint):
    with pytest.raises(TypeError, match=hint):
        StreamingResponse(content)


def test_a_coroutine_is_refused_with_the_way_out():
    async def produce():
        return [b""]

    coroutine = produce()
    with pytest.raises(TypeError, match="await it first"):
        StreamingResponse(coroutine)
    coroutine.close()


def test_the_body_is_unknown_and_cannot_be_assigned():
    response = StreamingResponse(numbers())
    assert isinstance(response, Response)
    assert response.body is None
    assert response.content_length is None
    with pytest.raises(AttributeError, match="a StreamingResponse has no body to assign"):
        response.body = b"x"
    assert repr(response) == "<StreamingResponse 200 application/octet-stream, streamed>"


def test_status_headers_and_media_type_are_those_of_every_response():
    response = StreamingResponse(numbers(), status=206, headers={"x-a": "b"}, media_type="text/csv")
    assert response.status == 206
    assert sorted(response.headers.multi_items()) == [("content-type", "text/csv; charset=utf-8"), ("x-a", "b")]
    assert StreamingResponse([]).headers.multi_items() == [("content-type", "application/octet-stream")]
    assert StreamingResponse([]).eager_start is False
    for broken in ({"status": 100}, {"headers": {"content-length": "3"}}, {"headers": {"a": "\n"}}):
        with pytest.raises(ValueError):
            StreamingResponse([], **broken)


def test_a_wrapped_iterator_decides_the_colour_anew():
    response = StreamingResponse(numbers())
    response.iterator = async_numbers()
    assert response.is_async is True
    response.iterator = ["x"]
    assert response.is_async is False
    assert list(response.iterator) == ["x"]
    with pytest.raises(TypeError):
        response.iterator = "text"


def test_chunks_are_bytes():
    whole = b"x"
    assert encode_chunk(whole) is whole
    assert encode_chunk("ü") == b"\xc3\xbc"
    for chunk in (bytearray(b"ab"), memoryview(b"ab"), type("B", (bytes,), {})(b"ab")):
        assert encode_chunk(chunk) == b"ab"
        assert type(encode_chunk(chunk)) is bytes


def test_a_reused_buffer_is_copied():
    buffer = bytearray(b"one")
    chunk = encode_chunk(buffer)
    buffer[:] = b"two"
    assert chunk == b"one"


@pytest.mark.parametrize("chunk", [None, 1, ["a"], {"a": 1}, object()])
def test_other_chunks_are_refused(chunk):
    with pytest.raises(TypeError, match=f"a streamed chunk is str or bytes, not {type(chunk).__name__}"):
        encode_chunk(chunk)
