"""What a dataclass or attrs class has by default is in what is answered, as if it had been sent."""

import dataclasses
import json
from typing import Any, NamedTuple, TypedDict

import attrs
import msgspec
import pytest

from hinge import App, Form, Header, Query
from hinge.codecs import JSON, MSGPACK


@dataclasses.dataclass
class Plain:
    name: str
    price: float = 1.0


@dataclasses.dataclass(slots=True)
class Slotted:
    name: str
    price: float = 1.0


@dataclasses.dataclass
class Made:
    name: str
    tags: list[str] = dataclasses.field(default_factory=list)
    price: float = 1.0


@dataclasses.dataclass
class Inherited(Plain):
    extra: int | None = None


@dataclasses.dataclass
class OverSlots(Slotted):
    extra: int = 3


@dataclasses.dataclass(frozen=True)
class Frozen:
    name: str
    price: float = 1.0


@dataclasses.dataclass(kw_only=True)
class Keywords:
    first: int = 1
    name: str


@dataclasses.dataclass
class Finished:
    name: str
    price: float = 1.0

    def __post_init__(self) -> None:
        self.name = self.name.upper()


@dataclasses.dataclass
class Node:
    name: str
    price: float = 1.0
    below: "list[Node]" = dataclasses.field(default_factory=list)


@attrs.define
class Attrs:
    name: str
    price: float = 1.0


@attrs.define(slots=False)
class OpenAttrs:
    name: str
    price: float = 1.0


class Typed(TypedDict):
    one: Plain


class Pair(NamedTuple):
    one: Plain
    other: int = 2


class Holder(msgspec.Struct):
    one: Plain | None = None
    many: list[Plain] = []
    by: dict[str, tuple[int, Plain]] = {}
    typed: Typed | None = None
    pair: Pair | None = None
    either: Plain | str = "none"


class Left(msgspec.Struct, tag=True):
    one: Plain


class Right(msgspec.Struct, tag=True):
    one: int = 1


SENT = {"name": "x"}
WHOLE = {"name": "x", "price": 1.0}
CASES: dict[str, tuple[Any, Any, Any]] = {
    "plain": (Plain, SENT, WHOLE),
    "sent": (Plain, {"price": 2.0, "name": "x"}, {"name": "x", "price": 2.0}),
    "slots": (Slotted, SENT, WHOLE),
    "a factory": (Made, SENT, {"name": "x", "tags": [], "price": 1.0}),
    "inherited": (Inherited, SENT, WHOLE | {"extra": None}),
    "over slots": (OverSlots, SENT, WHOLE | {"extra": 3}),
    "frozen": (Frozen, SENT, WHOLE),
    "keywords": (Keywords, SENT, {"first": 1, "name": "x"}),
    "__post_init__": (Finished, SENT, {"name": "X", "price": 1.0}),
    "recursive": (
        Node,
        {"name": "x", "below": [SENT]},
        {"name": "x", "price": 1.0, "below": [{"name": "x", "price": 1.0, "below": []}]},
    ),
    "attrs": (Attrs, SENT, WHOLE),
    "attrs without slots": (OpenAttrs, SENT, WHOLE),
    "list": (list[Plain], [SENT, SENT], [WHOLE, WHOLE]),
    "map": (dict[str, Plain], {"a": SENT}, {"a": WHOLE}),
    "optional": (Plain | None, SENT, WHOLE),
    "union of lists": (list[Plain | int], [SENT, 1], [WHOLE, 1]),
    "Struct": (
        Holder,
        {"one": SENT, "many": [SENT], "by": {"a": [1, SENT]}, "typed": {"one": SENT}, "pair": [SENT], "either": SENT},
        {
            "one": WHOLE,
            "many": [WHOLE],
            "by": {"a": [1, WHOLE]},
            "typed": {"one": WHOLE},
            "pair": [WHOLE, 2],
            "either": WHOLE,
        },
    ),
    "tagged": (Left | Right, {"type": "Left", "one": SENT}, {"type": "Left", "one": WHOLE}),
    "the other tagged": (Left | Right, {"type": "Right"}, {"type": "Right", "one": 1}),
}


def _echo(kind: Any, marker: Any = None, method: str = "post") -> App:
    app = App(codecs=[JSON, MSGPACK])

    async def echo(value: Any) -> Any:
        return value

    echo.__annotations__.update({"value": marker[kind] if marker else kind, "return": kind})
    if marker is None:
        from hinge import Body

        echo.__annotations__["value"] = Body[kind]
    getattr(app, method)("/")(echo)
    return app


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("packed", [False, True], ids=["json", "msgpack"])
def test_defaults_are_answered(each_backend: Any, case: str, packed: bool) -> None:
    kind, sent, whole = CASES[case]
    media_type = "application/msgpack" if packed else "application/json"
    encode, decode = (msgspec.msgpack.encode, msgspec.msgpack.decode) if packed else (msgspec.json.encode, json.loads)
    with each_backend(_echo(kind)) as client:
        answer = client.post("/", content=encode(sent), headers={"content-type": media_type, "accept": media_type})
        assert answer.status_code == 200, answer.text
        found = decode(answer.content)
        assert found == whole
        if isinstance(whole, dict) and case != "sent":
            assert [*found] == [*whole]


@pytest.mark.parametrize("kind", [Plain, Slotted, Made, Inherited, Frozen, Attrs], ids=lambda kind: kind.__name__)
def test_defaults_of_what_other_places_bring(each_backend: Any, kind: Any) -> None:
    whole = json.loads(msgspec.json.encode(kind(name="x")))
    with each_backend(_echo(kind, Query, "get")) as client:
        assert client.get("/?name=x").json() == whole
    with each_backend(_echo(kind, Header, "get")) as client:
        assert client.get("/", headers={"name": "x"}).json() == whole
    with each_backend(_echo(kind, Form)) as client:
        form = {"content-type": "application/x-www-form-urlencoded"}
        assert client.post("/", content=b"name=x", headers=form).json() == whole


def test_what_a_result_declares_less_is_still_left_out(each_backend: Any) -> None:
    app = App()

    @dataclasses.dataclass
    class Secret(Plain):
        secret: str = "s"

    @app.post("/")
    async def save(value: Secret) -> Plain:
        return value

    with each_backend(app) as client:
        assert client.post("/", json=SENT).json() == WHOLE
