"""What comes back: a whole response, or one whose body is still on its way.

Law: an answer that no client could read right is an error of its own here: a body that is not as long as it says, a
body where HTTP allows none, a header that is none.
"""

import codecs
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self

import msgspec

from hinge.backend.testing import ProtocolViolation, Reply
from hinge.http.headers import MutableHeaders
from hinge.responses.events import Event
from hinge.testing.jar import parse_set_cookie
from hinge.testing.outgoing import ClientRequest, Outgoing

_BODILESS = frozenset({204, 205, 304})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
"""Statuses that a client follows."""


ELSEWHERE = {
    **{name: f"Client(app, {name}=...)" for name in ("auth", "base_url", "params", "timeout", "event_hooks")},
    "aclose": "async with AsyncClient(app) as client: ..., which closes it",
    "build_request": ".request(method, target, ...), which sends it",
    "close": "with Client(app) as client: ..., which closes it",
    "content_type": ".headers['content-type']",
    "data": ".content",
    "elapsed": "time.perf_counter() around the request",
    "encoding": ".charset",
    "charset_encoding": ".charset",
    "extensions": "request.native, in the handler",
    "force_login": "a request that signs in, or overrides={current_user: f}",
    "get_data": ".content",
    "get_json": ".json()",
    "http_version": "request.http_version, in the handler",
    "is_json": ".headers['content-type']",
    "iter_raw": ".iter_bytes(): the client decodes nothing",
    "links": ".headers['link']",
    "mimetype": ".headers['content-type']",
    "next_request": ".headers['location']",
    "num_bytes_downloaded": "len() of what was read",
    "ok": ".is_success",
    "send": ".request(method, target, ...)",
    "session_transaction": "a request that signs in",
    "status": ".status_code",
    "websocket_connect": ".websocket(path)",
}
"""What clients of other frameworks and their answers have, and what to write here."""


class HTTPStatusError(Exception):
    """A response is no success, and `raise_for_status` was called; `response` is it, `request` what it answers."""

    def __init__(self, response: "ResponseHead") -> None:
        text = f": {response.text[:300]}" if isinstance(response, ClientResponse) else ""
        super().__init__(f"{response.method} {response.url}: {response.status_code} {response.reason_phrase}{text}")
        self.response = response

    @property
    def request(self) -> ClientRequest:
        """What it answers."""
        return self.response.request


def absent(owner: object, name: str, known: Mapping[str, str] = ELSEWHERE) -> AttributeError:
    """Return the error of an attribute that there is not, with what to write if it has another name here."""
    fix = f". Fix: {known[name]}" if name in known else ""
    return AttributeError(f"{type(owner).__name__!r} object has no attribute {name!r}{fix}", name=name, obj=owner)


class ResponseHead:
    """The status and headers of an answer."""

    def __init__(self, method: str, reply: Reply, outgoing: Outgoing | None = None) -> None:
        self.status_code = reply.status
        self.method = method
        self._outgoing = outgoing or Outgoing(method, "/", [], b"", "http://testserver/")
        try:
            self.headers = MutableHeaders(reply.headers)
        except ValueError as error:
            raise ProtocolViolation(f"{method} was answered with a header that is none: {error}") from error
        self.history: list[ClientResponse] = []
        """The redirects that led here, oldest first."""

    def share_head(self, other: "ResponseHead") -> None:
        """Have the head of another one."""
        self.status_code, self.method, self._outgoing = other.status_code, other.method, other._outgoing
        self.headers, self.history = other.headers, other.history

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            raise absent(self, name)

    @property
    def url(self) -> str:
        """The URL that this is the response of: after redirects, the last one's."""
        return self._outgoing.url

    @property
    def request(self) -> ClientRequest:
        """The request that this is the response of, as it was sent."""
        return self._outgoing.as_sent()

    @property
    def reason_phrase(self) -> str:
        """What the status is called (RFC 9110 section 15), empty for one that has no name."""
        from http import HTTPStatus  # noqa: PLC0415 - few ask

        try:
            return HTTPStatus(self.status_code).phrase
        except ValueError:
            return ""

    @property
    def is_success(self) -> bool:
        """Whether the status is one of 200 to 299."""
        return 200 <= self.status_code <= 299

    @property
    def is_redirect(self) -> bool:
        """Whether the status is one of 300 to 399."""
        return 300 <= self.status_code <= 399

    @property
    def has_redirect_location(self) -> bool:
        """Whether it is a redirect that can be followed."""
        return self.status_code in REDIRECTS and "location" in self.headers

    @property
    def is_client_error(self) -> bool:
        """Whether the status is one of 400 to 499."""
        return 400 <= self.status_code <= 499

    @property
    def is_server_error(self) -> bool:
        """Whether the status is one of 500 to 599."""
        return 500 <= self.status_code <= 599

    @property
    def is_error(self) -> bool:
        """Whether the status is one of 400 to 599."""
        return 400 <= self.status_code <= 599

    def raise_for_status(self) -> Self:
        """Return it if `is_success`.

        Raises:
            HTTPStatusError: it is no success.
        """
        if not self.is_success:
            raise HTTPStatusError(self)
        return self

    @property
    def cookies(self) -> dict[str, str]:
        """What this response sets, by name."""
        return dict(parse_set_cookie(line)[0] for line in self.headers.get_all("set-cookie"))

    @property
    def charset(self) -> str:
        """The charset that the content type names; UTF-8 if none."""
        _, marker, rest = self.headers.get("content-type", "").partition("charset=")
        return rest.partition(";")[0].strip(' "') if marker else "utf-8"

    def _check_length(self, received: int) -> None:
        declared = self.headers.get("content-length")
        if self.method == "HEAD" or self.status_code in _BODILESS:
            if received:
                raise ProtocolViolation(f"{self.method} {self.status_code} has a body of {received} bytes")
            if declared is not None and self.status_code == 204:
                raise ProtocolViolation("a 204 has no content-length (RFC 9110 section 8.6)")
        elif declared is not None and declared != str(received):
            raise ProtocolViolation(f"the body has {received} bytes and content-length says {declared}")


