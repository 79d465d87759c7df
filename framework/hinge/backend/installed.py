"""Finding and loading a backend by its name.

Law: what is loaded fulfils the contract as far as can be seen without calling it. One that does not is told in one line
to whoever asks for it by name, and to nobody else.
"""

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import is_dataclass
from functools import cache
from typing import Any

from hinge.backend.contract import CONTRACT, Application, Backend, Feature
from hinge.backend.entry_points import plain_entry_points
from hinge.config import resolve_options
from hinge.diagnostics.kinds import shown
from hinge.diagnostics.location import UNKNOWN, raised_at
from hinge.diagnostics.misuse import near
from hinge.errors import ConfigurationError
from hinge.extras import DISTRIBUTION

GROUP = "hinge.backends"
"""The entry-point group in which backends are found."""


def installed_backends() -> list[str]:
    """Return the sorted names of the installed backends; none is loaded."""
    return sorted(_entries())


def usable_backends() -> dict[str, Backend]:
    """Return the installed backends by name, without those that cannot be loaded."""
    found = {}
    for name in installed_backends():
        try:
            found[name] = load_backend(name)
        except ConfigurationError:
            continue
    return found


_loaded: dict[str, Backend] = {}


def load_backend(name: str) -> Backend:
    """Return the installed backend of that name.

    Raises:
        ConfigurationError: in one line: no such backend is installed, or several are; its package does not import; or
            it does not fulfil the contract, or another one.
    """
    if name in _loaded:
        return _loaded[name]
    entries = _entries()
    if name not in entries:
        known = ", ".join(sorted(entries)) or "none"
        raise ConfigurationError(f"no backend {name!r} is installed; installed: {known}. Fix: name one of these")
    values = {entry.value: _distribution(entry) for entry in entries[name]}
    if len(values) > 1:
        places = " and ".join(f"{value} of {distribution}" for value, distribution in values.items())
        raise ConfigurationError(f"backend {name!r} is installed twice: {places}. Fix: uninstall one of the two")
    entry = entries[name][0]
    who = f"backend {name!r} ({entry.value})"
    try:
        backend = entry.load()
    except KeyboardInterrupt:  # the user's
        raise
    except BaseException as error:  # also a sys.exit(), or what a test runner skips with
        raise ConfigurationError(f"{who} does not import: {_unimported(entry, error)}") from error
    try:
        _check(who, name, backend)
    except (ConfigurationError, KeyboardInterrupt):
        raise
    except BaseException as error:  # of a property, or of a value's own methods
        raise ConfigurationError(f"{who}: to look at it raises {_said(error)}") from error
    return _loaded.setdefault(name, backend)


@cache
def own_packages() -> frozenset[str]:
    """Return the names of the packages of the backends that come with Hinge."""
    entries = [one for entries in _entries().values() for one in entries if _distribution(one) == DISTRIBUTION]
    return frozenset(map(_package, entries))


def options_of(backend: Backend) -> Any:
    """Return the options that users have set for a backend, None for one without.

    Raises:
        ConfigurationError: one is wrong, or missing, or not the backend's.
    """
    return resolve_options(backend.name, getattr(backend, "options", None))


def compiled(backend: Backend, frozen: Any) -> Application:
    """Return what a backend compiles a frozen app into.

    Raises:
        ConfigurationError: it is no application; or the backend failed, and not the app's native middleware.
    """
    package = type(backend).__module__.partition(".")[0]
    try:
        application = backend.compile(frozen)
    except ConfigurationError:
        raise
    except Exception as error:
        from traceback import walk_tb  # noqa: PLC0415 - only a backend that fails pays for it

        if any(frame.f_code is frozen.wrap.__func__.__code__ for frame, _ in walk_tb(error.__traceback__)):
            raise
        place = raised_at(error, package) or UNKNOWN
        what = f"failed to compile the app: {shown(error)} ({place})"
        raise ConfigurationError(f"backend {backend.name} {what}. Fix: update the backend") from error
    _check_application(f"backend {backend.name}: compile returned {shown(application)}", backend, application)
    return application


def _check_application(returned: str, backend: Any, application: Any) -> None:
    if not all(callable(getattr(application, part, None)) for part in _LIFE):
        raise ConfigurationError(f"{returned}; an Application has {', '.join(_LIFE)}. Fix: update the backend")
    entry = getattr(backend, "entry", None) or "__call__"
    if not callable(getattr(application, entry, None)):
        raise ConfigurationError(f"{returned}; it has no {entry}. Fix: entry = the name of what the server calls")


def _entries() -> dict[str, list[Any]]:
    """Return the entry points by name; where there are some of Hinge's own distribution, no others."""
    found: dict[str, list[Any]] = {}
    for entry in _found():
        found.setdefault(entry.name, []).append(entry)
    own = {name: [one for one in entries if _distribution(one) == DISTRIBUTION] for name, entries in found.items()}
    return {name: own[name] or entries for name, entries in found.items()}


