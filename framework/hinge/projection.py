"""A result is no more than its handler's annotation says: fields beyond it never leave.

Law: what leaves is decided by the classes of annotation and value, once for each pair of them. A value of exactly the
annotated class goes out as it is, unlooked at; for one of a subclass or of another class, the declared fields are
taken. Nothing is validated. The fields of a class are looked into only while a class that they name has subclasses,
since only then can they hold more than they declare. What a checker of types would not let pass is not looked for: a
record where the annotation names none.
"""

import dataclasses
import typing
from collections.abc import Callable, Mapping
from operator import is_not
from typing import Any, NamedTuple, Union

import msgspec

from hinge.declared import (
    SINGLE,
    Field,
    arguments,
    class_of,
    fields,
    has_fields,
    held,
    is_many,
    is_named_tuple,
    is_object,
    is_plain,
    is_protocol,
    leaves,
    named,
)

Project = Callable[[Any], Any]
"""From a value to what of it may leave."""

_ARRAYS = (list, tuple, set, frozenset)
_SAFE: frozenset[type] = frozenset({str, int, float, bool, type(None)})


def projection(returns: Any) -> Callable[[type], Project | None]:
    """Return `(class of a result) -> what takes the annotated fields out of it`, None where all of it may leave.

    Raises:
        ConfigurationError: the annotation of a field in it cannot be resolved.

    """
    part = _Parts().part(returns)
    return (lambda kind: None) if part is None else part.project_of


class _Parts:
    """The parts of one annotation; a recursive type is one of them only once."""

    def __init__(self) -> None:
        self._made: list[tuple[Any, _Part]] = []
        self._records: list[tuple[Any, _Record]] = []

    def part(self, annotation: Any) -> "_Part | None":
        """Return the part of an annotation, None if it names nothing that holds more than it declares."""
        members = named(annotation)
        if any(member is Any or member is object for member in members):
            return None
        if not any(has_fields(leaf) or is_plain(leaf) for leaf in leaves(annotation)):
            return None
        for known, part in self._made:
            if known == annotation:
                return part
        part = _Part()
        self._made.append((annotation, part))
        self._fill(part, members)
        return part

    def _fill(self, part: "_Part", members: list[Any]) -> None:
        part.records = [self._record(member) for member in members if has_fields(member)]
        part.plain = [class_of(member) for member in members if is_plain(member)]
        part.rows = {
            class_of(member): _Array([self.part(one) for one in held(member)], each=False)
            for member in members
            if is_named_tuple(member)
        }
        arrays = [member for member in members if is_many(member) and not is_named_tuple(member)]
        if len(arrays) == 1 and _is_fixed(arrays[0]):
            part.array = _Array([self.part(one) for one in arguments(arrays[0])], each=False)
        elif arrays:
            part.array = _Array([self._either([arguments(one) or (Any,) for one in arrays])], each=True)
        if objects := [arguments(member) for member in members if is_object(member)]:
            keys, values = [one[:1] or (Any,) for one in objects], [one[1:2] or (Any,) for one in objects]
            part.object = _Object(self._either(keys), self._either(values))

    def _either(self, types: list[tuple[Any, ...]]) -> "_Part | None":
        kinds = [kind for some in types for kind in some if kind is not Ellipsis]
        return self.part(Union[tuple(kinds)] if kinds else Any)  # noqa: UP007 - `|` cannot join a sequence of types

    def _record(self, annotation: Any) -> "_Record":
        for known, record in self._records:
            if known == annotation:
                return record
        record = _Record(annotation, self)
        self._records.append((annotation, record))
        return record


def _is_fixed(array: Any) -> bool:
    """Tell whether an array's type has a type for each position."""
    parts = arguments(array)
    return bool(parts) and issubclass(class_of(array), tuple) and Ellipsis not in parts


