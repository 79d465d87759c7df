"""The ASGI backend (ASGI 3): coroutines awaited where they are, plain functions in worker threads, WebSockets."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from hinge.backend.contract import Feature
from hinge.backend.testing import Connection
from hinge.binding.plan import Colour, HandlerPlan
from hinge.compiling.frozen import FrozenApp

_PLACES = {
    Colour.SYNC: "a worker thread",
    Colour.ASYNC: "the event loop",
    Colour.SYNC_GENERATOR: "streamed from a worker thread",
    Colour.ASYNC_GENERATOR: "streamed from the event loop",
}


class ASGIBackend:
    """Compile to an ASGI callable."""

    name = "asgi"
    interface = "asgi"
    features: frozenset[Feature] = frozenset(Feature)
    contract = (2, 1)

    def compile(self, frozen: FrozenApp) -> Any:
        """Return the ASGI callable."""
        from hinge_asgi.compile import compile_asgi  # noqa: PLC0415 - asking for the features costs no anyio

        return compile_asgi(frozen)

    def placement(self, plan: HandlerPlan) -> str:
        """Say where a handler runs."""
        if plan.inline and plan.colour is Colour.SYNC:
            return "the event loop, called inline"
        return _PLACES[plan.colour]

    def connect(self, application: Any, options: Mapping[str, Any]) -> AbstractContextManager[Connection]:
        """Return an in-process connection."""
        from hinge_asgi.inprocess.connection import connect  # noqa: PLC0415 - tests only

        return connect(application, options)


backend = ASGIBackend()
"""What the entry point `hinge.backends: asgi` names."""
