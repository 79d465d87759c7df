"""What a parameter's declaration says and cannot mean: habits from elsewhere that would silently be a query parameter.

Law: refused where the handler is planned, with the line to write instead. A name without an annotation is refused only
if it is that of something Hinge injects; any other one is a `str` from the query string.
"""

import datetime as dt
import decimal
import enum
import inspect
import uuid
from typing import Any, get_args

import msgspec

from hinge.binding.foreign import instead, shown
from hinge.binding.params import Alias, Called, Param
from hinge.binding.spelling import call_text, long_form, misused, type_text
from hinge.errors import ConfigurationError
from hinge.inspection.annotations import classes_within, is_record, members

INJECTED_NAMES = {
    "response": "ResponseHeaders",
    "background_tasks": "Request",
    "request": "Request",
    "req": "Request",
    "ws": "WebSocket",
    "websocket": "WebSocket",
    "state": "State",
    "session": "Session",
    "body": "Body[bytes]",
    "form": "FormData",
}
_OWN_CLASSES = ("Request", "WebSocket", "BodyStream", "State", "FormData", "UploadFile", "HTTPConnection")
_GIVEN_ELSEWHERE = {
    **dict.fromkeys(("BackgroundTask", "BackgroundTasks"), "request: Request, and request.after_response(f, ...)"),
    **dict.fromkeys(("HttpRequest", "WSGIRequest", "ASGIRequest"), "from hinge import Request"),
    **dict.fromkeys(
        ("Response", "HttpResponse"),
        "headers: ResponseHeaders, for headers and cookies; the status is status= on the route",
    ),
}
"""Classes whose objects other frameworks give to handlers, and what to write here."""
_WATCHED = frozenset((*_OWN_CLASSES, *_GIVEN_ELSEWHERE))
_GIVERS = ("hinge", "starlette", "fastapi", "flask", "werkzeug", "django")


def refuse_slips(
    parameter: inspect.Parameter, annotation: Any, who: str, *, in_path: bool, is_known: bool = False
) -> None:
    """Refuse a parameter whose name, annotation or default cannot be meant.

    `is_known` says that the annotation passed at another parameter.

    Raises:
        ConfigurationError: with what to write instead.
    """
    name, default = parameter.name, parameter.default
    bare = annotation is inspect.Parameter.empty
    if isinstance(default, Called):
        raise ConfigurationError(
            f"{who} has {call_text(default)} for its default, and {default.alias} is a type. "
            f"Fix: {name}: {long_form(default, type_text(annotation))}"
        )
    if isinstance(default, Param) or (isinstance(default, type) and issubclass(default, Param)):
        marker = default if isinstance(default, type) else type(default)
        raise ConfigurationError(
            f"{who} has a marker for its default. Fix: {name}: Annotated[<type>, {marker.__name__}(...)]"
        )
    if default is Ellipsis:
        declared = "" if bare else f": {type_text(annotation)}"
        raise ConfigurationError(
            f"{who} has `...` for its default. Fix: {name}{declared}, without a default it is required"
        )
    if default is not parameter.empty and (inspect.isroutine(default) or inspect.isclass(default)):
        what = "class" if inspect.isclass(default) else "function"
        fix = "call it in the handler, or bind it with functools.partial"
        if default.__name__ == "Depends":
            fix = f"{name}: Annotated[..., Depends(f)], a call with the provider"
        raise ConfigurationError(
            f"{who} has the {what} {default.__name__} for its default, and nobody calls it. Fix: {fix}"
        )
    if default is not parameter.empty and not is_value(default, annotation):
        fix = instead(default, name, annotation, is_default=True) or "a value of the annotated type, or none at all"
        raise ConfigurationError(f"{who} has {shown(default)} for its default, which no request can send. Fix: {fix}")
    wrong = None if bare or is_known else next(misused(annotation), None)
    if wrong is not None:
        _refuse_annotation(parameter, annotation, wrong, who)
    if not (bare or in_path):
        _refuse_strangers(annotation, who)
    if bare and name in INJECTED_NAMES and not in_path:
        raise ConfigurationError(
            f"{who} has no annotation, so it would be a query parameter. "
            f"Fix: annotate it: {name}: {INJECTED_NAMES[name]} (or {name}: Query[str] if a query parameter is meant)"
        )


_VALUES = (
    *(str, int, float, bytes, bytearray, list, tuple, set, frozenset, dict),
    *(decimal.Decimal, uuid.UUID, dt.date, dt.time, dt.timedelta, enum.Enum, type(None), msgspec.UnsetType),
)
"""What requests send, and what stands for nothing sent."""


def is_value(default: Any, annotation: Any) -> bool:
    """Tell whether a default is something that a request could have brought: plain data, or of the annotated type."""
    if isinstance(default, dict):
        default = [*default.values()]
    if isinstance(default, (list, tuple, set, frozenset)):
        return all(is_value(one, annotation) for one in default)
    return isinstance(default, _VALUES) or any(
        isinstance(default, kind) for kind in classes_within(annotation) if kind not in (Any, object)
    )


def is_injected(kind: Any) -> bool:
    """Tell whether a type is one that Hinge gives to handlers."""
    return isinstance(kind, type) and kind.__name__ in (*_OWN_CLASSES, "Connection") and _is_own(kind)


def is_namesake(kind: Any) -> bool:
    """Tell whether a type is another framework's request or the like."""
    is_one = isinstance(kind, type) and kind.__name__ in _OWN_CLASSES and not _is_own(kind)
    return is_one and not is_record(kind) and not issubclass(kind, BaseException)


def _refuse_strangers(annotation: Any, who: str) -> None:
    """Refuse classes whose objects other frameworks would give, in a list as well."""
    for member in members(annotation):
        kind = member if isinstance(member, type) else next(iter(get_args(member)), None)
        if not isinstance(kind, type) or kind.__name__ not in _WATCHED:
            continue
        full = f"{kind.__module__}.{kind.__qualname__}"
        if is_namesake(kind):
            raise ConfigurationError(f"{who} is a {full}, which nobody injects. Fix: from hinge import {kind.__name__}")
        if kind.__name__ in _GIVEN_ELSEWHERE and kind.__module__.partition(".")[0] in _GIVERS:
            raise ConfigurationError(f"{who} is a {full}, which nobody injects. Fix: {_GIVEN_ELSEWHERE[kind.__name__]}")


def _is_own(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == "hinge"


def _refuse_annotation(parameter: inspect.Parameter, annotation: Any, wrong: Alias | Called, who: str) -> None:
    if isinstance(wrong, Called):
        written, right = call_text(wrong), long_form(wrong, type_text(annotation))
    else:
        written, right = f"{wrong.name} alone", f"{wrong.name}[{type_text(annotation)}]"
    default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
    raise ConfigurationError(f"{who} is annotated with {written}. Fix: {parameter.name}: {right}{default}")
