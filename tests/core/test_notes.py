"""Notes in `Annotated` and defaults: obeyed, inert, or refused before the first request, wherever they stand."""

import dataclasses
import datetime as dt
import enum
import functools
import re
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from decimal import Decimal
from typing import Annotated, Any, Generic, NamedTuple, NewType, TypedDict, TypeVar, get_origin

import annotated_types as at
import attrs
import msgspec
import pydantic
import pytest
import typing_extensions
from msgspec import Meta

from hinge import (
    App,
    Body,
    BodyStream,
    ConfigurationError,
    Cookie,
    Form,
    FormData,
    Header,
    HeaderParam,
    Path,
    Query,
    QueryParam,
    Request,
    State,
    UploadFile,
)
from hinge.testing import Client


def named(value: object) -> str:
    """Return the name of a case: without addresses, as it is the same in every process."""
    return re.sub(" at 0x[0-9a-f]+", "", str(value))


T = TypeVar("T")


# What other frameworks have of this: data of an unknown class, with the names that theirs have.


@dataclasses.dataclass(frozen=True)
class Depends:
    dependency: Callable[..., Any] | None = None
    use_cache: bool = True


@dataclasses.dataclass(frozen=True)
class Security(Depends):
    scopes: tuple[str, ...] = ()


class _Field:
    def __init__(self, default: Any = ..., *, metadata: tuple[Any, ...] = (), **options: Any) -> None:
        self.default = default
        self.metadata = metadata
        vars(self).update(options)


ForeignQuery = type("Query", (_Field,), {})
ForeignHeader = type("Header", (_Field,), {})
ForeignBody = type("Body", (_Field,), {})
ForeignPath = type("Path", (_Field,), {})


class ParameterKwarg(_Field):
    header = cookie = query = None


def current_user() -> str:
    return "ada"


class Mark:
    """A note of somebody else."""


class Known(Mark): ...


class Item(msgspec.Struct):
    name: str


class Marked(msgspec.Struct):
    name: str
    age: Annotated[int, Mark()] = 1


class Outer(msgspec.Struct):
    inner: dict[str, list[Marked] | None]


class Recursive(msgspec.Struct):
    next: "Recursive | None" = None
    age: Annotated[int, "years", typing_extensions.Doc("how old"), Known()] = 1


@dataclasses.dataclass
class MarkedData:
    tags: list[Annotated[str, Mark()]]


@attrs.define
class MarkedAttrs:
    tags: tuple[Annotated[str, Mark()], ...]


class MarkedTyped(TypedDict):
    tags: typing_extensions.NotRequired[Annotated[str, Mark()]]


class MarkedRow(NamedTuple):
    name: str
    age: Annotated[int, Mark()] = 1


class MarkedTags(list[Annotated[str, Mark()]]): ...


class Pages(dict[str, T], Generic[T]): ...


class Deep(Pages[list[Annotated[int, Mark()]]]): ...


Bound = TypeVar("Bound", bound=Annotated[int, Mark()])
BoundTo = TypeVar("BoundTo", bound=Marked)
Given = TypeVar("Given", bound=Annotated[int, Meta(ge=1)])
Either = TypeVar("Either", Annotated[int, Mark()], str)
Otherwise = typing_extensions.TypeVar("Otherwise", default=Annotated[int, Mark()])


class BoundPage(msgspec.Struct, Generic[Bound]):
    items: list[Bound]


class Page(msgspec.Struct, Generic[T]):
    items: list[T]


class Constrained(msgspec.Struct):
    price: Annotated[float, at.Gt(0)]


class Misplaced(msgspec.Struct):
    page: Annotated[int, QueryParam(name="p")] = 1


class MisplacedMeta(msgspec.Struct):
    page: Annotated[int, Meta(min_length=1)] = 1


class Colour(enum.Enum):
    RED = "red"


Age = NewType("Age", Annotated[int, Mark()])  # type: ignore[valid-newtype]


def mistakes(annotation: Any, *default: Any, path: str = "/x", returns: Any = None, **options: Any) -> list[str]:
    """Return what is wrong with a handler that has one parameter, `value`."""

    def handler(value: Any) -> Any: ...

    handler.__annotations__ = {"value": annotation, "return": returns}
    handler.__defaults__ = default or None
    app = App(**options)
    app.post(path)(handler)
    return app.unmet("asgi")


