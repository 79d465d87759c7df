"""The route that matched, left in the scope for the middleware around the app.

Law: it is there before anything of the app's is called, and only where somebody may look: otherwise no request has an
instruction for it. The keys are those of Starlette, which error trackers, tracers and metrics ask for.
"""

from collections.abc import Callable, MutableMapping
from typing import Any

from hinge.compiling.frozen import Endpoint
from hinge_asgi.scope import Scope
from hinge_asgi.serve import Serve

Expose = Callable[[Any, tuple[str, ...]], None]


def exposing(endpoint: Endpoint) -> Expose | None:
    """Return what puts an endpoint's route into a scope; None for an answer that is no route's."""
    route, names = endpoint.route, endpoint.path_names
    if route is None:
        return None
    handler = route.handler

    def expose(scope: MutableMapping[str, Any], values: tuple[str, ...]) -> None:
        scope["route"] = route
        scope["endpoint"] = handler
        scope["path_params"] = dict(zip(names, values))  # noqa: B905 - they fit, and strict costs as much again

    return expose


def exposed(endpoint: Endpoint, serve: Serve) -> Serve:
    """Return what serves an endpoint once its route is in the scope."""
    expose = exposing(endpoint)
    if expose is None:
        return serve

    def serve_exposed(scope: Scope, receive: Any, send: Any, values: tuple[str, ...]) -> Any:
        expose(scope, values)
        return serve(scope, receive, send, values)

    return serve_exposed
