"""The WSGI backend (PEP 3333): one request a thread; coroutines on the process's one event-loop thread."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from hinge.backend.contract import Feature
from hinge.backend.testing import Connection
from hinge.binding.plan import Colour, HandlerPlan
from hinge.compiling.frozen import FrozenApp

_PLACES = {
    Colour.SYNC: "the server's thread",
    Colour.ASYNC: "the event-loop thread",
    Colour.SYNC_GENERATOR: "streamed from the server's thread",
    Colour.ASYNC_GENERATOR: "streamed from the event-loop thread",
}


class WSGIBackend:
    """Compile to a WSGI callable."""

    name = "wsgi"
    interface = "wsgi"
    features: frozenset[Feature] = frozenset(
        {Feature.STREAMING, Feature.DUPLEX, Feature.AFTER_RESPONSE, Feature.ABORT, Feature.PREFIX}
    )
    contract = (2, 1)

    def compile(self, frozen: FrozenApp) -> Any:
        """Return the WSGI callable."""
        from hinge_wsgi.compile import compile_wsgi  # noqa: PLC0415 - asking for the features costs no anyio

        return compile_wsgi(frozen)

    def placement(self, plan: HandlerPlan) -> str:
        """Say where a handler runs."""
        if plan.inline and plan.colour is Colour.ASYNC:
            return "the server's thread, driven without a loop"
        if plan.own_loop:
            return "the server's thread, on an event loop of its own"
        return _PLACES[plan.colour]

    def connect(self, application: Any, options: Mapping[str, Any]) -> AbstractContextManager[Connection]:
        """Return an in-process connection."""
        from hinge_wsgi.inprocess.connection import connect  # noqa: PLC0415 - tests only

        return connect(application, options)


backend = WSGIBackend()
"""What the entry point `hinge.backends: wsgi` names."""
