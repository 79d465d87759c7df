"""A plan becomes a call: arguments gathered from a head and a body, every error of them in one answer."""

import dataclasses
import datetime as dt
import enum
import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any, Literal, TypedDict
from uuid import UUID

import attrs
import msgspec
import pytest

from hinge import (
    BodyParam,
    BodyStream,
    ConfigurationError,
    Cookie,
    CookieParam,
    Header,
    HeaderParam,
    HTTPError,
    PathParam,
    Query,
    QueryParam,
    Request,
    State,
)
from hinge.binding.bind import bind
from hinge.binding.params import Body
from hinge.binding.plan import plan_handler
from hinge.codecs import body_decoder
from hinge.errors import RequestInvalid


class Head:
    """A request's head, as the reader below reads it."""

    def __init__(self, query: str = "", **headers: str) -> None:
        self.query = query
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class Reader:
    """A HeadReader, so far as binding needs one."""

    @staticmethod
    def query_string(head: Head) -> str:
        return head.query

    @staticmethod
    def header(name: str) -> Callable[[Head], str | None]:
        assert name == name.lower()
        return lambda head: head.headers.get(name)


JSON = {"content_type": "application/json"}


class Exchange:
    """Stands for a Request: what a handler gets is passed on as it is."""

    state = State(db="db")


EXCHANGE = Exchange()


ENDLESS = "&".join(["b=1"] * 101)


class Call:
    """A bound handler, called with parts of a request by name."""

    def __init__(self, handler: Callable[..., Any], *names: str) -> None:
        self.names = names
        self.bound = bind(plan_handler(handler, names), names, Reader, max_query_fields=100)

    def __call__(self, query: str = "", body: bytes = b"", path: tuple[str, ...] = (), **headers: str) -> Any:
        return self.bound(Head(query, **headers), path, body, EXCHANGE)

    def faults(self, query: str = "", body: bytes = b"", path: tuple[str, ...] = (), **headers: str) -> list[Any]:
        with pytest.raises(RequestInvalid) as caught:
            self(query, body, path, **headers)
        assert caught.value.status == 422
        return [tuple(entry.values()) for entry in caught.value.extensions["errors"]]

    def status(self, query: str = "", body: bytes = b"", path: tuple[str, ...] = (), **headers: str) -> int:
        with pytest.raises(HTTPError) as caught:
            self(query, body, path, **headers)
        return caught.value.status


def returns(*annotations: Any, **keywords: Any) -> Callable[..., Any]:
    """Return a handler with one parameter an annotation (`a`, `b`, ...), which returns the tuple of its arguments."""
    names = "abcdefgh"[: len(annotations)]
    source = f"def handler({', '.join(names)}): return ({''.join(f'{name}, ' for name in names)})"
    namespace: dict[str, Any] = {}
    exec(source, namespace)
    handler: Callable[..., Any] = namespace["handler"]
    handler.__annotations__ = dict(zip(names, annotations, strict=True))
    handler.__defaults__ = tuple(keywords.values()) or None
    return handler


class Item(msgspec.Struct):
    name: str
    price: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    tags: list[str] = []


# -- the order and the kind of parameters ------------------------------------------------------------------------------


def test_arguments_come_in_the_handler_s_order_whatever_their_sources() -> None:
    def handler(
        item: Item,
        size: Query[int],
        item_id: int,
        x_a: Header[str],
        request: Request,
        x_b: Header[str],
        order: Query[str],
    ) -> Any:
        return item.name, size, item_id, x_a, request, x_b, order

    call = Call(handler, "item_id")
    result = call("order=up&size=2", b'{"name":"n"}', ("7",), x_b="b", x_a="a", **JSON)
    assert result == ("n", 2, 7, "a", EXCHANGE, "b", "up")


def test_positional_only_keyword_only_and_defaults() -> None:
    def handler(
        item_id: int, /, size: int = 5, *, x_token: Header[str] = "none", order: str, sid: Cookie[str] = "c"
    ) -> Any:
        return item_id, size, x_token, order, sid

    call = Call(handler, "item_id")
    assert call("order=up", path=("1",)) == (1, 5, "none", "up", "c")
    assert call("order=up&size=2", path=("1",), x_token="t", cookie="sid=s") == (1, 2, "t", "up", "s")
    assert call.faults("size=x", path=("1",)) == [
        ("query", "size", "expected an integer"),
        ("query", "order", "is required"),
    ]


