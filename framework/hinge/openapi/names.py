"""What the components of a document are called.

Law: a name is legal (`^[a-zA-Z0-9._-]+$`), nobody else's, and made of what the types are, never of the order in which
they were seen. It is as short as that allows: `Item`; `a.Item` beside `b.Item`; `Page_Item` for `Page[Item]`.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import Annotated, Any, Literal, get_args, get_origin
from unicodedata import combining, normalize

from hinge.inspection.annotations import UNIONS

_ILLEGAL = re.compile(r"[^a-zA-Z0-9._-]")


def component_names(kinds: Iterable[Any], fingerprint: Callable[[Any], bytes]) -> dict[Any, str]:
    """Return a name for each class or generic type; what has one name is told apart by its fingerprint."""
    kinds = list(kinds)
    short = _told_apart(dict.fromkeys(one for kind in kinds for one in _classes_of(kind)))
    alike: defaultdict[str, list[Any]] = defaultdict(list)
    for kind in kinds:
        alike[_spelled(kind, short)].append(kind)
    taken, found = set(alike), {}
    for name, same in sorted(alike.items()):
        first, *others = sorted(same, key=fingerprint) if len(same) > 1 else same
        found[first] = name
        found.update({kind: unused(name, taken) for kind in others})
    return found


def unused(name: str, taken: set[str]) -> str:
    """Return a name, with a number if it is taken, and take it."""
    found = name
    for number in count(2):
        if found not in taken:
            taken.add(found)
            break
        found = f"{name}_{number}"
    return found


def _classes_of(kind: Any) -> Iterator[type]:
    """Yield the classes that a type is written with."""
    origin = get_origin(kind)
    if isinstance(origin or kind, type):
        yield origin or kind
    for part in get_args(kind) if origin is not Literal else ():
        yield from _classes_of(part)


def _told_apart(classes: Iterable[type]) -> dict[type, str]:
    """Return the classes' names, with as much of their qualified names in front as those of one name need."""
    alike: defaultdict[str, dict[type, list[str]]] = defaultdict(dict)
    for one in classes:
        parts = f"{one.__module__}.{one.__qualname__}".split(".")
        path = [_legal(part) for part in parts if part != "<locals>"]
        alike[path[-1]][one] = path
    found = {}
    for paths in alike.values():
        distinct = len({tuple(path) for path in paths.values()})
        depth = next(one for one in count(1) if len({tuple(path[-one:]) for path in paths.values()}) == distinct)
        found.update({one: ".".join(path[-depth:]) for one, path in paths.items()})
    return found


def _spelled(kind: Any, short: dict[type, str]) -> str:
    origin = get_origin(kind)
    if origin is None:
        found = short.get(kind) if isinstance(kind, type) else None
        return found or _legal(getattr(kind, "__name__", None) or str(kind))
    arguments = get_args(kind)
    if origin is Annotated:
        return _spelled(arguments[0], short)
    if origin is Literal:
        return "_".join(_legal(str(value)) for value in arguments)
    parts = [_spelled(one, short) for one in arguments if one is not Ellipsis]
    return "_".join(parts if origin in UNIONS else [_spelled(origin, short), *parts])


def _legal(text: str) -> str:
    """Return a text in the letters that a component's name may have; accents are left out."""
    letters = "".join(one for one in normalize("NFKD", text) if not combining(one))
    return _ILLEGAL.sub("_", {"NoneType": "None"}.get(letters, letters)) or "_"
