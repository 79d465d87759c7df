"""What to write instead, for failures of a handler whose own text does not say it: the end of the log's line.

Law: looked at on failure only, and read off the exception; a failure that is not known here has no hint.
"""

import re
from typing import Any

_UNSUPPORTED = re.compile(r"Encoding objects of type ([\w.]+) is unsupported\Z")
_INSTEAD = {
    "coroutine": "await it",
    "generator": "make a list of it",
    "sqlite3.Row": "return dict(row), or Item(**row) of a Struct or dataclass",
}
_KNOWN = (
    "make it a msgspec.Struct or a dataclass, name it in App(types=[CustomType(...)]), or return a dict of what is to "
    "be sent"
)
_RESPONSES = "from hinge import Response, JSONResponse and the like: those of other frameworks are none here"
_SAID = (
    (re.compile(r"\ARedirectResponse\.__init__\(\) .*'status_code'"), "RedirectResponse('/path', status=303)"),
    (re.compile(r"\A\w{0,60}Response\.__init__\(\) got an unexpected keyword argument 'status_code'"), "status=..."),
    (re.compile(r"HTTPError\.__init__\(\) missing 1 required positional argument: 'status'"), "HTTPError(404, ...)"),
    (re.compile(r"\A'\w{0,60}Response' object has no attribute 'status_code'"), "response.status"),
)
_MISCALLED = (
    (
        re.compile(r"\A\w{0,60}Response\.__init__\(\) takes .*positional argument"),
        "what follows the content is named",
        "status=..., headers=...",
    ),
    (re.compile(r"\A'bytes' object is not callable"), "request.body is the body, and no method", "no call"),
    (
        re.compile(r"\A\w{0,60}Response\.__init__\(\) .*unexpected keyword argument 'url'"),
        "a redirect leads to a location",
        "RedirectResponse('/path')",
    ),
    (
        re.compile(r"\A\w{0,60}Response\.__init__\(\) .*unexpected keyword argument '(mimetype|content_type)'"),
        "Hinge calls it media_type",
        "media_type=...",
    ),
    (
        re.compile(r"\A\w{0,60}Response\.__init__\(\) .*unexpected keyword argument 'background'"),
        "the request has it",
        "request.after_response(f, ...)",
    ),
)
_AWAITED = re.compile(r"object (dict|list|str|int|float|bool|bytes|NoneType) can't be used in 'await' expression")
_WORDS = {
    "Request": {
        **dict.fromkeys(("args", "query_params", "GET"), "request.query"),
        "get_json": "request.json()",
        **dict.fromkeys(("form", "files", "POST", "post", "FILES"), "a parameter annotated FormData"),
        "data": "request.body",
        "stream": "a parameter annotated BodyStream",
        **dict.fromkeys(("path_params", "view_args"), "a parameter with the name that is in the path"),
        **dict.fromkeys(("user", "auth"), "a parameter that is a dependency: Annotated[User, Depends(current_user)]"),
        **dict.fromkeys(("scope", "environ", "META"), "request.headers, or request.native"),
        **dict.fromkeys(("url", "base_url", "full_path", "url_root"), "request.scheme, .host, .path and .query"),
        **dict.fromkeys(("build_absolute_uri", "get_host"), "request.scheme, request.host and request.url_for(...)"),
        **dict.fromkeys(("content_type", "mimetype"), "request.headers.get('content-type')"),
        **dict.fromkeys(("endpoint", "url_rule", "resolver_match"), "request.route"),
        "COOKIES": "request.cookies",
        "app": "a dependency of scope 'app'",
        "get_data": "request.body",
        "is_disconnected": "nothing: the handler is cancelled, a stream closed",
        "is_secure": "request.scheme",
        "remote_addr": "request.client",
        "session": "session: Session, a parameter of the handler",
    },
    "MultiDict": dict.fromkeys(("getlist", "getall", "get_list"), "get_all(name)"),
    "Headers": {"raw": "multi_items()", **dict.fromkeys(("getlist", "getall"), "get_all(name)")},
    "WebSocket": {
        **dict.fromkeys(("send_text", "send_bytes"), "ws.send(...)"),
        **dict.fromkeys(("receive_text", "receive_bytes"), "ws.receive()"),
        **dict.fromkeys(("iter_text", "iter_bytes", "iter_json"), "async for message in ws"),
        "query_params": "ws.query",
    },
}
"""What other frameworks call it, and what it is called here, by class."""


_RAISED = {"HTTPException": 500, "Http404": 404, "PermissionDenied": 403, "BadRequest": 400, "SuspiciousOperation": 400}
_RAISERS = ("starlette", "fastapi", "werkzeug", "django")


def hint(error: BaseException) -> str:
    """Return `: why. Fix: ...`; empty for an error that is not known here."""
    if another := _of_another(error):
        return another
    said = error.args[0] if error.args else None
    if not isinstance(said, str):
        return ""
    fixes = [fix for pattern, fix in _SAID if pattern.match(said)]
    if fixes:
        return f": Hinge calls it status. Fix: {fixes[0]}"
    for pattern, why, fix in _MISCALLED:
        if pattern.match(said):
            return f": {why}. Fix: {fix}"
    if isinstance(error, AttributeError):
        return _of_attribute(error.obj, error.name or "")
    if type(error) is not TypeError:
        return ""
    if found := _UNSUPPORTED.match(said):
        kind = found[1].rpartition(".")[2]
        fix = _INSTEAD.get(found[1], _RESPONSES if kind.endswith("Response") else _KNOWN)
        return f": msgspec does not know the class {found[1]}. Fix: {fix}"
    if found := _AWAITED.match(said):
        return f": what is awaited there is a {found[1]} already, as request.json() and request.body are. Fix: no await"
    return ""


def _of_another(error: BaseException) -> str:
    """Return the hint for what other frameworks raise to answer with a status."""
    kind = next((kind for kind in type(error).__mro__ if kind.__name__ in _RAISED), None)
    if kind is None or kind.__module__.partition(".")[0] not in _RAISERS:
        return ""
    status = getattr(error, "status_code", None) or getattr(error, "code", None) or _RAISED[kind.__name__]
    return f": {kind.__module__}.{kind.__name__} has no meaning here. Fix: raise hinge.HTTPError({status}, ...)"


def _of_attribute(owner: Any, name: str) -> str:
    if getattr(owner, "__name__", None) == "hinge.request":
        return ": hinge.request is a module. Fix: take the request as a parameter, request: Request"
    kinds = [kind.__name__ for kind in type(owner).__mro__ if kind.__module__.partition(".")[0] == "hinge"]
    for kind in kinds:
        if name in _WORDS.get(kind, ()):
            return f": a {kind} has no {name!r}. Fix: {_WORDS[kind][name]}"
    return ""