def _found() -> Iterable[Any]:
    plain = plain_entry_points(GROUP)
    if plain is not None:
        return plain
    from importlib.metadata import distributions, entry_points  # noqa: PLC0415 - as long to import as a compile takes

    try:
        return entry_points(group=GROUP)
    except Exception:  # noqa: BLE001 - a file of some distribution that cannot be read: the others stand for themselves
        found = []
        for distribution in distributions():
            with suppress(Exception):
                found += [entry for entry in distribution.entry_points if entry.group == GROUP]
        return found


def _package(entry: Any) -> str:
    """Return the outermost package of what an entry point names, as in `package.module:object`."""
    name: str = entry.value
    return name.partition(":")[0].partition(".")[0]


def _distribution(entry: Any) -> str:
    return getattr(entry.dist, "name", None) or "a distribution without a name"


def _said(error: BaseException) -> str:
    """Return what an exception of somebody else says, in one line, and what to do."""
    return f"{shown(error)}. Fix: update it, or uninstall it"


def _unimported(entry: Any, error: BaseException) -> str:
    """Return what the import of a backend's package failed with, and what to do."""
    place = raised_at(error, _package(entry))
    is_missing = isinstance(error, ImportError)
    said = " ".join(str(error).split()) if is_missing or isinstance(error, AttributeError) else shown(error)
    if place is None:  # nothing of the package has run, or all of it
        return f"{said}. Fix: its entry point, {entry.name} = 'module:the backend'"
    return f"{said} ({place}). Fix: {'install what it needs' if is_missing else 'update it, or uninstall it'}"


# -- what can be seen without a call -----------------------------------------------------------------------------------

_METHODS = ("compile", "placement", "connect")
_LIFE = ("start", "drain", "stop")
_OPTIONAL: dict[str, tuple[Callable[[Any], bool], str]] = {
    "run": (callable, "a method"),
    "deployment": (lambda value: isinstance(value, str) and "\n" not in value, "one line of text"),
    "entry": (lambda value: isinstance(value, str), "the name of a method of what compile returns"),
    "options": (
        lambda value: isinstance(value, type) and hasattr(value, "__struct_fields__") | is_dataclass(value),
        "the class of a msgspec.Struct or a dataclass",
    ),
}
_PARTS = ("name", "interface", "features", "contract", *_METHODS)


def _check(who: str, name: str, backend: Any) -> None:
    """Refuse what is no backend, what is written for another contract, and what is not what the contract asks for."""
    if isinstance(backend, type):
        raise ConfigurationError(f"{who} is a class. Fix: name an instance: backend = {backend.__name__}()")
    parts = {part: _read(who, backend, part) for part in _PARTS}
    _check_contract(who, parts["contract"])
    if parts["name"] != name:
        raise ConfigurationError(f"{who} says that its name is {shown(parts['name'])}. Fix: the entry point's name")
    if not isinstance(parts["interface"], str):
        raise ConfigurationError(f"{who}: its interface is {shown(parts['interface'])}. Fix: a text")
    features = parts["features"]
    if not isinstance(features, AbstractSet) or not all(isinstance(one, Feature) for one in features):
        raise ConfigurationError(
            f"{who}: its features are {shown(features)}. "
            "Fix: a set of those of hinge.backend.Feature that it has, as frozenset({Feature.STREAMING})"
        )
    for part in _METHODS:
        if not callable(parts[part]):
            raise ConfigurationError(f"{who}: its {part} is {shown(parts[part])}. Fix: a method")
    for part, (fits, fix) in _OPTIONAL.items():
        if hasattr(type(backend), part) or part in getattr(backend, "__dict__", ()):
            value = _read(who, backend, part)
            if value is not None and not fits(value):
                raise ConfigurationError(f"{who}: its {part} is {shown(value)}. Fix: {fix}")
        elif mistyped := _mistyped(backend, part):
            raise ConfigurationError(f"{who}: it has {mistyped!r}. Fix: did you mean {part!r}? If not, begin it with _")


def _read(who: str, backend: Any, part: str) -> Any:
    try:
        return getattr(backend, part)
    except AttributeError:
        mistyped = _mistyped(backend, part)
        fix = f"rename its {mistyped}" if mistyped else "update it"
        raise ConfigurationError(f"{who} has no {part}, which hinge.backend.Backend asks for. Fix: {fix}") from None
    except KeyboardInterrupt:  # the user's
        raise
    except BaseException as error:
        raise ConfigurationError(f"{who}: its {part} raises {_said(error)}") from error


def _mistyped(backend: Any, part: str) -> str | None:
    """Return the public attribute that is nearly called as a part that is not there."""
    return near(part, [name for name in dir(backend) if name[0] != "_" and name not in (*_PARTS, *_OPTIONAL)], 0.8)


def _check_contract(who: str, contract: Any) -> None:
    match contract:
        case (int(major), int(minor)):
            pass
        case other:
            raise ConfigurationError(f"{who}: its contract is {shown(other)}. Fix: contract = {CONTRACT}, two numbers")
    here = f"{who} is written for contract {major}.{minor} of hinge.backend, and this Hinge has {_dotted(CONTRACT)}"
    if (major, minor) > CONTRACT:
        raise ConfigurationError(f"{here}. Fix: update {DISTRIBUTION}")
    if major < CONTRACT[0]:
        raise ConfigurationError(f"{here}. Fix: update the backend, or keep the Hinge it was written for")


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
