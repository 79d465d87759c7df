"""What a parameter's declaration says and cannot mean: habits from elsewhere that would silently be a query parameter.

Law: refused where the handler is planned, with the line to write instead. A name without an annotation is refused only
if it is that of something Hinge injects; any other one is a `str` from the query string.
"""

import inspect
from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin

from hinge.annotations import is_record, members, unalias
from hinge.errors import ConfigurationError
from hinge.params import Alias, Called, Param

_INJECTED_NAMES = {
    "request": "Request",
    "req": "Request",
    "ws": "WebSocket",
    "websocket": "WebSocket",
    "state": "State",
    "body": "Body[bytes]",
    "form": "FormData",
}
_OWN_CLASSES = ("Request", "WebSocket", "BodyStream", "State", "FormData", "UploadFile")
_LONG_NAMES = {"alias": "name", "regex": "pattern"}
_OF_MARKER = ("name", "description", "deprecated")
_OF_META = ("gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length", "pattern", "title")


def refuse_slips(parameter: inspect.Parameter, annotation: Any, who: str, *, in_path: bool) -> None:
    """Refuse a parameter whose name, annotation or default cannot be meant.

    Raises:
        ConfigurationError: with what to write instead.

    """
    name, default = parameter.name, parameter.default
    bare = annotation is inspect.Parameter.empty
    if isinstance(default, Called):
        raise ConfigurationError(
            f"{who} has {_call(default)} for its default, and {default.alias} is a type. "
            f"Fix: {name}: {_long_form(default, _type_text(annotation))}"
        )
    if isinstance(default, Param) or (isinstance(default, type) and issubclass(default, Param)):
        marker = default if isinstance(default, type) else type(default)
        raise ConfigurationError(
            f"{who} has a marker for its default. Fix: {name}: Annotated[<type>, {marker.__name__}(...)]"
        )
    if default is Ellipsis:
        declared = "" if bare else f": {_type_text(annotation)}"
        raise ConfigurationError(
            f"{who} has `...` for its default. Fix: {name}{declared}, without a default it is required"
        )
    if default is not parameter.empty and (inspect.isroutine(default) or inspect.isclass(default)):
        what = "class" if inspect.isclass(default) else "function"
        raise ConfigurationError(
            f"{who} has the {what} {default.__name__} for its default, and nobody calls it. "
            f"Fix: call it in the handler, or bind it with functools.partial"
        )
    misused = None if bare else next(_misused(annotation), None)
    if misused is not None:
        _refuse_annotation(parameter, annotation, misused, who)
    namesake = None if bare or in_path else next(filter(_is_namesake, members(annotation)), None)
    if namesake is not None:
        full = f"{namesake.__module__}.{namesake.__qualname__}"
        raise ConfigurationError(f"{who} is a {full}, which nobody injects. Fix: from hinge import {namesake.__name__}")
    if bare and name in _INJECTED_NAMES and not in_path:
        raise ConfigurationError(
            f"{who} has no annotation, so it would be a query parameter. "
            f"Fix: annotate it: {name}: {_INJECTED_NAMES[name]} (or {name}: Query[str] if a query parameter is meant)"
        )


def _is_namesake(kind: Any) -> bool:
    """Tell whether a type is another framework's request or the like."""
    return (
        isinstance(kind, type)
        and kind.__name__ in _OWN_CLASSES
        and kind.__module__.partition(".")[0] != "hinge"
        and not is_record(kind)
    )


def _refuse_annotation(parameter: inspect.Parameter, annotation: Any, misused: Alias | Called, who: str) -> None:
    if isinstance(misused, Called):
        wrong, right = _call(misused), _long_form(misused, _type_text(annotation))
    else:
        wrong, right = f"{misused.name} alone", f"{misused.name}[{_type_text(annotation)}]"
    default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
    raise ConfigurationError(f"{who} is annotated with {wrong}. Fix: {parameter.name}: {right}{default}")


def _misused(annotation: Any) -> Iterator[Alias | Called]:
    plain = unalias(annotation)
    if isinstance(plain, Alias | Called):
        yield plain
    elif get_origin(plain) is Annotated:
        yield from (note for note in plain.__metadata__ if isinstance(note, Alias | Called))
    for part in get_args(plain):
        yield from _misused(part)


def _call(called: Called) -> str:
    options = [f"{key}={value!r}" for key, value in called.options.items()]
    given = ["..." if value is Ellipsis else repr(value) for value in called.positional]
    return f"{called.alias}({', '.join([*given, *options])})"


def _long_form(called: Called, kind: str) -> str:
    """Return the annotation and the default that say what the call wanted to say."""
    options = {_LONG_NAMES.get(key, key): value for key, value in called.options.items()}
    of_marker = [f"{key}={options[key]!r}" for key in _OF_MARKER if key in options]
    of_meta = [f"{key}={options[key]!r}" for key in _OF_META if key in options]
    written = f"{called.alias}[{kind}]"
    if of_marker or of_meta:
        notes = [f"{called.alias}Param({', '.join(of_marker)})"]
        notes += [f"msgspec.Meta({', '.join(of_meta)})"] if of_meta else []
        written = f"Annotated[{kind}, {', '.join(notes)}]"
    default = called.positional[0] if called.positional else options.get("default", Ellipsis)
    return written if default is Ellipsis else f"{written} = {default!r}"


def _type_text(annotation: Any) -> str:
    """Return how the type is written, without markers and constraints; `str` where none is."""
    plain = unalias(annotation)
    if get_origin(plain) is Annotated:
        return _type_text(get_args(plain)[0])
    if annotation is inspect.Parameter.empty or next(_misused(plain), None) is not None:
        return "str"
    return (
        annotation.__name__
        if isinstance(annotation, type) and not get_args(annotation)
        else (str(annotation).replace("typing.", ""))
    )
