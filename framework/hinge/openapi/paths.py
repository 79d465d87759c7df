"""Path templates -> the paths of a document, and the ids of what answers there.

Law: what differs in the names of parameters only is one path (OpenAPI 3.1.1, section 4.8.8.1), and its names are those
of the first operation. A remainder is a parameter like any other there, since OpenAPI has no word for it. An id, of
which generators make the names of functions, is that of its route, with no more beside it than tells it from the others
of that name: the method where one path has several, else the path. The order of the routes plays no part in it.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping
from operator import itemgetter

from hinge.binding.plan import HandlerPlan
from hinge.openapi.names import unused
from hinge.routing import Route
from hinge.routing.template import PathTemplate

METHODS = ("GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE")
"""The methods that a path item has a field for; routes with others are not in the document."""

Operations = Mapping[tuple[Hashable, str], tuple[Route, HandlerPlan]]
"""What answers a method of a path."""

Key = tuple[Hashable, str]

_BETWEEN = re.compile(r"[\W_]+")
"""What separates words."""


def operations_of(planned: Iterable[tuple[Route, HandlerPlan]]) -> Operations:
    """Return what is described of the routes; where a segment and a remainder answer one method, it is the segment."""
    found: dict[tuple[Hashable, str], tuple[Route, HandlerPlan]] = {}
    for route, plan in planned:
        path = hierarchy(route.template)
        for method in METHODS:
            if method in route.methods and ((path, method) not in found or not _takes_remainder(route)):
                found[path, method] = route, plan
    return found


def hierarchy(template: PathTemplate) -> Hashable:
    """Return a key that is equal for templates that are one path in the document."""
    return tuple((prefix, part.name is None, suffix) for part, (prefix, suffix) in template.quoted())


def path_of(template: PathTemplate) -> str:
    """Return the key of a path item."""
    return "".join(
        f"/{prefix}{suffix if part.name is None else f'{{{part.name}}}{suffix}'}"
        for part, (prefix, suffix) in template.quoted()
    )


def _takes_remainder(route: Route) -> bool:
    return route.template.segments[-1].rest


def identities(operations: Operations) -> dict[Key, str]:
    """Return the id of each operation."""
    alike: defaultdict[str, list[Key]] = defaultdict(list)
    for key, (route, _) in operations.items():
        alike[route.name].append(key)
    found = {keys[0]: name for name, keys in alike.items() if len(keys) == 1}
    taken = set(found.values())
    for name, keys in sorted(alike.items()):
        for (wanted, *_), key in (
            sorted(_told_apart(name, keys, operations), key=itemgetter(0)) if len(keys) > 1 else ()
        ):
            found[key] = unused(wanted, taken)
    return found


def _told_apart(name: str, keys: list[Key], operations: Operations) -> Iterable[tuple[tuple[str, str, str], Key]]:
    """Yield for each operation of a name the id that it should have, and what puts those of one id in order."""
    methods = Counter(path for path, _ in keys)
    for key in keys:
        path, method = key
        template = operations[key][0].template
        parts = [name] if len(methods) == 1 else [name, _words(template)]
        wanted = "_".join(parts + ([method.lower()] if methods[path] > 1 else []))
        yield (wanted, template.text, method), key


def _words(template: PathTemplate) -> str:
    text = "_".join(part.prefix + f"_{part.name or ''}_" + part.suffix for part in template.segments)
    return _BETWEEN.sub("_", text).strip("_") or "root"
