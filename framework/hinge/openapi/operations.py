"""A route and its plan -> an OpenAPI operation object: parameters, body and texts.

Law: a parameter is described by the type that converts it and the constraints that are checked.
"""

import inspect
from collections.abc import Mapping
from typing import Any

from hinge.binding.head_records import header_name
from hinge.binding.plan import MISSING, Argument, HandlerPlan, Source
from hinge.binding.records import filling, record_fields
from hinge.inspection.annotations import present
from hinge.openapi.failures import Failures
from hinge.openapi.forms import form_body
from hinge.openapi.json_schema import BINARY, default_of, default_of_text
from hinge.openapi.responses import responses_of
from hinge.openapi.schemas import Schemas
from hinge.responses.response import OCTETS
from hinge.routing import Route

_IN = {Source.PATH: "path", Source.QUERY: "query", Source.HEADER: "header", Source.COOKIE: "cookie"}
_OF_THE_MEDIA = frozenset({"accept", "content-type", "authorization"})
"""Headers that are no parameters (OpenAPI 3.1.1, section 4.8.12)."""


def operation(
    route: Route,
    plan: HandlerPlan,
    names: Mapping[str, str],
    schemas: Schemas,
    failures: Failures,
    security: list[dict[str, list[str]]] | None = None,
) -> dict[str, Any]:
    """Return the operation of a route; `names` are what its path parameters are called in the document.

    `security` are the alternatives of whoever asks; None: those of the whole document.
    """
    summary, description = _texts(route)
    found: dict[str, Any] = {}
    if route.tags:
        found["tags"] = list(dict.fromkeys(route.tags))
    if summary:
        found["summary"] = summary
    if description:
        found["description"] = description
    if route.deprecated:
        found["deprecated"] = True
    if security is not None:
        found["security"] = security
    parameters: dict[tuple[str, str], dict[str, Any]] = {}
    for argument in plan.arguments:
        for one in _parameters(argument, names, schemas):  # a handler and its dependencies may take the same
            parameters.setdefault((one["in"], one["name"]), one)
    if parameters:
        found["parameters"] = [*parameters.values()]
    if plan.reads_form:
        found["requestBody"] = form_body(plan, schemas)
    elif plan.body is not None:
        found["requestBody"] = _body(plan.body, plan, schemas)
    found["responses"] = responses_of(route, plan, schemas, failures)
    return found


def _texts(route: Route) -> tuple[str | None, str | None]:
    """Return summary and description: those of the route, else the first line of the docstring and the rest."""
    document = inspect.getdoc(route.handler) or ""
    first, _, rest = document.partition("\n")
    own = document if inspect.isfunction(route.handler) else ""
    summary = route.summary if route.summary is not None else (first.strip() if own else None)
    description = route.description if route.description is not None else (rest.strip() if own else None)
    return summary or None, description or None


def _parameters(argument: Argument, names: Mapping[str, str], schemas: Schemas) -> list[dict[str, Any]]:
    """Return the parameter objects of an argument: one, one for each field of a record, or none."""
    if argument.source not in _IN or (argument.source is Source.HEADER and argument.alias in _OF_THE_MEDIA):
        return []
    if argument.whole:
        is_optional = argument.default is not MISSING
        fields = [
            (
                header_name(name) if argument.source is Source.HEADER else name,
                kind,
                required and not is_optional,
                default,
            )
            for name, kind, required, default in record_fields(present(argument.type)[0])
        ]
        return [
            _parameter(name, argument.source, kind, {"required": required}, default, schemas)
            for name, kind, required, default in fields
            if argument.source is not Source.HEADER or name not in _OF_THE_MEDIA
        ]
    more: dict[str, Any] = {"required": argument.source is Source.PATH or argument.default is MISSING}
    marker = argument.marker
    if marker is not None and marker.description:
        more["description"] = marker.description
    if marker is not None and marker.deprecated:
        more["deprecated"] = True
    name = names[argument.alias] if argument.source is Source.PATH else argument.alias
    return [_parameter(name, argument.source, argument.type, more, argument.default, schemas)]


def _parameter(
    name: str, source: Source, kind: Any, more: dict[str, Any], default: Any, schemas: Schemas
) -> dict[str, Any]:
    if source is Source.QUERY and not more["required"] and filling(kind, schemas.types) is not None:
        more["allowEmptyValue"] = True  # HTML forms send an input that nobody filled in
    schema = schemas.of_text(kind)
    schema.update(default_of_text(default))
    return {"name": name, "in": _IN[source], **more, "schema": schema}


def _body(argument: Argument, plan: HandlerPlan, schemas: Schemas) -> dict[str, Any]:
    found: dict[str, Any] = {"required": argument.default is MISSING}
    if argument.marker is not None and argument.marker.description:
        found["description"] = argument.marker.description
    if argument.source is Source.STREAM or argument.type is bytes:
        content = {media_type: {"schema": BINARY} for media_type in ("*/*", OCTETS)}
        return found | {"required": False, "content": content}  # it may be empty
    schema = schemas.of(argument.type)
    schema.update(default_of(argument.default))
    media_types = [codec.media_type for codec in plan.reads if codec.decoder is not None]
    return found | {"content": {media_type: {"schema": schema} for media_type in media_types}}