def mistakes_of_result(annotation: Any, **options: Any) -> list[str]:
    def handler() -> Any: ...

    handler.__annotations__ = {"return": annotation}
    app = App(**options)
    app.get("/x")(handler)
    return app.unmet("asgi")


def refusal(found: list[str]) -> str:
    """Return the one mistake, which tells handler, place and what to write."""
    (line,) = found
    assert re.match(r"handler [\w.]*test_notes\.mistakes\w*\.handler \([\w/]*test_notes\.py:\d+\): ", line)
    assert ". Fix: " in line
    assert len(line.splitlines()) == 1
    return line


# -- notes that Hinge does not know ------------------------------------------------------------------------------------

ANYWHERE = [
    Annotated[int, Mark()],
    Annotated[int, Mark],
    Annotated[int, Mark()] | None,
    list[Annotated[int, Mark()]],
    Annotated[list[int], Mark()],
    set[Annotated[int, "a text", Meta(ge=1), Mark()]],
    Age,
    list[Age],
    Marked,
    list[Marked],
    Outer,
    MarkedData,
    MarkedAttrs,
    MarkedTyped,
    MarkedRow,
    dict[str, list[MarkedRow]],
    Page[MarkedRow],
    MarkedTags,
    list[MarkedTags | None],
    Pages[Annotated[int, Mark()]],
    Deep,
    list[Bound],  # type: ignore[valid-type]
    list[BoundTo],  # type: ignore[valid-type]
    list[Either],  # type: ignore[valid-type]
    list[Otherwise],
    BoundPage,
    list[BoundPage[Any]] | BoundPage[Any],
    NewType("Row", MarkedRow),
    Page[Annotated[int, Mark()]],
    Page[Marked],
    Item | None | Marked,
    Annotated[int, lambda: 1],
    Annotated[int, 5],
    Annotated[int, ...],
    Annotated[int, Depends(current_user)],
    Annotated[int, pydantic.Field(exclude=True)],
]


@pytest.mark.parametrize("annotation", ANYWHERE, ids=named)
def test_a_note_that_nobody_knows_is_refused_wherever_it_stands(annotation: Any) -> None:
    for kind in (annotation, *(alias[annotation] for alias in (Query, Header, Cookie, Body, Form))):
        line = refusal(mistakes(kind))
        assert "parameter 'value'" in line
        assert "which Hinge does not know" in line


@pytest.mark.parametrize("annotation", ANYWHERE, ids=named)
def test_in_results_too_since_it_may_say_what_must_not_leave(annotation: Any) -> None:
    for kind in (annotation, list[annotation], Iterator[annotation], AsyncIterator[annotation]):
        line = refusal(mistakes_of_result(kind))
        assert "the return annotation" in line
        assert "which Hinge does not know" in line
        assert ". Fix: leave it out, or App(ignore_notes=[" in line


@pytest.mark.parametrize("kind", [Request, State, BodyStream, FormData, UploadFile, list[UploadFile]])
def test_on_what_is_injected_too(kind: Any) -> None:
    assert "which Hinge does not know" in refusal(mistakes(Annotated[kind, Mark()]))


def test_in_the_path_too() -> None:
    for annotation in (Annotated[int, Mark()], Path[Annotated[int, Mark()]]):
        assert "which Hinge does not know" in refusal(mistakes(annotation, path="/x/{value}"))


def test_the_place_in_a_record_is_told() -> None:
    assert "field 'age' of Marked" in refusal(mistakes(Outer))


@pytest.mark.parametrize(
    "annotation",
    [
        Annotated[int, "a text", None, typing_extensions.Doc("a number"), at.doc("a number"), at.Unit("m"), Known()],
        Annotated[int, Known],
        list[Annotated[int, Known()]],
        Recursive,
        list[Recursive | None],
        Annotated[Request, "the request"],
        Annotated[int, QueryParam(), Known(), Meta(ge=1)],
        dict[str, Annotated[int, Known()]],
    ],
    ids=named,
)
def test_what_says_nothing_to_hinge_passes(annotation: Any) -> None:
    marked = annotation if get_origin(annotation) is Annotated or annotation is Recursive else Body[annotation]
    assert mistakes(marked, ignore_notes=[Known]) == []
    assert mistakes_of_result(Annotated[dict[str, Annotated[int, Known()]], "x"], ignore_notes=[Known]) == []


