"""Declarations that no backend compiles: each would let somebody in, leak something, or fail at the first request."""

import dataclasses
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from annotated_types import Predicate

from hinge import App, ConfigurationError
from hinge.backend import Backend


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


@pytest.mark.parametrize("handler", [by_default, by_note, by_predicate, excluded])
def test_no_backend_compiles_it(backend: Backend, handler: Callable[..., Any]) -> None:
    app = App()
    app.post("/x")(handler)
    with pytest.raises(ConfigurationError, match=rf"{handler.__name__} \(.*test_refusals\.py:\d+\).*\. Fix: "):
        app.compile(backend.name)
