"""What a handler returned becomes a response, by its type alone."""

import asyncio
import dataclasses
import datetime as dt
import enum
import warnings
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Generator,
    Iterable,
    Iterator,
    Sequence,
)
from typing import Annotated, Any, NamedTuple, TypeVar

import msgspec
import pytest

from hinge import HTMLResponse, HTTPError, Response, StreamingResponse
from hinge.inspection.wrappers import Unawaited
from hinge.results.result import Results
from hinge.results.returns import OCTETS, TEXT, UNANNOTATED, Returns


class Item(msgspec.Struct):
    name: str


@dataclasses.dataclass
class Data:
    name: str


class Words(enum.StrEnum):
    YES = "yes"


class Text(str):
    __slots__ = ()


def respond(value: Any, status: int | None = None) -> Response:
    return Results(Returns(object), status).respond(value)


@pytest.mark.parametrize(
    ("value", "body", "media_type"),
    [
        ("text ü", "text ü".encode(), TEXT),
        ("", b"", TEXT),
        (Text("x"), b"x", TEXT),
        (Words.YES, b"yes", TEXT),
        (b"\x00\xff", b"\x00\xff", OCTETS),
        (bytearray(b"x"), b"x", OCTETS),
        (memoryview(b"x"), b"x", OCTETS),
        ({"a": [1]}, b'{"a":[1]}', "application/json"),
        ([], b"[]", "application/json"),
        (0, b"0", "application/json"),
        (False, b"false", "application/json"),
        (1.5, b"1.5", "application/json"),
        (("a", 1), b'["a",1]', "application/json"),
        (Item("n"), b'{"name":"n"}', "application/json"),
        ([Item("n")], b'[{"name":"n"}]', "application/json"),
        (Data("n"), b'{"name":"n"}', "application/json"),
        (dt.date(2024, 1, 1), b'"2024-01-01"', "application/json"),
    ],
)
def test_plain_results(value: Any, body: bytes, media_type: str) -> None:
    response = respond(value)
    assert (response.status, response.body, response.headers["content-type"]) == (200, body, media_type)
    assert type(response.body) is bytes
    how = Returns(object).plain(type(value))
    assert how is not None
    assert (how[0](value), how[1]) == (body, media_type), "the way without a Response is the same"


def test_the_status_of_the_route_is_that_of_plain_results() -> None:
    assert respond("x", 201).status == 201
    assert respond(None).status == 204
    assert respond(None, 201).status == 201
    assert respond(None).body == b""
    assert "content-type" not in respond(None).headers
    assert respond(iter([b"x"]), 202).status == 202


def test_a_response_is_sent_as_it_is() -> None:
    for response in (Response("x", status=418), HTMLResponse("<p>"), StreamingResponse([b"x"])):
        assert respond(response, 201) is response
        assert UNANNOTATED.plain(type(response)) is None


def sync_generator() -> Iterator[str]:
    yield "x"


async def async_generator() -> AsyncIterator[str]:
    yield "x"


class OnlyAsyncIterable:
    def __aiter__(self) -> AsyncIterator[str]:
        return async_generator()


@pytest.mark.parametrize(
    ("make", "is_async"),
    [
        (sync_generator, False),
        (lambda: iter([b"x"]), False),
        (lambda: map(str, [1]), False),
        (async_generator, True),
        (OnlyAsyncIterable, True),
    ],
)
def test_iterators_are_streamed(make: Callable[[], Any], is_async: bool) -> None:
    value = make()
    response = Results(Returns(Iterator[str])).respond(value)
    assert isinstance(response, StreamingResponse)
    assert (response.is_async, response.headers["content-type"]) == (is_async, TEXT)
    assert UNANNOTATED.plain(type(value)) is None
    if not isinstance(value, OnlyAsyncIterable):
        assert response.iterator is value, "it is handed on, not run"


