"""The interfaces between servers and frameworks that a benchmark can call without a server.

One module each: `answer(application, case)` and `timer(application, case)`.
"""

from collections.abc import Callable
from typing import Any, Protocol, cast

import hand_asgi
import hand_rsgi
import hand_wsgi
import over_asgi
import over_rsgi
import over_wsgi
from apps import asgi_app, wsgi_app
from cases import Around, Case

from hinge.backend.installed import installed_backends


class Interface(Protocol):
    """How a callable of one interface is called."""

    def answer(self, application: Any, case: Case) -> tuple[int, list[tuple[str, str]], bytes]:
        """Return status, header lines and body."""
        ...

    def timer(self, application: Any, case: Case) -> Callable[[int], float]:
        """Return what calls the application so many times and returns the seconds."""
        ...


_HAND: dict[str, Any] = {"wsgi": hand_wsgi, "asgi": hand_asgi, "rsgi": hand_rsgi}
_MODULES = {"wsgi": over_wsgi, "asgi": over_asgi, "rsgi": over_rsgi}
INTERFACES = {name: cast("Interface", module) for name, module in _MODULES.items() if name in installed_backends()}
"""Those that a backend is installed for; their names are the backends'."""


def hinge(interface: str, around: Around = 0) -> Any:
    """Return Hinge's callable, its handlers in the colour that the backend calls directly."""
    return (wsgi_app if interface == "wsgi" else asgi_app)(around).compile(interface)


def hand(interface: str, around: Around = 0) -> Any:
    """Return the hand-written callable, behind what is written by hand."""
    written = _HAND[interface]
    if not isinstance(around, int):
        return getattr(written, f"{interface}_{around.replace('-', '_')}")
    application = getattr(written, interface)
    for _ in range(around):
        application = getattr(written, f"{interface}_layer")(application)
    return application
