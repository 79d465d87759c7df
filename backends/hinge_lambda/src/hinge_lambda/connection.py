"""An in-process connection to a handler: what `hinge.testing` sends requests through.

Law: a request becomes the event that a gateway makes of it, and the answer must be JSON.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

from hinge.backend import ConfigurationError, Connection, Feature, Headers, Reply, Session

Lines = list[tuple[str, str]]


@contextmanager
def connect(application: Any, options: Mapping[str, Any]) -> Iterator[Connection]:
    """Start the lifespans and yield a connection; see `hinge.backend.Backend.connect`."""
    connection = _Connection(application, options)
    connection.run("the lifespans did not start", application.start)
    try:
        yield connection
    finally:
        connection.run("the lifespans did not stop", application.stop)


class _Connection:
    """The client's side."""

    def __init__(self, application: Any, options: Mapping[str, Any]) -> None:
        self._application, self._options = application, options
        self._threads = ThreadPoolExecutor(100, "lambda")  # one, as in Lambda, unless requests are sent at once

    def run(self, complaint: str, work: Callable[..., Any], *args: Any) -> Any:
        """Call something in a thread: it may hang, and the caller may be on an event loop."""
        timeout = self._options.get("timeout")
        future = self._threads.submit(work, *args)
        try:
            failure = future.exception(timeout)
        except TimeoutError:
            raise TimeoutError(f"{complaint} within {timeout} s") from None
        if failure is not None:  # `result` returns None for one that is false
            raise failure
        return future.result()

    def request(self, method: str, target: str, headers: Lines, body: bytes | Iterable[bytes]) -> Reply:
        data = body if isinstance(body, bytes) else b"".join(body)
        declared = Headers(headers).get("content-length") or ""
        data = data[: int(declared)] if declared.isdigit() and len(declared) < 20 else data
        event = self._options.get("event_of", http_event)(method, target, headers, data, self._options)
        answer = self.run(f"{method} {target}: no answer", self._application, event)
        return _reply(json.loads(json.dumps(answer)))  # type: ignore[no-any-return]

    def websocket(self, target: str, headers: Lines, subprotocols: list[str]) -> Session:
        raise ConfigurationError(f"{target}: backend 'lambda' lacks {Feature.WEBSOCKET.value}")


def _reply(answer: dict[str, Any]) -> Any:
    lines = [*answer.get("headers", {}).items(), *[("set-cookie", cookie) for cookie in answer.get("cookies", ())]]
    lines += [(name, value) for name, values in answer.get("multiValueHeaders", {}).items() for value in values]
    data = b64decode(answer["body"]) if answer["isBase64Encoded"] else answer["body"].encode()
    return SimpleNamespace(status=answer["statusCode"], headers=lines, chunks=iter((data,)), close=lambda: None)


def http_event(method: str, target: str, lines: Lines, body: bytes, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return a request as an event of payload 2.0: a function URL's, or with a prefix, as its stage, an HTTP API's."""
    path, _, query = target.partition("?")
    prefix, client, fields = options.get("prefix") or "", options.get("client"), Headers(lines)
    told = {name: value.encode("latin-1").decode("utf-8", "replace") for name, value in fields.items()}
    if options.get("scheme", "https") != "https":
        told["x-forwarded-proto"] = f"{told.get('x-forwarded-proto', '')},{options['scheme']}"
    http = {"method": method, "protocol": "HTTP/1.1", "sourceIp": client and client.host}
    domain = "a.execute-api.eu-west-1.amazonaws.com" if prefix else "a.lambda-url.eu-west-1.on.aws"
    return {
        "version": "2.0",
        "rawPath": prefix + unquote(path) if prefix else path,
        "rawQueryString": query,
        "cookies": told["cookie"].split("; ") if "cookie" in told else [],
        "headers": told,
        "requestContext": {"http": http, "stage": prefix.strip("/") or "$default", "domainName": domain},
        "body": b64encode(body).decode(),
        "isBase64Encoded": True,
    }
