"""A result is no more than its handler's annotation says: fields beyond it never leave.

Law: what leaves is decided by the classes of annotation and value, once for each pair of them. A value of exactly the
annotated class goes out as it is, unlooked at; for one of a subclass or of another class, the declared fields are
taken. Nothing is validated. The fields of a class are looked into only where a class they name has subclasses when the
first such value is seen, since only then can they hold more than they declare.
"""

import datetime as dt
import decimal
import enum
import typing
import uuid
from collections.abc import Callable, Mapping
from operator import is_not
from typing import Any, get_args, get_origin

import msgspec
from msgspec import inspect

from hinge.annotations import COLLECTIONS, field_types, is_record, members

Project = Callable[[Any], Any]
"""From a value to what of it may leave."""

_SCALARS = (str, bytes, bytearray, memoryview, int, float, decimal.Decimal, uuid.UUID, dt.date, dt.time, dt.timedelta)
_SINGLE = (*_SCALARS, enum.Enum, type(None), msgspec.Raw, msgspec.UnsetType)
"""What has no fields."""
_ARRAYS = (list, tuple, set, frozenset)
_SAFE: frozenset[type] = frozenset({str, int, float, bool, type(None)})


def projection(returns: Any) -> Callable[[type], Project | None]:
    """Return `(class of a result) -> what takes the annotated fields out of it`, None where all of it may leave."""
    part = _Parts().part(returns)
    return (lambda kind: None) if part is None else part.project_of


class _Parts:
    """The parts of one annotation; a recursive class is one of them only once."""

    def __init__(self) -> None:
        self._records: dict[Any, _Record] = {}

    def part(self, annotation: Any) -> "_Part | None":
        """Return the part of an annotation, None if it names no record."""
        found = members(annotation)
        if any(member is Any or member is object for member in found):
            return None
        records = [self._record(member) for member in found if is_record(member)]
        arrays = [array for member in found if (array := self._array(member)) is not None]
        objects = [item for member in found if (item := self._object(member)) is not None]
        if not (records or any(arrays) or any(objects)):
            return None
        others = [member for member in found if not (is_record(member) or _is_container(member))]
        return _Part(records, arrays, objects, takes_all=any(map(_is_anything, others)))

    def _record(self, annotation: Any) -> "_Record":
        known = self._records.get(annotation)
        if known is None:
            known = self._records[annotation] = _Record(annotation, self)
        return known

    def _array(self, annotation: Any) -> "_Array | None":
        if (get_origin(annotation) or annotation) not in COLLECTIONS:
            return None
        arguments = get_args(annotation)
        if get_origin(annotation) is tuple and arguments and arguments[-1] is not Ellipsis:
            return _Array([self.part(one) for one in arguments], each=False)
        return _Array([self.part(one) for one in arguments[:1]], each=True)

    def _object(self, annotation: Any) -> "_Object | None":
        if not _is_mapping(annotation):
            return None
        return _Object(self.part(get_args(annotation)[1]) if len(get_args(annotation)) == 2 else None)


def _is_mapping(annotation: Any) -> bool:
    kind = get_origin(annotation) or annotation
    return isinstance(kind, type) and not typing.is_typeddict(kind) and issubclass(kind, Mapping)


def _is_container(annotation: Any) -> bool:
    return _is_mapping(annotation) or (get_origin(annotation) or annotation) in COLLECTIONS


def _is_anything(member: Any) -> bool:
    """Tell whether a member without fields of its own may stand for a class that has some, such as a Protocol."""
    kind = get_origin(member) or member
    return not isinstance(kind, type) or not issubclass(kind, _SINGLE)


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
    """The values of an object with any keys."""

    def __init__(self, part: "_Part | None") -> None:
        self._part = part

    def __bool__(self) -> bool:
        return self._part is not None

    def project(self, value: Any) -> Any:
        """Return the object, anew only if there is a value that cannot go out as it is."""
        part = self._part
        if part is None or part.safe().issuperset(map(type, value.values())):
            return value
        kept = {key: part.project(one) for key, one in value.items()}
        return kept if any(map(is_not, kept.values(), value.values())) else value


