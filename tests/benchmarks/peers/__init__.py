"""The other frameworks, each in a module of its own, written the way its documentation writes.

A module has `NAME`, `PACKAGE`, one function for each interface that the framework speaks (`wsgi(layers)`,
`asgi(layers)`: the callable behind so many middlewares), and `LACKS`: what it cannot do, by interface, and why. Where a
framework does not validate bodies itself, msgspec does, the fastest that there is; where it has no server-sent events,
the events are written by hand. Documentation, schemas and sessions that can be left out are left out.
"""

from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

from cases import CASES, Case
from interfaces import INTERFACES

MODULES = ("starlette_", "fastapi_", "litestar_", "falcon_", "blacksheep_", "quater_", "flask_", "bottle_", "django_")


class Peer(NamedTuple):
    """One framework on one interface."""

    name: str
    interface: str
    build: Callable[[int], Any]
    cases: list[Case]
    lacks: dict[str, str]


def installed() -> Iterator[Peer]:
    """Yield every peer whose package is installed, once for each interface."""
    for module_name in MODULES:
        if find_spec(module_name.rstrip("_")) is None:
            continue
        module = import_module(f"peers.{module_name}")
        for interface in INTERFACES:
            build = getattr(module, interface, None)
            if build is not None:
                lacks = module.LACKS.get(interface, {})
                yield Peer(module.NAME, interface, build, [case for case in CASES if case.name not in lacks], lacks)
