"""The checks of what has declared fields: objects, rows, and the tagged unions of both.

Law: a whole is converted only when its parts are valid, so what `__post_init__` objects to is reported beside, never
instead of, the faults of other wholes. The order of the faults is the order of declaration.
"""

from collections.abc import Mapping, Sequence
from typing import Any, get_origin

import msgspec

from hinge.validation import messages
from hinge.validation.checks import ARRAYS, CONVERSION, Enough, Path, Report, Shape


class Slot(msgspec.Struct, frozen=True):
    """One field of an object: its name on the wire and the check of its value; `exact` values need none."""

    name: str
    shape: Any
    required: bool
    exact: type | None = None


class Record:
    """An object with declared fields: Struct, dataclass, attrs class, TypedDict.

    `target` is what msgspec converts the whole to, None where that says nothing new.
    """

    __slots__ = ("flat", "forbid", "kinds", "known", "looks", "plain", "slots", "tag", "tag_field", "target")

    def __init__(
        self, target: Any = None, *, tag_field: str | None = None, tag: Any = None, forbid: bool = False
    ) -> None:
        self.target = target
        self.tag_field = tag_field
        self.tag = tag
        self.forbid = forbid
        self.kinds: frozenset[type] | None = frozenset({dict})
        self.fill(())

    def fill(self, slots: Sequence[Slot]) -> None:
        """Set the fields: a recursive type refers to its shape before they are known."""
        self.slots = [(slot.name, slot.exact, slot.shape.check, slot.required) for slot in slots]
        self.known = frozenset(slot.name for slot in slots) | ({self.tag_field} if self.tag_field else set())
        exact = [slot.exact for slot in slots if slot.exact is not None]
        self.looks = 1 + len(exact)
        self.flat = self.target is not None and self.tag_field is None and len(exact) == len(slots)
        """Whether msgspec alone can tell that all is valid, at a cost that no object around it pays again."""
        cls: Any = get_origin(self.target) or self.target
        self.plain = self.flat and issubclass(cls, msgspec.Struct) and not hasattr(cls, "__post_init__")
        """Whether the classes of the fields' values can tell it as well."""

    def check(self, value: Any, path: Path | None, report: Report) -> Any:
        """Report a wrong tag, every missing, unknown and faulty field; else what the class itself objects to."""
        report.left -= self.looks
        if report.left < 0:
            raise Enough
        if not isinstance(value, dict):
            report.add(path, messages.mismatch([self.expected()], value))
            return value
        if self.flat and path is not None and (valid := self._valid(value, report)) is not None:
            return valid
        before = len(report.faults)
        self._check_tag(value, path, report)
        checked = dict(value)
        for name, exact, check, required in self.slots:
            if name not in value:
                if required:
                    report.add((path, name), "is required")
            elif type(item := value[name]) is not exact:
                checked[name] = check(item, (path, name), report)
        if self.forbid:
            for name in value:
                if name not in self.known:
                    report.add((path, name), "is not a known field")
        if len(report.faults) > before or self.target is None:
            return checked
        return settle(checked, self.target, path, report)

    def _valid(self, value: Any, report: Report) -> Any:
        """Return the object if it is valid, as most parts of a faulty body are."""
        if self.plain and len(value) == len(self.slots):
            for name, exact, _, _ in self.slots:
                if type(value.get(name)) is not exact:
                    break
            else:
                return value
        try:
            hook = report.types.decode
            converted = msgspec.convert(value, self.target, strict=report.strict, str_keys=True, dec_hook=hook)
        except msgspec.ValidationError:
            return None  # and so one of the few faults that a report has
        report.left -= CONVERSION
        return converted

    def _check_tag(self, value: Mapping[Any, Any], path: Path | None, report: Report) -> None:
        if self.tag_field is None or self.tag_field not in value:
            return  # msgspec needs no tag where there is no choice
        tag = value[self.tag_field]
        if type(tag) is not type(self.tag) or tag != self.tag:
            report.add((path, self.tag_field), f"expected {messages.choices([self.tag])}")

    def expected(self) -> str:
        """Name what this type takes."""
        return "an object"


class Row:
    """An array with one check a position: tuple, NamedTuple, array-like Struct."""

    __slots__ = ("forbid", "kinds", "needed", "shapes", "tag", "target")

    def __init__(self, target: Any = None, *, tag: Any = None, forbid: bool = True) -> None:
        self.target = target
        self.tag = tag
        self.forbid = forbid
        self.kinds: frozenset[type] | None = frozenset(ARRAYS)
        self.shapes: tuple[Shape, ...] = ()
        self.needed = 0

    def fill(self, shapes: Sequence[Shape], needed: int) -> None:
        """Set the positions, the first `needed` of them required."""
        self.shapes = tuple(shapes)
        self.needed = needed

    def check(self, value: Any, path: Path | None, report: Report) -> Any:
        """Report a wrong tag, every missing, surplus and faulty item; else what the class itself objects to."""
        report.visit()
        if not isinstance(value, (list, tuple)):
            report.add(path, messages.mismatch([self.expected()], value))
            return value
        before = len(report.faults)
        checked = list(value)
        start = 0 if self.tag is None else 1
        if start and checked and (type(checked[0]) is not type(self.tag) or checked[0] != self.tag):
            report.add((path, 0), f"expected {messages.choices([self.tag])}")
        for index, shape in enumerate(self.shapes, start):
            if index < len(value):
                checked[index] = shape.check(value[index], (path, index), report)
        for index in range(len(value), self.needed + start):
            report.add((path, index), "is required")
        most = len(self.shapes) + start
        if self.forbid and len(value) > most:
            report.add(path, messages.count_fault(_AtMost(most), len(value), "item") or "is invalid")
        if len(report.faults) > before or self.target is None:
            return checked
        return settle(checked, self.target, path, report)

    def expected(self) -> str:
        """Name what this type takes."""
        return "an array"


class _AtMost(msgspec.Struct, frozen=True):
    max_length: int
    min_length: int | None = None


class Tagged:
    """A union of tagged Structs: the tag chooses."""

    __slots__ = ("at", "kinds", "members")

    def __init__(self, at: str | int, members: Mapping[Any, Shape]) -> None:
        self.at = at
        self.members = members
        self.kinds: frozenset[type] | None = frozenset(ARRAYS if at == 0 else {dict})

    def check(self, value: Any, path: Path | None, report: Report) -> Any:
        """Report a missing or unknown tag, else the faults of the chosen Struct."""
        if type(value) not in (self.kinds or ()):
            report.visit()
            report.add(path, messages.mismatch([self.expected()], value))
            return value
        missing = not value if self.at == 0 else self.at not in value
        if missing:
            report.add((path, self.at), "is required")
            return value
        tag = value[self.at]
        member = self.members.get(tag) if type(tag) in {str, int} else None
        if member is None:
            report.add((path, self.at), f"expected {messages.choices(self.members)}")
            return value
        return member.check(value, path, report)

    def expected(self) -> str:
        """Name what this type takes."""
        return "an array" if self.at == 0 else "an object"


def settle(value: Any, target: Any, path: Path | None, report: Report) -> Any:
    """Convert a whole whose parts are valid, and report what its class objects to."""
    try:
        return report.convert(value, target)
    except msgspec.ValidationError as error:
        steps, message = messages.locate(error)
        for step in steps:
            path = (path, step)
        report.add(path, message)
        return value
