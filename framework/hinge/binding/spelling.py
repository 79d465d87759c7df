"""How a parameter is written: what messages name as wrong, and the line that they say to write.

Law: a text for people, of what is known when it goes wrong; nothing reads it.
"""

import inspect
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, get_args, get_origin

from hinge.binding.params import Alias, Called
from hinge.inspection.annotations import unalias

_LONG_NAMES = {"alias": "name", "regex": "pattern"}
_OF_MARKER = ("name", "description", "deprecated")
_OF_META = ("gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length", "pattern", "title")
OPTIONS = (*_LONG_NAMES, *_OF_MARKER, *_OF_META)
"""What a call or a mark may say."""


def misused(annotation: Any, aliases: tuple[Any, ...] = ()) -> Iterator[Alias | Called]:
    """Yield each alias that stands alone or is called, at any depth."""
    if isinstance(annotation, type):
        return
    plain = unalias(annotation)
    if plain is not annotation:
        if any(annotation is alias for alias in aliases):  # `type Tree = dict[str, Tree]`
            return
        aliases = (*aliases, annotation)
    if isinstance(plain, Alias | Called):
        yield plain
    elif get_origin(plain) is Annotated:
        yield from (note for note in plain.__metadata__ if isinstance(note, Alias | Called))
    for part in get_args(plain):
        yield from misused(part, aliases)


def call_text(called: Called) -> str:
    """Return the call as it was written."""
    options = [f"{key}={value!r}" for key, value in called.options.items()]
    given = ["..." if value is Ellipsis else repr(value) for value in called.positional]
    return f"{called.alias}({', '.join([*given, *options])})"


def long_form(called: Called, kind: str) -> str:
    """Return the annotation and the default that say what the call wanted to say."""
    options = {_LONG_NAMES.get(key, key): value for key, value in called.options.items()}
    of_marker = [f"{key}={options[key]!r}" for key in _OF_MARKER if key in options]
    meta = meta_text(options)
    written = f"{called.alias}[{kind}]"
    if of_marker or meta:
        notes = [f"{called.alias}Param({', '.join(of_marker)})", *([meta] if meta else [])]
        written = f"Annotated[{kind}, {', '.join(notes)}]"
    default = called.positional[0] if called.positional else options.get("default", Ellipsis)
    return written if default is Ellipsis else f"{written} = {default!r}"


def meta_text(options: Mapping[str, Any]) -> str | None:
    """Return the `msgspec.Meta` of what is a constraint among options, None if nothing is."""
    of_meta = [f"{key}={options[key]!r}" for key in _OF_META if key in options]
    return f"msgspec.Meta({', '.join(of_meta)})" if of_meta else None


def type_text(annotation: Any) -> str:
    """Return how the type is written, without markers and constraints; `str` where none is."""
    plain = unalias(annotation)
    if get_origin(plain) is Annotated:
        return type_text(get_args(plain)[0])
    if annotation is inspect.Parameter.empty or next(misused(plain), None) is not None:
        return "str"
    return (
        annotation.__name__
        if isinstance(annotation, type) and not get_args(annotation)
        else (str(annotation).replace("typing.", ""))
    )
