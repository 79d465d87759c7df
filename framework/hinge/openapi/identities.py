"""Operations -> their ids, of which generators make the names of functions.

Law: an id is that of its route, with no more beside it than tells it from the others of that name: the method where one
path has several, else the path. The order of the routes plays no part in it.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable
from operator import itemgetter

from hinge.openapi.names import unused
from hinge.openapi.paths import Operations
from hinge.routing.template import PathTemplate

Key = tuple[Hashable, str]

_BETWEEN = re.compile(r"[\W_]+")
"""What separates words."""


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