def test_what_is_ignored_is_not_kept() -> None:
    """A note need not even be hashable, as those in a `Meta` need not."""

    class Unhashable:
        __hash__ = None  # type: ignore[assignment]

    app = App(ignore_notes=[Unhashable])

    @app.get("/")
    def handler(value: Annotated[int, Unhashable()] = 1) -> Page[Annotated[int, Unhashable()]]:
        return Page([value])

    with Client(app) as client:
        assert client.get("/?value=2").json() == {"items": [2]}
        assert client.get("/openapi.json").status_code == 200


def test_a_mounted_app_ignores_its_own() -> None:
    def handler(value: Annotated[int, Known()]) -> None: ...

    for outer, inner in (([Known], []), ([], [Known])):
        app, mounted = App(ignore_notes=outer), App(ignore_notes=inner)
        mounted.get("/x")(handler)
        app.mount("/m", mounted)
        assert bool(app.unmet("asgi")) is not bool(inner)


@pytest.mark.parametrize("given", [[5], 5, "x", Mark, [Mark()], [None]])
def test_ignore_notes_takes_classes(given: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"App\(ignore_notes=.*test_notes\.py:\d+\).* Fix: "):
        App(ignore_notes=given)


# -- what to write instead ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("annotation", "default", "fix"),
    [
        (
            Annotated[str, Depends(current_user)],
            (),
            "value: Annotated[..., hinge.Depends(current_user)] in the handler",
        ),
        (str, (Depends(current_user),), "value: Annotated[..., hinge.Depends(current_user)] in the handler"),
        (
            Item,
            (Security(functools.partial(current_user)),),
            "value: Annotated[..., hinge.Depends(current_user)] in the handler",
        ),
        (
            str,
            (Security(current_user, scopes=("a", "b")),),
            "value: Annotated[..., hinge.Security(current_user, scopes=['a', 'b'])] in the handler",
        ),
        (Annotated[int, pydantic.Field(ge=1, le=9)], (), "msgspec.Meta(ge=1, le=9)"),
        (Annotated[int, pydantic.Field(gt=0, title="Age")], (), "msgspec.Meta(gt=0, title='Age')"),
        (int, (pydantic.Field(5, ge=1),), "value: Annotated[int, QueryParam(), msgspec.Meta(ge=1)] = 5"),
        (
            str,
            (ForeignQuery(alias="q", pattern="a"),),
            "value: Annotated[str, QueryParam(name='q'), msgspec.Meta(pattern='a')]",
        ),
        (
            Annotated[int, ForeignQuery(metadata=(at.Ge(1),))],
            (),
            "value: Annotated[int, QueryParam(), msgspec.Meta(ge=1)]",
        ),
        (str | None, (ForeignHeader(None),), "value: Header[str | None] = None"),
        (Annotated[str, ForeignHeader()], (), "value: Header[str]"),
        (Item, (ForeignBody(),), "value: Body[Item]"),
        (
            int,
            (ParameterKwarg(header="X-A", ge=2),),
            "value: Annotated[int, HeaderParam(name='X-A'), msgspec.Meta(ge=2)]",
        ),
        (int, (ParameterKwarg(7, query="n"),), "value: Annotated[int, QueryParam(name='n')] = 7"),
        (Annotated[int, Mark()], (), "App(ignore_notes=[Mark])"),
        (Marked, (), "App(ignore_notes=[Mark])"),
        (Misplaced, (), "msgspec.field(name=...)"),
        (Constrained, (), "msgspec.Meta(gt=0)"),
        (Annotated[str, at.Predicate(str.islower)], (), "App(ignore_notes=[Predicate])"),
    ],
    ids=named,
)
def test_the_line_to_write_is_told(annotation: Any, default: tuple[Any, ...], fix: str) -> None:
    assert fix in refusal(mistakes(annotation, *default)).partition(". Fix: ")[2]


# -- defaults ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "default",
    [
        Depends(current_user),
        pydantic.Field(),
        ForeignQuery(),
        object(),
        Mark(),
        Mark,
        current_user,
        functools.partial(current_user),
        print,
        msgspec,
        [Depends()],
        {"a": Mark()},
    ],
    ids=named,
)
def test_a_default_that_no_request_could_have_sent_is_refused(default: Any) -> None:
    plain = [str, int | None, Any, object, list[str], Item, Item | None, Request]
    for annotation in (*plain, Query[str], Body[Item], Form[Item], Header[Item], Body[Any]):
        assert "for its default" in refusal(mistakes(annotation, default))


