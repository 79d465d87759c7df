"""A handler's form -> the request body of an operation: one object of all fields, files as binary strings.

Law: the media types are those that the route reads; with files it is multipart alone.
"""

from typing import Any

from hinge.binding.form_arguments import is_optional, reads_parts
from hinge.binding.plan import MISSING, Argument, HandlerPlan, Source
from hinge.forms import FormData
from hinge.forms.kinds import may_hold_files
from hinge.forms.media import MULTIPART, URLENCODED
from hinge.openapi.json_schema import default_of_text
from hinge.openapi.schemas import Schemas


def form_body(plan: HandlerPlan, schemas: Schemas) -> dict[str, Any]:
    """Return the body of a handler that takes a form."""
    arguments = [one for one in plan.arguments if one.source is Source.FORM and one.type is not FormData]
    parts = [_whole(one, schemas) for one in arguments if one.whole]
    fields = [one for one in arguments if not one.whole]
    media_types = [MULTIPART] if any(may_hold_files(one.type) for one in arguments) else [URLENCODED]
    if URLENCODED in media_types and reads_parts(plan):
        media_types.append(MULTIPART)
    if fields or not parts:
        parts.append(_object(fields, schemas))
    schema = parts[0] if len(parts) == 1 else {"allOf": parts}
    content = {media_type: {"schema": schema} for media_type in media_types}
    return {"required": not is_optional(plan), "content": content}


def _whole(argument: Argument, schemas: Schemas) -> dict[str, Any]:
    schema = schemas.of_text(argument.type)
    schema.update(default_of_text(argument.default))
    return schema


def _object(fields: list[Argument], schemas: Schemas) -> dict[str, Any]:
    """Return the schema of the fields that are parameters of their own."""
    described: dict[str, Any] = {"type": "object"}
    for argument in fields:
        schema = schemas.of_text(argument.type)
        schema.update(_more(argument))
        described.setdefault("properties", {})[argument.alias] = schema
    required = [argument.alias for argument in fields if argument.default is MISSING]
    return described | ({"required": required} if required else {})


def _more(argument: Argument) -> dict[str, Any]:
    more: dict[str, Any] = {}
    if argument.marker is not None and argument.marker.description:
        more["description"] = argument.marker.description
    if argument.marker is not None and argument.marker.deprecated:
        more["deprecated"] = True
    return more | default_of_text(argument.default)