class _Part:
    """One annotation, a union of members: which of them a value is of, by its class."""

    def __init__(
        self, records: "list[_Record]", arrays: list[_Array], objects: list[_Object], *, takes_all: bool
    ) -> None:
        self._records = records
        self._arrays = arrays
        self._objects = objects
        self._takes_all = takes_all
        self._known: dict[type, Project | None] = {}
        self._safe: frozenset[type] | None = None

    def safe(self) -> frozenset[type]:
        """Return the commonest classes whose values leave as they are."""
        if self._safe is None:
            whole: set[type] = {
                record.kind for record in self._records if record.is_closed() and not record.is_typed_dict
            }
            self._safe = _SAFE | whole
        return self._safe

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

    def _choose(self, kind: type) -> Project | None:
        if issubclass(kind, _SINGLE):
            return None
        for record in self._records:
            if record.kind is kind:
                return None if record.is_closed() else record.project
        for base in kind.__mro__:
            for record in self._records:
                if record.kind is base and not record.is_typed_dict:
                    return record.project
        if self._arrays and issubclass(kind, _ARRAYS) and not hasattr(kind, "_fields"):
            return self._arrays[0].project if self._arrays[0] else None
        if self._objects and issubclass(kind, Mapping):
            return self._objects[0].project if self._objects[0] else None
        if self._takes_all:
            return None
        if len(self._records) == 1 and not issubclass(kind, _ARRAYS):
            return self._records[0].project
        return _refuse


def _refuse(value: Any) -> Any:
    raise TypeError(
        f"the handler answered with a {type(value).__name__}, of which its annotation does not say what may be sent. "
        "Fix: annotate what it returns"
    )


class _Field(typing.NamedTuple):
    name: str
    encode_name: str
    required: bool
    part: _Part | None


class _Record:
    """A class with fields: Struct, dataclass, TypedDict, attrs class."""

    def __init__(self, annotation: Any, parts: _Parts) -> None:
        self.kind: Any = get_origin(annotation) or annotation
        self.is_typed_dict = typing.is_typeddict(self.kind)
        self._annotation = annotation
        self._parts = parts
        self._found: tuple[_Field, ...] | None = None
        self._closed: bool | None = None

    def is_closed(self) -> bool:
        """Tell whether a value of exactly this class holds nothing that its fields do not declare."""
        if self._closed is None:
            self._closed = not self.is_typed_dict and not any(map(_has_variants, _records_below(self._annotation)))
        return self._closed

    def _fields(self) -> tuple[_Field, ...]:
        if self._found is None:
            types, info = field_types(self._annotation), inspect.type_info(self._annotation)
            self._found = tuple(
                _Field(one.name, one.encode_name, one.required, self._parts.part(types[one.name]))
                for one in getattr(info, "fields", ())
            )
        return self._found

    def project(self, value: Any) -> Any:
        """Return the declared fields of a value, as a Struct of the declared class or a dict; itself if it has no more.

        Raises:
            TypeError: it lacks one.

        """
        is_mapping = isinstance(value, Mapping)
        kept: dict[str, Any] = {}
        is_same = type(value) is self.kind or (self.is_typed_dict and is_mapping)
        for field in self._fields():
            part = value.get(field.encode_name, _ABSENT) if is_mapping else getattr(value, field.name, _ABSENT)
            if part is _ABSENT:
                if field.required:
                    raise TypeError(f"the {type(value).__name__} that the handler answered with has no {field.name!r}")
                continue
            own = part if field.part is None else field.part.project(part)
            is_same = is_same and own is part
            kept[field.name] = own
        if is_same and not (is_mapping and len(value) > len(kept)):
            return value
        return self._made(kept)

    def _made(self, kept: dict[str, Any]) -> Any:
        if issubclass(self.kind, msgspec.Struct):
            return self.kind(**kept)  # with its tag, its defaults that are left out, and its order
        names = {field.name: field.encode_name for field in self._fields()}
        return {names[name]: value for name, value in kept.items() if value is not msgspec.UNSET}


_ABSENT: Any = object()


def _has_variants(kind: Any) -> bool:
    return typing.is_typeddict(kind) or bool(kind.__subclasses__())


def _records_below(annotation: Any) -> set[Any]:
    """Return the classes of all records that the fields of a record name, at any depth."""
    found: set[Any] = set()
    seen, waiting = {annotation}, [annotation]
    while waiting:
        try:
            hints = list(field_types(waiting.pop()).values())
        except Exception:  # noqa: BLE001, S112 - names that exist for type checkers only: the class is all there is
            continue
        while hints:
            for member in members(hints.pop()):
                if is_record(member):
                    found.add(get_origin(member) or member)
                    if member not in seen:
                        seen.add(member)
                        waiting.append(member)
                else:
                    hints += get_args(member)
    return found
