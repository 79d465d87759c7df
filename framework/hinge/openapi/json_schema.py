"""A type, as msgspec sees it, -> its JSON Schema (draft 2020-12, the dialect of OpenAPI 3.1).

Law: what msgspec takes without a look has a schema that takes anything, and what is around it keeps its own. What
`msgspec.Meta` says wins over what is said here.
"""

from collections.abc import Callable, Iterator
from inspect import cleandoc
from typing import Any, NamedTuple, get_origin

import msgspec
from msgspec import inspect

from hinge.binding.plan import MISSING
from hinge.binding.records import field_default
from hinge.forms import UploadFile
from hinge.inspection.custom_types import NO_TYPES, Types, encode_custom
from hinge.inspection.models import is_model
from hinge.openapi.times import CLOCKED, TIMES, time_schema


class Place(NamedTuple):
    """Where a schema stands."""

    link: Callable[[dict[str, Any], str, Any, bool], None]
    """Put the address of a type's component under a key of a schema, at once or when it is known."""
    in_text: bool = False
    """Whether it is of a parameter or of a form, where values are texts."""
    types: Types = NO_TYPES
    """The app's own."""
    model: Callable[[Any], dict[str, Any]] = lambda cls: {}
    """Return a link to the component of a model of pydantic."""


_RECORDS = (inspect.StructType, inspect.DataclassType, inspect.TypedDictType, inspect.NamedTupleType)
_DICTS = (inspect.DictType, getattr(inspect, "FrozenDictType", inspect.DictType))
_BYTES = (inspect.BytesType, inspect.ByteArrayType, inspect.MemoryViewType)
_PLAIN: dict[Any, dict[str, Any]] = {
    inspect.NoneType: {"type": "null"},
    inspect.BoolType: {"type": "boolean"},
    inspect.IntType: {"type": "integer"},
    inspect.FloatType: {"type": "number"},
    inspect.StrType: {"type": "string"},
    inspect.UUIDType: {"type": "string", "format": "uuid"},
    inspect.DecimalType: {"type": "string", "format": "decimal"},
}
_KEYWORDS = {
    "ge": "minimum",
    "gt": "exclusiveMinimum",
    "le": "maximum",
    "lt": "exclusiveMaximum",
    "multiple_of": "multipleOf",
    "pattern": "pattern",
}
BINARY = {"type": "string", "format": "binary"}
_FILE = BINARY | {"contentMediaType": "application/octet-stream"}
_encode = msgspec.json.Encoder(order="deterministic", enc_hook=encode_custom).encode
_UNSENT = (TypeError, ValueError, RecursionError)