def test_one_of_a_parameter_without_annotation_too() -> None:
    app = App()
    app.get("/")(lambda user=Depends(current_user): user)
    (line,) = app.unmet("wsgi")
    assert re.search(r"parameter 'user' has a [\w.]*test_notes\.Depends for its default", line)


@pytest.mark.parametrize(
    ("annotation", "default"),
    [
        (int, 5),
        (int, None),
        (int | msgspec.UnsetType, msgspec.UNSET),
        (list[str], []),
        (list[str], ("a",)),
        (Query[set[int]], frozenset({1})),
        (Decimal, Decimal(1)),
        (dt.date, dt.date(2026, 1, 1)),
        (dt.timedelta, dt.timedelta(1)),
        (Colour, Colour.RED),
        (Item, Item("x")),
        (Body[list[Item]], [Item("x")]),
        (Query[Item], Item("x")),
        (Page[int], Page([1])),
        (Body[msgspec.Raw], msgspec.Raw(b"1")),
        (Request, None),
        (MarkedTyped | None, None),
        (Body[bytes], b""),
    ],
    ids=named,
)
def test_values_are_defaults(annotation: Any, default: Any) -> None:
    assert [line for line in mistakes(annotation, default) if "default" in line] == []


# -- annotated_types ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (Annotated[int, at.Gt(0)], ["1"], ["0"]),
        (Annotated[int, at.Ge(0)], ["0"], ["-1"]),
        (Annotated[int, at.Lt(0)], ["-1"], ["0"]),
        (Annotated[float, at.Le(0.5)], ["0.5"], ["0.6"]),
        (Annotated[int, at.Interval(gt=1, le=3)], ["2", "3"], ["1", "4"]),
        (Annotated[int, at.MultipleOf(3)], ["6"], ["7"]),
        (Annotated[int, at.MultipleOf(4), at.MultipleOf(6)], ["12"], ["4", "6"]),
        (Annotated[str, at.MinLen(2)], ["ab"], ["a"]),
        (Annotated[str, at.MaxLen(2)], ["ab"], ["abc"]),
        (Annotated[str, at.Len(1, 2)], ["a", "ab"], ["", "abc"]),
        (Annotated[list[int], at.Len(1, 1)], ["1"], ["1&value=2"]),
        (list[Annotated[int, at.Ge(2)]], ["2&value=3"], ["2&value=1"]),
        (Annotated[int, at.Ge(1), at.Ge(5)], ["5"], ["4"]),
        (Annotated[int, at.Ge(5), at.Ge(1)], ["5"], ["4"]),
        (Annotated[int, at.Gt(5), at.Ge(5)], ["6"], ["5"]),
        (Annotated[int, at.Gt(4), at.Ge(6)], ["6"], ["5"]),
        (Annotated[int, at.Lt(5), at.Le(5)], ["4"], ["5"]),
        (Annotated[int, at.Lt(9), at.Le(5)], ["5"], ["6"]),
        (Annotated[int, Meta(ge=1), at.Le(5)], ["1", "5"], ["0", "6"]),
        (Annotated[int, at.Ge(1)] | None, ["1"], ["0"]),
        (Annotated[dt.datetime, at.Timezone(...)], ["2026-01-01T00:00:00Z"], ["2026-01-01T00:00:00"]),
        (Annotated[dt.datetime, at.Timezone(None)], ["2026-01-01T00:00:00"], ["2026-01-01T00:00:00Z"]),
        (NewType("Positive", Annotated[int, at.Gt(0)]), ["1"], ["0"]),
        (pydantic.PositiveInt, ["1"], ["0"]),
        (pydantic.conint(ge=1, multiple_of=2), ["2"], ["0", "3"]),
        (pydantic.constr(min_length=2), ["ab"], ["a"]),
    ],
    ids=named,
)
def test_annotated_types_are_obeyed(kind: Any, good: list[str], bad: list[str]) -> None:
    app = App()

    def handler(value: Any) -> None: ...

    handler.__annotations__ = {"value": kind, "return": None}
    app.get("/x")(handler)
    with Client(app) as client:
        assert [client.get(f"/x?value={text}").status_code for text in good] == [204] * len(good)
        assert [client.get(f"/x?value={text}").status_code for text in bad] == [422] * len(bad)


