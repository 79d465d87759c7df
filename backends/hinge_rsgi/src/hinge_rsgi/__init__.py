"""The RSGI backend (Granian's protocol, RSGI 1.6): HTTP without a message more than needed; no WebSockets."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from hinge.backend import Colour, Connection, Feature, FrozenApp, HandlerPlan


class RSGIBackend:
    """Compile to an RSGI callable."""

    name = "rsgi"
    interface = "rsgi"
    # A stream that fails ends like a complete one, and there is no mount prefix.
    features: frozenset[Feature] = frozenset(Feature) - {Feature.WEBSOCKET, Feature.ABORT, Feature.PREFIX}
    contract = (2, 1)

    def compile(self, frozen: FrozenApp) -> Any:
        """Return the RSGI callable."""
        from hinge_rsgi.compile import compile_rsgi  # noqa: PLC0415 - asking for the features costs no anyio

        return compile_rsgi(frozen)

    def placement(self, plan: HandlerPlan) -> str:
        """Say where a handler runs."""
        awaits = plan.colour in (Colour.ASYNC, Colour.ASYNC_GENERATOR)
        place = "the event loop" if awaits or plan.inline else "a worker thread"
        return f"streamed from {place}" if plan.is_generator else place

    def connect(self, application: Any, options: Mapping[str, Any]) -> AbstractContextManager[Connection]:
        """Return an in-process connection."""
        from hinge_rsgi.connection import connect  # noqa: PLC0415 - tests only

        return connect(application, options)


backend = RSGIBackend()
