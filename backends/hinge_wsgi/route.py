"""The route that matched, left in the environ for the middleware around the app.

Law: it is there before anything of the app's is called, and only where somebody may look: otherwise no request has an
instruction for it. `wsgiorg.routing_args` is the key that WebOb and its kin read (wsgi.org, "routing_args").
"""

from typing import Any

from hinge.compiling.frozen import Endpoint
from hinge_wsgi.serve import Serve


def exposed(endpoint: Endpoint, serve: Serve) -> Serve:
    """Return what serves an endpoint once its route is in the environ; itself for an answer that is no route's."""
    route, names = endpoint.route, endpoint.path_names
    if route is None:
        return serve

    def serve_exposed(environ: Any, start_response: Any, values: tuple[str, ...]) -> Any:
        environ["hinge.route"] = route
        environ["wsgiorg.routing_args"] = (), dict(zip(names, values))  # noqa: B905 - they fit, and strict costs as much again
        return serve(environ, start_response, values)

    return serve_exposed
