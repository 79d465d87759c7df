"""A result is no more than its handler's annotation says: what it has no place for never leaves.

Law: what leaves is decided by the classes of annotation and value, once for each pair of them. Values of exactly the
annotated classes go out as they are; of others the declared fields are taken, and what the annotation has no place for
is an error. Items and fields are followed wherever they could hold a record; only a field of scalars is not looked at,
in a value of exactly the class that declares it. Nothing is validated.
"""

import dataclasses
import enum
import typing
from collections.abc import Callable, Mapping
from functools import partial
from operator import attrgetter
from typing import Any, NamedTuple, Union, get_origin

import msgspec

from hinge.inspection.annotations import class_of
from hinge.inspection.declared import (
    EMPTY,
    Field,
    arguments,
    fields,
    has_fields,
    held,
    is_many,
    is_named_tuple,
    is_object,
    is_plain,
    is_protocol,
    is_scalar,
    is_single,
    named,
)
from hinge.inspection.models import is_model, project_model
from hinge.results.projectors import REFUSED, Always, Array, Below, Object, Projector, Row, refuse

_ARRAYS = (list, tuple, set, frozenset)
_SAYS_NOTHING = (*EMPTY, msgspec.Raw)
"""What leaves everywhere: nothing, and what the program encoded itself."""


def projection(returns: Any) -> Callable[[type], Projector | None]:
    """Return `(class of a result) -> what takes the annotated fields out of it`, None where all of it may leave.

    Raises:
        ConfigurationError: the annotation of a field in it cannot be resolved.
    """
    part = _Parts().whole(returns)
    return (lambda kind: None) if part is None else part.projector


class _Parts:
    """The parts of one annotation; a recursive type is one of them only once."""

    def __init__(self) -> None:
        self._made: list[tuple[Any, Part]] = []
        self._records: list[tuple[Any, _Record]] = []

    def whole(self, annotation: Any) -> "Part | None":
        """Return the part of an annotation, with all fields below it resolved."""
        part = self.part(annotation)
        for _, record in self._records:  # more come while it runs
            record.resolve()
        return part

    def part(self, annotation: Any) -> "Part | None":
        """Return the part of an annotation, None if it says that everything may leave."""
        members = named(annotation)
        if any(member is Any or member is object for member in members):
            return None
        if all((is_scalar(member) and not _is_enum(member)) or member in EMPTY for member in members):
            return _NOTHING if all(member in EMPTY for member in members) else _SCALAR
        for known, part in self._made:
            if known == annotation:
                return part
        part = Part()
        self._made.append((annotation, part))
        self._fill(part, members)
        return part

    def _fill(self, part: "Part", members: list[Any]) -> None:
        part.has_scalars = any(map(is_scalar, members))
        part.is_scalar = all(is_scalar(member) or member in EMPTY for member in members)
        part.records = [self._record(member) for member in members if has_fields(member)]
        part.others = [class_of(one) for one in members if isinstance(class_of(one), type) and not has_fields(one)]
        part.models = [class_of(member) for member in members if is_model(class_of(member))]
        part.plain = [kind for member in members if is_plain(member) and (kind := class_of(member)) not in part.models]
        part.rows = {
            class_of(member): Row([self.part(one) for one in held(member)])
            for member in members
            if is_named_tuple(member)
        }
        arrays = [member for member in members if is_many(member) and not is_named_tuple(member)]
        if len(arrays) == 1 and _is_fixed(arrays[0]):
            part.array = Row([self.part(one) for one in arguments(arrays[0])])
        elif arrays:
            part.array = Array(self._either([arguments(one) or (Any,) for one in arrays]))
        if objects := [arguments(member) for member in members if is_object(member)]:
            keys, values = [one[:1] or (Any,) for one in objects], [one[1:2] or (Any,) for one in objects]
            part.object = Object(self._either(keys), self._either(values))

    def _either(self, types: list[tuple[Any, ...]]) -> "Part | None":
        kinds = [kind for some in types for kind in some if kind is not Ellipsis]
        return self.part(Union[tuple(kinds)] if kinds else Any)  # noqa: UP007 - `|` cannot join a sequence of types

    def _record(self, annotation: Any) -> "_Record":
        for known, record in self._records:
            if known == annotation:
                return record
        record = _Record(annotation, self)
        self._records.append((annotation, record))
        return record


def _is_enum(member: Any) -> bool:
    return isinstance(member, type) and issubclass(member, enum.Enum)