def test_in_bodies_forms_and_the_document_too() -> None:
    app = App()

    @app.post("/body")
    def body(value: Body[list[Annotated[int, at.Ge(2)]]], size: Annotated[int, at.Lt(9)] = 1) -> None: ...

    @app.post("/page")
    def page(value: Page[Annotated[int, at.Ge(2)]]) -> None: ...

    @app.post("/form")
    def form(value: Form[Annotated[int, at.Ge(2)]]) -> None: ...

    with Client(app) as client:
        assert client.post("/body", json=[2]).status_code == 204
        assert client.post("/body", json=[1]).json()["errors"][0]["pointer"] == "/0"
        assert client.post("/page", json={"items": [2]}).status_code == 204
        assert client.post("/page", json={"items": [1]}).status_code == 422
        assert client.post("/form", form={"value": "2"}).status_code == 204
        assert client.post("/form", form={"value": "1"}).status_code == 422
        (parameter,) = client.get("/openapi.json").json()["paths"]["/body"]["post"]["parameters"]
        assert parameter["schema"]["exclusiveMaximum"] == 9


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (Annotated[str, at.Predicate(str.islower)], "Predicate("),
        (at.IsFinite[float], "Predicate("),
        (Annotated[str, at.Not(str.islower)], "Not("),
        (Annotated[dt.datetime, at.Timezone("Europe/Paris")], "Timezone("),
        (Annotated[dt.date, at.Ge(dt.date(2026, 1, 1))], "Ge("),
        (Annotated[int, at.Interval(gt=dt.date(2026, 1, 1))], "Gt("),
        (Annotated[float, at.MultipleOf(0.5), at.MultipleOf(0.25)], "MultipleOf("),
        (Annotated[str, at.MinLen(-1)], "MinLen("),
        (Annotated[int, at.Ge(10**400)], "Ge("),
        (Annotated[dt.datetime, at.Timezone(None), at.Timezone(...)], "Timezone("),
        (pydantic.StrictInt, "Strict("),
        (pydantic.constr(pattern="a+"), "pattern"),
    ],
    ids=named,
)
def test_what_msgspec_cannot_say_is_refused_by_name(kind: Any, name: str) -> None:
    line = refusal(mistakes(kind))
    assert name in line.partition(". Fix: ")[0]
    assert mistakes_of_result(kind) == [] or not isinstance(kind.__metadata__[0], at.BaseMetadata)


@pytest.mark.parametrize(
    "note",
    [
        at.Le(2**70),
        at.Gt(2**63 - 1),
        at.Ge(-(2**63) - 1),
        at.MultipleOf(2**70),
        at.MultipleOf(0),
        at.MultipleOf(-1),
        at.Len(3, 2),
        at.Interval(ge=5, le=1),
        at.Interval(gt=5, le=5),
        at.Interval(ge=5, lt=5),
        at.Ge("a"),
        at.Ge(float("nan")),
        Meta(ge=2**70),
        Meta(gt=5, lt=1),
        Meta(min_length=2, max_length=1),
        Meta(ge=5),
    ],
    ids=named,
)
def test_bounds_that_no_value_has_are_told_with_their_place(note: Any) -> None:
    kind = Annotated[int, at.Le(1), note] if note == Meta(ge=5) else Annotated[int, note]
    if isinstance(note, at.Len) or getattr(note, "max_length", None) is not None:
        kind = Annotated[str, note]
    for one in (kind, list[kind], Query[kind], Body[dict[str, kind]], Header[kind], Form[kind]):  # type: ignore[valid-type]
        assert "parameter 'value'" in refusal(mistakes(one))


def test_those_on_fields_too() -> None:
    for note in (Meta(ge=2**70), Meta(ge=5, le=1)):
        kind = msgspec.defstruct("Bad", [("n", Annotated[int, note])])
        assert "field 'n' of Bad" in refusal(mistakes(kind))
        assert "field 'n' of Bad" in refusal(mistakes_of_result(kind))
    assert mistakes(Body[list[Given]]) == []  # type: ignore[valid-type]


