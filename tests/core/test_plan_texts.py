"""Annotations that are texts, as `from __future__ import annotations` makes them: resolved once, or refused."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import pytest

from hinge import ConfigurationError, Header, Query, QueryParam, Request
from hinge.binding.plan import Source, plan_handler

if TYPE_CHECKING:
    from decimal import Decimal

    import nowhere


class Late(msgspec.Struct):
    later: Item


class Item(msgspec.Struct):
    name: str


def everything(
    request: Request,
    item_id: int,
    item: Late,
    size: Annotated[int, QueryParam(name="page-size"), msgspec.Meta(ge=1)] = 20,
    x_token: Header[str] | None = None,
) -> Item:
    raise NotImplementedError


def wraps(function: Any) -> Any:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


class Handlers:
    def method(self, item_id: int, item: Late) -> Item:
        raise NotImplementedError

    def __call__(self, item_id: int, item: Late) -> Item:
        raise NotImplementedError


@pytest.mark.parametrize("handler", [everything, wraps(everything), functools.partial(everything)])
def test_texts_are_resolved_in_the_module_of_the_function(handler: Any) -> None:
    plan = plan_handler(handler, ("item_id",))
    arguments = {argument.name: argument for argument in plan.arguments}
    assert [argument.source for argument in plan.arguments] == [
        Source.REQUEST,
        Source.PATH,
        Source.BODY,
        Source.QUERY,
        Source.HEADER,
    ]
    assert arguments["item"].type is Late
    assert (arguments["size"].alias, arguments["size"].default) == ("page-size", 20)
    assert (arguments["x_token"].type, arguments["x_token"].default) == (str | None, None)
    assert plan.returns is Item


@pytest.mark.parametrize("handler", [Handlers().method, Handlers()])
def test_those_of_methods_too(handler: Any) -> None:
    assert [argument.type for argument in plan_handler(handler, ("item_id",)).arguments] == [int, Late]


def only_for_checkers(first: int, amount: Query[Decimal]) -> None: ...


def attribute(first: int, amount: msgspec.Missing) -> None: ...  # type: ignore[name-defined]


def module(first: int, amount: nowhere.Missing) -> None: ...


def unresolved_return(first: int) -> Decimal: ...


@pytest.mark.parametrize("handler", [only_for_checkers, attribute, module])
def test_one_that_cannot_be_resolved_is_refused_with_its_parameter(handler: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        plan_handler(handler, ())
    message = str(caught.value)
    assert f"test_plan_texts.{handler.__name__} (" in message
    assert "test_plan_texts.py:" in message
    assert "parameter 'amount'" in message
    assert "Fix: define or import it at the level of the handler's module" in message
    assert "\n" not in message


def test_a_return_annotation_that_cannot_be_resolved_is_named() -> None:
    with pytest.raises(ConfigurationError, match="the return annotation cannot be resolved: name 'Decimal'"):
        plan_handler(unresolved_return, ())


def test_a_text_that_is_no_expression_is_refused() -> None:
    def handler(first: int, amount: Any) -> None: ...

    handler.__annotations__["amount"] = "not a type!"
    with pytest.raises(ConfigurationError, match="parameter 'amount': its annotation cannot be resolved"):
        plan_handler(handler, ())
