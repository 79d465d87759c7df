"""Declarations that cannot be meant: refused with what to write instead, never taken for a query parameter."""

from typing import Annotated, Any, Optional

import msgspec
import pytest

from hinge import (
    App,
    Body,
    ConfigurationError,
    Cookie,
    Header,
    Path,
    Query,
    QueryParam,
)
from hinge.binding.plan import Source, plan_handler

called: Any = Query  # for a type checker, which refuses a call of it


def refusal(handler: Any, *path: str, **options: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        plan_handler(handler, path, **options)
    message = str(caught.value)
    assert f"({__file__.rpartition('/')[2]}:" in message or "test_slips.py:" in message
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("request", "Request"),
        ("req", "Request"),
        ("ws", "WebSocket"),
        ("websocket", "WebSocket"),
        ("state", "State"),
        ("body", "Body[bytes]"),
        ("form", "FormData"),
    ],
)
def test_a_name_that_looks_injected_needs_an_annotation(name: str, kind: str) -> None:
    for default in ("", "=None"):
        made: dict[str, Any] = {"__name__": __name__}
        exec(compile(f"def handler({name}{default}): ...", __file__, "exec"), made)
        message = refusal(made["handler"])
        assert f"parameter '{name}' has no annotation" in message
        assert f"Fix: annotate it: {name}: {kind} (or {name}: Query[str]" in message


def test_the_same_names_are_free_where_they_say_what_they_are() -> None:
    def in_the_path(body, state): ...  # type: ignore[no-untyped-def]

    def annotated(request: Query[str], body: str, state: int = 0) -> None: ...

    def others(word, item, socket_id="x"): ...  # type: ignore[no-untyped-def]

    assert {one.source for one in plan_handler(in_the_path, ("body", "state")).arguments} == {Source.PATH}
    for handler in (annotated, others):
        assert {one.source for one in plan_handler(handler, ()).arguments} == {Source.QUERY}


def test_a_websocket_handler_without_annotations_is_told_so() -> None:
    async def live(ws): ...  # type: ignore[no-untyped-def]

    assert "annotate it: ws: WebSocket" in refusal(live, websocket=True)


def with_default(annotation: Any, default: Any) -> Any:
    def handler(size: int = 0) -> None: ...

    handler.__annotations__["size"] = annotation
    handler.__defaults__ = (default,)
    return handler


@pytest.mark.parametrize(
    ("annotation", "default", "fix"),
    [
        (int, called(5), "Query(5) for its default, and Query is a type. Fix: size: Query[int] = 5"),
        (int, called(default=5), "Fix: size: Query[int] = 5"),
        (int, called(...), "Query(...) for its default, and Query is a type. Fix: size: Query[int]"),
        (int | None, called(None), "Fix: size: Query[int | None] = None"),
        (Optional[str], called(None), "Fix: size: Query[Optional[str]] = None"),  # noqa: UP045 - as it is written
        (list[str], called([]), "Fix: size: Query[list[str]] = []"),
        (Query[int], called(), "Fix: size: Query[int]"),
        (str, Header(None), "Fix: size: Header[str] = None"),  # type: ignore[operator]
        (str, Cookie("x"), "Fix: size: Cookie[str] = 'x'"),  # type: ignore[operator]
        (str, Path(), "Fix: size: Path[str]"),  # type: ignore[operator]
        (dict, Body(), "Fix: size: Body[dict]"),  # type: ignore[operator]
        (
            int,
            called(5, ge=1, alias="page-size"),
            "Fix: size: Annotated[int, QueryParam(name='page-size'), msgspec.Meta(ge=1)] = 5",
        ),
        (int, ..., "`...` for its default. Fix: size: int, without a default it is required"),
        (str, print, "Fix: call it in the handler, or bind it with functools.partial"),
        (list, list, "with functools.partial"),
        (int, QueryParam(), "a marker for its default. Fix: size: Annotated[<type>, QueryParam(...)]"),
    ],
)
def test_a_default_that_is_none(annotation: Any, default: Any, fix: str) -> None:
    message = refusal(with_default(annotation, default))
    assert "parameter 'size' has" in message
    assert message.endswith(fix)


def test_a_called_alias_needs_no_annotation_to_be_found() -> None:
    def handler(size=called(5), word=...): ...  # type: ignore[no-untyped-def]

    assert refusal(handler).endswith("Fix: size: Query[str] = 5")


@pytest.mark.parametrize(
    ("annotation", "fix"),
    [
        (Query, "Query alone. Fix: size: Query[str] = 7"),
        (Query | None, "Query alone. Fix: size: Query[str] = 7"),  # type: ignore[operator]
        (None | Query, "Query alone. Fix: size: Query[str] = 7"),  # type: ignore[operator]
        (Annotated[int, Header], "Header alone. Fix: size: Header[int] = 7"),
        (Annotated[int, called(ge=1)], "Query(ge=1). Fix: size: Annotated[int, QueryParam(), msgspec.Meta(ge=1)] = 7"),
        (Annotated[int, QueryParam(5)], "QueryParam(5) takes a name first"),  # type: ignore[arg-type]
    ],
)
def test_an_annotation_that_says_nothing(annotation: Any, fix: str) -> None:
    assert fix in refusal(with_default(annotation, 7))


def test_another_frameworks_request_is_told_from_ours() -> None:
    class Request:
        """Has the name of ours."""

    class State(msgspec.Struct):
        """A body that happens to be called so."""

    def handler(request: Request) -> None: ...

    def optional(request: Request | None = None) -> None: ...

    def body(value: State) -> None: ...

    for wrong in (handler, optional):
        message = refusal(wrong)
        assert "Request, which nobody injects. Fix: from hinge import Request" in message
    assert plan_handler(body, ()).arguments[0].source is Source.BODY


def test_an_alias_is_the_annotated_type() -> None:
    assert Query[int] == Annotated[int, QueryParam()]
    assert Query[int] | None == Annotated[int, QueryParam()] | None
    assert repr(Query) == "hinge.Query"


def test_compile_tells_every_slip_at_once_and_registers_nothing_silently() -> None:
    app = App()

    @app.get("/a")
    def first(request): ...  # type: ignore[no-untyped-def]

    @app.get("/b")
    def second(size: int = called(5)) -> None: ...

    with pytest.raises(ConfigurationError) as caught:
        app.compile("wsgi")
    assert [line.partition("Fix: ")[2] for line in str(caught.value).splitlines()] == [
        "annotate it: request: Request (or request: Query[str] if a query parameter is meant)",
        "size: Query[int] = 5",
    ]
