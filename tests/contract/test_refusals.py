"""Declarations that no backend compiles: each would let somebody in, leak something, or fail at the first request."""

import dataclasses
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple, TypeVar

import pytest
from annotated_types import Le, Predicate

from hinge import App, Body, ConfigurationError
from hinge.backend.contract import Backend


@dataclasses.dataclass(frozen=True)
class Depends:
    """As another framework's."""

    dependency: Callable[..., Any]


def current_user() -> str:
    return "ada"


def by_default(value: str = Depends(current_user)) -> None: ...  # type: ignore[assignment]


def by_note(value: Annotated[str, Depends(current_user)]) -> None: ...


def by_predicate(value: Annotated[str, Predicate(str.islower)]) -> None: ...


def excluded() -> Annotated[str, Depends(current_user)]:
    return "secret"


class Row(NamedTuple):
    """Its notes are looked at, too."""

    name: str
    password: Annotated[str, Depends(current_user)]


T = TypeVar("T", bound=Annotated[str, Depends(current_user)])


def in_row(value: Body[Row]) -> None: ...


def row_sent() -> Row:
    return Row("ada", "secret")


def in_bound(value: Body[list[T]]) -> None: ...


def beyond(value: Annotated[int, Le(2**70)]) -> None: ...


HANDLERS = [by_default, by_note, by_predicate, excluded, in_row, row_sent, in_bound, beyond]


@pytest.mark.parametrize("handler", HANDLERS)
def test_no_backend_compiles_it(backend: Backend, handler: Callable[..., Any]) -> None:
    app = App()
    app.post("/x")(handler)
    with pytest.raises(ConfigurationError, match=rf"{handler.__name__} \(.*test_refusals\.py:\d+\).*\. Fix: "):
        app.compile(backend.name)
