"""How much a body may bring to be hashed: the items of its sets, the keys of its maps.

Law: the hashes of texts, bytes and dates differ from process to process, those of numbers do not. Who sends numbers
that were chosen for it makes a set or a map look at all that it has for each that it gets: quadratic time. So what is
hashed as numbers are is counted and compared before anything collects it. Types without such sets and maps cost nothing
(decided at compile), bodies that are small are not looked through, and what is a number is never asked, only how many.
"""

import datetime as dt
import math
from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from operator import or_
from typing import Any, cast

import msgspec
from msgspec import inspect

from hinge.errors import FieldError, RequestInvalid
from hinge.inspection.custom_types import NO_TYPES, Types
from hinge.inspection.decodable import alternatives, nested_types, parts_of
from hinge.validation import messages

MAX_COLLECTED = 10_000
"""Values with foreseeable hashes that one set or map may get, or all of a body as if their squares were added up. A
`Meta(max_length=)` of more than that in the type is what counts instead."""

SMALL = 8 * 1024
"""Bytes of a body that cannot bring enough to matter."""

_MAX_EQUAL = 32
"""Values of one set or map whose hash another one has; with so few values at all, nothing is looked at."""

COLLIDING = "has too many values that may collide"
"""What is said of values of one set, or keys of one map, many of which have the hash of another one."""

NO_KEY = "has a key that is neither a text nor a number"
"""What is said of a key that no answer in JSON could have."""

_SALTED = (inspect.StrType, inspect.BytesType, inspect.MemoryViewType, inspect.DateType)
_SALTED_KINDS = frozenset({str, bytes, memoryview, dt.date, bool, type(None)})
_FEW = (inspect.NoneType, inspect.BoolType, inspect.EnumType, inspect.LiteralType)
_SETS = (inspect.SetType, inspect.FrozenSetType)

Look = Callable[[Any, "Collected"], None]
Looks = dict[type, Look]
"""What looks through a value, by its Python type."""


def refused(message: str) -> RequestInvalid:
    """Return the answer to a body that is refused as a whole."""
    return RequestInvalid([FieldError("body", "", message)])


def not_finite() -> RequestInvalid:
    """Return the answer to a number that is not finite, or that no float can hold."""
    return refused("has a number that is not finite")


def too_many(most: int) -> RequestInvalid:
    """Return the answer to more than `most` values with foreseeable hashes."""
    return refused(f"has too many values in sets or for keys: at most {most}")


def most_collected(type: Any) -> int | None:  # noqa: A002 - as in msgspec's functions
    """Return how many values with foreseeable hashes a set or a map of a type may get, None if it has none such."""
    bounds = [
        max(info.max_length or 0, MAX_COLLECTED)  # type: ignore[attr-defined]  # of sets and maps
        for info in nested_types(type)
        if _collects(info)
    ]
    return max(bounds, default=None)


def opens_keys(type: Any) -> bool:  # noqa: A002 - as above
    """Tell whether a type takes maps whose keys are anything, or numbers."""
    return any(
        isinstance(info, (inspect.AnyType, inspect.CustomType))
        or (isinstance(info, inspect.DictType) and not _is_salted(info.key_type))
        for info in nested_types(type)
    )


def hashes_anything(type: Any) -> bool:  # noqa: A002 - as above
    """Tell whether a type has sets whose items are made of anything: MessagePack makes tuples of arrays there."""
    return any(
        _is_open(part) for info in nested_types(type) if isinstance(info, _SETS) for part in parts_of(info.item_type)
    )


def key_guard(type: Any, types: Types = NO_TYPES) -> Callable[[Any], None] | None:  # noqa: A002 - as above
    """Return what refuses a value, as a codec decodes it without a type, for what it would collect; None if nothing.

    It raises RequestInvalid, or msgspec.ValidationError for what is hashed and cannot be.
    """
    most = most_collected(type)
    if most is None:
        return None
    looks = _Looks().of(nested_types(type)[0])

    def guard(value: Any) -> None:
        _look(looks, value, Collected(most, types))

    return guard


def count_members(value: Any) -> int:
    """Count the members of all objects in a decoded value."""
    members, level = 0, [value]
    while level:
        dicts = [one for one in level if one.__class__ is dict]
        members += sum(map(len, dicts))
        holders = [*map(dict.values, dicts), *(one for one in level if one.__class__ is list)]
        level = [part for one in holders for part in one if part.__class__ is list or part.__class__ is dict]
    return members


def are_apart(values: Iterable[Any]) -> bool:
    """Tell whether no more values than may have the hash of another one; TypeError if one cannot be hashed."""
    first: dict[int, Any] = {}
    left = _MAX_EQUAL
    for value in values:
        if first.setdefault(hash(value), value) != value:
            left -= 1
            if left < 0:
                return False
    return True


def check_collisions(values: Iterable[Any]) -> None:
    """Refuse values that are not apart.

    Raises:
        RequestInvalid: 422.
        TypeError: one cannot be hashed.
    """
    if not are_apart(values):
        raise refused(COLLIDING)


class Collected:
    """What of one body was seen so far."""

    __slots__ = ("_decode", "_left", "_most")

    def __init__(self, most: int, types: Types = NO_TYPES) -> None:
        self._decode = types.decode
        self._most = most
        self._left = most * most

    def add(self, values: Sequence[Any], kind: Any) -> None:
        """Take note of what one set or map is made of, `kind` its type.

        Raises:
            RequestInvalid: it is too much.
            msgspec.ValidationError: a value cannot be hashed.
        """
        numbers = [one for one in _converted(values, kind, self._decode) if type(one) not in _SALTED_KINDS]
        self._left -= len(numbers) ** 2
        if self._left < 0:
            raise too_many(self._most)
        try:
            check_collisions(numbers)
        except TypeError as error:
            raise msgspec.ValidationError("is invalid") from error


