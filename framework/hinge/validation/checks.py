"""A type as a tree of checks that report every fault of a decoded value.

Law: a check never decides what msgspec decides. Values without parts are handed to `msgspec.convert`; so is an object
whose parts are all valid, that `__post_init__` and its kind be heard (a Struct of plain fields without one is valid if
the classes of its values are those of its fields). What a check adds is to go on after the first fault. The work is
linear: an object that was converted stays converted for the objects around it.
"""

from collections.abc import Sequence
from decimal import Decimal
from functools import reduce
from typing import Any, Protocol

import msgspec
from msgspec import inspect

from hinge.inspection.custom_types import NO_TYPES, Types
from hinge.inspection.models import ModelInvalid
from hinge.inspection.raised import told
from hinge.validation import messages
from hinge.validation.numbers import is_moderate

Path = tuple["Path | None", object]
"""Where a value is: its parent's path and its own key or index; None is the whole."""

MAX_ERRORS = 100
"""Faults that one report lists."""

MAX_WORK = 20_000
"""What one report may cost: 1 for each value looked at, more for one that is converted. So the work that a hostile body
can ask for is bounded. A fault beyond it is not listed, but for the one that the decoder stopped at."""

CONVERSION = 2
"""What a conversion costs beside the look at its value."""

ARRAYS = (list, tuple, set, frozenset)
_RAW = msgspec.Raw(b"null")


class Enough(Exception):  # noqa: N818 - it ends a walk, it is no error
    """End the walk: the report is full or the work is done."""


class Report:
    """Gathers the faults of one value, as pairs of a path and a message."""

    __slots__ = ("faults", "left", "strict", "types")

    def __init__(self, *, strict: bool, types: Types = NO_TYPES) -> None:
        self.faults: list[tuple[Path | None, str]] = []
        self.strict = strict
        self.types = types
        self.left = MAX_WORK

    def add(self, path: Path | None, message: str) -> None:
        """Note a fault, or end the walk when that makes enough of them."""
        self.faults.append((path, message))
        if len(self.faults) >= MAX_ERRORS:
            raise Enough

    def visit(self) -> None:
        """Count one value as looked at, or end the walk."""
        self.left -= 1
        if self.left < 0:
            raise Enough

    def trial(self) -> "Report":
        """Return an empty report that has as much work left as this one."""
        report = Report(strict=self.strict, types=self.types)
        report.left = self.left
        return report

    def convert(self, value: Any, target: Any) -> Any:
        """Convert as the decoders do.

        Raises:
            msgspec.ValidationError: the value does not fit.
        """
        self.left -= CONVERSION
        return msgspec.convert(value, target, strict=self.strict, str_keys=True, dec_hook=self.types.decode)


class Shape(Protocol):
    """Checks one type. `kinds` are the Python types a decoded value of it may have, None for any."""

    kinds: frozenset[type] | None

    def check(self, value: Any, path: Path | None, report: Report) -> Any:
        """Report the faults of `value`; return it, with the objects in it that are valid converted."""
        ...

    def expected(self) -> str:
        """Name what this type takes."""
        ...


class Anything:
    """Takes every value: `Any`, `object`, `msgspec.Raw`."""

    __slots__ = ("raw",)
    kinds: frozenset[type] | None = None

    def __init__(self, *, raw: bool = False) -> None:
        self.raw = raw

    def check(self, value: Any, path: Path | None, report: Report) -> Any:
        """Accept; `Raw` is not made from a value, so an empty one stands for it."""
        report.visit()
        return _RAW if self.raw else value

    def expected(self) -> str:
        """Name what this type takes."""
        return "any value"


class Scalar:
    """A type without parts: msgspec decides, the wording says why."""

    __slots__ = ("exact", "info", "kinds", "plain", "said", "target")

    def __init__(self, info: inspect.Type, target: Any, plain: Any) -> None:
        self.info = info
        self.target = target
        self.plain = plain
        self.kinds: frozenset[type] | None = messages.leaf_kinds(info)
        self.said: dict[type, str] = {}
        """What is said of the kinds that this type never takes, from the first value on that msgspec refused."""
        self.exact = target if target in {bool, int, float, str, bytes} else None

    def check(self, value: Any, path: Path | None, report: Report) -> Any:
        """Report one fault at most."""
        report.visit()
        kind = type(value)
        if kind is self.exact:
            return value
        if report.strict and kind in self.said:
            report.left -= CONVERSION
            report.add(path, self.said[kind])
            return value
        try:
            converted = report.convert(value, self.target)
        except msgspec.ValidationError:
            report.add(path, self._fault(value, strict=report.strict))
        else:
            # What no float holds was a number that a Decimal may hold: the decoder knows.
            if type(converted) is Decimal and not is_moderate(converted) and kind is not float:
                report.add(path, f"expected {self.expected()}")
        return value

    def _fault(self, value: Any, *, strict: bool) -> str:
        kind = type(value)
        if strict or kind is not str:
            said = self.said.get(kind)
            if said is None:
                said = messages.leaf_fault(self.info, value, self._parse)
                if self.kinds and kind not in self.kinds:
                    self.said[kind] = said
            return said
        try:
            read = msgspec.convert(value, self.plain, strict=False)
        except msgspec.ValidationError:
            return f"expected {self.expected()}"
        return messages.leaf_fault(self.info, read, self._parse)

    def _parse(self, value: Any) -> Any:
        try:
            return msgspec.convert(value, self.plain)
        except msgspec.ValidationError:
            return None

    def expected(self) -> str:
        """Name what this type takes."""
        return messages.expected(self.info)