def test_keyword_only_parameters_of_one_source() -> None:
    def handler(*, a: int, b: int = 2) -> Any:
        return a, b

    assert Call(handler)("b=3&a=1") == (1, 3)


def test_a_handler_without_parameters_ignores_the_request() -> None:
    assert Call(lambda: "answer")("a=%zz", b"x") == "answer"


class Handlers:
    def __init__(self) -> None:
        self.name = "instance"

    def method(self, item_id: int, size: int = 1) -> Any:
        return self.name, item_id, size

    def __call__(self, item_id: int, size: int = 1) -> Any:
        return self.name, item_id, size

    @staticmethod
    def static(item_id: int, size: int = 1) -> Any:
        return "instance", item_id, size

    @classmethod
    def of_class(cls, item_id: int, size: int = 1) -> Any:
        return "instance", item_id, size


def logged(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


@pytest.mark.parametrize(
    "handler",
    [
        Handlers().method,
        Handlers(),
        Handlers.static,
        Handlers.__dict__["static"],
        Handlers.of_class,
        logged(Handlers().method),
        logged(Handlers()),
        functools.partial(Handlers().method),
        functools.lru_cache(Handlers.static),
    ],
)
def test_every_form_of_a_callable_is_called(handler: Any) -> None:
    assert Call(handler, "item_id")("size=3", path=("7",)) == ("instance", 7, 3)
    assert Call(handler, "item_id")(path=("7",)) == ("instance", 7, 1)


def test_what_a_partial_binds_cannot_be_sent() -> None:
    def handler(item_id: int, admin: bool = False, size: int = 1) -> Any:
        return item_id, admin, size

    call = Call(functools.partial(handler, admin=False), "item_id")
    assert call("admin=true&size=2", path=("7",)) == (7, False, 2)
    call = Call(functools.partial(handler, 5))
    assert call("admin=true") == (5, True, 1)


async def coroutine(size: int) -> int:
    return size


def test_a_coroutine_is_returned_and_not_awaited() -> None:
    result = Call(coroutine)("size=1")
    assert inspect.iscoroutine(result)
    with pytest.raises(StopIteration) as caught:
        result.send(None)
    assert caught.value.value == 1


def test_an_error_of_the_handler_is_its_own() -> None:
    """A ValueError behind the arguments is a failure of the app, never a 422."""

    def handler(size: int) -> None:
        raise ValueError(size)

    def handler_with_keyword(*, size: int, item_id: int) -> None:
        raise ValueError(size)

    with pytest.raises(ValueError, match="3") as caught:
        Call(handler)("size=3")
    assert type(caught.value) is ValueError
    with pytest.raises(ValueError, match="3") as caught:
        Call(handler_with_keyword, "item_id")("size=3", path=("1",))
    assert type(caught.value) is ValueError


# -- path --------------------------------------------------------------------------------------------------------------


class Colours(enum.Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("annotation", "good", "expected", "bad"),
    [
        (int, "7", 7, ["x", "1.0", "٣", "+7", " 7", "1_0", "9" * 5000]),
        (float, "1.5", 1.5, ["nan", "inf", "1_0.0", ""]),
        (
            UUID,
            "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
            UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
            ["6ba7b810", "{}"],
        ),
        (dt.date, "2024-02-29", dt.date(2024, 2, 29), ["2023-02-29", "today"]),
        (Colours, "red", Colours.RED, ["RED", "blue"]),
        (Literal["a", 1], "1", 1, ["b", "2"]),
        (Annotated[int, msgspec.Meta(ge=1)], "1", 1, ["0"]),
        (int | None, "1", 1, ["x"]),
        (bool, "yes", True, ["maybe"]),
    ],
)
def test_a_path_parameter_is_converted_or_there_is_no_such_resource(
    annotation: Any, good: str, expected: Any, bad: list[str]
) -> None:
    call = Call(returns(annotation), "a")
    assert call(path=(good,)) == (expected,)
    assert [call.status(path=(text,)) for text in bad] == [404] * len(bad)


def test_path_values_are_found_by_name() -> None:
    def handler(second: Annotated[str, PathParam(name="b")], a: int) -> Any:
        return second, a

    assert Call(handler, "a", "b")(path=("1", "x")) == ("x", 1)


@pytest.mark.parametrize("path_first", [True, False])
def test_a_bad_path_is_a_404_whatever_else_is_wrong(path_first: bool) -> None:
    def first(item_id: int, size: Query[int], item: Item) -> None: ...

    def last(item: Item, size: Query[int], item_id: int) -> None: ...

    call = Call(first if path_first else last, "item_id")
    for query, body, headers in (
        ("size=x", b"{}", JSON),  # 422
        (ENDLESS, b"{}", JSON),  # 400
        ("size=1", b"{", JSON),  # 400
        ("size=1", b"{}", {"content_type": "text/plain"}),  # 415
    ):
        assert call.status(query, body, ("x",), **headers) == 404
        assert call.status(query, body, ("1",), **headers) in {400, 415, 422}


# -- query -------------------------------------------------------------------------------------------------------------


def test_a_list_takes_repeated_keys() -> None:
    call = Call(returns(Query[list[int]], Query[str]))
    assert call("a=1&b=x&a=2") == ([1, 2], "x")
    assert call.faults("a=1&a=x&b=x&a=y") == [
        ("query", "a.1", "expected an integer"),
        ("query", "a.2", "expected an integer"),
    ]
    assert call.faults("") == [("query", "a", "is required"), ("query", "b", "is required")]
    assert call.faults("a=1&b=x&b=y") == [("query", "b", "must be given once")]


def test_sets_tuples_and_unmarked_lists() -> None:
    assert Call(returns(set[int]))("a=1&a=1") == ({1},)
    assert Call(returns(tuple[int, ...]))("a=1&a=1") == ((1, 1),)
    assert Call(returns(list[str]))("a=x") == (["x"],)
    assert Call(returns(list[int] | None))("") == (None,)


def test_constraints_of_the_long_form() -> None:
    def handler(
        page_size: Annotated[int, QueryParam(name="page-size"), msgspec.Meta(ge=1, le=100)] = 20,
        tag: Annotated[list[str], QueryParam(), msgspec.Meta(max_length=2)] = [],
    ) -> Any:
        return page_size, tag

    call = Call(handler)
    assert call("page-size=5&tag=a") == (5, ["a"])
    assert call("page_size=5") == (20, [])
    assert call.faults("page-size=0&tag=a&tag=b&tag=c") == [
        ("query", "page-size", "must be at least 1"),
        ("query", "tag", "must have at most 2 items"),
    ]


def test_a_struct_takes_the_whole_query_beside_other_parameters() -> None:
    call = Call(returns(Query[Item], Query[int]))
    assert call("name=n&price=1.5&tags=a&tags=b&b=1") == (Item("n", 1.5, ["a", "b"]), 1)
    assert call.faults("price=-1&b=x") == [
        ("query", "price", "must be at least 0"),
        ("query", "name", "is required"),
        ("query", "b", "expected an integer"),
    ]


def test_an_optional_struct_is_absent_without_fields_of_its_own() -> None:
    call = Call(returns(Query[Item | None]))
    assert call("") == (None,)
    assert call("utm_source=mail") == (None,)
    assert call.faults("price=1") == [("query", "name", "is required")]
    assert Call(returns(Query[Item])).faults("") == [("query", "name", "is required")], "by its fields' names"


def test_an_unset_parameter() -> None:
    call = Call(returns(int | msgspec.UnsetType, Query[list[int] | msgspec.UnsetType]))
    assert call("") == (msgspec.UNSET, msgspec.UNSET)
    assert call("a=1&b=2") == (1, [2])


def test_an_endless_query_is_a_400() -> None:
    for annotation in (str, list[str], Query[Item]):
        assert Call(returns(annotation)).status(ENDLESS) == 400


# -- headers and cookies -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query_first", [True, False])
def test_an_endless_query_is_told_before_a_body(query_first: bool) -> None:
    def first(size: Query[int], item: Item) -> None: ...

    def last(item: Item, size: Query[int]) -> None: ...

    call = Call(first if query_first else last)
    assert call.status(ENDLESS, b"{", content_type="text/plain") == 400
    assert call.status("size=1", b"{", content_type="text/plain") == 415


def test_headers_by_their_names() -> None:
    def handler(x_request_id: Header[int], tag: Annotated[str, HeaderParam(name="If-Match")] = "*") -> Any:
        return x_request_id, tag

    call = Call(handler)
    assert call(x_request_id="1") == (1, "*")
    assert call(x_request_id="1", if_match='"e"') == (1, '"e"')
    assert call.faults(x_request_id="x") == [("header", "x-request-id", "expected an integer")]
    assert call.faults(if_match="e") == [("header", "x-request-id", "is required")]


def test_a_header_may_be_absent_but_not_wrong() -> None:
    call = Call(returns(Header[int] | None))
    assert call() == (None,)
    assert call(a="1") == (1,)
    assert call.faults(a="") == [("header", "a", "expected an integer")]


def test_a_list_of_headers_is_the_members_of_the_field() -> None:
    call = Call(
        returns(Header[list[str]], Header[list[int]]),
    )
    assert call(a='x, "y,z",, w', b="1,2") == (["x", '"y,z"', "w"], [1, 2])
    assert call.faults(a="x", b="1,x") == [("header", "b.1", "expected an integer")]
    assert call.faults(b="1") == [("header", "a", "is required")]
    assert call(a="", b="") == ([], [])


def test_cookies_by_their_names() -> None:
    def handler(session_id: Cookie[str], theme: Annotated[Colours, CookieParam(name="th")] = Colours.RED) -> Any:
        return session_id, theme

    call = Call(handler)
    assert call(cookie="session_id=s; other=x") == ("s", Colours.RED)
    assert call(cookie='session_id="s"; th=red') == ("s", Colours.RED)
    assert call.faults(cookie="th=blue") == [
        ("cookie", "session_id", "is required"),
        ("cookie", "th", "expected 'red'"),
    ]
    assert call.faults() == [("cookie", "session_id", "is required")]


# -- bodies ------------------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Data:
    name: str
    price: float = 0.0


@attrs.define
class Attrs:
    name: str
    price: float = 0.0


class Typed(TypedDict):
    name: str


@pytest.mark.parametrize("kind", [Item, Data, Attrs, Typed])
def test_every_kind_of_record_is_read_from_json(kind: Any) -> None:
    call = Call(returns(kind))
    (value,) = call(body=b'{"name": "n"}', **JSON)
    assert isinstance(value, dict if kind is Typed else kind)
    assert (value if isinstance(value, dict) else msgspec.to_builtins(value))["name"] == "n"
    assert call.faults(body=b'{"name": 1}', **JSON) == [("body", "/name", "expected a string, got an integer")]


def test_bodies_that_are_no_record_are_marked() -> None:
    assert Call(returns(Body[list[Item]]))(body=b'[{"name":"n"}]', **JSON) == ([Item("n")],)
    assert Call(returns(Body[dict[str, int]]))(body=b'{"a":1}', **JSON) == ({"a": 1},)
    assert Call(returns(Body[int]))(body=b"7", **JSON) == (7,)
    assert Call(returns(Body[str]))(body=b'"x"', **JSON) == ("x",)
    assert Call(returns(Annotated[int, BodyParam(), msgspec.Meta(ge=1)])).faults(body=b"0", **JSON) == [
        ("body", "", "must be at least 1")
    ]
    assert Call(returns(Body[list[Item]])).faults(body=b'[{"name":"n"},{"price":-1}]', **JSON) == [
        ("body", "/1/name", "is required"),
        ("body", "/1/price", "must be at least 0"),
    ]


def test_raw_bytes_are_taken_whatever_their_type() -> None:
    assert Call(returns(Body[bytes]))(body=b"\xff") == (b"\xff",)
    assert Call(returns(Body[bytes]))(body=b"{", **JSON) == (b"{",)
    assert Call(returns(Body[bytes]))(body=b"") == (b"",)
    assert Call(returns(Body[bytes | None]))(body=b"") == (None,)
    assert Call(returns(Body[bytes | None]))(body=b"x") == (b"x",)
    call = Call(returns(Annotated[bytes, BodyParam(), msgspec.Meta(max_length=2)]))
    assert call(body=b"xy") == (b"xy",)
    assert call(body=b"") == (b"",)
    assert call.faults(body=b"xyz") == [("body", "", "must have at most 2 bytes")]


@pytest.mark.parametrize("headers", [{}, JSON, {"content_type": "text/plain"}])
def test_an_optional_body_may_be_absent(headers: dict[str, str]) -> None:
    for annotation in (Item | None, Body[Item | None], Body[list[int] | None]):
        assert Call(returns(annotation))(body=b"", **headers) == (None,)
    default = Item("default")
    (value,) = Call(returns(Item, default=default))(body=b"", **headers)
    assert value == default


def test_an_optional_body_that_is_there_must_be_right() -> None:
    call = Call(returns(Item | None))
    assert call(body=b"null", **JSON) == (None,)
    assert call(body=b'{"name":"n"}', **JSON) == (Item("n"),)
    assert call.faults(body=b"{}", **JSON) == [("body", "/name", "is required")]
    assert call.status(body=b'{"name":"n"}') == 415
    assert call.status(body=b" ", **JSON) == 400


def test_a_required_body_that_is_absent() -> None:
    call = Call(returns(Item))
    assert call.status(body=b"") == 415
    assert call.status(body=b"", **JSON) == 400
    assert call.status(body=b'{"name":"n"}', content_type="text/plain") == 415
    assert call.status(body=b'{"name":"n"}', content_encoding="gzip", **JSON) == 415


@pytest.mark.parametrize("query", ["b=1", "b=x"])
def test_an_invalid_body_is_decoded_once(monkeypatch: pytest.MonkeyPatch, query: str) -> None:
    read = []

    def counting(kind: Any, **options: Any) -> Any:
        decode = body_decoder(kind, **options)

        def counted(*given: Any) -> Any:
            read.append(given)
            return decode(*given)

        return counted

    monkeypatch.setattr("hinge.codecs.body_decoder", counting)
    for annotations in [(Item, int), (int, Item)]:
        read.clear()
        name = "b" if annotations[1] is int else "a"
        found = Call(returns(*annotations)).faults(query.replace("b", name), b'{"price":"x"}', **JSON)
        assert [where for source, where, _ in found if source == "body"] == ["/name", "/price"]
        assert [where for source, where, _ in found if source == "query"] == ([name] if "x" in query else [])
        assert len(read) == 1


def test_messagepack_is_read_by_its_type() -> None:
    body = msgspec.msgpack.encode({"name": "n"})
    assert Call(returns(Item))(body=body, content_type="application/msgpack") == (Item("n"),)


# -- objects -----------------------------------------------------------------------------------------------------------


def test_objects_are_handed_over() -> None:
    def handler(request: Request, state: State, again: Request) -> Any:
        return request, state, again

    assert Call(handler)() == (EXCHANGE, EXCHANGE.state, EXCHANGE)
    stream = BodyStream(bytes, lambda: None, 0)  # type: ignore[arg-type,return-value]
    call = Call(returns(BodyStream, Query[int]))
    assert call.bound(Head("b=1"), (), stream, None) == (stream, 1)


# -- errors ------------------------------------------------------------------------------------------------------------


def test_all_errors_of_all_sources_come_together() -> None:
    def handler(
        item_id: int,
        item: Item,
        size: Query[int],
        tags: Query[list[int]],
        x_count: Header[int],
        sid: Cookie[UUID],
        order: Literal["up", "down"] = "up",
    ) -> None: ...

    call = Call(handler, "item_id")
    faults = call.faults(
        "size=x&order=left&tags=1&tags=z", b'{"price": -1, "tags": [1]}', ("1",), x_count="many", cookie="sid=1", **JSON
    )
    assert faults == [
        ("body", "/name", "is required"),
        ("body", "/price", "must be at least 0"),
        ("body", "/tags/0", "expected a string, got an integer"),
        ("query", "size", "expected an integer"),
        ("query", "tags.1", "expected an integer"),
        ("header", "x-count", "expected an integer"),
        ("cookie", "sid", "expected a UUID"),
        ("query", "order", "expected one of 'up', 'down'"),
    ]


def test_an_answer_lists_at_most_100_errors_whatever_their_sources() -> None:
    call = Call(returns(Query[list[int]], Header[list[int]], Body[list[int]]))
    faults = call.faults("&".join(["a=x"] * 60), b"[" + b"null," * 59 + b"null]", b=",".join("x" * 60), **JSON)
    assert len(faults) == 100
    assert {fault[0] for fault in faults} == {"query", "header"}


def test_the_document_of_a_422_names_source_and_place() -> None:
    with pytest.raises(RequestInvalid) as caught:
        Call(returns(Item, Query[int]))("b=x", b"{}", **JSON)
    assert caught.value.problem() == {
        "type": "about:blank",
        "title": "Unprocessable Content",
        "status": 422,
        "detail": "The request has 2 invalid values.",
        "errors": [
            {"in": "body", "pointer": "/name", "message": "is required"},
            {"in": "query", "name": "b", "message": "expected an integer"},
        ],
    }


def test_a_malformed_part_is_a_400_even_beside_invalid_ones() -> None:
    call = Call(returns(Query[int], Item))
    assert call.status("a=x", b"{", **JSON) == 400
    assert call.status("a=x", b"{}", content_type="text/plain") == 415
    assert call.status(ENDLESS, b"{}", **JSON) == 400


# -- defaults ----------------------------------------------------------------------------------------------------------


def test_a_mutable_default_is_new_for_each_request() -> None:
    def query(tags: Query[list[str]] = []) -> Any:
        return tags

    def header(tags: Header[list[str]] = []) -> Any:
        return tags

    def beside(tags: Query[list[str]] = [], other: int = 1) -> Any:
        return tags

    def body(tags: Body[list[str]] = []) -> Any:
        return tags

    def raw(tags: Body[Any] = []) -> Any:
        return tags

    for handler in (query, header, beside, body, raw):
        call = Call(handler)
        call().append("mine")
        assert call() == [], handler.__name__
        assert handler.__defaults__ is not None
        assert handler.__defaults__[0] == [], "nor is the function's own default touched"


def test_a_default_record_is_new_for_each_request() -> None:
    default = Item("default")
    for annotation in (Item, Query[Item], Body[Item]):
        call = Call(returns(annotation, default=default))
        call()[0].tags.append("mine")
        assert call() == (Item("default"),)


def test_an_immutable_default_is_the_very_object() -> None:
    marker = (1, "x", Colours.RED)
    assert Call(returns(Query[tuple[int, str, Colours]], default=marker))()[0] is marker


class Uncopyable(str):
    __slots__ = ()

    def __deepcopy__(self, memo: Any) -> Any:
        raise TypeError


def test_a_default_that_cannot_be_copied_is_shared_as_in_any_function() -> None:
    default = Uncopyable()
    assert Call(returns(Query[str], default=default))()[0] is default


def test_a_list_of_arguments_is_never_shared_between_requests() -> None:
    def handler(a: int = 1, b: int = 2) -> Any:
        return a, b

    call = Call(handler)
    assert call("a=5") == (5, 2)
    assert call() == (1, 2)


# -- what cannot be bound ----------------------------------------------------------------------------------------------


class Nested(msgspec.Struct):
    item: Item


class Lost(msgspec.Struct):
    thing: "Nowhere"  # type: ignore[name-defined]  # noqa: F821


@pytest.mark.parametrize(
    ("annotation", "names", "fix"),
    [
        (Item, ("a",), "such as str, int or an Enum"),
        (list[str], ("a",), "such as str, int or an Enum"),
        (dict[str, int], (), "mark it with Body[...] if it is the body"),
        (list[Item], (), "mark it with Body[...] if it is the body"),
        (Item | int, (), "mark it with Body[...] if it is the body"),
        (bytes, (), "mark it with Body[...] if it is the body"),
        ([int], (), "mark it with Body[...] if it is the body"),
        (Query[Nested], (), "such as str, int or an Enum"),
        (Query[Item | Nested], (), "such as str, int or an Enum"),
        (Header[Nested], (), "such as str, int or an Enum"),
        (Cookie[Item | Nested], (), "such as str, int or an Enum"),
        (Cookie[list[str]], (), "such as str, int or an Enum"),
        (Body[complex | Item | Nested], (), "take types that msgspec knows"),
        (Body[Lost], (), "define or import what they name at the level of its module"),
        (Lost, (), "define or import what they name at the level of its module"),
        (Annotated[int, BodyParam(), msgspec.Meta(pattern="x")], (), "leave the constraint out"),
        (Annotated[int, QueryParam(), msgspec.Meta(pattern="x")], (), "leave the constraint out"),
    ],
)
def test_a_type_that_cannot_come_from_its_source_is_refused(annotation: Any, names: tuple[str, ...], fix: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Call(returns(annotation), *names)
    message = str(caught.value)
    assert message.startswith("handler ")
    assert "parameter 'a'" in message
    assert f"Fix: {fix}" in message or fix in message
    assert "\n" not in message
