"""A callable's colour and its parameters with their annotations resolved.

Law: read once, at declaration or compile, from code and annotations; nothing is called to find out. Whatever form the
callable has (method, partial, decorated, callable object), it is the function the user wrote that is read.
"""

import enum
import functools
import inspect
import typing
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

from hinge.diagnostics.location import unwrap
from hinge.errors import ConfigurationError


class Colour(enum.Enum):
    """What calling the handler gives."""

    SYNC = "def"
    ASYNC = "async def"
    SYNC_GENERATOR = "def with yield"
    ASYNC_GENERATOR = "async def with yield"


def colour_of(handler: Callable[..., Any]) -> Colour:
    """Return what calling the handler gives, decided by its code and never by trying.

    A decorator's wrapper counts, not what it wraps: a `def` around an `async def` may well run it to its end.
    """
    while isinstance(handler, functools.partial | staticmethod):
        handler = handler.func if isinstance(handler, functools.partial) else handler.__func__
    marked = inspect.iscoroutinefunction(handler)  # an instance may be marked as one
    if not inspect.isroutine(handler) and not inspect.isclass(handler):
        handler = type(handler).__call__
    if marked or inspect.iscoroutinefunction(handler):
        return Colour.ASYNC
    if inspect.isasyncgenfunction(handler):
        return Colour.ASYNC_GENERATOR
    if inspect.isgeneratorfunction(handler):
        return Colour.SYNC_GENERATOR
    return Colour.SYNC


def read_signature(
    handler: Callable[..., Any], who: str, *, allows_class: bool = False
) -> tuple[list[inspect.Parameter], dict[str, Any]]:
    """Return the parameters that a caller fills, and the resolved annotations by name.

    What a `functools.partial` binds is no parameter any more: it is the program's choice, not the client's.

    Raises:
        ConfigurationError: the signature cannot be read, an annotation not resolved, or a parameter not be filled.
    """
    if inspect.isclass(handler) and not allows_class:
        raise ConfigurationError(f"{who}: it is a class. Fix: register a function, or an instance with __call__")
    try:
        signature = inspect.signature(handler)
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"{who}: it has no readable signature. Fix: wrap it in a function") from error
    hints = _hints_of_class(handler, who) if inspect.isclass(handler) else _hints(unwrap(handler), who)
    bound = handler.keywords if isinstance(handler, functools.partial) else {}
    kept = [parameter for name, parameter in signature.parameters.items() if name not in bound]
    for index, parameter in enumerate(kept):
        _check_parameter(parameter, who, is_first_of_method=index == 0 and _is_unbound_method(handler))
        if isinstance(parameter.annotation, str) and parameter.name not in hints:
            raise ConfigurationError(
                f"{who}: parameter {parameter.name!r}: its annotation {parameter.annotation!r} is a text of nothing. "
                f"Fix: give __signature__ a type"
            )
    return kept, hints


def _hints_of_class(kind: type, who: str) -> dict[str, Any]:
    """Return the annotations of what makes an object: those of the fields, and over them those of `__init__`."""
    makers = [
        vars(base)[name] for base in reversed(kind.__mro__) for name in ("__new__", "__init__") if name in vars(base)
    ]
    found = _hints(kind, who)
    for maker in makers:
        found |= _hints(unwrap(maker), who)
    return found | {"return": kind}


def parameters_of(function: Callable[..., Any], who: str) -> Iterator[tuple[inspect.Parameter, Any]]:
    """Yield the parameters of a function that is no handler, each with its annotation resolved.

    Raises:
        ConfigurationError: an annotation cannot be resolved.
    """
    hints = _hints_of(function, who, lambda name: name != "return")
    bound = function.keywords if isinstance(function, functools.partial) else {}
    for name, parameter in inspect.signature(function).parameters.items():
        if name not in bound:
            yield parameter, hints.get(name, parameter.annotation)


def return_hint(function: Callable[..., Any], who: str) -> Any:
    """Return the resolved return annotation, Any if there is none; those of the parameters are not looked at.

    Raises:
        ConfigurationError: it cannot be resolved.
    """
    return _hints_of(function, who, lambda name: name == "return").get("return", Any)


def _hints_of(function: Callable[..., Any], who: str, is_wanted: Callable[[str], bool]) -> dict[str, Any]:
    function = unwrap(function)
    wanted = {name: one for name, one in getattr(function, "__annotations__", {}).items() if is_wanted(name)}
    return _hints(SimpleNamespace(__annotations__=wanted, __globals__=getattr(function, "__globals__", {})), who)


def takes_one(function: Callable[..., Any], who: str, what: str) -> bool:
    """Tell whether a callable takes one argument, or none; those with a default are its own affair.

    Raises:
        ConfigurationError: it needs more, or takes it by keyword only.
    """
    needed = [
        parameter
        for parameter in inspect.signature(function).parameters.values()
        if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD
    ]
    if len(needed) > 1 or any(parameter.kind is parameter.KEYWORD_ONLY for parameter in needed):
        names = ", ".join(str(parameter.replace(annotation=parameter.empty)) for parameter in needed)
        raise ConfigurationError(f"{who}: it takes ({names}). Fix: take {what}, or nothing")
    return bool(needed)


def _hints(function: Any, who: str) -> dict[str, Any]:
    if not hasattr(function, "__annotations__"):
        return {}
    try:
        return typing.get_type_hints(function, include_extras=True)
    except Exception as error:  # whatever evaluating a text raises
        name, why = _culprit(function), str(error) or type(error).__name__
        what = "the return annotation" if name == "return" else f"parameter {name!r}: its annotation"
        raise ConfigurationError(
            f"{who}: {what} cannot be resolved: {why}. "
            f"Fix: define or import it at the level of the handler's module, not under TYPE_CHECKING"
        ) from error


def _culprit(function: Any) -> str:
    """Return the name of the parameter (or `return`) whose annotation cannot be resolved."""
    for name, annotation in function.__annotations__.items():
        probe = SimpleNamespace(__annotations__={name: annotation})
        try:
            typing.get_type_hints(probe, globalns=getattr(function, "__globals__", {}), include_extras=True)
        except Exception:  # noqa: BLE001 - as above
            return str(name)
    return "return"


def _is_unbound_method(handler: Any) -> bool:
    qualname = getattr(handler, "__qualname__", "").rpartition("<locals>.")[2]
    return inspect.isfunction(handler) and "." in qualname


def _check_parameter(parameter: inspect.Parameter, who: str, *, is_first_of_method: bool) -> None:
    if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
        stars = "*" if parameter.kind is inspect.Parameter.VAR_POSITIONAL else "**"
        raise ConfigurationError(
            f"{who}: parameter {stars}{parameter.name} has no source. Fix: name each parameter; "
            f"in a decorator, put functools.wraps on the wrapper"
        )
    if is_first_of_method and parameter.name in ("self", "cls") and parameter.annotation is parameter.empty:
        raise ConfigurationError(
            f"{who}: parameter {parameter.name!r}: it is a method without its object. "
            f"Fix: register the bound method, as in app.get(path)(instance.method)"
        )
