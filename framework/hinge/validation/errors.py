"""Every fault of a request's value, found in a second pass after msgspec rejected it.

Law: this runs on failures only, and its work and its answer are bounded. msgspec alone decides what is valid: when it
rejected a value there is at least one fault, when it accepts one there is none.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal, cast

import msgspec
from msgspec import inspect

from hinge.errors import FieldError
from hinge.inspection.custom_types import NO_TYPES, Types
from hinge.validation import messages
from hinge.validation.checks import Anything, Custom, Enough, Items, OneOf, Pairs, Path, Report, Scalar, Shape
from hinge.validation.composites import Record, Row, Slot, Tagged, settle

_MAX_TOKEN = 64
_MAX_WHERE = 1024


def collect_errors(
    type: Any,  # noqa: A002 - the value's type, as in msgspec.convert
    value: Any,
    source: str = "body",
    prefix: str = "",
    *,
    strict: bool = True,
    types: Types = NO_TYPES,
) -> list[FieldError]:
    """Return every fault of a decoded value, at most 100; an empty list where msgspec accepts it.

    `value` is made of the builtin types that a codec decodes to. For the source `body`, each `where` is a JSON pointer
    (RFC 6901) below `prefix`, and '' is the whole; for any other source it is a dotted name below `prefix`. With
    `strict=False` strings are read as numbers where the type asks for it, as msgspec does. `types` are the app's.
    """
    try:
        msgspec.convert(value, type, strict=strict, str_keys=True, dec_hook=types.decode)
    except msgspec.ValidationError as error:
        last = first_error(error, source, prefix)
    except (TypeError, RecursionError) as error:
        if isinstance(error, TypeError) and not is_unhashable(error):
            raise
        last = FieldError(source, _where((), source, prefix), "is invalid")
    else:
        return []
    found = _walk(type, value, source, prefix, strict=strict, types=types)
    return found or [last]


def rejection_errors(type: Any, value: Any, error: Exception, types: Types = NO_TYPES) -> list[FieldError]:  # noqa: A002 - as above
    """Return every fault of a body whose decoder raised `error`, at least one.

    The decoder sees more than the decoded value has (an earlier one of two equal keys, a number too large), so its own
    fault is listed too, unless something at that place or below it already is.
    """
    found = _walk(type, value, "body", "", strict=True, types=types)
    steps = messages.place(error) if isinstance(error, msgspec.ValidationError) else ()
    if len(steps) == 1 and found and found[0].where == f"/{steps[0]}":
        return found  # as mostly
    own = _where(tuple(steps), "body", "")
    below = own + "/"
    for listed in found:
        if listed.where == own or listed.where.startswith(below):
            return found
    return [*found, decoder_error(error)]


def decoder_error(error: Exception) -> FieldError:
    """Return the one fault of a body that its decoder raised."""
    if isinstance(error, msgspec.ValidationError):
        return first_error(error)
    return FieldError("body", "", "is invalid")  # something that cannot be hashed, as a set's item or a key


def first_error(error: msgspec.ValidationError, source: str = "body", prefix: str = "") -> FieldError:
    """Return the one fault that msgspec reports, in Hinge's words; its place may be that of the value's parent."""
    steps, message = messages.locate(error)
    return FieldError(source, _where(tuple(steps), source, prefix), message)


def is_unhashable(error: TypeError) -> bool:
    """Tell the one TypeError that a client can cause: what cannot be hashed where a set's item or a key has to be."""
    return str(error) in {"unhashable type: 'list'", "unhashable type: 'dict'", "Cannot hash a signaling NaN value"}


def _walk(type: Any, value: Any, source: str, prefix: str, *, strict: bool, types: Types) -> list[FieldError]:  # noqa: A002 - as above
    shape = _shape_of(type, types)
    if shape is None:
        return []
    report = Report(strict=strict, types=types)
    try:
        checked = shape.check(value, None, report)
        if not report.faults:
            settle(checked, type, None, report)
    except (Enough, RecursionError):
        pass  # what was found up to here is the answer
    except TypeError as error:
        if not is_unhashable(error):
            raise
    return [FieldError(source, _where(_steps(path), source, prefix), message) for path, message in report.faults]


def _steps(path: Path | None) -> tuple[object, ...]:
    if path is not None and path[0] is None:
        return path[1:]
    steps: list[object] = []
    while path is not None:
        path, step = path
        steps.append(step)
    return tuple(reversed(steps))


def _where(steps: tuple[object, ...], source: str, prefix: str) -> str:
    """Write a place; over-long keys are cut, so that an answer stays small whatever the client's keys are."""
    if not steps:
        return prefix
    if len(steps) == 1 and len(only := str(steps[0])) <= _MAX_TOKEN:  # most faults are those of a field at the top
        if source == "body":
            return f"{prefix}/{only}" if "~" not in only and "/" not in only else f"{prefix}/{_escaped(only)}"
        return f"{prefix}.{only}" if prefix else only
    tokens = [token if len(token) <= _MAX_TOKEN else token[: _MAX_TOKEN - 1] + "…" for token in map(str, steps)]
    if source == "body":
        where = prefix + "".join(["/" + _escaped(token) for token in tokens])
    else:
        where = ".".join([prefix, *tokens] if prefix else tokens)
    return where if len(where) <= _MAX_WHERE else where[: _MAX_WHERE - 1] + "…"


