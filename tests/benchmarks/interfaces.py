"""The interfaces between servers and frameworks that a benchmark can call without a server.

One module each: `answer(application, case)` and `timer(application, case)`.
"""

from collections.abc import Callable
from typing import Any, Protocol, cast

import handwritten
import over_asgi
import over_rsgi
import over_wsgi
from apps import asgi_app, wsgi_app
from cases import Case

from hinge.backend.installed import installed_backends


class Interface(Protocol):
    """How a callable of one interface is called."""

    def answer(self, application: Any, case: Case) -> tuple[int, list[tuple[str, str]], bytes]:
        """Return status, header lines and body."""
        ...

    def timer(self, application: Any, case: Case) -> Callable[[int], float]:
        """Return what calls the application so many times and returns the seconds."""
        ...


_MODULES = {"wsgi": over_wsgi, "asgi": over_asgi, "rsgi": over_rsgi}
INTERFACES = {name: cast("Interface", module) for name, module in _MODULES.items() if name in installed_backends()}
"""Those that a backend is installed for; their names are the backends'."""


def hinge(interface: str, layers: int = 0) -> Any:
    """Return Hinge's callable, its handlers in the colour that the backend calls directly."""
    return (wsgi_app if interface == "wsgi" else asgi_app)(layers).compile(interface)


def hand(interface: str, layers: int = 0) -> Any:
    """Return the hand-written callable, behind so many hand-written middlewares."""
    application = getattr(handwritten, interface)
    for _ in range(layers):
        application = getattr(handwritten, f"{interface}_layer")(application)
    return application
