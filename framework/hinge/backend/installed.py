"""Finding and loading a backend by its name.

Law: what is loaded fulfils the contract as far as can be seen without calling it.
"""

from typing import Any

from hinge.backend.contract import CONTRACT, Backend
from hinge.errors import ConfigurationError
from hinge.extras import DISTRIBUTION

GROUP = "hinge.backends"
"""The entry-point group in which backends are found."""


def installed_backends() -> dict[str, Any]:
    """Return the entry point of every installed backend by name, unloaded, sorted by name."""
    from importlib.metadata import entry_points  # noqa: PLC0415 - 10 ms that only a compile by name pays

    return {entry.name: entry for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name)}


_loaded: dict[str, Backend] = {}


def load_backend(name: str) -> Backend:
    """Return the installed backend of that name.

    Raises:
        ConfigurationError: no such backend is installed, its package does not import, or it is for another contract.

    """
    if name in _loaded:
        return _loaded[name]
    entries = installed_backends()
    if name not in entries:
        known = ", ".join(entries) or "none"
        raise ConfigurationError(f"no backend {name!r} is installed; installed: {known}. Fix: name one of these")
    try:
        backend = entries[name].load()
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"backend {name!r} ({entries[name].value}) does not import: {error}. Fix: install what it needs"
        ) from error
    _check(f"backend {name!r} ({entries[name].value})", backend)
    return _loaded.setdefault(name, backend)


_PARTS = ("name", "interface", "features", "contract", "compile", "placement", "connect")


def _check(who: str, backend: Any) -> None:
    missing = [part for part in _PARTS if not hasattr(backend, part)]
    if missing:
        raise ConfigurationError(f"{who} has no {missing[0]}, which hinge.backend.Backend asks for. Fix: update it")
    match backend.contract:
        case (int(major), int(minor)):
            pass
        case other:
            raise ConfigurationError(f"{who}: its contract is {other!r}. Fix: contract = {CONTRACT}, two numbers")
    here = f"{who} is written for contract {major}.{minor} of hinge.backend, and this Hinge has {_dotted(CONTRACT)}"
    if (major, minor) > CONTRACT:
        raise ConfigurationError(f"{here}. Fix: update {DISTRIBUTION}")
    if major < CONTRACT[0]:
        raise ConfigurationError(f"{here}. Fix: update the backend, or keep the Hinge it was written for")


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