@pytest.mark.parametrize(
    "of", [lambda kind: kind, Query.__getitem__, Header.__getitem__, Cookie.__getitem__, Form.__getitem__]
)
def test_in_a_record_msgspec_reads_them_nowhere_so_they_are_refused(of: Callable[[Any], Any]) -> None:
    assert "field 'price' of Constrained" in refusal(mistakes(of(Constrained)))
    assert mistakes_of_result(Constrained) == [], "nothing is checked on the way out"


# -- constraints and markers in the wrong place ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "annotation",
    [
        Annotated[str, Meta(ge=1)],
        Annotated[str, at.Ge(1)],
        Annotated[Decimal, at.Ge(1)],
        Query[list[Annotated[int, Meta(min_length=1)]]],
        Body[Annotated[bytes, Meta(ge=1)]],
        Body[Annotated[Item, Meta(ge=1)]],
        Annotated[UploadFile, Meta(ge=1)],
        list[Annotated[UploadFile, Meta(ge=1)]],
        Annotated[Request, Meta(ge=1)],
        Annotated[State, Meta(min_length=1)],
        Annotated[int, Meta(ge=1), Meta(ge=2)],
        Annotated[int, Meta(ge=1), at.Ge(2)],
        Annotated[int, Meta(ge=1), at.Gt(2)],
        MisplacedMeta,
        Query[MisplacedMeta],
        Page[Annotated[int, Meta(min_length=1)]],
        Page[Annotated[int, at.MinLen(1)]],
    ],
    ids=named,
)
def test_a_constraint_on_a_type_that_has_none_such_is_refused(annotation: Any) -> None:
    assert "parameter 'value'" in refusal(mistakes(annotation))


@pytest.mark.parametrize(
    "annotation",
    [
        Annotated[int, Meta(min_length=1)],
        list[Annotated[int, Meta(min_length=1)]],
        Iterator[Annotated[int, Meta(min_length=1)]],
        MisplacedMeta,
        list[MisplacedMeta],
        Page[Annotated[int, Meta(min_length=1)]],
    ],
    ids=named,
)
def test_in_results_too(annotation: Any) -> None:
    assert "the return annotation" in refusal(mistakes_of_result(annotation))


@pytest.mark.parametrize(
    "annotation",
    [
        Annotated[Item | Recursive, Meta(description="one of two")],
        Annotated[list[Item | Recursive], Meta(min_length=1)],
    ],
)
def test_a_constraint_is_not_blamed_for_a_union_that_only_decoding_cannot_tell_apart(annotation: Any) -> None:
    assert mistakes_of_result(annotation, ignore_notes=[Known]) == []


@pytest.mark.parametrize(
    "annotation", [Misplaced, Query[Misplaced], list[Misplaced], Body[list[Header[int]]], Body[Page[Query[int]]]]
)
def test_a_marker_inside_of_a_type_says_nothing(annotation: Any) -> None:
    assert "Param" in refusal(mistakes(annotation))


@pytest.mark.parametrize("annotation", [Query[int], Annotated[int, HeaderParam], list[Query[int]], Misplaced])
def test_nor_does_one_in_a_result(annotation: Any) -> None:
    assert "Param" in refusal(mistakes_of_result(annotation))


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the type statement came with CPython 3.12")
def test_type_statements_are_looked_into() -> None:
    made: dict[str, Any] = {"Annotated": Annotated, "Mark": Mark, "at": at}
    exec("type Marked = Annotated[int, Mark()]\ntype Positive = Annotated[int, at.Gt(0)]", made)
    exec("type Tree = dict[str, Tree] | str\ntype Pair[T] = list[Annotated[T, Mark()]]", made)
    marked, positive, tree, pair = (made[name] for name in ("Marked", "Positive", "Tree", "Pair"))
    for kind in (marked, Query[marked], list[marked], pair[int]):
        assert "which Hinge does not know" in refusal(mistakes(kind))
        assert "which Hinge does not know" in refusal(mistakes_of_result(kind))
    for kind in (tree, list[tree], list[tree | None]):
        assert "is made of itself" in refusal(mistakes(kind))
        assert "is made of itself" in refusal(mistakes_of_result(kind))
    assert mistakes(positive) == []
    assert "cannot say" in refusal(mistakes(Annotated[positive, at.Predicate(bool)]))
