"""A value that a return annotation has no place for never leaves: of a record nothing, or the fields that are named."""

import dataclasses
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from datetime import date
from enum import Enum
from typing import Any, Generic, Literal, NamedTuple, NotRequired, Protocol, Self, TypedDict, TypeVar

import attrs
import msgspec
import pytest

from hinge import App, JSONResponse, Request, Response, TextResponse
from hinge.codecs import JSON, MSGPACK

T = TypeVar("T")


class Pub(msgspec.Struct):
    name: str


class Page(msgspec.Struct):
    users: list[Pub]


class Nested(msgspec.Struct):
    page: Page | None = None
    notes: dict[str, str] = {}
    pair: tuple[int, Pub] | None = None
    tags: list[str] = []
    row: "PubN | None" = None


class Listed(list[T]):
    pass


class G(msgspec.Struct, Generic[T]):
    value: T


class Named(Protocol):
    name: str


class PubN(NamedTuple):
    name: str


class Typed(TypedDict):
    name: str
    users: NotRequired[list[Pub]]


@dataclasses.dataclass
class Data:
    users: list[Pub]


@dataclasses.dataclass(frozen=True)
class Row:
    name: str = "ada"
    password: str = "hunter2"


class Struct(msgspec.Struct):
    name: str = "ada"
    password: str = "hunter2"


@attrs.define
class Attrs:
    name: str = "ada"
    password: str = "hunter2"


class UserN(NamedTuple):
    name: str = "ada"
    password: str = "hunter2"


@dataclasses.dataclass
class Number(int):
    """A record for msgspec, whatever it extends."""

    password: str = "hunter2"

    def __new__(cls, *values: str) -> Self:
        return super().__new__(cls, 5)


@attrs.define
class Amount(float):
    password: str = "hunter2"

    def __new__(cls, *values: str) -> Self:
        return super().__new__(cls, 5)


class Numbered(Enum):
    ONE = Number()


class LongN(PubN):
    """Longer than its class says."""

    def __new__(cls, *values: str) -> Self:
        return tuple.__new__(cls, values)


class Secret(Enum):
    ONE = ("hunter2",)


class Level(Enum):
    LOW = 1


