"""What a handler answers with -> OpenAPI response objects, read off its return annotation and its plan.

Law: the error schema is that of what is really sent: a problem document (RFC 9457), or what the app's own error
handler returns. A status that the signature does not
tell is not guessed: a class of statuses stands for it.
"""

import reprlib
from collections.abc import Container, Iterable, Mapping
from typing import Annotated, Any, get_args

import msgspec
from msgspec import inspect

from hinge.binding.documented import Documented, Responses
from hinge.binding.plan import HandlerPlan, Source
from hinge.codecs import encode_json
from hinge.errors import PROBLEM, REASONS, HTTPError
from hinge.inspection.annotations import class_of, present
from hinge.inspection.custom_types import Types
from hinge.openapi.failures import Failures
from hinge.openapi.inspected import type_info
from hinge.openapi.json_schema import BINARY
from hinge.openapi.schemas import Schemas
from hinge.responses.events import EventSourceResponse
from hinge.responses.files import FileResponse
from hinge.responses.jsonlines import JSON_LINES, JSONLinesResponse
from hinge.responses.response import OCTETS, HTMLResponse, JSONResponse, RedirectResponse, Response, TextResponse
from hinge.results.encodable import unencodable
from hinge.results.returns import JSON, TEXT, is_stream, returns_of
from hinge.routing import Route

Part = dict[str, Any]


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
    module="hinge",
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
    module="hinge",
    omit_defaults=True,
)


_MEDIA_TYPES: tuple[tuple[type, str], ...] = (
    (EventSourceResponse, "text/event-stream"),
    (FileResponse, "*/*"),
    (JSONLinesResponse, JSON_LINES),
    (HTMLResponse, "text/html"),
    (TextResponse, "text/plain"),
    (JSONResponse, JSON),
)


_ELSEWHERE = "Elsewhere; see Location."


def responses_of(route: Route, plan: HandlerPlan, schemas: Schemas, failures: Failures) -> Part:
    """Return the responses of an operation."""
    results: dict[str, Part] = _results(route, plan, schemas)
    found = dict(results)
    for status in _failures(route, plan):
        found[str(status)] = _response(REASONS[status], failures.of(status))
    told = {int(status) for status in results if status.isdigit()}
    for given, description in {**_around(route, plan, told), **(route.responses or {})}.items():
        found[str(given)] = _declared(given, description, schemas, failures)
    found["4XX"] = _response("Any other mistake of the client's.", failures.of_clients())
    found["5XX"] = _response("A failure of the server's.", failures.of_servers())
    return found


def _around(route: Route, plan: HandlerPlan, told: Container[int]) -> Responses:
    """Return what a route's surroundings say, the nearest last: app, routers, providers; not of what it says itself."""
    providers = () if plan.composed is None else plan.composed.needs.documented
    found = {given: one for around in (*route.documented, *providers) for given, one in around.given.items()}
    return {given: one for given, one in found.items() if given not in told}


def failures_of(handlers: Mapping[type[Exception] | int, Any], schemas: Schemas) -> Failures:
    """Return the error responses of an app with these error handlers."""

    def problem() -> Part:
        return _content(PROBLEM, schemas.of(Problem))

    def content(annotation: Any) -> Part:
        found: dict[str, Part] = {}
        plain: list[Any] = []
        for member in present(annotation):
            kind = class_of(member)
            if isinstance(kind, type) and issubclass(kind, HTTPError):
                found |= problem()
            elif isinstance(kind, type) and issubclass(kind, Response):
                for described in _of_class(kind).values():
                    found |= described.get("content") or {}
            elif _streams(member):
                found |= _bytes(returns_of(member).stream_type)
            else:
                plain.append(member)
        return found | _contents(plain, [JSON], schemas)

    return Failures(handlers, content, problem)


def _results(route: Route, plan: HandlerPlan, schemas: Schemas) -> dict[str, Part]:
    """Return the responses that the return annotation tells of, by status."""
    found: dict[str, Part] = {}
    plain: list[Any] = []
    if plan.is_generator:
        return {_success(route, 200): _response("Success", _bytes(plan.returned.stream_type))}
    for member in present(plan.returns) or [plan.returns]:
        kind = member if isinstance(member, type) else type(member) if member is None else None
        if member is None or kind is type(None):
            found[_success(route, 204)] = _response(_reason(route, 204), None)
        elif kind is not None and issubclass(kind, Response):
            for several, described in _of_class(kind).items():
                found.setdefault(several, described).setdefault("content", {}).update(described.get("content", {}))
        elif _streams(member):
            found[_success(route, 200)] = _response("Success", _bytes(returns_of(member).stream_type))
        else:
            plain.append(member)
    if plain:
        media_types = [codec.media_type for codec in plan.offers] or [JSON]
        found[_success(route, 200)] = _response(_reason(route, 200), _contents(plain, media_types, schemas))
    if type(None) in get_args(plan.returns):
        found.setdefault(_success(route, 204), _response(_reason(route, 204), None))
    if "200" in found and "2XX" in found:
        found["200"].setdefault("content", {}).update(found["2XX"]["content"])  # most of these are 200 too
    return {status: {key: part for key, part in one.items() if part} for status, one in found.items()}


