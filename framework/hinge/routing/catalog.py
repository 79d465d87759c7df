"""All routes of one app: what is there, what clashes, what is called what.

Law: two routes that would answer the same request are refused at the line that declares the second, and the message
names both.
"""

from collections.abc import Iterator

from hinge.errors import ConfigurationError
from hinge.routing.route import Route
from hinge.routing.table import RouteTable


class Catalog:
    """The declared routes, in order, with their paths, methods and names."""

    def __init__(self) -> None:
        self._routes: list[Route] = []
        self._table: RouteTable[dict[str, Route]] = RouteTable()
        self._names: dict[str, list[Route]] = {}

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)

    def add(self, route: Route) -> None:
        """Take a route.

        Raises:
            ConfigurationError: a present route answers the same method at the same paths.
        """
        present = self._table.get(route.template)
        if present is None:
            present = {}
            self._table.add(route.template, present)
        # A WebSocket handshake is none of the HTTP methods: it has a slot of its own.
        for method in sorted(route.methods) or ["WebSocket"]:
            other = present.get(method)
            if other is not None:
                raise ConfigurationError(
                    f"{route.describe()}: {method} {route.template.text} matches the same requests as "
                    f"{method} {other.template.text} of {other.describe()}. Fix: change one of the two paths"
                )
            present[method] = route
        self._routes.append(route)
        self._names.setdefault(route.name, []).append(route)

    def has(self, name: str) -> bool:
        """Tell whether a route has that name."""
        return name in self._names

    def named(self, name: str) -> Route:
        """Return the route of a name.

        Raises:
            ConfigurationError: none has it, or several with different paths do.
        """
        found = self._names.get(name, [])
        if not found:
            known = ", ".join(sorted(self._names)) or "none"
            raise ConfigurationError(f"no route is named {name!r}; there are: {known}")
        if len({route.template.text for route in found}) > 1:
            places = " and ".join(route.describe() for route in found)
            raise ConfigurationError(f"the name {name!r} stands for several routes: {places}. Fix: name= one of them")
        return found[0]