def _is_fixed(array: Any) -> bool:
    """Tell whether an array's type has a type for each position."""
    parts = arguments(array)
    is_tuple = issubclass(class_of(array), tuple) and (bool(parts) or get_origin(array) is tuple)  # or it is tuple[()]
    return is_tuple and Ellipsis not in parts


class Part:
    """One annotation, a union of members: which of them a value is of, by its class."""

    def __init__(self) -> None:
        self.records: list[_Record] = []
        self.models: list[type] = []
        self.rows: dict[type, Row] = {}
        self.array: Array | Row | None = None
        self.object: Object | None = None
        self.plain: list[type] = []
        self.others: list[type] = []
        self.has_scalars = False
        self.is_scalar = False
        self.whole: set[type] = set()
        """The classes seen so far whose values leave as they are."""
        self._projectors: dict[type, Projector] = {}

    def items(self) -> set[type] | frozenset[type]:
        """Return the classes whose values leave as they are as items of a list, those seen so far."""
        projector = self.projector(list)
        return projector.part.whole if isinstance(projector, Array) and projector.part is not None else frozenset()

    def project(self, value: Any) -> Any:
        """Return what of a value may leave."""
        kind = type(value)
        if kind in self.whole:
            return value
        projector = self.projector(kind)
        return value if projector is None else projector.project(value)

    def projector(self, kind: type) -> Projector | None:
        """Return how values of a class leave, None if it is as they are."""
        projector = self._projectors.get(kind)
        if projector is None and kind not in self.whole:
            projector = self._choose(kind)
            if projector is None:
                self.whole.add(kind)
            else:
                self._projectors[kind] = projector
        return projector

    def _choose(self, kind: type) -> Projector | None:
        if is_single(kind):
            return None if self._takes_scalar(kind) else REFUSED
        for base in kind.__mro__:
            if base in self.rows:
                return self.rows[base]
            if base in self.models:
                return None if base is kind else Always(partial(project_model, base))
            for record in self.records:
                if record.kind is base and not record.is_typed_dict:
                    return record.projector(kind)
        return self._of_another(kind)

    def _of_another(self, kind: type) -> Projector | None:
        if self.array is not None and issubclass(kind, _ARRAYS) and self._takes_array(kind):
            return self.array if self.array.says_more else None
        if issubclass(kind, Mapping):
            if any(record.is_typed_dict for record in self.records):
                return Always(self._typed_dict)
            if self.object is not None:
                return self.object if self.object.says_more else None
        if kind in self.plain:
            return None
        holds = has_fields(kind) or issubclass(kind, (*_ARRAYS, Mapping))
        if not holds and any(is_a(kind, plain) for plain in self.plain):
            return None
        if len(self.records) + len(self.models) == 1 and not issubclass(kind, _ARRAYS):
            return Always(self.records[0].project if self.records else partial(project_model, self.models[0]))
        return REFUSED

    def _takes_scalar(self, kind: type) -> bool:
        if issubclass(kind, enum.Enum) and not all(is_single(type(one.value)) for one in kind):
            return kind in self.others  # its values are what is sent
        return kind in _SAYS_NOTHING or self.has_scalars or any(is_a(kind, other) for other in self.others)

    def _takes_array(self, kind: type) -> bool:
        """Tell whether a NamedTuple, a record too, is an array by the annotation."""
        return not is_named_tuple(kind) or any(is_a(kind, other) for other in self.others)

    def _typed_dict(self, value: Any) -> Any:
        """Return what of an object may leave: as the TypedDict that has the most of its keys, or as any object."""
        fitting = [record for record in self.records if record.is_typed_dict and record.fits(value)]
        if fitting:
            return max(fitting, key=lambda record: record.shared(value)).project(value)
        if self.object is not None:
            return self.object.project(value)
        return self.records[0].project(value) if len(self.records) == 1 else refuse(value)


def is_a(kind: type, other: Any) -> bool:
    """Tell whether values of a class may be of another one; a Protocol is not asked."""
    try:
        return is_protocol(other) or issubclass(kind, other)
    except TypeError:  # a class that cannot be asked
        return False


_SCALAR, _NOTHING = Part(), Part()
_SCALAR.has_scalars = _SCALAR.is_scalar = True


class _Kept(NamedTuple):
    field: Field
    part: Part | None


