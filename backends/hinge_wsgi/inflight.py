"""The requests under way, found when a worker stops.

Law: no request pays for being found. Each is in the application's frame in a thread of the server, so a look at all
threads' stacks meets them all; what a thread does stands in its innermost frame.
"""

import sys
import threading
from types import CodeType
from typing import Any, NamedTuple

from hinge_wsgi.environ import Environ


class Flight(NamedTuple):
    """One request under way."""

    environ: Environ
    code: CodeType
    """What its thread is in."""
    waits_for: Any
    """Whose method that is."""


def in_flight(application: CodeType, runtime: Any) -> list[Flight]:
    """Return the requests whose threads are in `application`, whose frame holds `runtime`."""
    found = []
    for thread, innermost in sys._current_frames().items():
        frame = None if thread == threading.get_ident() else innermost
        while frame is not None:
            if frame.f_code is application and frame.f_locals.get("runtime") is runtime:
                found.append(Flight(frame.f_locals["environ"], innermost.f_code, innermost.f_locals.get("self")))
                break
            frame = frame.f_back
    return found