SCALARS: tuple[Any, ...] = (None, str, int, bool, float, bytes, date, Level, Literal["a"], int | None)
RECORDS: tuple[Any, ...] = (Row(), Struct(), Attrs(), UserN(), {"name": "ada", "password": "hunter2"})
HELD = ({"user": Row()}, [Row()], (Row(),), [[Struct()]], {"a": UserN()}, [{"name": "ada", "password": "hunter2"}])
REFUSED: tuple[tuple[Any, Any], ...] = (
    *[(returns, value) for returns in SCALARS for value in (*RECORDS, *HELD)],
    *[(Response, value) for value in (*RECORDS, "hunter2")],
    *[(returns, "hunter2") for returns in (None, Pub, list[Pub], dict[str, str], Page | None, PubN)],
    *[(dict[str, str], {"user": value}) for value in RECORDS],
    *[(Mapping[str, int | None], {"user": value}) for value in RECORDS],
    *[(list[int], [1, value]) for value in RECORDS],
    *[(Sequence[str], [value]) for value in RECORDS],
    *[(Pub | list[int], [value]) for value in RECORDS],
    *[(tuple[int, str], (1, value)) for value in RECORDS],
    *[(G[str], {"value": value}) for value in RECORDS],
    *[(Listed[str], Listed([value])) for value in RECORDS],
    *[(G[str], G(value)) for value in RECORDS],
    (set[str], {Row()}),
    (PubN, UserN()),
    (list[PubN], [PubN("ada"), UserN()]),
    (list[Pub], [UserN()]),
    (list[Pub], UserN()),
    (list[str], UserN()),
    (list[Pub], ["hunter2"]),
    (dict[str, Pub], {"a": "hunter2"}),
    (dict[str, Pub] | None, {"a": Pub("ada"), "b": "hunter2"}),
    (Data, Data("hunter2")),  # type: ignore[arg-type]
    (Data, Data(["hunter2"])),  # type: ignore[list-item]
    (Page, Page([Pub("ada"), "hunter2"])),  # type: ignore[list-item]
    (Page, Page([UserN()])),  # type: ignore[list-item]
    (Page, Page(UserN())),  # type: ignore[arg-type]
    (Nested, Nested(notes={"a": Row()})),  # type: ignore[dict-item]
    (Nested, Nested(tags=[Row()])),  # type: ignore[list-item]
    (Nested, Nested(row=UserN())),  # type: ignore[arg-type]
    (list[Nested], [Nested(), Nested(tags=[Row()])]),  # type: ignore[list-item]
    (Typed, {"name": Row()}),
    (Pub, {"name": Row()}),
    (str, Secret.ONE),
    (int, Numbered.ONE),
    *[(returns, Number()) for returns in (int, int | None, float, Pub, list[int])],
    *[(list[float], [value]) for value in (Number(), Amount())],
    *[(dict[str, int], {"a": value}) for value in (Number(), Amount())],
    (list[int], Row),
    (Named, UserN()),
)
KEPT: tuple[tuple[Any, Any, Any], ...] = (
    *[(Pub, value, {"name": "ada"}) for value in RECORDS if not isinstance(value, tuple)],
    *[(list[Pub], [value], [{"name": "ada"}]) for value in RECORDS if not isinstance(value, tuple)],
    *[(Page, Page([value]), {"users": [{"name": "ada"}]}) for value in RECORDS if not isinstance(value, tuple)],
    *[(Data, Data([value]), {"users": [{"name": "ada"}]}) for value in RECORDS if not isinstance(value, tuple)],
    (list[Page], [Page([]), Page([Row()])], [{"users": []}, {"users": [{"name": "ada"}]}]),  # type: ignore[list-item]
    (G[list[Pub]], G([Row()]), {"value": [{"name": "ada"}]}),
    (PubN, LongN("ada", "hunter2"), ["ada"]),
    (tuple[Any], ("ada", "hunter2"), ["ada"]),
    (tuple[()], ("hunter2",), []),
    (Typed, {"name": "ada", "users": [Row()]}, {"name": "ada", "users": [{"name": "ada"}]}),
    (Nested | None, Nested(pair=(1, Row())), {"page": None, "notes": {}, "pair": [1, {"name": "ada"}], "tags": [], "row": None}),  # type: ignore[arg-type]  # noqa: E501
    (list[Level], [Level.LOW], [1]),
    (Number, Number(), {"password": "hunter2"}),
    (list[Number | int], [Number(), 1], [{"password": "hunter2"}, 1]),
    (Secret, Secret.ONE, ["hunter2"]),
    (dict[str, Any], {"user": Row()}, {"user": {"name": "ada", "password": "hunter2"}}),
    (tuple[str, str], UserN(), ["ada", "hunter2"]),
    (Sequence[str], UserN(), ["ada", "hunter2"]),
    (float, 1, 1),
    (list[Pub | None], [None], [None]),
    (dict[str, str], {"a": "b"}, {"a": "b"}),
)  # fmt: skip
CODECS = (("application/json", msgspec.json.decode), ("application/msgpack", msgspec.msgpack.decode))


def answering(returns: Any, value: Any) -> Any:
    """Return a handler that returns a value under an annotation."""

    def handler() -> Any:
        return value

    handler.__annotations__["return"] = returns
    return handler


@pytest.mark.parametrize(
    "codecs", [None, pytest.param([JSON, MSGPACK], marks=pytest.mark.gate)], ids=["plain", "negotiated"]
)
def test_what_has_no_place_in_the_annotation_is_a_500(each_backend: Any, codecs: Any, coloured: Any) -> None:
    app = App(codecs=codecs) if codecs else App()
    for index, (returns, value) in enumerate(REFUSED):
        app.get(f"/{index}")(coloured(answering(returns, value)))
    accepted = [accept for accept, _ in CODECS[: 2 if codecs else 1]]
    with each_backend(app) as client:
        for index, case in enumerate(REFUSED):
            for accept in accepted * 2:  # the second one finds itself prepared
                answer = client.get(f"/{index}", headers={"accept": accept})
                assert (answer.status_code, b"hunter2" in answer.content) == (500, False), (case, answer.content)


