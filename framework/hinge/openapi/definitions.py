"""A model of pydantic -> its JSON Schema in parts, each of which becomes a component.

Law: pydantic says what the schema is. Definitions of one name that say the same, whichever model they came with, are
one component; others of that name are told apart as Hinge's own are (hinge.openapi.names).
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from hinge.errors import ConfigurationError

_ILLEGAL = re.compile(r"[^a-zA-Z0-9._-]")
_PLACE = "#/$defs/"
_encode = msgspec.json.Encoder(order="deterministic").encode


class Definition:
    """One component: its name, and all that it says, down to the last field."""

    __slots__ = ("__name__", "text")

    def __init__(self, name: str, text: bytes) -> None:
        self.__name__ = name.rstrip("_")  # of `Page[Item]`: `Page_Item`
        self.text = text


class Made(NamedTuple):
    """A schema, and the text of it and of all that it refers to."""

    schema: dict[str, Any]
    text: bytes


def definitions(cls: Any, mode: str) -> tuple[str, dict[str, Made]]:
    """Return what a model is called, and the schemas of it and of what it refers to; `mode` is as pydantic has it.

    Raises:
        ConfigurationError: it has no JSON schema.
    """
    try:
        whole = cls.model_json_schema(mode=mode)
    except (RuntimeError, TypeError, ValueError) as error:
        said = str(error).partition("\n")[0]
        raise ConfigurationError(
            f"the model {cls.__module__}.{cls.__qualname__} has no JSON schema: {said}. "
            "Fix: pydantic.WithJsonSchema at the field, or include_in_schema=False at the route"
        ) from error
    parts: dict[str, Any] = whole.pop("$defs", {})
    own = whole.get("$ref", "").removeprefix(_PLACE)
    if own not in parts:
        names = (_ILLEGAL.sub("_", name) for name in (cls.__name__, f"{cls.__module__}.{cls.__qualname__}"))
        own = next(name for name in names if name not in parts)
        parts[own] = whole
    return own, {name: Made(schema, _text(name, parts)) for name, schema in parts.items()}


def links(schema: Any) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Yield where a schema refers to another one: a dict, a key of it, and the other one's name."""
    if isinstance(schema, list):
        for one in schema:
            yield from links(one)
    elif isinstance(schema, dict):
        for key, value in schema.items():
            if key == "discriminator" and isinstance(value, dict):
                mapping = value.get("mapping", {})
                yield from [(mapping, tag, place.removeprefix(_PLACE)) for tag, place in mapping.items()]
            elif key == "$ref" and isinstance(value, str) and value.startswith(_PLACE):
                yield schema, key, value.removeprefix(_PLACE)
            elif key not in ("default", "const", "enum", "examples"):
                yield from links(value)


def _text(name: str, parts: dict[str, Any]) -> bytes:
    reached, waiting = {name: parts[name]}, [name]
    for one in waiting:
        for _, _, other in links(parts[one]):
            if other not in reached:
                reached[other] = parts[other]
                waiting.append(other)
    return _encode(reached)
