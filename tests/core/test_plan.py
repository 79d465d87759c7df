"""A signature becomes a plan: which source each parameter has, under which name, of which type, with which default."""

import asyncio
import dataclasses
import enum
import functools
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Any, Generic, NewType, Optional, TypedDict, TypeVar, Union

import attrs
import msgspec
import pytest

from hinge import (
    BodyStream,
    ConfigurationError,
    Cookie,
    CookieParam,
    Header,
    HeaderParam,
    Path,
    PathParam,
    Query,
    QueryParam,
    Request,
    State,
    WebSocket,
)
from hinge.binding import params
from hinge.binding.notes import Notes
from hinge.binding.params import Body, Param
from hinge.binding.plan import MISSING, Argument, Colour, HandlerPlan, Source, colour_of, plan_handler
from hinge.request import HTTPConnection

T = TypeVar("T")


class Item(msgspec.Struct):
    name: str


class Other(msgspec.Struct, tag=True):
    name: str


class Another(msgspec.Struct, tag=True):
    name: str


class Page(msgspec.Struct, Generic[T]):
    item: T


@dataclasses.dataclass
class Data:
    name: str


@attrs.define
class Attrs:
    name: str


class Typed(TypedDict):
    name: str


class Colours(enum.Enum):
    RED = "red"


UserId = NewType("UserId", int)
ItemAlias = NewType("ItemAlias", Item)


def planned(handler: Callable[..., Any], *names: str, **options: Any) -> dict[str, Argument]:
    return {argument.name: argument for argument in plan_handler(handler, names, **options).arguments}


def only(annotation: Any, default: Any = MISSING, *, name: str = "value", path: tuple[str, ...] = ()) -> Argument:
    """Return the plan of the one parameter of a handler."""

    def handler(value: Any) -> None: ...

    parameter = inspect.Parameter(
        name,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        annotation=annotation,
        default=inspect.Parameter.empty if default is MISSING else default,
    )
    handler.__signature__ = inspect.Signature([parameter])  # type: ignore[attr-defined]
    handler.__annotations__ = {name: annotation}
    (argument,) = plan_handler(handler, path).arguments
    return argument


