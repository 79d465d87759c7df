"""The security schemes of an app's routes -> security scheme objects and requirements (OpenAPI 3.1.1, section 4.8.30).

Law: what is described is what is checked. All schemes of a route are wanted together, of `AnyOf` one; an optional one
may be left out. Schemes that describe themselves alike are one component.
"""

from collections.abc import Iterable
from itertools import product
from typing import Any

from hinge.binding.plan import HandlerPlan
from hinge.errors import ConfigurationError
from hinge.openapi.names import unused
from hinge.routing import Route

Part = dict[str, Any]


class SecuritySchemes:
    """The schemes of an app's document, which are named as they are met, beside those that the app has by hand."""

    def __init__(self, app: Any) -> None:
        self.components: dict[str, Part] = dict(app.security_schemes)
        self._is_written = bool(app.security)
        self._names: dict[int, str] = {}
        self._titled: dict[str, Any] = {}

    def requirements(self, route: Route, plan: HandlerPlan) -> list[dict[str, list[str]]] | None:
        """Return the alternatives of a route, None if it says nothing of them; each names all that it takes.

        Raises:
            ConfigurationError: two schemes have one title, or somebody has written by hand what schemes say.
        """
        schemes = schemes_of(plan)
        if not schemes:
            return None if route.security is None else [dict(one) for one in route.security]
        if route.security is not None or self._is_written:
            what = "App(security=...)" if route.security is None else "security="
            raise ConfigurationError(
                f"{route.describe()}: {what} is written by hand, and the route has {schemes[0].describe()}, which says "
                "what is wanted. Fix: drop it, or Depends(scheme) for what it names"
            )
        scopes = list(plan.composed.needs.scopes) if plan.composed is not None else []
        ways = [[(self._named(one),) for one in scheme.members] + [()] * scheme.optional for scheme in schemes]
        found = [{name: scopes for part in way for name in part} for way in product(*ways)]
        return [one for index, one in enumerate(found) if one not in found[:index]]

    def _named(self, scheme: Any) -> str:
        if id(scheme) not in self._names:
            self._names[id(scheme)] = self._name(scheme)
        return self._names[id(scheme)]

    def _name(self, scheme: Any) -> str:
        described = scheme.document()
        if scheme.title is not None:
            other = self.components.setdefault(scheme.title, described)
            if other != described:
                place = self._titled.get(scheme.title, "App(security_schemes=...)")
                raise ConfigurationError(
                    f"{scheme.describe()}: title={scheme.title!r} is that of {place}, which differs. Fix: another title"
                )
            self._titled.setdefault(scheme.title, scheme.describe())
            return str(scheme.title)
        wanted = type(scheme).__name__
        for name, other in self.components.items():
            if other == described and name not in self._titled and name.startswith(wanted):
                return name
        name = unused(wanted, set(self.components))
        self.components[name] = described
        return name


def schemes_of(plan: HandlerPlan) -> tuple[Any, ...]:
    """Return the security schemes of a route."""
    return () if plan.composed is None else plan.composed.needs.schemes


def undescribed(app: Any, planned: Iterable[tuple[Route, HandlerPlan]]) -> list[str]:
    """Return a line for each route whose schemes cannot be described."""
    found, lines = SecuritySchemes(app), []
    for route, plan in planned:
        try:
            found.requirements(route, plan)
        except ConfigurationError as error:
            lines.append(str(error))
    return lines