class _Record(Projector):
    """A class with fields: Struct, dataclass, TypedDict, attrs class, Protocol."""

    def __init__(self, annotation: Any, parts: _Parts) -> None:
        self.kind: Any = class_of(annotation)
        self.is_typed_dict = typing.is_typeddict(self.kind)
        self._declared = fields(annotation)
        self._is_open = _is_open(self.kind)
        self._parts = parts
        self._kept: list[_Kept] = []
        self._followed: list[tuple[Callable[[Any], Any], Part]] = []

    def resolve(self) -> None:
        """Find the parts of the fields.

        Raises:
            ConfigurationError: an annotation cannot be resolved.
        """
        self._kept = [_Kept(field, self._parts.part(field.type)) for field in self._declared]
        own = {field.name: field.type for field in fields(self.kind)}
        self._followed = [
            (attrgetter(field.name), part)
            for field, part in self._kept
            if part is not None and not (part.is_scalar and field.type == own[field.name])  # or a type variable says it
        ]

    def projector(self, kind: type) -> Projector | None:
        """Return how values leave that are of this class or of one beneath it."""
        if kind is not self.kind or self._is_open:
            return Always(self.project)
        return self if self._followed else None

    def through(self, encode: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
        """Return what encodes a record whose fields are looked at in place, and the items of its lists."""
        followed = [(get, part.whole, part.items()) for get, part in self._followed]

        def encode_kept(value: Any) -> bytes:
            for get, whole, items in followed:
                own = get(value)
                if type(own) not in whole and not (type(own) is list and items.issuperset(map(type, own))):
                    return encode(self(value))
            return encode(value)

        if len(followed) > 1:
            return encode_kept
        get, whole, items = followed[0]

        def encode_one(value: Any) -> bytes:  # a fifth less than the loop takes
            own = get(value)
            if type(own) is list and items.issuperset(map(type, own)):
                return encode(value)
            return encode(value if type(own) in whole else self(value))

        return encode_one

    def below(self, values: Any) -> Below | None:
        """Return what the fields hold that may hold more than scalars."""
        try:
            columns = [(part, list(map(get, values))) for get, part in self._followed]
        except AttributeError:
            return None
        return [found for found in columns if not found[0].whole.issuperset(map(type, found[1]))]

    def fits(self, value: Any) -> bool:
        """Tell whether an object has all fields that it must have."""
        return all(field.encode_name in value for field in self._declared if field.required)

    def shared(self, value: Any) -> int:
        """Count the fields that an object has."""
        return sum(field.encode_name in value for field in self._declared)

    def project(self, value: Any) -> Any:
        """Return the declared fields of a value, as a Struct of the declared class or a dict; itself if it has no more.

        Raises:
            TypeError: it lacks one.
        """
        is_mapping = isinstance(value, Mapping)
        kept: dict[str, Any] = {}
        is_same = (type(value) is self.kind and not self._is_open) or (self.is_typed_dict and is_mapping)
        for field, part in self._kept:
            own = value.get(field.encode_name, _ABSENT) if is_mapping else getattr(value, field.name, _ABSENT)
            if own is _ABSENT:
                if field.required:
                    raise _lacking(value, field.name, self.kind)
                continue
            kept[field.name] = own if part is None else part.project(own)
            is_same = is_same and kept[field.name] is own
        if is_same and not (is_mapping and len(value) > len(kept)):
            return value
        return self._made(kept)

    def _made(self, kept: dict[str, Any]) -> Any:
        if issubclass(self.kind, msgspec.Struct):
            return self.kind(**kept)  # with its tag, its defaults that are left out, and its order
        names = {field.name: field.encode_name for field in self._declared}
        return {names[name]: value for name, value in kept.items() if value is not msgspec.UNSET}


_ABSENT: Any = object()


def _lacking(value: Any, name: str, kind: type) -> TypeError:
    said = f"the {type(value).__name__} that the handler answered with has"
    if isinstance(value, Mapping) or not hasattr(type(value), "keys"):
        return TypeError(f"{said} no {name!r}")
    return TypeError(f"{said} keys and no attribute {name!r}. Fix: {kind.__name__}(**row)")  # a row of a database


def _is_open(kind: Any) -> bool:
    """Tell whether a value of exactly this class may be sent with more than its fields declare."""
    if typing.is_typeddict(kind) or is_protocol(kind):
        return True
    if hasattr(kind, "__attrs_attrs__"):
        return bool(kind.__dictoffset__)  # msgspec sends the whole `__dict__`
    declared = getattr(kind, "__dataclass_fields__", {})  # with an `InitVar` of which an attribute was made
    return dataclasses.is_dataclass(kind) and len(declared) > len(dataclasses.fields(kind))
