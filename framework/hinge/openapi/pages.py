"""The routes that show the document: itself as JSON, and a page that a browser needs no network for.

Law: a route of the app's own at the same path wins. The document and the page are made at the first request, once;
until then they cost nothing, and what makes them is not loaded.
"""

import os
import threading
from collections.abc import Callable, Sequence
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from hinge.codecs import encode_json
from hinge.errors import HTTPError
from hinge.extras import install
from hinge.http.percent import quote
from hinge.request import HTTPConnection
from hinge.responses.response import HTMLResponse, Response
from hinge.routing.route import Route, make_route

if TYPE_CHECKING:
    from hinge.openapi.document import Planned
    from hinge.static import StaticFiles

ASSETS = ("swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png")
_POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="{folder}/swagger-ui.css">
<link rel="icon" href="{folder}/favicon-32x32.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="{folder}/swagger-ui-bundle.js"></script>
<script src="{folder}/start.js"></script>
</body>
</html>
"""
_START = """SwaggerUIBundle({{
  url: new URL({document}, location.href).href,
  dom_id: "#swagger-ui",
  deepLinking: true,
}});
"""


def routes_for(app: Any, planned: "Sequence[Planned]") -> list[Route]:
    """Return the routes to add to an app whose own routes are planned.

    Raises:
        ConfigurationError: a path is none, or the page was asked for and its package is not installed.
    """
    own = {(route.template.text, method) for route, _ in planned for method in route.methods}
    found = []
    if app.openapi_path is not None:
        found.append(_route(app.openapi_path, document_handler(app, planned)))
        if app.docs_path is not None:
            found += _page(app)
    return [route for route in found if not any((route.template.text, method) in own for method in route.methods)]


def _route(path: str, handler: Callable[..., Any]) -> Route:
    return make_route(path, ("GET",), handler, {"include_in_schema": False, "inline": True})


def document_handler(app: Any, planned: "Sequence[Planned]") -> Callable[[HTTPConnection], Response]:
    """Return the handler that answers with the document."""
    made: list[bytes] = []
    lock = threading.Lock()

    def openapi(request: HTTPConnection) -> Response:
        with lock:
            if not made:
                from hinge.openapi.document import document  # noqa: PLC0415 - the law above

                made.append(encode_json(document(app, planned)))
        body = made[0]
        prefix = request._reader.prefix(request._head) + request.path.removesuffix(app.openapi_path)
        if prefix:  # paths are below the mount prefix, which the document has no other place for
            body = body[:-1] + b',"servers":[{"url":' + encode_json(quote(prefix)) + b"}]}"
        return Response(body, media_type="application/json")

    return openapi


def _page(app: Any) -> list[Route]:
    path = app.docs_path
    folder = path.rstrip("/").rpartition("/")[2]
    parts = assets()
    if parts is None:
        return [_route(path, _missing)]
    depth = path.count("/") - 1
    relative = "../" * depth + app.openapi_path.lstrip("/")
    start = _START.format(document=encode_json(relative).decode())

    @cache
    def page() -> str:
        from html import escape  # noqa: PLC0415 - the law above

        return _PAGE.format(title=escape(app.title), folder=quote(folder))

    @cache
    def files() -> "StaticFiles":
        from hinge.static import StaticFiles  # noqa: PLC0415 - the law above

        return StaticFiles(parts, index=None, precompressed=False, cache_control="max-age=86400")

    def docs() -> Response:
        return HTMLResponse(page(), headers={"content-security-policy": _POLICY})

    def docs_start() -> Response:
        return Response(start, media_type="text/javascript")

    def docs_asset(request: HTTPConnection, asset: str) -> Response:
        if asset not in ASSETS:
            raise HTTPError(404)
        return files()(request, asset)

    return [_route(path, docs), _route(path + "/start.js", docs_start), _route(path + "/{asset}", docs_asset)]


def assets() -> str | None:
    """Return the folder of the page's parts, None if their package is not installed."""
    found = find_spec("swagger_ui")
    for location in (found.submodule_search_locations or ()) if found is not None else ():
        folder = os.path.join(location, "static")
        if all(os.path.isfile(os.path.join(folder, name)) for name in ASSETS):
            return folder
    return None


def _missing() -> Response:
    raise HTTPError(404, f"The page is not installed here: {install('openapi')}.")
