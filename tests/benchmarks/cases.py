"""What is compared: requests, and what is in their answers. It knows no framework."""

from itertools import count
from typing import Any, Literal

import msgspec


class Part(msgspec.Struct):
    """One of what a thing is made of."""

    sku: str
    amount: int


class Item(msgspec.Struct):
    """The validated body, and what its route answers with."""

    name: str
    price: float
    stock: int
    published: bool
    parts: list[Part]


class Page(msgspec.Struct):
    """What the typed route answers with."""

    item_id: int
    limit: int
    verbose: bool


_encode = msgspec.json.Encoder().encode
HELLO = "Hello, World!"
MESSAGE = {"message": HELLO}
CHUNKS = [bytes([65 + number]) * 4096 for number in range(16)]
TICKS = range(100)

passed = count().__next__
"""What a middleware that lets all through calls once a request: the check of answers counts that it was there."""

ORIGIN = "https://shop.example.org"
ALLOWED = {ORIGIN}

Around = int | Literal["three", "ready-made", "composed", "stack"]
"""What an application is behind.

A number: so many middlewares that let everything through. "three": middlewares of the kind that people write, each of
which sets a header of every answer: the request's id, the time that it took, and an origin that is allowed.
"ready-made": the framework's own CORS, and its own request id where it has one.
"composed": nothing, and the routes are those with dependencies. "stack": CORS, a request id and a session in a signed
cookie, as the framework or the extensions that its users take have them, in front of the same routes.
"""
THREE: Around = "three"
READY: Around = "ready-made"
COMPOSED: Around = "composed"
STACK: Around = "stack"
TOLD = ("x-request-id", "server-timing", "access-control-allow-origin")
"""What the answers behind the three hold."""


class Settings(msgspec.Struct):
    """What an application has once."""

    currency: str


class Connection(msgspec.Struct):
    """What a request borrows; `passed` is called where it is given back."""

    names: dict[str, str]

    def name_of(self, token: str) -> str:
        """Return whose token it is."""
        return self.names[token]


SETTINGS = Settings("EUR")
CONNECTION = Connection({"secret-token": "ada"})
KEY = "a key of the benchmarks, and of nobody else"


def framed(tick: int) -> bytes:
    """Return one event, as the hand-written callables and frameworks without events of their own write it."""
    return b"data: " + _encode({"tick": tick}) + b"\n\n"


def middleware_of(around: Around, passing: Any, three: list[Any], ready: list[Any]) -> list[Any]:
    """Return those of a framework's middlewares that an application is behind."""
    return [passing] * around if isinstance(around, int) else three if around == THREE else ready