def refusal(handler: Callable[..., Any], *names: str, **options: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        plan_handler(handler, names, **options)
    return str(caught.value)


# -- sources -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Item, Data, Attrs, Typed, Page[int], Item | None, Other | Another, ItemAlias])
def test_an_unmarked_record_is_the_body(kind: Any) -> None:
    assert only(kind).source is Source.BODY


@pytest.mark.parametrize(
    "kind", [str, int, Colours, UserId, int | None, Item | int, dict[str, int], list[Item], bytes, Any, object, None]
)
def test_every_other_unmarked_type_is_a_query_parameter(kind: Any) -> None:
    assert only(kind).source is Source.QUERY


def test_a_parameter_without_annotation_is_a_text_of_the_query() -> None:
    def handler(word, other="x"):  # type: ignore[no-untyped-def]
        ...

    word, other = planned(handler).values()
    assert (word.source, word.type, word.default) == (Source.QUERY, str, MISSING)
    assert (other.type, other.default) == (str, "x")


def test_a_parameter_of_the_template_is_a_path_parameter_whatever_its_type() -> None:
    assert only(int, name="item_id", path=("item_id",)).source is Source.PATH
    assert only(Path[int], name="item_id", path=("item_id",)).source is Source.PATH
    assert only(list[str], name="rest", path=("rest",)).source is Source.PATH
    assert only(Item, name="item", path=("item",)).source is Source.PATH


def test_a_path_parameter_may_have_another_name_than_its_parameter() -> None:
    def handler(identifier: Annotated[int, PathParam(name="id")]) -> None: ...

    (argument,) = planned(handler, "id").values()
    assert (argument.source, argument.alias, argument.name) == (Source.PATH, "id", "identifier")


@pytest.mark.parametrize(
    ("annotation", "source"),
    [(Query[int], Source.QUERY), (Header[int], Source.HEADER), (Cookie[int], Source.COOKIE), (Body[int], Source.BODY)],
)
def test_a_marker_decides(annotation: Any, source: Source) -> None:
    assert only(annotation).source is source
    assert only(annotation).type is int


@pytest.mark.parametrize(
    ("annotation", "source"),
    [
        (Request, Source.REQUEST),
        (Request | None, Source.REQUEST),
        (Optional[Request], Source.REQUEST),  # noqa: UP045 - the older spelling
        (HTTPConnection, Source.HEAD),
        (BodyStream, Source.STREAM),
        (State, Source.STATE),
        (Annotated[Request, "a note"], Source.REQUEST),
    ],
)
def test_objects_are_injected_by_their_type(annotation: Any, source: Source) -> None:
    assert only(annotation).source is source


def test_a_websocket_is_injected_on_its_own_routes() -> None:
    async def live(ws: WebSocket, room: str, size: Query[int] = 1) -> None: ...

    sources = [argument.source for argument in plan_handler(live, ("room",), websocket=True).arguments]
    assert sources == [Source.WEBSOCKET, Source.PATH, Source.QUERY]


# -- annotations -------------------------------------------------------------------------------------------------------


def test_the_long_form_carries_options_and_constraints() -> None:
    argument = only(Annotated[int, QueryParam(name="page-size", description="x"), msgspec.Meta(ge=1)])
    assert argument.alias == "page-size"
    assert argument.type == Annotated[int, msgspec.Meta(ge=1)]
    assert argument.marker == QueryParam(name="page-size", description="x")


def test_constraints_around_an_alias_are_kept() -> None:
    argument = only(Annotated[Header[int], msgspec.Meta(le=9)])
    assert (argument.source, argument.type) == (Source.HEADER, Annotated[int, msgspec.Meta(le=9)])


@pytest.mark.parametrize(
    "annotation",
    [
        Header[str] | None,
        Header[str | None],
        Optional[Header[str]],  # noqa: UP045
        Union[Header[str], Header[None]],  # noqa: UP007
        None | Header[str],
    ],
)
def test_a_marker_inside_of_a_union_counts(annotation: Any) -> None:
    argument = only(annotation, name="x_token")
    assert (argument.source, argument.alias, argument.default) == (Source.HEADER, "x-token", None)
    assert argument.type in (str | None, None | str)


def test_a_constraint_inside_of_a_union_is_kept() -> None:
    argument = only(Annotated[int, QueryParam(), msgspec.Meta(ge=1)] | None)
    assert argument.type == Annotated[int, msgspec.Meta(ge=1)] | None


@pytest.mark.parametrize("kind", [list, set, tuple, frozenset, list[int], set[str], tuple[int, ...], tuple[int, str]])
def test_a_collection_takes_repeated_keys(kind: Any) -> None:
    assert only(Query[kind]).many
    assert only(kind).many
    assert only(Header[kind]).many
    assert not only(Cookie[kind]).many


def test_a_record_takes_the_whole_query() -> None:
    for kind in (Item, Data, Attrs, Typed, Item | None):
        argument = only(Query[kind])
        assert (argument.source, argument.whole, argument.many) == (Source.QUERY, True, False)


# -- names and defaults ------------------------------------------------------------------------------------------------


def test_names_on_the_wire() -> None:
    assert only(Query[int], name="page_size").alias == "page_size"
    assert only(Cookie[str], name="session_id").alias == "session_id"
    assert only(Header[str], name="x_request_id").alias == "x-request-id"
    assert only(Header[str], name="X_Request_ID").alias == "x-request-id"
    assert only(Annotated[str, HeaderParam(name="ETag")]).alias == "etag"
    assert only(Annotated[str, CookieParam(name="__Host-sid")]).alias == "__Host-sid"


def test_what_may_be_none_or_unset_is_optional() -> None:
    assert only(int).default is MISSING
    assert only(int | None).default is None
    assert only(Query[int | None]).default is None
    assert only(Body[Item | None]).default is None
    assert only(int | msgspec.UnsetType).default is msgspec.UNSET
    assert only(int | None, 3).default == 3
    assert only(int | None, name="item", path=("item",)).default is MISSING


def test_keyword_only_parameters_are_known_as_such() -> None:
    def handler(a: int, /, b: int, *, c: int) -> None: ...

    assert [argument.keyword for argument in planned(handler).values()] == [False, False, True]


# -- forms of a handler ------------------------------------------------------------------------------------------------


class Handlers:
    def method(self, item_id: int) -> str:
        return f"method {item_id}"

    @classmethod
    def of_class(cls, item_id: int) -> str:
        return f"{cls.__name__} {item_id}"

    @staticmethod
    def static(item_id: int) -> str:
        return f"static {item_id}"

    def __call__(self, item_id: int) -> str:
        return f"called {item_id}"


class AsyncCallable:
    async def __call__(self, item_id: int) -> None: ...


class WithFunc:
    """Has an attribute that a partial has too."""

    func = "not a function"

    def __call__(self, item_id: int) -> None: ...


def base(item_id: int, limit: int, order: str = "up", *, loud: bool = False) -> None: ...


def wraps(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


@pytest.mark.parametrize(
    "handler",
    [
        Handlers().method,
        Handlers.of_class,
        Handlers.static,
        Handlers.__dict__["static"],
        Handlers(),
        AsyncCallable(),
        WithFunc(),
        wraps(Handlers.static),
        wraps(wraps(Handlers.static)),
        functools.lru_cache(Handlers.static),
        functools.partial(Handlers().method),
        wraps(functools.partial(Handlers.static)),
    ],
)
def test_every_form_of_a_callable_is_read(handler: Any) -> None:
    plan = plan_handler(handler, ("item_id",))
    (argument,) = plan.arguments
    assert (argument.name, argument.source, argument.type) == ("item_id", Source.PATH, int)
    assert "tests/core/test_plan.py:" in plan.location
    assert plan.handler is handler
    assert plan.name.rpartition(".")[2] in {
        "method",
        "of_class",
        "static",
        "Handlers",
        "AsyncCallable",
        "WithFunc",
        "wrapper",
    }


def test_what_a_partial_binds_is_no_parameter() -> None:
    """The program's own value must not be the client's to set."""
    handler = functools.partial(base, limit=5, loud=True)
    arguments = planned(handler, "item_id")
    assert list(arguments) == ["item_id", "order"]
    assert arguments["order"].keyword, "behind a bound keyword the rest can only be passed by name"
    assert list(planned(functools.partial(base, 1))) == ["limit", "order", "loud"]
    assert list(planned(functools.partial(functools.partial(base, limit=5), order="down"), "item_id")) == [
        "item_id",
        "loud",
    ]


def test_a_location_is_the_first_line_of_the_definition() -> None:
    def handler() -> None: ...

    plan = plan_handler(handler, ())
    assert plan.location == f"tests/core/test_plan.py:{handler.__code__.co_firstlineno}"
    assert plan.name.endswith("test_plan.test_a_location_is_the_first_line_of_the_definition.handler")
    assert plan.describe() == f"handler {plan.name} ({plan.location})"


def plain() -> None: ...


async def coroutine() -> None: ...


def generator() -> Iterator[str]:
    yield ""


async def async_generator() -> AsyncIterator[str]:
    yield ""


class AsyncGeneratorCallable:
    async def __call__(self) -> AsyncIterator[str]:
        yield ""


class Namespace:
    @staticmethod
    async def static() -> None: ...


@pytest.mark.parametrize(
    ("handler", "colour"),
    [
        (plain, Colour.SYNC),
        (coroutine, Colour.ASYNC),
        (generator, Colour.SYNC_GENERATOR),
        (async_generator, Colour.ASYNC_GENERATOR),
        (AsyncCallable(), Colour.ASYNC),
        (AsyncCallable().__call__, Colour.ASYNC),
        (AsyncGeneratorCallable(), Colour.ASYNC_GENERATOR),
        (functools.partial(coroutine), Colour.ASYNC),
        (functools.partial(AsyncCallable(), item_id=1), Colour.ASYNC),
        (functools.partial(async_generator), Colour.ASYNC_GENERATOR),
        (Namespace.static, Colour.ASYNC),
        (Namespace.__dict__["static"], Colour.ASYNC),
        (wraps(plain), Colour.SYNC),
        (wraps(coroutine), Colour.SYNC),
        (WithFunc(), Colour.SYNC),
        (lambda: None, Colour.SYNC),
        (print, Colour.SYNC),
    ],
)
def test_the_colour_is_that_of_the_code(handler: Any, colour: Colour) -> None:
    assert colour_of(handler) is colour


@pytest.mark.skipif(not hasattr(inspect, "markcoroutinefunction"), reason="marking came with CPython 3.12")
def test_what_is_marked_as_a_coroutine_function_is_one() -> None:
    marked = inspect.markcoroutinefunction(wraps(coroutine))  # type: ignore[attr-defined,unused-ignore]
    assert colour_of(marked) is Colour.ASYNC


def own_self(self: int, cls: int = 1) -> None: ...


def unannotated_self(self):  # type: ignore[no-untyped-def]
    ...


class Odd:
    def annotated(self: Item) -> None: ...  # type: ignore[misc]

    def renamed(this) -> None:  # type: ignore[no-untyped-def]
        ...

    def second(first, self) -> None:  # type: ignore[no-untyped-def]
        ...


def test_self_is_a_name_like_any_other_but_first_in_a_method() -> None:
    assert list(planned(own_self)) == ["self", "cls"]
    assert list(planned(unannotated_self)) == ["self"]
    assert list(planned(Odd.annotated)) == ["self"]
    assert list(planned(Odd.renamed)) == ["this"]
    assert list(planned(Odd.second)) == ["first", "self"]
    assert "Fix: register the bound method" in refusal(Handlers.method)
    assert list(planned(wraps(Handlers().method))) == ["item_id"]


def test_a_callable_without_a_readable_signature_is_refused() -> None:
    assert "it has no readable signature. Fix: wrap it in a function" in refusal(min)


def test_a_signature_of_texts_is_refused() -> None:
    def handler(value: Any) -> None: ...

    parameter = inspect.Parameter("other", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation="int")
    handler.__signature__ = inspect.Signature([parameter])  # type: ignore[attr-defined]
    assert "parameter 'other': its annotation 'int' is a text of nothing. Fix: " in refusal(handler)


# -- what a backend asks -----------------------------------------------------------------------------------------------


def plan_of(handler: Callable[..., Any]) -> HandlerPlan:
    return plan_handler(handler, ())


def test_a_plan_says_what_it_needs() -> None:
    def nothing(size: int = 1) -> None: ...

    def body(item: Item) -> None: ...

    def raw(data: Body[bytes]) -> None: ...

    def request(request: Request) -> None: ...

    def stream(body: BodyStream, request: Request) -> None: ...

    def head(connection: HTTPConnection) -> None: ...

    def state(state: State) -> None: ...

    expected = {  # needs_request, reads_body, streams_body
        nothing: (False, False, False),
        body: (False, True, False),
        raw: (False, True, False),
        request: (True, True, False),
        stream: (True, False, True),
        head: (True, False, False),
        state: (True, False, False),
    }
    for handler, (needs_request, reads_body, streams_body) in expected.items():
        plan = plan_of(handler)
        assert (plan.needs_request, plan.reads_body, plan.streams_body) == (needs_request, reads_body, streams_body)
    found = plan_of(body).body
    assert found is not None
    assert found.name == "item"
    assert plan_of(nothing).body is None


def test_inline_is_a_promise_that_any_handler_without_a_stream_may_give() -> None:
    def handler(item: Item, request: Request) -> None: ...

    assert plan_handler(handler, (), inline=True).inline
    assert not plan_handler(handler, ()).inline
    assert planned(handler)["item"].many is planned(handler)["item"].whole is planned(handler)["item"].keyword is False


def test_a_plan_is_frozen() -> None:
    with pytest.raises(AttributeError):
        plan_of(plain).inline = True  # type: ignore[misc]


def test_reading_a_signature_calls_nothing() -> None:
    def handler(item: Item, size: Query[int] = 1) -> None:
        raise AssertionError

    plan_of(handler)
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()


# -- refusals: the whole list of texts is in test_errors.py ------------------------------------------------------------


def test_markers_that_would_say_nothing_are_refused() -> None:
    def in_list(value: list[Header[str]]) -> None: ...

    def in_dict(value: Body[dict[str, Query[int]]]) -> None: ...

    def a_class(value: Annotated[int, QueryParam]) -> None: ...

    def as_default(value: int = QueryParam()) -> None:  # type: ignore[assignment]
        ...

    def class_as_default(value: int = QueryParam) -> None:  # type: ignore[assignment]
        ...

    def two(value: Annotated[int, QueryParam(), HeaderParam()]) -> None: ...

    def two_in_union(value: Query[int] | Header[str]) -> None: ...

    for handler in (in_list, in_dict, a_class, as_default, class_as_default, two, two_in_union):
        assert "parameter 'value'" in refusal(handler)


def test_a_marker_of_one_s_own_has_the_source_of_its_base() -> None:
    class PageParam(QueryParam):
        """A marker with more options."""

    assert only(Annotated[int, PageParam(name="page")]).source is Source.QUERY
    with pytest.raises(ConfigurationError, match="parameter 'value' is marked Param, which has no source"):
        only(Annotated[int, Param()])


def test_names_that_no_client_can_send_are_refused() -> None:
    for annotation in (
        Annotated[str, HeaderParam(name="x_token")],
        Annotated[str, HeaderParam(name="x token")],
        Annotated[str, HeaderParam(name="größe")],
        Annotated[str, HeaderParam(name="")],
        Annotated[str, CookieParam(name="a=b")],
        Annotated[str, CookieParam(name="")],
        Annotated[str, QueryParam(name="")],
    ):
        with pytest.raises(ConfigurationError, match="Fix: "):
            only(annotation)
    with pytest.raises(ConfigurationError, match=r"HeaderParam\(name='x-token'\)"):
        only(Annotated[str, HeaderParam(name="X_Token")])


def test_every_marker_has_a_source() -> None:
    markers = {kind for kind in vars(params).values() if isinstance(kind, type) and issubclass(kind, Param)}
    markers -= {Param, params.Dependency}  # whose source is a provider
    assert len(markers) == 6
    for marker in markers:
        path = ("value",) if marker is PathParam else ()
        assert only(Annotated[int, marker()], path=path).marker == marker()


def test_what_is_read_of_an_annotation_once_holds_at_each_parameter() -> None:
    """One object or equal ones: the names, the sources and the mistakes are each parameter's own."""
    low, notes = Annotated[int, msgspec.Meta(ge=0)], Notes()

    def first(number: low, other: low = 5, *, third: Header[low] = 1) -> None: ...
    def second(other: low, item: Item, again: Annotated[int, msgspec.Meta(ge=0.0)]) -> None: ...
    def third(number: low = -1) -> None: ...

    plan = plan_handler(first, ("number",), notes=notes)
    assert [(one.name, one.source) for one in plan.arguments] == [
        ("number", Source.PATH),
        ("other", Source.QUERY),
        ("third", Source.HEADER),
    ]
    plan = plan_handler(second, (), notes=notes)
    assert [one.source for one in plan.arguments] == [Source.QUERY, Source.BODY, Source.QUERY]
    assert [one.type.__metadata__[0].ge for one in plan.arguments if one.name != "item"] == [0, 0.0]
    with pytest.raises(ConfigurationError, match="parameter 'number' has -1 for its default"):
        plan_handler(third, (), notes=notes)


def test_what_is_refused_once_is_refused_again() -> None:
    notes, unknown = Notes(), Annotated[int, object()]

    def handler(number: unknown) -> None: ...

    for _ in range(2):
        with pytest.raises(ConfigurationError, match="which Hinge does not know"):
            plan_handler(handler, (), notes=notes)
