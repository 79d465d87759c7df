"""An app -> its OpenAPI document.

Law: made once, from the plans; in the order of declaration, so that two builds of the same app are equal.
"""

from collections.abc import Hashable, Iterable
from typing import Any

from hinge.binding.plan import HandlerPlan
from hinge.codecs import encode_json
from hinge.errors import ConfigurationError
from hinge.inspection.uncollected import uncollected
from hinge.openapi.operations import operation
from hinge.openapi.paths import identities, operations_of, path_of
from hinge.openapi.responses import failures_of
from hinge.openapi.schemas import Schemas
from hinge.openapi.security import SecuritySchemes
from hinge.routing import Route
from hinge.routing.template import PathTemplate

VERSION = "3.1.0"
Planned = tuple[Route, HandlerPlan]


def describe(app: Any) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of an app.

    Raises:
        ConfigurationError: with a line for every mistake in the app, or for what JSON cannot say.
    """
    judged = app.parts()[0].judged
    mistakes = [line for _, _, lines in judged for line in lines]
    if mistakes:
        raise ConfigurationError("\n".join(mistakes))
    found = document(app, [(route, endpoint.plan) for route, endpoint, _ in judged if endpoint is not None])
    try:
        encode_json(found)
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigurationError(
            f"the OpenAPI document of App(title={app.title!r}) cannot be encoded: {error}. "
            "Fix: look for it in what the app and its routes say of themselves"
        ) from error
    return found


@uncollected()
def document(app: Any, planned: Iterable[Planned]) -> dict[str, Any]:
    """Return the document of planned routes; WebSockets and routes with `include_in_schema=False` are left out."""
    schemas = Schemas(app._declared.types)
    failures = failures_of(app._declared.errors, schemas)
    operations = operations_of(one for one in planned if one[0].include_in_schema and not one[0].websocket)
    paths: dict[Hashable, tuple[PathTemplate, dict[str, Any]]] = {}
    ids, security = identities(operations), SecuritySchemes(app)
    for (path, method), (route, plan) in operations.items():
        template, item = paths.setdefault(path, (route.template, {}))
        names = dict(zip(route.template.names, template.names, strict=True))
        wanted = security.requirements(route, plan)
        item[method.lower()] = {
            "operationId": ids[path, method],
            **operation(route, plan, names, schemas, failures, wanted),
        }
    info = {"title": app.title, "version": app.version}
    if app.description:
        info["description"] = app.description
    found: dict[str, Any] = {
        "openapi": VERSION,
        "info": info,
        "paths": {path_of(template): item for template, item in paths.values()},
    }
    components: dict[str, Any] = {}
    if named := schemas.close():
        components["schemas"] = named
    if security.components:
        components["securitySchemes"] = security.components
    if components:
        found["components"] = components
    if app.security:
        found["security"] = app.security
    return found