# What a browser behind a proxy sends, without what names the body.
HEADERS = [
    ("host", "shop.example.org"),
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
    ("accept", "text/html,application/xhtml+xml,application/json;q=0.9,*/*;q=0.8"),
    ("accept-language", "en-GB,en;q=0.5"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("cookie", "session=1f0c9be2a7; theme=dark"),
    ("x-forwarded-for", "203.0.113.7"),
    ("x-request-id", "0d3c7c54-6a3e-4d0c-9f43-8f6f7c1a2b11"),
]
BROWSER = [("origin", ORIGIN), ("x-token", "secret-token")]
BODY = (
    b'{"name":"lamp","price":19.5,"stock":12,"published":true,"parts":'
    b'[{"sku":"foot","amount":1},{"sku":"arm","amount":2},{"sku":"bulb","amount":1}]}'
)
INVALID = BODY.replace(b"19.5", b'"dear"')
JSON = "application/json"


class Case(msgspec.Struct, frozen=True):
    """One request, and what the application is behind."""

    name: str
    path: str
    method: str = "GET"
    query: str = ""
    body: bytes = b""
    content_type: str = ""
    around: Around = 0
    streams: bool = False
    """The answer comes in pieces: they are taken out, and a client stays until the end."""
    hops: bool = False
    """Another thread takes part: the time on the clock counts, and not the processor's."""
    only: str = ""
    """The one interface on which Hinge has this; the other frameworks have it nowhere."""
    passes: int = 0
    """How often `passed` is called, beside the middlewares that are counted."""
    changes_session: bool = False
    """The answer sets the session's cookie; that of others may do so or not."""
    cookies: str = ""
    """The cookies of a session that has begun (`interfaces.signed_in`)."""

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The request's header lines, lower-case names."""
        headers = HEADERS if isinstance(self.around, int) else [*HEADERS, *BROWSER]
        if self.cookies:
            headers = [(name, self.cookies if name == "cookie" else value) for name, value in headers]
        if not self.content_type:
            return headers
        return [*headers, ("content-type", self.content_type), ("content-length", str(len(self.body)))]


PLAIN = Case("plain text", "/plain")
REALISTIC = Case("realistic", "/orders", "POST", body=BODY, content_type=JSON, around=THREE)
REAL_CASES = [
    REALISTIC,
    Case("realistic, 404", "/nowhere/to/be/found", around=THREE),
    Case("realistic, 422", "/orders", "POST", body=INVALID, content_type=JSON, around=THREE),
    Case("ready-made middleware", "/json", around=READY),
    Case("Request alone", "/request"),
    Case("other colour in three middlewares", "/other", around=THREE, hops=True),
]
"""What people run: they are reported first."""
BARE_CASES = [
    PLAIN,
    Case("JSON", "/json"),
    Case("typed path and query", "/items/4711", query="limit=20&verbose=true"),
    Case("validated JSON body", "/items", "POST", body=BODY, content_type=JSON),
    Case("header and cookie", "/session"),
    Case("404", "/nowhere/to/be/found"),
    Case("405", "/json", "DELETE"),
    Case("one middleware", "/plain", around=1),
    Case("two middlewares", "/plain", around=2),
    Case("five middlewares", "/plain", around=5),
    Case("other colour", "/other", hops=True),
    Case("other colour, inline", "/inline"),
    Case("other colour, loop of the thread", "/thread", only="wsgi"),
    Case("64 KiB in 16 chunks", "/stream", streams=True),
    Case("100 server-sent events", "/events", streams=True),
    Case("100 values as events", "/values", streams=True),
]
_SENT: dict[str, Any] = {"method": "POST", "body": BODY, "content_type": JSON, "around": STACK, "passes": 1}
LOGIN = Case("login", "/login", "POST", around=STACK)
STACK_CASES = [
    Case("whole stack", "/check", **_SENT),
    Case("whole stack, session changed", "/cart", changes_session=True, **_SENT),
]
"""CORS, a request id, a session in a cookie, three dependencies of which one is closed, a validated body."""
COMPOSED_CASES = [
    Case("no dependencies", "/bare", around=COMPOSED),
    Case("three dependencies", "/three", around=COMPOSED, passes=1),
    Case("other colour, no dependencies", "/other/bare", around=COMPOSED, hops=True),
    Case("other colour, three dependencies", "/other/three", around=COMPOSED, passes=1, hops=True),
    *STACK_CASES,
]
"""Dependencies, by themselves and with what stands around them."""
CASES = REAL_CASES + COMPOSED_CASES + BARE_CASES
"""The ones that are timed. "Other colour" is `async def` on WSGI and `def` elsewhere."""


def cases_of(interface: str) -> list[Case]:
    """Return the cases that there are on one interface."""
    return [case for case in CASES if case.only in ("", interface)]


HEADLINE = ("plain text", "JSON", "typed path and query", "validated JSON body", "header and cookie")
"""The bare routes with a bar of their own."""

REFUSED = [
    Case("404, path parameter", "/items/lamp"),
    Case("415", "/items", "POST", body=BODY, content_type="text/plain"),
    Case("400", "/items", "POST", body=BODY[:-1], content_type=JSON),
    Case("422, query", "/items/4711", query="limit=many&verbose=true"),
    Case("422, body", "/items", "POST", body=INVALID, content_type=JSON),
    Case("405, behind three", "/orders", "DELETE", around=THREE),
    Case("HEAD", "/json", "HEAD"),
    Case("OPTIONS", "/json", "OPTIONS"),
]
"""Answers that Hinge and the hand-written callables have to agree on as well."""
