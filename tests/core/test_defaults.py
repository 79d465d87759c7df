"""A default is of its parameter's type, or the app does not compile: the handler would get it as it is."""

import dataclasses
import datetime as dt
import decimal
import enum
import functools
import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypedDict

import msgspec
import pytest

from hinge import App, Body, ConfigurationError, Cookie, Form, Header, Query, WebSocket
from hinge.binding.plan import plan_handler


def refusal(handler: Any, *path: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        plan_handler(handler, path)
    message = str(caught.value)
    assert "test_defaults.py:" in message
    assert "\n" not in message
    return message


def with_default(annotation: Any, default: Any) -> Any:
    def handler(size: int = 0) -> None: ...

    handler.__annotations__["size"] = annotation
    handler.__defaults__ = (default,)
    return handler


class Colour(enum.Enum):
    RED = "red"


class Shade(enum.StrEnum):
    DARK = "dark"


class Point(msgspec.Struct):
    x: int


class Place(Point):
    name: str = ""


class Spot(TypedDict):
    x: int


POSITIVE = Annotated[int, msgspec.Meta(ge=1)]


@pytest.mark.parametrize(
    ("annotation", "default", "ending"),
    [
        (
            int,
            "ten",
            "has 'ten' for its default: expected an integer, got a string. Fix: a value that it takes, or NONE",
        ),
        (int, "10", "expected an integer, got a string. Fix: size: ... = 10"),
        (int, 1.5, "expected an integer, got a number. Fix: a value that it takes, or NONE"),
        (int, True, "expected an integer, got a boolean. Fix: a value that it takes, or NONE"),
        (str, 5, "expected a string, got an integer. Fix: a value that it takes, or NONE"),
        (bytes, "raw", "is invalid. Fix: a value that it takes, or NONE"),
        (bytes, "YQ==", "expected another type. Fix: a value that it takes, or NONE"),
        (POSITIVE, 0, "must be at least 1. Fix: a value that it takes, or NONE"),
        (POSITIVE | None, 0, "must be at least 1. Fix: a value that it takes, or NONE"),
        (Literal["a", "b"], "c", "is invalid. Fix: a value that it takes, or NONE"),
        (Colour, "red", "expected another type. Fix: size: ... = Colour.RED"),
        (Shade, "dark", "expected another type. Fix: size: ... = Shade.DARK"),
        (Colour | None, "blue", "is invalid. Fix: a value that it takes, or NONE"),
        (dt.date, "2024-07-18", "expected another type. Fix: size: ... = datetime.date(2024, 7, 18)"),
        (decimal.Decimal, "1.50", "expected another type. Fix: size: ... = Decimal('1.50')"),
        (decimal.Decimal, 1, "expected another type. Fix: size: ... = Decimal('1')"),
        (list[int], ["a"], "expected an integer, got a string. Fix: a value that it takes, or NONE"),
        (list[Colour], ["red"], "expected another type. Fix: a value that it takes, or NONE"),
        (list[str], "abc", "expected an array, got a string. Fix: a value that it takes, or NONE"),
        (str, [], "expected a string, got an array. Fix: a value that it takes, or NONE"),
        (str, "x" * 500, None),
        (int, "x" * 500, "got a string. Fix: a value that it takes, or NONE"),
    ],
)
@pytest.mark.parametrize("source", [None, Query, Header, Cookie, Form, Body], ids=str)
def test_a_default_of_another_type(source: Any, annotation: Any, default: Any, ending: str | None) -> None:
    handler = with_default(annotation if source is None else source[annotation], default)
    if ending is None:
        assert plan_handler(handler, ()).arguments[0].default == default
    else:
        message = refusal(handler)
        assert message.endswith(ending.replace("NONE", "size: ... | None = None for none"))
        assert len(message) < 300


@pytest.mark.parametrize("annotation", [Point, Body[Point], Query[Point], Form[Point]], ids=range(4))
@pytest.mark.parametrize("default", [{}, {"x": 1}, {"y": 1}], ids=str)
def test_a_dict_is_no_record(annotation: Any, default: Any) -> None:
    assert "for its default: " in refusal(with_default(annotation, default))


@pytest.mark.parametrize(
    ("annotation", "default"),
    [
        *((kind, None) for kind in (int, POSITIVE, Colour, Point)),
        (float, 1),
        (float, math.inf),
        (float | None, 1),
        (decimal.Decimal, decimal.Decimal("Infinity")),
        (POSITIVE, 1),
        (Colour, Colour.RED),
        (str, Shade.DARK),
        (Literal["a", "b"], "a"),
        (int | str, "a"),
        (int | msgspec.UnsetType, 3),
        (int | msgspec.UnsetType, msgspec.UNSET),
        (list[int], ()),
        (list[float], [1, 2.5]),
        (tuple[int, ...], (1, 2)),
        (Sequence[str], ()),
        (frozenset[Colour], frozenset({Colour.RED})),
        (dict[str, int], {"a": 1}),
        (Spot, {"x": 1}),
        (Point, Point(1)),
        (Point, Place(1)),
        (list[Point], [Place(1)]),
        (Any, "ten"),
        (object, 5),
    ],
    ids=range(27),
)
def test_a_default_of_the_annotated_type(annotation: Any, default: Any) -> None:
    assert plan_handler(with_default(Body[annotation], default), ()).arguments[0].default is default


def test_what_a_partial_binds_is_the_programs() -> None:
    plan_handler(functools.partial(with_default(int, 1), size="ten"), ())


def test_a_path_parameter_and_a_websocket_have_defaults_too() -> None:
    assert refusal(with_default(int, "ten"), "size").endswith("= None for none")
    app = App()

    @app.websocket("/")
    async def live(ws: WebSocket, size: int = "ten") -> None: ...  # type: ignore[assignment]

    with pytest.raises(ConfigurationError, match=r"parameter 'size' has 'ten' for its default"):
        app.compile("asgi")


@dataclasses.dataclass
class Page:
    size: int = "ten"  # type: ignore[assignment]


class Window(msgspec.Struct):
    page: Page | None = None


class Filter(msgspec.Struct):
    size: POSITIVE = 0
    colour: Colour = "red"  # type: ignore[assignment]


class Fine(msgspec.Struct, rename="camel"):
    max_size: POSITIVE = 1
    ratio: float = 1
    colour: Colour = Colour.RED
    tags: list[str] = []
    note: str = None  # type: ignore[assignment]
    unset: int | msgspec.UnsetType = msgspec.UNSET


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (Page, "parameter 'size': field 'size' of Page has 'ten' for its default: expected an integer, got a string"),
        (list[Window], "field 'size' of Page has 'ten'"),
        (Filter, "field 'size' of Filter has 0 for its default: must be at least 1"),
    ],
    ids=["dataclass", "nested", "constraint"],
)
def test_the_fields_of_an_input_have_defaults_too(kind: Any, told: str) -> None:
    handler = with_default(Body[kind], None)
    assert told in refusal(handler)
    handler.__annotations__ = {"size": int, "return": kind}
    handler.__defaults__ = (1,)
    plan_handler(handler, ())  # a result is the program's own business


@dataclasses.dataclass
class Settled:
    day: dt.date = "2024-07-18"  # type: ignore[assignment]
    tags: list[str] = dataclasses.field(default_factory=list)

    def __post_init__(self) -> None:
        self.day = dt.date.fromisoformat(str(self.day))


@pytest.mark.parametrize("kind", [Fine, Settled])
def test_fields_with_defaults_of_their_type(kind: Any) -> None:
    plan_handler(with_default(Body[kind], None), ())