def _of_class(kind: type) -> dict[str, Part]:
    """Return what responses of a class may be: their status is their own, whatever the route's."""
    if issubclass(kind, RedirectResponse):
        return {"3XX": _response(_ELSEWHERE, None)}
    media_type = next((name for parent, name in _MEDIA_TYPES if issubclass(kind, parent)), None)
    found = {"2XX": _response("Success", None if media_type is None else _bytes(media_type))}
    if issubclass(kind, FileResponse):
        found["304"] = _response(REASONS[304], None)
    return found | ({"3XX": _response(_ELSEWHERE, None)} if kind is Response else {})


def _contents(kinds: list[Any], media_types: Iterable[str], schemas: Schemas) -> Part:
    """Return the content of results that become a body by themselves: text, bytes, or what is encoded."""
    contents: list[Part] = []
    texts = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, str)]
    raw = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, (bytes, bytearray, memoryview))]
    other = [kind for kind in kinds if kind not in texts and kind not in raw]
    if texts:
        contents.append(_bytes(TEXT))
    if raw:
        contents.append(_bytes(OCTETS))
    if other:
        union: Any = other[0]
        for kind in other[1:]:
            union = union | kind
        schema = schemas.of(union, sent=True)
        contents += [_content(one, schema) for one in media_types]
    return {name: entry for one in contents for name, entry in one.items()}


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
    if Source.CREDENTIAL in sources:
        found.add(401)
    if plan.composed is not None and plan.composed.needs.scopes:
        found.add(403)
    return sorted(found)


def check_documented(documented: Documented, types: Types) -> None:
    """Refuse what somebody declares in `responses=` and no document can say.

    Raises:
        ConfigurationError: with what to write instead.
    """
    documented.check()
    for given, description in documented.given.items():
        text = f"{{{given}: {reprlib.repr(description)}}}"
        if isinstance(description, Mapping):
            try:
                encode_json(description)
            except (TypeError, ValueError, RecursionError) as error:
                fix = f"an OpenAPI response object, of what JSON can say, or {{{given}: SomeType}} alone"
                raise documented.mistake(f"{text}: {error}", fix) from error
        elif not isinstance(description, str | None) and not _is_described(description, types):
            raise documented.mistake(f"{text} describes none", "give a text, a type or an OpenAPI response object")


def _is_described(kind: Any, types: Types) -> bool:
    info = type_info(kind)
    is_unknown = (isinstance(info, inspect.CustomType) and not types.knows(info.cls)) or (
        isinstance(info, inspect.AnyType) and kind is not Any
    )
    return not is_unknown and unencodable(kind, types=types) is None


def _declared(given: int, description: Any, schemas: Schemas, failures: Failures) -> Part:
    """Return a response of `responses=`: a text, a type, or an OpenAPI response object as it is."""
    reason = REASONS.get(given, "Response")
    if isinstance(description, str):
        return _response(description, failures.of(given) if given >= 400 else None)
    if isinstance(description, Mapping):
        return {"description": reason, **description}
    return _response(reason, None if description is None else _content(JSON, schemas.of(description, sent=True)))


def _success(route: Route, otherwise: int) -> str:
    return str(route.status or otherwise)


def _reason(route: Route, otherwise: int) -> str:
    return REASONS.get(route.status or otherwise, "Success")


def _bytes(media_type: str) -> Part:
    """Return the content of what is sent as it is."""
    bare = media_type.partition(";")[0]
    if bare in (OCTETS, "*/*"):
        return _content(bare, BINARY)
    return _content(bare, {"type": "string"}) if bare.startswith("text/") else {bare: {}}


def _content(media_type: str, schema: Part) -> Part:
    return {media_type: {"schema": schema}}


def _response(description: str, content: Part | None) -> Part:
    return {"description": description} if content is None else {"description": description, "content": content}
