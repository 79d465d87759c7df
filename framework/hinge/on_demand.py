"""Names of a package whose modules are loaded when one is asked for.

Law: importing a package costs what is named of it. Type checkers read imports: whatever is offered so is imported under
`TYPE_CHECKING` as well, and a test holds one to the other.
"""

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any

_ROOMS = (
    "hinge",
    "hinge.middleware",
    "hinge.observability",
    "hinge.health",
    "hinge.security",
    "hinge.sessions",
    "hinge.codecs",
)
"""The packages whose names are looked for in one another."""


def places(rooms: Mapping[str, str]) -> dict[str, str]:
    """Return the module of each name, of modules below `hinge` with the names that each has, separated by spaces."""
    return {name: f"hinge.{room}" for room, names in rooms.items() for name in names.split()}


def refuse_foreign(package: str, name: str) -> None:
    """Say what to write for a name that other frameworks have.

    Raises:
        ImportError: it is one. Of an `AttributeError`, `from hinge import X` would not show the text.
    """
    if name.startswith("_"):
        return
    from hinge.diagnostics.elsewhere import IMPORTS  # noqa: PLC0415 - only what fails pays for it

    fix = IMPORTS.get(name)
    if fix is None and name[0].isupper():
        rooms = [room for room in _ROOMS if room != package and name in import_module(room).__all__]
        fix = f"from {rooms[0]} import {name}" if rooms else None
    if fix is not None:
        raise ImportError(f"cannot import name {name!r} from {package!r}. Fix: {fix}", name=package)


def on_demand(
    package: dict[str, Any], place_of: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], Iterable[str]]]:
    """Return the `__getattr__` and the `__dir__` of a package, of its globals and the module of each name."""

    def __getattr__(name: str) -> Any:  # noqa: N807 - what a module calls it
        if name not in place_of:
            refuse_foreign(package["__name__"], name)
            raise AttributeError(f"module {package['__name__']!r} has no attribute {name!r}")
        value = package[name] = getattr(import_module(place_of[name]), name)
        return value

    return __getattr__, lambda: [*package, *place_of]
