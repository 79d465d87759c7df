"""The interfaces between servers and frameworks that a benchmark can call without a server.

One module each: `answer(application, case)` and `timer(application, case)`.
"""

from collections.abc import Callable
from typing import Any, Protocol, cast

import apps
import composed_apps
import hand_asgi
import hand_composed
import hand_rsgi
import hand_wsgi
import over_asgi
import over_rsgi
import over_wsgi
from cases import COMPOSED, LOGIN, STACK, Around, Case
from msgspec.structs import replace

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
    written: Any = composed_apps if around in (COMPOSED, STACK) else apps
    return (written.wsgi_app if interface == "wsgi" else written.asgi_app)(around).compile(interface)


def hand(interface: str, around: Around = 0) -> Any:
    """Return the hand-written callable, behind what is written by hand."""
    written = hand_composed if around in (COMPOSED, STACK) else _HAND[interface]
    if not isinstance(around, int):
        return getattr(written, f"{interface}_{around.replace('-', '_')}")
    application = getattr(written, interface)
    for _ in range(around):
        application = getattr(written, f"{interface}_layer")(application)
    return application


def signed_in(interface: str, application: Any, case: Case) -> Case:
    """Return the case with the cookies of a session that has begun, if it is of the whole stack."""
    if case.around != STACK:
        return case
    _, headers, _ = INTERFACES[interface].answer(application, LOGIN)
    pairs = [value.partition(";")[0] for name, value in headers if name.lower() == "set-cookie"]
    return replace(case, cookies="; ".join(["theme=dark", *pairs]))
