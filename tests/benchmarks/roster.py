"""Who is compared: which of the other frameworks are installed, and what each can answer."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

from cases import COMPOSED, COMPOSED_CASES, STACK, Around, Case, cases_of
from interfaces import INTERFACES
from over_asgi import started

MODULES = ("starlette_", "fastapi_", "litestar_", "falcon_", "blacksheep_", "quater_", "flask_", "bottle_", "django_")
COMPOSED_MODULES = ("fastapi_", "litestar_", "falcon_", "blacksheep_", "flask_")
"""Those that have a module with dependencies and sessions (peers.composed), which builds what answers those cases."""
NEWER = ("jero_", "muffin_")
"""Those of the table of the newer Python; they answer what people run, and nothing else."""


class Peer(NamedTuple):
    """One framework on one interface."""

    name: str
    interface: str
    module: str
    build: Callable[[Around], Any]
    cases: list[Case]
    lacks: dict[str, str]
    many: Callable[[str, int], Any] | None


def installed(names: Iterable[str] = MODULES) -> Iterator[Peer]:
    """Yield every peer whose package is installed, once for each interface."""
    for name in names:
        if find_spec(name.rstrip("_")) is None:
            continue
        module = import_module(f"peers.{name}")
        for interface in INTERFACES:
            build = getattr(module, interface, None)
            if build is not None:
                lacks = module.LACKS.get(interface, {})
                cases = [case for case in cases_of(interface) if case.name not in lacks and not case.only]
                if only := getattr(module, "CASES", ()):
                    cases = [case for case in cases if case.name in only]
                if name in COMPOSED_MODULES:
                    build = partial(_composed, import_module(f"peers.composed.{name}"), interface, build)
                else:
                    cases = [case for case in cases if case not in COMPOSED_CASES]
                if hasattr(module, "STARTS"):
                    build = partial(_started, build)
                yield Peer(module.NAME, interface, name, build, cases, lacks, getattr(module, "many", None))


def _composed(module: Any, interface: str, build: Callable[[Around], Any], around: Around) -> Any:
    """Return the application behind what is asked for, from the module that has it."""
    if around not in (COMPOSED, STACK):
        return build(around)
    application = getattr(module, interface)(around)
    return started(application) if hasattr(module, "STARTS") else application


def _started(build: Callable[[Around], Any], around: Around) -> Any:
    return started(build(around))
