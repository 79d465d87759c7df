"""What a class says of its fields and msgspec passes over: no backend compiles it, wherever the class stands."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Generic, NamedTuple, TypeVar

import attrs
import msgspec
import pydantic
import pydantic.dataclasses
import pytest
from msgspec import Meta

from hinge import App, Body, ConfigurationError, Cookie, Form, Header, Query, QueryParam
from hinge.backend.contract import Backend
from hinge.testing import Client

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Depends:
    """As another framework's."""

    dependency: Callable[..., Any]


@dataclasses.dataclass(frozen=True)
class ForeignQuery:
    """As another framework's."""

    default: str
    max_length: int


class Mark:
    """Somebody else's."""


def current_user() -> str:
    return "ada"


MARKS: dict[str, tuple[Any, str]] = {
    "dependency": (
        Depends(current_user),
        "leave the field out; user: Annotated[..., hinge.Depends(current_user)] in the handler",
    ),
    "another query": (ForeignQuery("x", 3), "user: Annotated[str, msgspec.Meta(max_length=3)] = 'x'"),
    "pydantic's field": (pydantic.Field(min_length=1), "user: Annotated[str, msgspec.Meta(min_length=1)]"),
    "excluded": (pydantic.Field("x", exclude=True), "leave the field out of the class that is sent"),
    "unknown": (Mark(), "a value of the annotated type, or none at all"),
    "class": (Mark, "a value of the annotated type, or none at all"),
    "function": (current_user, "leave the field out; user = current_user(...) in the handler"),
    "dots": (..., "a value of the annotated type, or none at all"),
    "call of Query": (Query("x"), "a value of the annotated type, or none at all"),
    "marker": (QueryParam(), "a value of the annotated type, or none at all"),
    "list": ([Mark()], "a value of the annotated type, or none at all"),
}


def data(default: Any) -> Any:
    return dataclasses.make_dataclass("User", [("user", str, dataclasses.field(default=default))])


def row(default: Any) -> Any:
    class User(NamedTuple):
        user: str = default

    User.__qualname__ = "User"
    return User


def struct(default: Any) -> Any:
    return msgspec.defstruct("User", [("user", str, msgspec.field(default=default))])


def of_attrs(default: Any) -> Any:
    return attrs.make_class("User", {"user": attrs.field(type=str, default=default)})


class Outer(msgspec.Struct, Generic[T]):
    inner: dict[str, list[T]]


def refused(backend: Backend, value: Any, returns: Any = None) -> str:
    app = App()
    app.post("/x")(without_value(returns) if value is None else with_value(value))
    with pytest.raises(ConfigurationError, match=r"^handler .*test_field_marks\.py:\d+\): .*\. Fix: ") as found:
        app.compile(backend.name)
    (line,) = str(found.value).splitlines()
    return line


def with_value(kind: Any) -> Callable[[Any], None]:
    def handler(value: Any) -> None: ...

    handler.__annotations__ = {"value": kind, "return": None}
    return handler


def without_value(returns: Any) -> Callable[[], Any]:
    def handler() -> Any: ...

    handler.__annotations__ = {"return": returns}
    return handler


@pytest.mark.parametrize(
    ("name", "make"),
    # A list is none in the others: what makes a new one is.
    [(name, make) for make in (data, row, struct, of_attrs) for name in MARKS if make is row or name != "list"],
)
def test_a_mark_is_no_default(backend: Backend, name: str, make: Callable[[Any], Any]) -> None:
    mark, fix = MARKS[name]
    user = make(mark)
    inputs = [Body[user], Body[list[user]], Outer[user], Body[dict[str, user] | None]]
    if make is not row:
        inputs += [user, Query[user], Form[user], Header[user], Cookie[user]]
    lines = [refused(backend, one) for one in inputs]
    lines += [refused(backend, None, one) for one in (user, list[user], Outer[user], Iterator[user])]
    for line in lines:
        said, _, told = line.partition(". Fix: ")
        assert "field 'user' of User has " in said
        assert "for its default" in said
        assert fix in told


