"""Results that msgspec cannot encode are found by their annotation."""

import asyncio
import collections
import collections.abc
import dataclasses
import enum
import fractions
import numbers
import pathlib
from collections.abc import AsyncIterator, Awaitable, Generator, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, Literal, NamedTuple, NoReturn, NotRequired, Protocol, TypedDict, TypeVar

import msgspec
import pytest

from hinge import App, ConfigurationError, EventSourceResponse, HTTPError, Response
from hinge.binding.plan import plan_handler
from hinge.codecs import JSON, MSGPACK, TOML, YAML, Codec
from hinge.openapi.document import describe
from hinge.results.encodable import unencodable

T = TypeVar("T")


class Plain:
    pass


class Box(Generic[T]):
    pass


class Extended:
    """Its values that are enumerated can be sent."""


class Words(Extended, enum.Enum):
    YES = "yes"


class Sentinel(enum.Enum):
    ONLY = object()


class Named(Protocol):
    name: str


class HoldsPlain(Protocol):
    plain: Plain


class Callable(Protocol):
    def call(self) -> int: ...


class Holder(msgspec.Struct):
    plain: Plain


class Listed(msgspec.Struct):
    plain: list[Plain] = []


class Node(msgspec.Struct):
    next: "Node | None"
    leaf: Plain


class Spare(msgspec.Struct):
    plain: Plain | None = None
    other: Plain | msgspec.UnsetType = msgspec.UNSET


@dataclasses.dataclass
class Data:
    plain: dict[str, Plain]


class Of(msgspec.Struct, Generic[T]):
    value: T


class Row(NamedTuple):
    plain: Plain


class Typed(TypedDict):
    plain: NotRequired[Plain]


class Model:
    """As pydantic's, which is iterable."""

    def model_dump(self) -> dict[str, Any]: ...  # type: ignore[empty-body]

    def __iter__(self) -> Iterator[Any]: ...  # type: ignore[empty-body]


class Text(str):
    __slots__ = ()


def why(kind: Any) -> str | None:
    found = unencodable(kind)
    return None if found is None else found.why


UNKNOWN = [
    *(Plain, Plain | None, list[Plain], dict[str, Plain], tuple[int, Plain], tuple[Plain, ...], set[Plain]),
    *(Holder, Node, Data, Row, Typed, Listed, HoldsPlain, list[dict[str, Holder]], Of[Plain], Plain | dict[str, int]),
    *(Iterator[Plain], AsyncIterator[Holder], Iterable[Plain], Generator[Plain, None, None], Iterator[bytes | Plain]),
]


@pytest.mark.parametrize("kind", UNKNOWN, ids=str)
def test_a_plain_class_is_found_wherever_it_stands(kind: Any) -> None:
    assert why(kind) == "msgspec does not know the class Plain"


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (Box[int], "Box"),
        (complex, "complex"),
        (fractions.Fraction, "Fraction"),
        (pathlib.Path, "Path"),
        (collections.deque[int], "deque"),
        (range, "range"),
        (list[Iterator[int]], "Iterator"),
        (collections.abc.Callable[[], int], "Callable"),
        (type[int], "type"),
        (Sentinel, "Sentinel"),
        (list[Text], "Text"),
        (collections.UserDict[str, int], "UserDict"),
        (App, "App"),
    ],
    ids=str,
)
def test_other_classes_that_nothing_encodes(kind: Any, name: str) -> None:
    assert why(kind) == f"msgspec does not know the class {name}"


@pytest.mark.parametrize("key", [tuple[int, int], Holder, Of[int], bool], ids=str)
def test_keys_that_are_none_in_an_object(key: Any) -> None:
    assert "no key of an object" in str(why(dict[key, int]))


@pytest.mark.parametrize(
    "kind",
    [
        *(Any, object, None, str, Text, bytes, bytearray, int, bool, dict, list[int], dict[int, Any], Spare, Words),
        *(Extended, Named, Callable, Of[int], Mapping[str, int], Sequence[int], collections.abc.Hashable),
        *(
            numbers.Number,
            collections.OrderedDict[str, int],
            collections.Counter[str],
            Literal["a"],
            NoReturn,
            enum.Enum,
        ),
        *(
            msgspec.Raw,
            Response,
            EventSourceResponse,
            Iterator[str],
            Iterator[Text],
            AsyncIterator[bytes],
            Iterator[int],
        ),
        *(enum.Enum, Response | list[int], list[Any], dict[str, object], Iterator[Any], Iterator, Of[Any]),
    ],
    ids=str,
)
def test_what_can_be_encoded_is_no_fault(kind: Any) -> None:
    assert unencodable(kind) is None


