"""Marks of other frameworks, and the line to write instead of one.

Law: none of them is imported. What a mark wants to say is read off its attributes, which all have from each other: a
`dependency`, `ge` and its like, or `metadata` with constraints in the words of `annotated_types`.
"""

import inspect
from collections.abc import Iterator
from typing import Any

from hinge.binding.params import Called
from hinge.binding.spelling import OPTIONS, long_form, meta_text, type_text
from hinge.diagnostics.location import qualified_name
from hinge.inspection.annotations import is_record

_SOURCES = ("Query", "Header", "Cookie", "Body", "Form", "Path")
"""What marks of a source are called everywhere."""


def shown(mark: Any) -> str:
    """Return how a message names a mark: by its class, since the text of some is long."""
    if isinstance(mark, type):
        return f"the class {mark.__qualname__}"
    return f"a {qualified_name(mark)}" if mark is not Ellipsis else "`...`"


def instead(mark: Any, name: str, annotation: Any = None, *, is_default: bool = False) -> str | None:
    """Return what to write for a mark at a parameter (without an `annotation`: at a field), None if it is unknown."""
    if (called := call_of(mark, name)) is not None:
        return called
    options = dict(_options(mark))
    kind = type(mark).__name__.removesuffix("Kwarg")
    if kind == "File":
        return f"{name}: UploadFile"
    source = kind if kind in _SOURCES else None
    for attribute in ("header", "cookie", "query"):
        if isinstance(getattr(mark, attribute, None), str):
            source, options["name"] = attribute.title(), getattr(mark, attribute)
    if annotation is None or (source is None and not is_default):
        return meta_text(options)
    if source is None and not options:
        return None
    usual = "Body" if is_record(annotation) else "Query"
    return f"{name}: {long_form(Called(source or usual, (), options), type_text(annotation))}"


def at_field(mark: Any, name: str, annotation: Any) -> str:
    """Return what to write for a mark that is the default of a record's field."""
    if (called := call_of(mark, name)) is not None:
        return f"leave the field out; {called}"
    if getattr(mark, "exclude", None) is True:
        return "leave the field out of the class that is sent"
    options = dict(_options(mark))
    meta = meta_text(options)
    if meta is None and "default" not in options:
        return "a value of the annotated type, or none at all"
    written = type_text(annotation) if meta is None else f"Annotated[{type_text(annotation)}, {meta}]"
    return f"{name}: {written}" + (f" = {options['default']!r}" if "default" in options else "")


def call_of(mark: Any, name: str, within: str = "handler") -> str | None:
    """Return the call to write for a mark that names a function, or for a function; None for any other mark."""
    function = mark if inspect.isroutine(mark) else getattr(mark, "dependency", None)
    if not callable(function) or isinstance(mark, type):
        return None
    called = qualified_name(function).rpartition(".")[2]
    if qualified_name(function) == "hinge.dependencies.depends.Depends":
        return f"{name}: Annotated[..., Depends(f)], a call with the provider"
    if function is not mark and within == "handler":
        if scopes := getattr(mark, "scopes", None):
            return f"{name}: Annotated[..., hinge.Security({called}, scopes={list(scopes)!r})] in the handler"
        return f"{name}: Annotated[..., hinge.Depends({called})] in the handler"
    return f"{name} = {called}(...) in the {within}"


def _options(mark: Any) -> Iterator[tuple[str, Any]]:
    """Yield what a mark says in words that Hinge and msgspec have too."""
    for part in (mark, *getattr(mark, "metadata", ())):
        for key in OPTIONS:
            value = getattr(part, key, None)
            if isinstance(value, (str, int, float)) and value is not False:
                yield key, value
    default = getattr(mark, "default", ...)
    if default is None or isinstance(default, (str, int, float)):
        yield "default", default
