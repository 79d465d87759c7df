"""A WSGI server's side, by hand: the environ of a request, and what is answered to it."""

import io
from typing import Any, NamedTuple


def environ(path: str = "/", method: str = "GET", **more: Any) -> dict[str, Any]:
    """Return the least that a server may say of a request without a body."""
    return {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
    } | more


class Answer(NamedTuple):
    """What came back."""

    status: str
    headers: dict[str, str]
    body: bytes


def ask(application: Any, path: str = "/", method: str = "GET", **more: Any) -> Answer:
    """Send a request, read the answer to its end, and close it."""
    head: list[Any] = []
    body = application(environ(path, method, **more), lambda *answer: head.extend(answer))
    try:
        content = b"".join(body)
    finally:
        if hasattr(body, "close"):
            body.close()
    return Answer(head[0], dict(head[1]), content)