def returning(annotation: Any) -> Any:
    def handler() -> Any: ...

    handler.__annotations__["return"] = annotation
    return handler


def refusal(app: App, backend: str = "wsgi") -> str:
    with pytest.raises(ConfigurationError) as caught:
        app.compile(backend)
    return str(caught.value)


@pytest.mark.parametrize(
    ("annotation", "fix"),
    [
        (Plain, "make it a msgspec.Struct or a dataclass"),
        (list[Plain], "make it a msgspec.Struct or a dataclass"),
        (Model | None, "its model_dump(), -> dict[str, Any]"),
        (dict[tuple[int, int], str], "a text or a number for a key"),
        (complex, "a type that msgspec knows, such as a list, a dict or a str"),
        (HTTPError, "raise it"),
        (ValueError | None, "raise it"),
        (collections.deque[int], "a type that msgspec knows, such as a list, a dict or a str"),
    ],
    ids=str,
)
def test_the_message_says_what_to_write(annotation: Any, fix: str) -> None:
    app = App()
    app.get("/")(returning(annotation))
    message = refusal(app)
    assert "returning.handler (" in message
    assert "test_encodable.py:" in message
    assert "the return annotation: " in message
    assert f"Fix: {fix}" in message
    assert "\n" not in message


def test_an_error_handler_too_but_it_may_answer_with_an_http_error() -> None:
    app = App()

    @app.error(ValueError)
    def told(request: Any, error: ValueError) -> Plain: ...  # type: ignore[empty-body]

    assert "error handler" in refusal(app)
    assert "does not know the class Plain" in refusal(app)
    fine = App()

    @fine.error(ValueError)
    def other(request: Any, error: ValueError) -> HTTPError:
        return HTTPError(409)

    fine.compile("wsgi")


@pytest.mark.parametrize(
    "codecs",
    [[JSON], [MSGPACK], [YAML], [TOML], [JSON, Codec("text/csv", encode=lambda value: b"")]],
    ids=lambda codecs: "-".join(one.media_type for one in codecs),
)
def test_with_codecs_of_msgspec_it_is_refused_as_well(codecs: list[Codec]) -> None:
    app = App(codecs=codecs)
    app.get("/")(returning(Plain))
    assert "does not know the class Plain" in refusal(app)


def test_a_codec_of_ones_own_may_know_it_but_streams_are_json_lines() -> None:
    app = App(codecs=[Codec("application/json", encode=lambda value: b"{}")])
    app.get("/")(returning(Plain))
    app.compile("wsgi")
    streaming = App(codecs=[Codec("application/json", encode=lambda value: b"{}")])
    streaming.get("/")(returning(Iterator[Plain]))
    assert "does not know the class Plain" in refusal(streaming)


@pytest.mark.parametrize(
    "responses",
    [{409: Plain}, {409: list[Plain]}, {409: "Text", 410: Holder}, {409: 5}, {99: "Text"}, {True: "Text"}, [409]],
    ids=str,
)
def test_responses_that_describe_none_are_refused_at_compile(responses: Any) -> None:
    app = App(openapi_path=None)  # whether or not it is shown

    def declare() -> None:
        app.get("/", responses=responses)(returning(int))
        app.compile("wsgi")

    with pytest.raises(ConfigurationError) as caught:
        declare()
    message = str(caught.value)
    assert "returning.handler (" in message
    assert "responses=" in message
    assert "Fix: " in message
    assert "\n" not in message


def test_responses_that_describe_some() -> None:
    app = App()
    app.get("/", responses={409: "Text", 410: int | None, 411: list[int], 412: {"description": "x"}, 413: None})(
        returning(int)
    )
    app.compile("wsgi")
    assert set(describe(app)["paths"]["/"]["get"]["responses"]) >= {"409", "410", "411", "412", "413"}


@pytest.mark.parametrize("kind", [Awaitable[int], asyncio.Task[int], Awaitable[int] | None], ids=str)
def test_an_awaitable_is_what_it_comes_to(kind: Any) -> None:
    async def coroutine() -> Any: ...

    coroutine.__annotations__["return"] = kind
    for handler in (coroutine, returning(kind)):
        app = App()
        app.get("/")(handler)
        app.compile("wsgi")
        assert app.parts()[0].judged[0].endpoint.plan.returns in (int, int | None)


def test_the_plan_alone_knows_no_codecs_and_takes_it() -> None:
    assert plan_handler(returning(Plain), ()).returns is Plain