@pytest.mark.parametrize(
    ("returns", "media_type"),
    [
        (Iterator[str], TEXT),
        (AsyncIterator[str], TEXT),
        (AsyncIterable[str], TEXT),
        (Generator[str, None, None], TEXT),
        (AsyncGenerator[str, None], TEXT),
        (Iterator[str] | None, TEXT),
        (Iterator[bytes], OCTETS),
        (Generator[bytes, str, str], OCTETS),
        (AsyncGenerator[bytes, str], OCTETS),
        (Iterator[str | bytes], OCTETS),
        (Iterator, OCTETS),
        (Any, OCTETS),
        (None, OCTETS),
    ],
)
def test_what_is_streamed_is_text_if_the_annotation_says_so(returns: Any, media_type: str) -> None:
    assert Returns(returns).stream_type == media_type


def test_one_responder_answers_all_types_again_and_again() -> None:
    answer = Results().respond
    for _ in range(2):
        assert [answer(value).body for value in ("x", b"y", 1, None)] == [b"x", b"y", b"1", b""]


def test_responses_of_one_type_share_no_headers() -> None:
    answer = Results().respond
    answer("x").headers["x-one"] = "1"
    assert "x-one" not in answer("y").headers


class Pair(NamedTuple):
    a: int
    b: int


T = TypeVar("T")


@pytest.mark.parametrize(
    ("returns", "takes"),
    [
        (Any, False),
        (dict[str, int], False),
        (Item, False),
        (str | None, False),
        (Response, False),
        (tuple, True),
        (tuple[int, int], True),
        (tuple[int, ...] | None, True),
        (list[int], True),
        (Sequence[int], True),
        (Iterable[int], True),
        (object, True),
        (T, True),
        (Annotated[tuple[int, int], "note"], True),
    ],
)
def test_a_tuple_is_json_where_the_annotation_has_room_for_one(returns: Any, takes: bool) -> None:
    assert Returns(returns).takes_tuples is takes


def test_a_tuple_that_nobody_announced_is_refused() -> None:
    answer = Results().respond
    assert UNANNOTATED.plain(tuple) is None
    for _ in range(2):
        with pytest.raises(TypeError, match=r"returned a tuple.*Fix: .* status=201"):
            answer(({}, 201))
    assert answer(Pair(1, 2)).body == b"[1,2]", "a type of its own is meant"
    assert answer([1, (2, 3)]).body == b"[1,[2,3]]"


# -- what cannot be sent -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [object(), {"a": object()}, {1j}, lambda: None])
def test_what_msgspec_does_not_know_is_a_type_error(value: Any) -> None:
    with pytest.raises(TypeError):
        respond(value)


def test_text_that_is_no_unicode_is_an_error() -> None:
    with pytest.raises(UnicodeEncodeError):
        respond("\ud800")


async def coroutine() -> str:
    return "x"


class Awaitable:
    def __await__(self) -> Generator[None, None, str]:
        yield
        return "x"


def test_an_awaitable_is_handed_on_with_what_makes_a_response_of_it() -> None:
    """What a sync wrapper around an `async def` returns; without closing it, Python warns at some later time."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(Unawaited, match=r"returned a coroutine that nobody awaits.*Fix: .*async def") as caught:
            respond(coroutine())
        caught.value.close()
        with pytest.raises(Unawaited) as caught:
            respond(coroutine())
        assert asyncio.run(caught.value.settle()).body == b"x"
    with pytest.raises(Unawaited, match="returned a Awaitable that nobody awaits"):
        respond(Awaitable())
    assert UNANNOTATED.plain(type(Awaitable())) is None


def test_an_exception_that_is_returned_is_named() -> None:
    error = HTTPError(404)
    with pytest.raises(TypeError, match=r"returned a HTTPError\. Fix: raise it") as caught:
        respond(error)
    assert caught.value.__cause__ is error
    assert UNANNOTATED.plain(HTTPError) is None
