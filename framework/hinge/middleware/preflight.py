"""A preflight at a path whose routes have middleware of their own that answers it (Fetch, "CORS-preflight request").

Law: the route of the method that is asked for answers, through the layer that would be around the request itself; its
other layers do not see a preflight, which has no credentials. A path without such a layer pays nothing.
"""

from collections.abc import Mapping
from typing import Any

from hinge.middleware.layer import Layer, Middleware


def preflight_layer(methods: Mapping[str, Any]) -> Layer | None:
    """Return what answers preflights before a path's OPTIONS does, None if no route there has a layer that would.

    `methods` are the endpoints by method.
    """
    found: dict[str, Layer] = {}
    for method, endpoint in methods.items():
        layers = endpoint.route.layers if endpoint.route is not None else ()
        layer = next((layer for layer in layers if layer.answers_preflights), None)
        if layer is not None:
            found[method] = layer
    if not found:
        return None

    def start(request: Any) -> Middleware:
        headers = request.headers
        layer = found.get(headers.get("access-control-request-method", ""))
        return _pass() if layer is None or "origin" not in headers else layer.start(request)

    some = next(iter(found.values()))
    return Layer(start, is_async=False, needs_body=False, name=some.name, location=some.location)


def _pass() -> Middleware:
    yield
