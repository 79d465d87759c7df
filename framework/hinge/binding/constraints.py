"""Constraints in the words of `annotated_types` -> one `msgspec.Meta`, which is what msgspec obeys.

Law: a constraint is obeyed or refused by name, never dropped; of two of a kind the stricter one holds. The package is
not imported: who annotates with it has done so.
"""

import math
import operator
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

_STRICTER: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "Gt": ("gt", max),
    "Ge": ("ge", max),
    "Lt": ("lt", min),
    "Le": ("le", min),
    "MultipleOf": ("multiple_of", math.lcm),
    "MinLen": ("min_length", max),
    "MaxLen": ("max_length", min),
}
_DESCRIPTIONS = ("Unit", "Doc", "DocInfo")
"""What the package has beside constraints."""


def is_constraint(note: Any) -> bool:
    """Tell whether a note is one of `annotated_types`, or a group of them."""
    return _is_group(note) or _name(note) is not None


def members_of(note: Any) -> Iterator[Any]:
    """Yield what a group consists of, groups within it too; any other note is its own only member."""
    if _is_group(note):
        for member in note:
            yield from members_of(member)
    else:
        yield note


def meta_of(constraints: Iterable[Any]) -> msgspec.Meta | None:
    """Return what says all constraints, None if there are only descriptions among them.

    Raises:
        ValueError: `msgspec.Meta` cannot say one, which is its argument.
    """
    found: dict[str, Any] = {}
    for one in constraints:
        name = _name(one)
        if name in _DESCRIPTIONS:
            continue
        try:
            if name == "Timezone":
                _add(found, "tz", _awareness(one.tz), _refuse_both)
            else:
                key, stricter = _STRICTER[name or ""]
                bound = getattr(one, key)
                msgspec.Meta(**{key: bound})
                _add(found, key, bound, stricter)
        except (KeyError, TypeError, ValueError, SystemError):  # the last: a number beyond all floats
            raise ValueError(one) from None
    for open_, closed, is_stricter in (("gt", "ge", operator.ge), ("lt", "le", operator.le)):
        if open_ in found and closed in found:
            del found[closed if is_stricter(found[open_], found[closed]) else open_]
    return msgspec.Meta(**found) if found else None


def _is_group(note: Any) -> bool:
    return getattr(note, "__is_annotated_types_grouped_metadata__", False) is True


def _name(note: Any) -> str | None:
    """Return the name of the class of `annotated_types` that a note is of, None if it is of none."""
    return next((kind.__name__ for kind in type(note).__mro__ if kind.__module__ == "annotated_types"), None)


def _add(found: dict[str, Any], key: str, bound: Any, stricter: Callable[[Any, Any], Any]) -> None:
    found[key] = stricter(found[key], bound) if key in found else bound


def _awareness(zone: Any) -> bool:
    if zone is not None and zone is not Ellipsis:
        raise ValueError(zone)
    return zone is not None


def _refuse_both(one: Any, other: Any) -> Any:
    if one != other:
        raise ValueError(one, other)
    return one
