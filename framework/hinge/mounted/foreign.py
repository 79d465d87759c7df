"""An application of another framework that is mounted in an app: what was said of it, and its routes.

Law: it answers every method at its prefix and below, and is a route's handler as any other: what is around the app's
routes is around it. What it is was told apart when it was mounted; its own limits and errors are its own affair.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from hinge.binding.params import Dependency
from hinge.diagnostics.location import qualified_name
from hinge.http.body import UNLIMITED
from hinge.lifespan import Lifespan
from hinge.mounted.told_apart import Interface, interface_of
from hinge.routing.route import Route
from hinge.routing.template import PathTemplate

if TYPE_CHECKING:
    from hinge.mounted.asgi import Tasks

REMAINDER = "/{path:path}"
"""What a template below a mount's prefix ends with."""


class Foreign(msgspec.Struct, frozen=True, eq=False):
    """A mounted application."""

    prefix: str
    app: Any
    interface: Interface
    name: str
    location: str
    dependencies: tuple[Dependency, ...] = ()
    max_body_size: int | None = None
    tasks: "Tasks | None" = None
    """What an ASGI application does."""

    @property
    def who(self) -> str:
        """What it is called in messages."""
        return qualified_name(self.app)

    def route(self) -> Route:
        """Return its route as the app lists it."""
        return self._route(self.prefix + REMAINDER, self.app)

    def routes(self, around: str, *, whole_body: bool) -> list[Route]:
        """Return its routes in an app that is mounted below `around`: the prefix itself, and all that is below it.

        `whole_body`: a middleware has the body read before.
        """
        prefix = around + self.prefix
        handler = self._handler(prefix, whole_body=whole_body)
        return [self._route(text, handler) for text in (prefix, prefix + REMAINDER) if text]

    def websockets(self, around: str) -> list[Route]:
        """Return the routes of its WebSockets; a WSGI application has none."""
        if self.interface == "wsgi":
            return []
        from hinge.mounted.websocket import handler_for  # noqa: PLC0415 - a WSGI application has no use for it

        prefix = around + self.prefix
        handler = self._presented(handler_for(self.app, prefix, self.key), prefix)
        return [self._route(text, handler, websocket=True) for text in (prefix, prefix + REMAINDER) if text]

    @property
    def key(self) -> str:
        """Under which the state of its lifespan is kept; the same wherever the application is mounted."""
        return f"application {id(self.app)}"

    def lifespan(self, around: str | None) -> Lifespan | None:
        """Return its lifespan in an app whose state has the key `around`; None: its protocol has none."""
        if self.interface == "wsgi" or self.tasks is None:
            return None
        from hinge.mounted.lifespan import lifespan_for  # noqa: PLC0415 - as above

        return lifespan_for(self.app, self.who, self.location, self.key, around, self.tasks)

    def _handler(self, prefix: str, *, whole_body: bool) -> Any:
        if self.interface == "wsgi" or self.tasks is None:
            from hinge.mounted import wsgi  # noqa: PLC0415 - each protocol pays for itself

            made: Any = wsgi.handler_for(self.app, prefix, whole_body=whole_body)
        else:
            from hinge.mounted import asgi  # noqa: PLC0415 - as above

            made = asgi.handler_for(self.app, prefix, self.key, self.tasks, whole_body=whole_body)
        return self._presented(made, prefix)

    def _presented(self, handler: Any, prefix: str) -> Any:
        """Give a handler the name and the place of the application, and what hands requests over as they are."""
        module, _, name = self.who.rpartition(".")
        handler.__module__, handler.__qualname__ = module, name
        handler.__declared_at__ = self.location
        handler.mounted, handler.prefix = self, prefix
        return handler

    def _route(self, text: str, handler: Any, *, websocket: bool = False) -> Route:
        return Route(
            PathTemplate.parse(text),
            frozenset(),
            handler,
            self.name,
            self.location,
            include_in_schema=False,
            dependencies=self.dependencies,
            max_body_size=UNLIMITED if self.max_body_size is None else self.max_body_size,
            websocket=websocket,
            interface=self.interface,
        )


def foreign_of(
    prefix: str,
    app: Any,
    interface: str | None,
    name: str | None,
    dependencies: tuple[Dependency, ...],
    max_body_size: int | None,
    where: str,
    others: Iterable[Foreign],
) -> Foreign:
    """Return the mount of what is no `App`; `prefix` and `name` were checked, `others` are mounted beside it.

    Raises:
        ConfigurationError: it is no application, or it cannot be told of which protocol it is.
    """
    found, tasks = interface_of(app, interface, f"mount({prefix or '/'!r}, ...) ({where})"), None
    if found == "asgi":
        from hinge.mounted.asgi import Tasks  # noqa: PLC0415 - only ASGI applications need an event loop

        # One that is mounted twice has one lifespan, which ends all that it does.
        tasks = next((one.tasks for one in others if one.app is app), None) or Tasks()
    shown = name or (prefix.rpartition("/")[2] or "mounted")
    return Foreign(prefix, app, found, shown, where, dependencies, max_body_size, tasks)