@pydantic.dataclasses.dataclass
class OfPydantic:
    amount: int = pydantic.Field(ge=1)


@dataclasses.dataclass
class Extending(OfPydantic):
    more: int = 1


@pytest.mark.parametrize("kind", [OfPydantic, Extending, list[OfPydantic], Outer[OfPydantic]])
def test_a_dataclass_of_pydantic_is_refused_as_its_models_are(backend: Backend, kind: Any) -> None:
    assert "is one of pydantic" in refused(backend, Body[kind])
    assert "is one of pydantic" in refused(backend, None, kind)


# -- what a client would set, and what nobody would call ---------------------------------------------------------------


@dataclasses.dataclass
class Account:
    name: str
    is_admin: bool = dataclasses.field(init=False, default=False)


@attrs.define
class AttrsAccount:
    name: str
    is_admin: bool = attrs.field(init=False, default=False)


@attrs.define
class Converted:
    name: str = attrs.field(converter=str.lower)


@attrs.define
class Aliased:
    name: str = attrs.field(alias="user")


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        (Account, "field 'is_admin' of Account has init=False"),
        (AttrsAccount, "field 'is_admin' of AttrsAccount has init=False"),
        (Converted, "field 'name' of Converted has a converter"),
        (Aliased, "field 'name' of Aliased has an alias"),
    ],
)
def test_what_msgspec_passes_over_is_refused_at_inputs(backend: Backend, kind: Any, what: str) -> None:
    for one in (kind, Body[list[kind]], Outer[kind], Query[kind], Form[kind], Header[kind], Cookie[kind]):
        assert what in refused(backend, one)


@pytest.mark.parametrize("kind", [Account, AttrsAccount, Converted, Aliased])
def test_a_result_may_have_it(backend: Backend, kind: Any) -> None:
    app = App()
    app.get("/x")(without_value(kind))
    app.compile(backend.name)


@attrs.define
class Checked:
    name: str = attrs.field(default="x", validator=attrs.validators.in_(["x", "y"]))
    age: int = attrs.field(default=1, validator=attrs.validators.ge(1))
    _private: int = 1


@dataclasses.dataclass
class Told:
    name: str

    def __post_init__(self) -> None:
        if self.name.isupper():
            int(self.name)
        if self.name == "two":
            raise ValueError("is taken", self.name)
        if self.name != "x":
            raise ValueError("is taken")


def test_no_value_comes_back_in_what_a_validator_says(backend: Backend) -> None:
    app = App()

    @app.post("/checked")
    def checked(value: Checked) -> None: ...

    @app.get("/checked")
    def asked(value: Query[Checked]) -> None: ...

    @app.post("/told")
    def told(value: Told) -> None: ...

    with Client(app, backend=backend.name) as client:
        answers = [
            client.post("/checked", json={"name": "<secret>"}),
            client.post("/checked", json={"age": -987}),
            client.get("/checked?name=%3Csecret%3E"),
            client.get("/checked?age=-987"),
            client.post("/told", json={"name": "two"}),
            client.post("/told", json={"name": "SECRET"}),
        ]
        for answer in answers:
            assert answer.status_code == 422
            (error,) = answer.json()["errors"]
            assert error["message"] == "is invalid"
        (error,) = client.post("/told", json={"name": "one"}).json()["errors"]
        assert error["message"] == "is taken"
        assert client.post("/checked", json={"name": "y"}).status_code == 204


# -- what is fine ------------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Fine:
    text: str = "x"
    number: Annotated[float, Meta(ge=0)] = 0
    call: Callable[[], str] | None = current_user
    mark: Mark | None = Mark()  # noqa: RUF009 - what is tested
    kind: type | None = int
    items: list[int] = dataclasses.field(default_factory=list)
    again: int = dataclasses.field(default=1, metadata={"of": Mark()})
    nothing: int | msgspec.UnsetType = msgspec.UNSET


def test_values_of_the_type_are_defaults(backend: Backend) -> None:
    app = App()
    app.post("/x")(with_value(Body[list[Fine]]))
    app.get("/x")(without_value(Account))
    app.compile(backend.name)