class ClientResponse(ResponseHead):
    """A response with its whole body in `content`."""

    def __init__(self, method: str, reply: Reply, content: bytes, outgoing: Outgoing | None = None) -> None:
        super().__init__(method, reply, outgoing)
        self._check_length(len(content))
        self.content = content

    @property
    def text(self) -> str:
        """The body as text."""
        return self.content.decode(self.charset)

    def json(self, kind: Any = Any) -> Any:
        """Return the body decoded from JSON, validated as `kind` if it is given."""
        return msgspec.json.decode(self.content, type=kind)

    def __repr__(self) -> str:
        return f"<ClientResponse {self.status_code} {self.headers.get('content-type')}: {self.content[:300]!r}>"


class StreamedResponse(ResponseHead):
    """A response whose body is read as the app produces it; each chunk is produced when it is asked for."""

    def __init__(
        self, method: str, reply: Reply, chunks: Iterator[bytes] | None = None, outgoing: Outgoing | None = None
    ) -> None:
        super().__init__(method, reply, outgoing)
        self._reply = reply
        self._chunks = self._count(reply.chunks if chunks is None else chunks)

    def _count(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        received = 0
        for chunk in chunks:
            received += len(chunk)
            yield chunk
        self._check_length(received)

    def iter_bytes(self) -> Iterator[bytes]:
        """Yield the chunks that are not read yet.

        Raises:
            Aborted: the app failed.
            TimeoutError: no chunk came within the client's `timeout`.
        """
        return self._chunks

    def iter_text(self) -> Iterator[str]:
        """Yield the chunks as text; a character that two chunks share comes with the second."""
        decoder = codecs.getincrementaldecoder(self.charset)()
        for chunk in self._chunks:
            if text := decoder.decode(chunk):
                yield text
        if rest := decoder.decode(b"", final=True):
            yield rest

    def iter_lines(self) -> Iterator[str]:
        """Yield the lines without their ends, each as soon as it is complete."""
        rest = ""
        for text in self.iter_text():
            *lines, rest = (rest + text).replace("\r\n", "\n").split("\n")
            yield from lines
        if rest:
            yield rest

    def events(self) -> Iterator[Event]:
        """Yield the server-sent events; comments are passed over."""
        fields: dict[str, str] = {}
        for line in self.iter_lines():
            if line:
                name, _, value = line.partition(":")
                value = value.removeprefix(" ")
                fields[name] = f"{fields[name]}\n{value}" if name == "data" and name in fields else value
            elif "data" in fields:
                retry = fields.get("retry", "")
                yield Event(
                    data=fields["data"],
                    event=fields.get("event"),
                    id=fields.get("id"),
                    retry=int(retry) if retry.isdigit() else None,
                )
                fields = {}
            else:
                fields = {}

    def read(self) -> bytes:
        """Return what is left of the body."""
        return b"".join(self._chunks)

    def whole(self) -> ClientResponse:
        """Return the response with what is left of its body."""
        return ClientResponse(self.method, self._reply, self.read(), self._outgoing)

    def close(self) -> None:
        """Leave as a client does, and wait until the app has noticed."""
        self._reply.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()