class _Array:
    """The items of an array: one part for each, or one for each position."""

    def __init__(self, parts: "list[_Part | None]", *, each: bool) -> None:
        self._parts = parts
        self._each = each

    def __bool__(self) -> bool:
        return any(part is not None for part in self._parts)

    def project(self, values: Any) -> Any:
        """Return the array, anew only if there is an item that cannot go out as it is."""
        if not self:
            return values
        part = self._parts[0]
        if self._each and part is not None:
            if part.safe().issuperset(map(type, values)):
                return values
            kept = [part.project(value) for value in values]
        else:
            pairs = zip(values, self._parts, strict=False)
            kept = [value if part is None else part.project(value) for value, part in pairs]
        return kept if len(kept) < len(values) or any(map(is_not, kept, values)) else values


class _Object:
    """The keys and values of an object with any keys."""

    def __init__(self, key: "_Part | None", value: "_Part | None") -> None:
        self._key = key
        self._value = value

    def __bool__(self) -> bool:
        return self._key is not None or self._value is not None

    def project(self, value: Any) -> Any:
        """Return the object, anew only if there is something that cannot go out as it is."""
        keys, values = self._kept(self._key, value.keys()), self._kept(self._value, value.values())
        return value if keys is None is values else dict(zip(keys or value, values or value.values(), strict=True))

    @staticmethod
    def _kept(part: "_Part | None", values: Any) -> list[Any] | None:
        """Return what of some values may leave, None if it is all."""
        if part is None or part.safe().issuperset(map(type, values)):
            return None
        kept = [part.project(one) for one in values]
        return kept if any(map(is_not, kept, values)) else None


class _Part:
    """One annotation, a union of members: which of them a value is of, by its class."""

    def __init__(self) -> None:
        self.records: list[_Record] = []
        self.rows: dict[type, _Array] = {}
        self.array: _Array | None = None
        self.object: _Object | None = None
        self.plain: list[type] = []
        self._known: dict[type, Project | None] = {}
        self._whole: tuple[frozenset[type], list[_Record]] | None = None

    def safe(self) -> frozenset[type]:
        """Return the commonest classes whose values leave as they are."""
        if self._whole is None:
            always = {record.kind for record in self.records if record.is_whole}
            self._whole = _SAFE | always, [record for record in self.records if not record.is_whole]
        whole, others = self._whole
        return whole.union([record.kind for record in others if record.is_closed()]) if others else whole

    def project(self, value: Any) -> Any:
        """Return what of a value may leave."""
        project = self.project_of(type(value))
        return value if project is None else project(value)

    def project_of(self, kind: type) -> Project | None:
        """Return what takes the annotated fields out of values of a class, None where all of them may leave."""
        try:
            return self._known[kind]
        except KeyError:
            project = self._known[kind] = self._choose(kind)
            return project

    def _choose(self, kind: type) -> Project | None:  # noqa: C901, PLR0912 - one question for each kind of value
        if issubclass(kind, SINGLE):
            return None
        for base in kind.__mro__:
            for record in self.records:
                if record.kind is base and not record.is_typed_dict:
                    return record.project if base is not kind else None if record.is_whole else record.checked
            if base in self.rows:
                return _of(self.rows[base])
        if self.array is not None and issubclass(kind, _ARRAYS):
            return _of(self.array)
        if issubclass(kind, Mapping):
            if any(record.is_typed_dict for record in self.records):
                return self._typed_dict
            if self.object is not None:
                return _of(self.object)
        if kind in self.plain:
            return None
        holds = has_fields(kind) or issubclass(kind, (*_ARRAYS, Mapping))
        for plain in self.plain:
            if not holds and (is_protocol(plain) or issubclass(kind, plain)):
                return None
        if len(self.records) == 1 and not issubclass(kind, _ARRAYS):
            return self.records[0].project
        is_told = self.records or self.rows or self.array or self.object or any(map(is_protocol, self.plain))
        return _refuse if is_told or issubclass(kind, tuple(self.plain)) else None

    def _typed_dict(self, value: Any) -> Any:
        """Return what of an object may leave: as the TypedDict that has the most of its keys, or as any object."""
        fitting = [record for record in self.records if record.is_typed_dict and record.fits(value)]
        if fitting:
            return max(fitting, key=lambda record: record.shared(value)).project(value)
        if self.object is not None:
            return self.object.project(value)
        return self.records[0].project(value) if len(self.records) == 1 else _refuse(value)


