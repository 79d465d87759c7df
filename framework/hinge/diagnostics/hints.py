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
_SAID = (
    (re.compile(r"\A\w{0,60}Response\.__init__\(\) got an unexpected keyword argument 'status_code'"), "status=..."),
    (re.compile(r"HTTPError\.__init__\(\) missing 1 required positional argument: 'status'"), "HTTPError(404, ...)"),
    (re.compile(r"\A'\w{0,60}Response' object has no attribute 'status_code'"), "response.status"),
)
_AWAITED = re.compile(r"object (dict|list|str|int|float|bool|bytes|NoneType) can't be used in 'await' expression")
_WORDS = {
    "Request": {
        **dict.fromkeys(("args", "query_params", "GET"), "request.query"),
        "get_json": "request.json()",
        **dict.fromkeys(("form", "files", "POST"), "a parameter annotated FormData"),
        "data": "request.body",
        "stream": "a parameter annotated BodyStream",
        **dict.fromkeys(("path_params", "view_args"), "a parameter with the name that is in the path"),
    },
    "WebSocket": {
        **dict.fromkeys(("send_text", "send_bytes"), "ws.send(...)"),
        **dict.fromkeys(("receive_text", "receive_bytes"), "ws.receive()"),
        **dict.fromkeys(("iter_text", "iter_bytes", "iter_json"), "async for message in ws"),
        "query_params": "ws.query",
    },
}
"""What other frameworks call it, and what it is called here, by class."""


def hint(error: BaseException) -> str:
    """Return `: why. Fix: ...`; empty for an error that is not known here."""
    said = error.args[0] if error.args else None
    if not isinstance(said, str):
        return ""
    fixes = [fix for pattern, fix in _SAID if pattern.match(said)]
    if fixes:
        return f": Hinge calls it status. Fix: {fixes[0]}"
    if isinstance(error, AttributeError):
        return _of_attribute(error.obj, error.name or "")
    if type(error) is not TypeError:
        return ""
    if found := _UNSUPPORTED.match(said):
        fix = _INSTEAD.get(found[1], _KNOWN)
        return f": msgspec does not know the class {found[1]}. Fix: {fix}"
    if found := _AWAITED.match(said):
        return f": what is awaited there is a {found[1]} already, as request.json() and request.body are. Fix: no await"
    return ""


def _of_attribute(owner: Any, name: str) -> str:
    kinds = [kind.__name__ for kind in type(owner).__mro__ if kind.__module__.partition(".")[0] == "hinge"]
    for kind in kinds:
        if name in _WORDS.get(kind, ()):
            return f": a {kind} has no {name!r}. Fix: {_WORDS[kind][name]}"
    return ""
