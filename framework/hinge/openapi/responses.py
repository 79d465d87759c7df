"""What a handler answers with -> OpenAPI response objects, read off its return annotation and its plan.

Law: the error schema is that of the documents that are really sent (RFC 9457). Whatever else a client may meet is
under `default`.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, get_args

import msgspec

from hinge.annotations import present
from hinge.errors import REASONS, ConfigurationError
from hinge.events import EventSourceResponse
from hinge.files import FileResponse
from hinge.jsonlines import JSONLinesResponse
from hinge.openapi.schemas import Schemas
from hinge.plan import HandlerPlan, Source
from hinge.problems import PROBLEM
from hinge.response import OCTETS, HTMLResponse, JSONResponse, RedirectResponse, Response, TextResponse
from hinge.results import JSON
from hinge.returns import JSON_LINES, TEXT, is_stream, stream_type
from hinge.routing import Route

Later = Callable[[], dict[str, Any]]
"""What gives a part of the document once all schemas are made."""


def _described(kind: Any, text: str) -> Any:
    return Annotated[kind, msgspec.Meta(description=text)]


InvalidValue: Any = msgspec.defstruct(
    "InvalidValue",
    [
        ("in_", _described(str, "Where it is: body, query, header, cookie or form.")),
        ("message", _described(str, "What is wrong with it.")),
        ("pointer", _described(str, "A JSON pointer into the body."), ""),
        ("name", _described(str, "The parameter's name."), ""),
    ],
    rename={"in_": "in"},
    namespace={"__doc__": "One invalid value of a request."},
    omit_defaults=True,
)

Problem: Any = msgspec.defstruct(
    "Problem",
    [
        ("type", _described(str, "A URI reference that names the kind of problem.")),
        ("title", _described(str, "The kind of problem in a few words.")),
        ("status", Annotated[int, msgspec.Meta(ge=400, le=599)]),
        ("detail", _described(str, "What happened this time."), ""),
        ("errors", _described(list[InvalidValue], "Of a request with invalid values (422): each of them."), []),
    ],
    namespace={"__doc__": "What went wrong (RFC 9457); further members may follow."},
    omit_defaults=True,
)


_MEDIA_TYPES: tuple[tuple[type, str], ...] = (
    (EventSourceResponse, "text/event-stream"),
    (FileResponse, OCTETS),
    (JSONLinesResponse, JSON_LINES),
    (HTMLResponse, "text/html"),
    (TextResponse, "text/plain"),
    (JSONResponse, JSON),
)


def responses_of(route: Route, plan: HandlerPlan, schemas: Schemas) -> Later:
    """Return the responses of an operation.

    Raises:
        ConfigurationError: `responses=` holds what describes none.

    """
    found: dict[str, Later] = _results(route, plan, schemas)
    problem = _content(PROBLEM, schemas.of(Problem))
    for status in _failures(route, plan):
        found[str(status)] = _response(REASONS[status], problem)
    for given, description in (route.responses or {}).items():
        found[_status(given, route)] = _declared(given, description, schemas, problem, route)
    found["default"] = _response("Any other problem.", problem)
    return lambda: {status: later() for status, later in found.items()}


def _results(route: Route, plan: HandlerPlan, schemas: Schemas) -> dict[str, Later]:
    """Return the responses that the return annotation tells of, by status."""
    found: dict[str, Later] = {}
    plain: list[Any] = []
    if plan.is_generator:
        return {_success(route, 200): _response("Success", _content(stream_type(plan.returns).partition(";")[0], None))}
    for member in present(plan.returns) or [plan.returns]:
        kind = member if isinstance(member, type) else type(member) if member is None else None
        if member is None or kind is type(None):
            found[_success(route, 204)] = _response(_reason(route, 204), None)
        elif kind is not None and issubclass(kind, RedirectResponse):
            found[_success(route, 307)] = _response("Elsewhere; see Location.", None)
        elif kind is not None and issubclass(kind, Response):
            media_type = next((name for parent, name in _MEDIA_TYPES if issubclass(kind, parent)), None)
            content = None if media_type is None else _content(media_type, None)
            found.setdefault(_success(route, 200), _response(_reason(route, 200), content))
        elif _streams(member):
            found[_success(route, 200)] = _response("Success", _content(stream_type(member).partition(";")[0], None))
        else:
            plain.append(member)
    if plain:
        found[_success(route, 200)] = _plain(route, plan, plain, schemas)
    if type(None) in get_args(plan.returns) and route.status is None:
        found["204"] = _response("No Content", None)
    return found


def _plain(route: Route, plan: HandlerPlan, kinds: list[Any], schemas: Schemas) -> Later:
    """Return the response of results that become a body by themselves: text, bytes, or JSON."""
    contents: list[Later] = []
    texts = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, str)]
    raw = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, (bytes, bytearray, memoryview))]
    other = [kind for kind in kinds if kind not in texts and kind not in raw]
    if texts:
        contents.append(_content(TEXT.partition(";")[0], lambda: {"type": "string"}))
    if raw:
        contents.append(_content(OCTETS, None))
    if other:
        union: Any = other[0]
        for kind in other[1:]:
            union = union | kind
        schema = schemas.of(union)
        contents += [_content(one, schema) for one in [codec.media_type for codec in plan.offers] or [JSON]]
    return _response(_reason(route, 200), lambda: {name: entry for one in contents for name, entry in one().items()})


def _streams(member: Any) -> bool:
    origin = getattr(member, "__origin__", member)
    return isinstance(origin, type) and is_stream(origin)


def _failures(route: Route, plan: HandlerPlan) -> list[int]:
    """Return the statuses with which the framework itself refuses what does not fit the plan."""
    sources = {argument.source for argument in plan.arguments}
    found = set()
    if sources & {Source.QUERY, Source.HEADER, Source.COOKIE, Source.BODY}:
        found |= {400, 422}
    if any(argument.source is Source.PATH and argument.type is not str for argument in plan.arguments):
        found.add(404)
    if plan.body is not None:
        found |= {400, 413}
    if plan.body is not None and plan.body.source is Source.BODY and plan.body.type is not bytes:
        found.add(415)
    if Source.FORM in sources:
        found |= {400, 413, 415, 422}
    if plan.offers:
        found.add(406)
    return sorted(found)


def _declared(given: Any, description: Any, schemas: Schemas, problem: Later, route: Route) -> Later:
    """Return a response of `responses=`: a text, a type, or an OpenAPI response object as it is."""
    if isinstance(description, str):
        is_error = isinstance(given, int) and given >= 400
        return _response(description, problem if is_error else None)
    if isinstance(description, Mapping):
        whole = {"description": REASONS.get(given, "Response"), **description}
        return lambda: whole
    if description is None:
        return _response(REASONS.get(given, "Response"), None)
    try:
        msgspec.json.schema(description)
    except (TypeError, NotImplementedError) as error:
        raise ConfigurationError(
            f"{route.describe()}: responses={{{given}: {description!r}}} describes none. Fix: give a text, a type or "
            "an OpenAPI response object"
        ) from error
    return _response(REASONS.get(given, "Response"), _content(JSON, schemas.of(description)))


def _status(given: Any, route: Route) -> str:
    if isinstance(given, bool) or not isinstance(given, int) or not 200 <= given <= 599:
        raise ConfigurationError(f"{route.describe()}: responses={{{given!r}: ...}}: no status. Fix: one in 200..599")
    return str(given)


def _success(route: Route, otherwise: int) -> str:
    return str(route.status or otherwise)


def _reason(route: Route, otherwise: int) -> str:
    return REASONS.get(route.status or otherwise, "Success")


def _content(media_type: str, schema: Later | None) -> Later:
    return lambda: {media_type: {} if schema is None else {"schema": schema()}}


def _response(description: str, content: Later | None) -> Later:
    def later() -> dict[str, Any]:
        found = None if content is None else content()
        return {"description": description} if found is None else {"description": description, "content": found}

    return later