def _of(parts: _Array | _Object) -> Project | None:
    return parts.project if parts else None


def _refuse(value: Any) -> Any:
    raise TypeError(
        f"the handler answered with a {type(value).__name__}, of which its annotation does not say what may be sent. "
        "Fix: annotate what it returns"
    )


class _Kept(NamedTuple):
    field: Field
    part: _Part | None


class _Record:
    """A class with fields: Struct, dataclass, TypedDict, attrs class, Protocol."""

    def __init__(self, annotation: Any, parts: _Parts) -> None:
        self.kind: Any = class_of(annotation)
        self.is_typed_dict = typing.is_typeddict(self.kind)
        self._declared = fields(annotation)
        self._parts = parts
        self._kept: tuple[_Kept, ...] | None = None
        self._has_more = _is_open(self.kind)
        self._is_open, self._subclasses = _beneath(annotation)
        self.is_whole = not (self._is_open or self._subclasses)
        """Whether no value of exactly this class will ever hold what its fields do not declare."""

    def is_closed(self) -> bool:
        """Tell whether no value of exactly this class holds, by now, what its fields do not declare."""
        if self._is_open:
            return False
        for subclasses in self._subclasses:  # noqa: SIM110 - any() takes twice as long
            if subclasses():
                return False
        return True

    def checked(self, value: Any) -> Any:
        """Return what of a value of exactly this class may leave."""
        return value if self.is_closed() else self.project(value)

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
        if self._kept is None:
            self._kept = tuple(_Kept(field, self._parts.part(field.type)) for field in self._declared)
        is_mapping = isinstance(value, Mapping)
        kept: dict[str, Any] = {}
        is_same = (type(value) is self.kind and not self._has_more) or (self.is_typed_dict and is_mapping)
        for field, part in self._kept:
            own = value.get(field.encode_name, _ABSENT) if is_mapping else getattr(value, field.name, _ABSENT)
            if own is _ABSENT:
                if field.required:
                    raise TypeError(f"the {type(value).__name__} that the handler answered with has no {field.name!r}")
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


def _is_open(kind: Any) -> bool:
    """Tell whether a value of exactly this class may be sent with more than its fields declare."""
    if typing.is_typeddict(kind) or is_protocol(kind):
        return True
    if hasattr(kind, "__attrs_attrs__"):
        return bool(kind.__dictoffset__)  # msgspec sends the whole `__dict__`
    declared = getattr(kind, "__dataclass_fields__", {})  # with an `InitVar` of which an attribute was made
    return dataclasses.is_dataclass(kind) and len(declared) > len(dataclasses.fields(kind))


def _beneath(annotation: Any) -> tuple[bool, tuple[Callable[[], list[type]], ...]]:
    """Return whether a record or one below it is always open, and what gives the subclasses of those below it."""
    is_open = _is_open(class_of(annotation))
    found: dict[Any, Callable[[], list[type]]] = {}
    seen, waiting = [annotation], [annotation]
    while waiting:
        for field in fields(waiting.pop()):
            for leaf in leaves(field.type):
                kind = class_of(leaf)
                if not (has_fields(leaf) or is_plain(leaf)):
                    continue
                is_open = is_open or _is_open(kind)
                found[kind] = kind.__subclasses__
                if has_fields(leaf) and leaf not in seen:
                    seen.append(leaf)
                    waiting.append(leaf)
    return is_open, tuple(found.values())
