"""Observability: metrics, traces and logs of each request, one to a file; each is loaded when an app names it."""

from typing import TYPE_CHECKING

from hinge.on_demand import on_demand, places

if TYPE_CHECKING:
    from hinge.observability.access_log import AccessLog
    from hinge.observability.json_log import JSONFormatter
    from hinge.observability.metrics import Metrics
    from hinge.observability.observer import Ended, Observer
    from hinge.observability.tracing import Tracing

__all__ = ["AccessLog", "Ended", "JSONFormatter", "Metrics", "Observer", "Tracing"]

_ROOMS = {
    "observability.access_log": "AccessLog",
    "observability.json_log": "JSONFormatter",
    "observability.metrics": "Metrics",
    "observability.observer": "Ended Observer",
    "observability.tracing": "Tracing",
}
_ROOM_OF = places(_ROOMS)

if not TYPE_CHECKING:
    __getattr__, __dir__ = on_demand(globals(), _ROOM_OF)
