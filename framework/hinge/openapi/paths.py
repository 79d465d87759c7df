"""Path templates -> the paths of a document.

Law: what differs in the names of parameters only is one path (OpenAPI 3.1.1, section 4.8.8.1), and its names are those
of the first operation. A remainder is a parameter like any other there, since OpenAPI has no word for it.
"""

from collections.abc import Hashable, Iterable, Mapping

from hinge.binding.plan import HandlerPlan
from hinge.routing import Route
from hinge.routing.template import PathTemplate

METHODS = ("GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE")
"""The methods that a path item has a field for; routes with others are not in the document."""

Operations = Mapping[tuple[Hashable, str], tuple[Route, HandlerPlan]]
"""What answers a method of a path."""


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