def _converted(values: Sequence[Any], kind: Any, decode: Callable[[Any, Any], Any]) -> list[Any]:
    """Return the values as they will be hashed, without those that will be refused."""
    try:
        return msgspec.convert(values, list[kind], strict=False, dec_hook=decode)
    except msgspec.ValidationError:
        pass
    found: list[Any] = []
    for value in values:
        try:
            found.append(msgspec.convert(value, kind, strict=False, dec_hook=decode))
        except msgspec.ValidationError:
            continue
    return found


def _is_salted(info: Any) -> bool:
    return all(isinstance(member, _SALTED + _FEW) for member in alternatives(info))


def _collects(info: Any) -> bool:
    if isinstance(info, _SETS):
        return not _is_salted(info.item_type)
    # Where a key may be anything, a text stays one; what has others looks at them as it reads.
    return isinstance(info, inspect.DictType) and not (_is_salted(info.key_type) or _is_open(info.key_type))


def _is_open(info: Any) -> bool:
    return any(isinstance(member, (inspect.AnyType, inspect.CustomType)) for member in alternatives(info))


def _look(looks: Looks, value: Any, seen: Collected) -> None:
    look = looks.get(type(value))
    if look is not None:
        look(value, seen)


class _Looks:
    """Turns msgspec's description of a type into what looks through its values, only where there is something."""

    def __init__(self) -> None:
        self._made: dict[int, Looks] = {}

    def of(self, info: Any) -> Looks:
        made = self._made.get(id(info))
        if made is None:
            made = self._made[id(info)] = {}
            if any(_collects(part) for part in parts_of(info)):
                made.update(self._fill(info))
        return made

    def _fill(self, info: Any) -> Looks:
        while isinstance(info, inspect.Metadata):
            info = info.type
        if isinstance(info, inspect.UnionType):
            return self._union(info)
        if isinstance(info, inspect.DictType):
            return {dict: _pairs(self.of(info.value_type), info.key_type if _collects(info) else None)}
        if isinstance(info, (*_SETS, inspect.ListType, inspect.VarTupleType)):
            return {list: _items(self.of(info.item_type), info.item_type if _collects(info) else None)}
        if isinstance(info, inspect.TupleType):
            return {list: _row([self.of(item) for item in info.item_types], 0)}
        fields = {field.encode_name: self.of(field.type) for field in info.fields}
        if isinstance(info, inspect.NamedTupleType) or getattr(info, "array_like", False):
            return {list: _row([*fields.values()], 0 if getattr(info, "tag", None) is None else 1)}
        return {dict: _fields({name: looks for name, looks in fields.items() if looks})}

    def _union(self, info: Any) -> Looks:
        tagged = [one for one in alternatives(info) if isinstance(one, inspect.StructType) and one.tag is not None]
        if len(tagged) < 2:
            return reduce(or_, [self.of(member) for member in info.types], {})
        others: Looks = {}
        for member in info.types:
            if member not in tagged:
                others |= self.of(member)
        at: Any = 0 if tagged[0].array_like else tagged[0].tag_field
        choices = {one.tag: self.of(one) for one in tagged}

        def chosen(value: Any, seen: Collected) -> None:
            try:
                tag = value[at]
            except LookupError:
                return
            _look(choices.get(tag, {}) if isinstance(tag, str | int) else {}, value, seen)

        return others | {list if at == 0 else dict: chosen}


def _items(looks: Looks, hashed: Any) -> Look:
    kind, least = _hashed(hashed)

    def look(values: Any, seen: Collected) -> None:
        for inner_kind, inner in looks.items():
            for value in values:
                if value.__class__ is inner_kind:
                    inner(value, seen)
        if len(values) > least:
            seen.add(values, kind)

    return look


def _pairs(looks: Looks, hashed: Any) -> Look:
    kind, least = _hashed(hashed)

    def look(pairs: Any, seen: Collected) -> None:
        if len(pairs) > least:
            seen.add([*pairs], kind)
        if looks:
            for value in pairs.values():
                _look(looks, value, seen)

    return look


def _hashed(info: Any) -> tuple[Any, float]:
    """Return the type of what is hashed, and up to how many such values are not looked at."""
    if info is None:
        return None, math.inf
    return _as_type(info), 0 if any(map(_is_open, parts_of(info))) else _MAX_EQUAL


def _row(looks: Sequence[Looks], start: int) -> Look:
    def look(values: Any, seen: Collected) -> None:
        for one, value in zip(looks, values[start:], strict=False):
            _look(one, value, seen)

    return look


def _fields(fields: dict[str, Looks]) -> Look:
    def look(pairs: Any, seen: Collected) -> None:
        for name, looks in fields.items():
            if name in pairs:
                _look(looks, pairs[name], seen)

    return look


def _as_type(info: Any) -> Any:
    """Return the type that msgspec describes, without constraints."""
    members = [*alternatives(info)]
    if len(members) > 1:
        return reduce(or_, map(_as_type, members))
    info = members[0]
    if isinstance(info, inspect.LiteralType):
        return Any  # one of few
    if isinstance(info, inspect.TupleType):
        return cast("Any", tuple)[tuple(map(_as_type, info.item_types))]
    if isinstance(info, inspect.VarTupleType):
        return cast("Any", tuple)[_as_type(info.item_type), ...]
    if isinstance(info, inspect.FrozenSetType):
        return cast("Any", frozenset)[_as_type(info.item_type)]
    return getattr(info, "cls", None) or messages.PLAIN_TYPES.get(type(info), Any)