@pytest.mark.parametrize("codecs", [None, [JSON, MSGPACK]], ids=["plain", "negotiated"])
def test_what_has_a_place_leaves_without_more(each_backend: Any, codecs: Any, coloured: Any) -> None:
    app = App(codecs=codecs) if codecs else App()
    for index, (returns, value, _) in enumerate(KEPT):
        app.get(f"/{index}")(coloured(answering(returns, value)))
    with each_backend(app) as client:
        for index, case in enumerate(KEPT):
            for accept, decode in CODECS[: 2 if codecs else 1] * 2:
                answer = client.get(f"/{index}", headers={"accept": accept})
                assert (answer.status_code, decode(answer.content)) == (200, case[2]), case


def test_error_handlers_have_the_same_places(each_backend: Any, coloured: Any) -> None:
    app = App()
    for index, (returns, value) in enumerate(REFUSED):
        kind = type(f"Error{index}", (Exception,), {})
        app.error(kind)(coloured(_handling(returns, value)))
        app.get(f"/{index}")(_raising(kind))
    with each_backend(app) as client:
        for index, case in enumerate(REFUSED):
            sent = client.get(f"/{index}")
            assert (sent.status_code, b"hunter2" in sent.content) == (500, False), case


def _handling(returns: Any, value: Any) -> Any:
    def handle(request: Request, error: Exception) -> Any:
        return value

    handle.__annotations__["return"] = returns
    return handle


def _raising(kind: type[Exception]) -> Any:
    def fail() -> None:
        raise kind

    return fail


STREAMED: tuple[tuple[Any, Any], ...] = (
    *[(Iterable[int], value) for value in RECORDS],
    *[(Iterable[dict[str, str]], {"user": value}) for value in RECORDS],
    *[(Iterable[list[int] | None], [value]) for value in RECORDS],
    (Iterable[Page], Page([UserN()])),  # type: ignore[list-item]
    (Iterable[PubN], UserN()),
    (Iterable[Pub], "hunter2"),
    *[(returns, "hunter2") for returns in (Pub, list[str], str, None, Response)],
)


@pytest.mark.parametrize("is_async", [False, True], ids=["def", "async"])
def test_items_of_a_stream_have_the_same_places(each_backend: Any, is_async: bool) -> None:
    app = App()
    for index, (returns, value) in enumerate(STREAMED):
        app.get(f"/{index}")(_streaming(returns, value, is_async=is_async))
    with each_backend(app) as client:
        for index, case in enumerate(STREAMED):
            answer = client.get(f"/{index}")
            assert (answer.status_code, b"hunter2" in answer.content) == (500, False), case


def _streaming(returns: Any, value: Any, *, is_async: bool) -> Any:
    def items() -> Iterator[Any]:
        yield value

    async def items_async() -> AsyncIterator[Any]:
        yield value

    def handler() -> Any:
        return items_async() if is_async else items()

    handler.__annotations__["return"] = returns
    return handler


def test_a_response_is_the_programs_own(each_backend: Any) -> None:
    app = App()

    @app.get("/said")
    def said() -> Pub | Response:
        return JSONResponse(Row())

    @app.get("/text")
    def text() -> Response:
        return TextResponse("hunter2")

    with each_backend(app) as client:
        assert client.get("/said").json() == {"name": "ada", "password": "hunter2"}
        assert client.get("/text").text == "hunter2"


def test_the_log_says_what_was_answered(each_backend: Any, caplog: pytest.LogCaptureFixture) -> None:
    app = App()

    @app.get("/")
    def none() -> None:
        return Row()  # type: ignore[return-value]

    with each_backend(app) as client:
        assert client.get("/").status_code == 500
    assert "answered with a Row, of which its annotation does not say what may be sent" in caplog.text
    caplog.clear()