def _escaped(token: str) -> str:
    return token.replace("~", "~0").replace("/", "~1")


def _shape_of(type: Any, types: Types) -> Shape | None:  # noqa: A002 - as above
    """Return the checks of a declared type, None where msgspec cannot describe it."""
    try:
        return types.shapes[type]  # type: ignore[no-any-return]
    except KeyError:
        pass
    except TypeError:
        return _build(type, types)  # metadata that cannot be hashed
    shape = types.shapes[type] = _build(type, types)
    return shape


def _build(type: Any, types: Types) -> Shape | None:  # noqa: A002 - as above
    try:
        info = inspect.type_info(type)
    except (TypeError, NameError):
        return None
    return _Builder(types).shape(info)


class _Builder:
    """Turns msgspec's description of a type into checks; a recursive type's description refers to itself."""

    def __init__(self, types: Types) -> None:
        self.made: dict[int, Shape] = {}
        self.types = types

    def shape(self, info: inspect.Type) -> Shape:
        while isinstance(info, inspect.Metadata):
            info = info.type
        known = self.made.get(id(info))
        if known is not None:
            return known
        if isinstance(info, inspect.CustomType) and self.types.knows(info.cls):
            return Custom(info.cls)
        build = _BUILDERS.get(type(info))
        return _leaf(info) if build is None else build(self, info)

    def anything(self, info: Any) -> Shape:
        return Anything(raw=isinstance(info, inspect.RawType))

    def items(self, info: Any) -> Shape:
        shape = Items(info)
        self.made[id(info)] = shape
        shape.item = self.shape(info.item_type)
        return shape

    def pairs(self, info: Any) -> Shape:
        shape = Pairs(info)
        shape.key, shape.value = self.shape(info.key_type), self.shape(info.value_type)
        return shape

    def row(self, info: Any) -> Shape:
        shape = Row()
        shape.fill([self.shape(item) for item in info.item_types], len(info.item_types))
        return shape

    def named_row(self, info: Any) -> Shape:
        shape = self.made[id(info)] = Row()
        shape.fill([self.shape(field.type) for field in info.fields], _needed(info))
        return shape

    def record(self, info: Any) -> Shape:
        shape = self.made[id(info)] = Record(None if isinstance(info, inspect.TypedDictType) else info.cls)
        shape.fill(self.slots(info))
        return shape

    def struct(self, info: Any) -> Shape:
        if info.array_like:
            row = self.made[id(info)] = Row(info.cls, tag=info.tag, forbid=info.forbid_unknown_fields)
            row.fill([self.shape(field.type) for field in info.fields], _needed(info))
            return row
        shape = Record(info.cls, tag_field=info.tag_field, tag=info.tag, forbid=info.forbid_unknown_fields)
        self.made[id(info)] = shape
        shape.fill(self.slots(info))
        return shape

    def slots(self, info: Any) -> list[Slot]:
        shapes = [self.shape(field.type) for field in info.fields]
        return [
            Slot(field.encode_name, shape, field.required, getattr(shape, "exact", None))
            for field, shape in zip(info.fields, shapes, strict=True)
        ]

    def union(self, info: Any) -> Shape:
        plain = [member.type if isinstance(member, inspect.Metadata) else member for member in info.types]
        tagged = [member for member in plain if isinstance(member, inspect.StructType) and member.tag is not None]
        if len(tagged) < 2:
            return OneOf([self.shape(member) for member in plain])
        at = 0 if tagged[0].array_like else tagged[0].tag_field or "type"
        choice = Tagged(at, {member.tag: self.shape(member) for member in tagged})
        others = [self.shape(member) for member in plain if member not in tagged]
        return OneOf([choice, *others]) if others else choice


def _needed(info: Any) -> int:
    """Count the positions up to the last required one: a row has no gaps."""
    return max((index for index, field in enumerate(info.fields, 1) if field.required), default=0)


def _leaf(info: inspect.Type) -> Scalar:
    if isinstance(info, (inspect.EnumType, inspect.CustomType)):
        return Scalar(info, info.cls, info.cls)
    if isinstance(info, inspect.LiteralType):
        literal = cast("Any", Literal)[info.values]
        return Scalar(info, literal, literal)
    plain = messages.PLAIN_TYPES[type(info)]
    bounds = {name: bound for name in info.__struct_fields__ if (bound := getattr(info, name)) is not None}
    if not bounds:
        return Scalar(info, plain, plain)
    return Scalar(info, Annotated[plain, msgspec.Meta(**bounds)], plain)


_BUILDERS: dict[type[inspect.Type], Callable[[_Builder, Any], Shape]] = {
    **dict.fromkeys((inspect.AnyType, inspect.RawType), _Builder.anything),
    **dict.fromkeys((inspect.ListType, inspect.SetType, inspect.FrozenSetType, inspect.VarTupleType), _Builder.items),
    inspect.TupleType: _Builder.row,
    inspect.NamedTupleType: _Builder.named_row,
    inspect.DictType: _Builder.pairs,
    **dict.fromkeys((inspect.TypedDictType, inspect.DataclassType), _Builder.record),
    inspect.StructType: _Builder.struct,
    inspect.UnionType: _Builder.union,
}