def schema_of(info: Any, place: Place, *, as_component: bool = False) -> dict[str, Any]:
    """Return the schema of a type; a class with a name is linked to, unless it is wanted `as_component`."""
    said: dict[str, Any] = {}
    while isinstance(info, inspect.Metadata):
        said = (info.extra_json_schema or {}) | said
        info = info.type
    found: dict[str, Any] = {}
    if isinstance(info, (*_RECORDS, inspect.EnumType)):
        if as_component:
            found = _component(info, place)
        else:
            place.link(found, "$ref", info, place.in_text)
    elif isinstance(info, inspect.UnionType):
        found = _union(info, place)
    elif isinstance(info, inspect.LiteralType):
        found = {"enum": [value for value in info.values if value is not None or not place.in_text]}
    elif isinstance(info, inspect.CustomType):
        if is_model(info.cls) and not place.types.reads_texts(info.cls):
            found = place.model(info.cls)
        else:
            found = dict(_FILE) if info.cls is UploadFile else place.types.schema(info.cls)
    elif isinstance(info, _BYTES):
        found = {
            "type": "string",
            "contentEncoding": "base64",
            **_lengths(info, "Length", lambda n: 4 * ((n + 2) // 3)),
        }
    else:
        found = _value(info, place)
    if said:
        found.update(_sent(said))
    return found


def differs_in_texts(info: Any) -> bool:
    """Tell whether a record's schema is another one where its fields are texts."""
    waiting = [field.type for field in getattr(info, "fields", ())]
    for one in waiting:
        if isinstance(one, (*CLOCKED, inspect.NoneType)) or None in getattr(one, "values", ()):
            return True
        if isinstance(one, (inspect.Metadata, inspect.CollectionType)):
            waiting.append(one.type if isinstance(one, inspect.Metadata) else one.item_type)
        waiting += [*getattr(one, "types", ()), *getattr(one, "item_types", ())]
    return False


def default_of(value: Any) -> dict[str, Any]:
    """Return `{"default": ...}` with a value as it is sent, `{}` for none, or one that JSON cannot say."""
    if value is MISSING or value is msgspec.UNSET:
        return {}
    try:
        return {"default": _sent(value)}
    except _UNSENT:
        return {}


def default_of_text(value: Any) -> dict[str, Any]:
    """Return the same for what no text has a null for."""
    found = default_of(value)
    return {} if found.get("default") is None else found


def _sent(value: Any) -> Any:
    return msgspec.json.decode(_encode(value))


def _value(info: Any, place: Place) -> dict[str, Any]:
    """Return the schema of a plain value or a collection."""
    if isinstance(info, inspect.CollectionType):
        found = {"type": "array", **_of("items", info.item_type, place), **_lengths(info, "Items")}
        return found | ({"uniqueItems": True} if isinstance(info, (inspect.SetType, inspect.FrozenSetType)) else {})
    if isinstance(info, inspect.TupleType):
        row = [schema_of(one, place) for one in info.item_types]
        rest: dict[str, Any] = {"prefixItems": row, "items": False} if row else {}
        return {"type": "array", "minItems": len(row), "maxItems": len(row), **rest}
    if isinstance(info, _DICTS):
        names = schema_of(info.key_type, place) if _is_of_texts(info.key_type) else {}
        names.pop("type", None)
        values = _of("additionalProperties", info.value_type, place)
        return {
            "type": "object",
            **({"propertyNames": names} if names else {}),
            **values,
            **_lengths(info, "Properties"),
        }
    if isinstance(info, TIMES):
        return time_schema(info, in_text=place.in_text)
    found = dict(_PLAIN.get(type(info), {}))
    found.update({word: bound for key, word in _KEYWORDS.items() if (bound := getattr(info, key, None)) is not None})
    return found | _lengths(info, "Length")


def _of(keyword: str, info: Any, place: Place) -> dict[str, Any]:
    return {} if isinstance(info, inspect.AnyType) else {keyword: schema_of(info, place)}


def _lengths(info: Any, what: str, of: Callable[[int], int] = int) -> dict[str, Any]:
    bounds = {f"{word}{what}": getattr(info, f"{word}_length", None) for word in ("min", "max")}
    return {key: of(bound) for key, bound in bounds.items() if bound is not None}


def _is_of_texts(info: Any) -> bool:
    """Tell whether a dict's keys are texts in Python too, so that their schema is that of the names."""
    while isinstance(info, inspect.Metadata):
        info = info.type
    if isinstance(info, inspect.UnionType):
        return all(map(_is_of_texts, info.types))
    if isinstance(info, inspect.LiteralType):
        return all(isinstance(value, str) for value in info.values)
    if isinstance(info, inspect.EnumType):
        return all(isinstance(member.value, str) for member in info.cls)
    return isinstance(info, inspect.StrType)


def _union(info: inspect.UnionType, place: Place) -> dict[str, Any]:
    """Return the schema of a union: None stands last, and Structs are told apart by their tags."""
    structs: list[Any] = []
    others: list[Any] = []
    nothing: list[Any] = []
    for member in info.types:
        bare = member
        while isinstance(bare, inspect.Metadata):
            bare = bare.type
        is_tagged = isinstance(bare, inspect.StructType) and not bare.array_like and bare.tag_field is not None
        (nothing if isinstance(bare, inspect.NoneType) else structs if is_tagged else others).append((member, bare))
    if place.in_text:
        nothing = []  # no text is null
        if len(others + structs) == 1:
            return schema_of((others + structs)[0][0], place)
    if len(structs) < 2:
        return {"anyOf": [schema_of(member, place) for member, _ in others + structs + nothing]}
    mapping: dict[str, Any] = {}
    for _, struct in structs:
        place.link(mapping, str(struct.tag), struct, place.in_text)
    told_apart = {
        "anyOf": [schema_of(member, place) for member, _ in structs],
        "discriminator": {"propertyName": structs[0][1].tag_field, "mapping": mapping},
    }
    rest = [schema_of(member, place) for member, _ in others], [schema_of(member, place) for member, _ in nothing]
    return {"anyOf": [*rest[0], told_apart, *rest[1]]} if any(rest) else told_apart


# -- what has a name ---------------------------------------------------------------------------------------------------


def _component(info: Any, place: Place) -> dict[str, Any]:
    cls = get_origin(info.cls) or info.cls
    found: dict[str, Any] = {"title": title_of(info.cls)}
    if text := _document(info, cls):
        found["description"] = text
    if isinstance(info, inspect.EnumType):
        return found | _choices(info.cls)
    tag = [(info.tag_field, {"enum": [info.tag]}, True)] if getattr(info, "tag_field", None) is not None else []
    fields = [*tag, *_fields(info, place)]
    required = [name for name, _, is_required in fields if is_required]
    if isinstance(info, inspect.NamedTupleType) or getattr(info, "array_like", False):
        least = max((index for index, (_, _, is_required) in enumerate(fields, 1) if is_required), default=0)
        found |= {"type": "array", "prefixItems": [schema for _, schema, _ in fields], "minItems": least}
        is_closed = isinstance(info, inspect.NamedTupleType) or info.forbid_unknown_fields
        return found | ({"maxItems": len(fields)} if is_closed else {})
    properties = {name: schema for name, schema, _ in fields}
    found |= {"type": "object", "properties": properties, "required": required}
    return found | ({"additionalProperties": False} if getattr(info, "forbid_unknown_fields", False) else {})


def _choices(cls: Any) -> dict[str, Any]:
    values = {id(member): member.value for member in cls.__members__.values()}.values()
    try:
        return {"enum": _sent(sorted(values) if len({*map(type, values)}) == 1 else list(values))}
    except _UNSENT:
        return {}


def _fields(info: Any, place: Place) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Yield name on the wire, schema, and whether it is required, of each field."""
    for field in info.fields:
        schema = schema_of(field.type, place)
        if not field.required:
            schema.update((default_of_text if place.in_text else default_of)(field_default(field)))
        yield field.encode_name, schema, field.required


def title_of(kind: Any) -> str:
    """Return a class's own name, with the types that a generic one is made of."""
    origin = get_origin(kind)
    if origin is None:
        return str(kind.__name__)
    parts = (one.__name__ if isinstance(one, type) else repr(one) for one in kind.__args__)
    return f"{origin.__name__}[{', '.join(parts)}]"


def _document(info: Any, cls: type) -> str:
    """Return what a class's docstring says, unless Python wrote it."""
    text = cleandoc(cls.__doc__ or "")
    is_signature = text.startswith(f"{cls.__name__}(") and text.endswith(")")
    if isinstance(info, inspect.EnumType):
        return "" if text == "An enumeration." else text
    return "" if is_signature and not isinstance(info, inspect.StructType) else text