class Custom:
    """A class that msgspec does not know and the app does."""

    __slots__ = ("cls",)
    kinds: frozenset[type] | None = None

    def __init__(self, cls: Any) -> None:
        self.cls = cls

    def check(self, value: Any, path: Path | None, report: Report) -> Any:
        """Report what the app's own function objects to."""
        report.visit()
        report.left -= CONVERSION
        try:
            return report.types.decode(self.cls, value)
        except ModelInvalid as invalid:
            for steps, message in invalid.faults:
                report.add(reduce(_below, steps, path), message)
        except (ValueError, TypeError) as error:
            report.add(path, told(error))
        return value

    def expected(self) -> str:
        """Name what this type takes."""
        return "another value"


def _below(path: Path | None, step: Any) -> Path:
    return path, step


class Items:
    """A list, set, frozenset or tuple of one item type."""

    __slots__ = ("hashed", "info", "item", "kinds")

    def __init__(self, info: inspect.CollectionType) -> None:
        self.info = info
        self.item: Shape = Anything()
        self.kinds: frozenset[type] | None = frozenset(ARRAYS)
        self.hashed = isinstance(info, (inspect.SetType, inspect.FrozenSetType))

    def check(self, value: Any, path: Path | None, report: Report) -> Any:
        """Report the number of items and every faulty item."""
        report.visit()
        if not isinstance(value, ARRAYS):
            report.add(path, messages.mismatch([self.expected()], value))
            return value
        if fault := messages.count_fault(self.info, len(value), "item"):
            report.add(path, fault)
        check, checked = self.item.check, []
        hashes_any = self.hashed and self.item.kinds is None
        for index, item in enumerate(value):
            if hashes_any and isinstance(item, (list, dict)):
                report.add((path, index), "must not be an array or an object")
            checked.append(check(item, (path, index), report))
        return checked

    def expected(self) -> str:
        """Name what this type takes."""
        return messages.expected(self.info)


class Pairs:
    """A dict: every key and every value."""

    __slots__ = ("info", "key", "kinds", "value")

    def __init__(self, info: Any) -> None:
        self.info = info
        self.key: Shape = Anything()
        self.value: Shape = Anything()
        self.kinds: frozenset[type] | None = frozenset({dict})

    def check(self, value: Any, path: Path | None, report: Report) -> Any:
        """Report the number of members, every faulty key (at its member) and every faulty value."""
        report.visit()
        if not isinstance(value, dict):
            report.add(path, messages.mismatch([self.expected()], value))
            return value
        if fault := messages.count_fault(self.info, len(value), "member"):
            report.add(path, fault)
        checked = {}
        for key, item in value.items():
            at: Path = (path, key)
            self._check_key(key, at, report)
            checked[key] = self.value.check(item, at, report)
        return checked

    def _check_key(self, key: Any, at: Path, report: Report) -> None:
        shape = self.key
        if not isinstance(shape, Scalar) or type(key) is shape.exact:
            return  # for the rare key that is a union or a tuple, the whole's conversion has the last word
        report.left -= 2 * CONVERSION  # a type is made for it as well
        if _as_key(key, shape.target) is None:
            plain = _as_key(key, shape.plain)
            fault = (
                f"expected {shape.expected()}" if plain is None else messages.leaf_fault(shape.info, plain[0], _itself)
            )
            report.add(at, f"has an invalid name: {fault}")

    def expected(self) -> str:
        """Name what this type takes."""
        return "an object"


def _as_key(key: Any, target: Any) -> tuple[Any] | None:
    """Convert one member's name: on the wire it is a string, from which msgspec reads numbers and more."""
    try:
        (converted,) = msgspec.convert({key: None}, dict[target, Any], str_keys=True)
    except msgspec.ValidationError:
        return None
    return (converted,)


def _itself(value: Any) -> Any:
    return value


class OneOf:
    """A union: msgspec allows one member a kind of value at most, so the kind chooses."""

    __slots__ = ("kinds", "members")

    def __init__(self, members: Sequence[Shape]) -> None:
        self.members = tuple(members)
        sets = [member.kinds for member in members]
        self.kinds: frozenset[type] | None = (
            None if None in sets else frozenset().union(*(kinds or () for kinds in sets))
        )

    def check(self, value: Any, path: Path | None, report: Report) -> Any:
        """Report the faults of the member that takes this kind, or that none does."""
        kind = type(value)
        fitting = [member for member in self.members if member.kinds is None or kind in member.kinds]
        if len(fitting) == 1 and (report.strict or kind is not str):
            return fitting[0].check(value, path, report)
        for member in fitting if report.strict else self.members:
            trial = report.trial()
            checked = member.check(value, path, trial)
            report.left = trial.left
            if not trial.faults:
                return checked
        report.visit()
        # Integers fit `float` too, and a Literal stands beside its own type: name what all of the fitting ones take.
        if fitting:
            trial = report.trial()
            fitting[0].check(value, path, trial)
            for at, message in trial.faults:
                report.add(at, message)
        else:
            report.add(path, messages.mismatch([member.expected() for member in self.members], value))
        return value

    def expected(self) -> str:
        """Name what this type takes."""
        return " or ".join(dict.fromkeys(member.expected() for member in self.members))
