"""Malformed, oversized and ambiguous requests, as bytes, with the answer that each has to get.

Law: data only. A case's answer is the same on every server, or names the servers that differ; docs/servers.md says why.
"""

from dataclasses import dataclass, field

from tests.support.wire import chunked, format_request

JSON = ("Content-Type", "application/json")
CHUNKED = ("Transfer-Encoding", "chunked")
REFUSED_BY_SERVER = frozenset({400, 405, 414, 431})
"""What servers answer, each in its own way, to what they do not let through."""


@dataclass(frozen=True)
class Case:
    """One request and its status; `unlike` holds the servers that may answer another one (several: any of these)."""

    name: str
    data: bytes
    status: int
    unlike: dict[str, int | frozenset[int]] = field(default_factory=dict)
    method: str = "GET"
    not_on: frozenset[str] = frozenset()
    """Servers that never hand it over: they wait for the whole body first."""

    def allowed(self, server: str) -> frozenset[int]:
        """Return the statuses that a server may answer with."""
        found = self.unlike.get(server, self.status)
        return (found if isinstance(found, frozenset) else frozenset({found})) | {self.status}


def _get(target: str, *headers: tuple[str, str]) -> bytes:
    return format_request("GET", target, list(headers))


def _post(target: str, body: bytes, *headers: tuple[str, str]) -> bytes:
    return format_request("POST", target, list(headers), body)


_DEEP = b"[" * 100_000
_ALL_REFUSE = dict.fromkeys(
    ("granian-wsgi", "granian-asgi", "uvicorn", "hypercorn", "daphne", "gunicorn", "waitress"), REFUSED_BY_SERVER
)
_FIELDS = "&".join(f"k{number}=1" for number in range(8000))

CASES = (
    # targets
    Case("path that is not UTF-8", _get("/rest/%ff%fe"), 400),
    Case("overlong UTF-8 in the path", _get("/rest/%c0%af"), 400),
    Case("surrogate in the path", _get("/rest/%ed%a0%80"), 400),
    Case("replacement character in the path", _get("/rest/%EF%BF%BD"), 200),
    Case("NUL in the path", _get("/rest/%00"), 200),
    Case("Unicode digits", _get("/items/%D9%A3"), 404),
    Case("5,000 digits", _get("/items/" + "9" * 5000), 404, {"gunicorn": 414}),
    Case("signed, spaced and grouped numbers", _get("/items/1_000"), 404),
    Case(
        "100 KB path",
        _get("/rest/" + "a" * 100_000),
        414,
        dict.fromkeys(("hypercorn", "waitress", "uvicorn", "daphne"), frozenset({200, 400, 414, 431})),
    ),
    Case("100,000 empty segments", _get("/" * 10_000), 404, {"gunicorn": 414}),
    Case(
        "double slash is no redirect to another site", _get("//evil.example/"), 404, {"waitress": frozenset({400, 404})}
    ),
    Case(
        "path without a slash",
        format_request("GET", "@evil"),
        400,
        _ALL_REFUSE
        | {
            "granian-wsgi": frozenset({400, 404}),
            "granian-asgi": frozenset({400, 404}),
            "waitress": frozenset({400, 404}),
        },
    ),
    Case("absolute-form target", _get("http://other.example/plain"), 200),
    # methods
    Case("unknown method", format_request("BREW", "/plain"), 405),
    Case(
        "lower-case method",
        format_request("get", "/plain"),
        405,
        {"gunicorn": 400, "waitress": frozenset({200, 400, 405}), "hypercorn": 200},
    ),
    Case("method named like an attribute", format_request("__CLASS__", "/plain"), 405),
    Case("wrong method", format_request("DELETE", "/plain"), 405),
    # queries
    Case("bad percent-encoding in the query", _get("/query?a=%zz"), 200),
    Case("query that is not UTF-8", _get("/query?a=%ff"), 200),
    Case("8,000 query keys", _get("/query?" + _FIELDS), 400, {"gunicorn": 414}),
    Case("repeated parameter", _get("/items/1?verbose=1&verbose=0"), 422),
    Case("wrong type of parameter", _get("/items/1?verbose=maybe"), 422),
    # headers
    Case("no Host where it is used", b"GET /host HTTP/1.1\r\n\r\n", 400),
    Case("repeated Host", b"GET /host HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    Case("malformed Host", b"GET /host HTTP/1.1\r\nHost: a/b?c\r\n\r\n", 400),
    Case("NUL in a header", b"GET /plain HTTP/1.1\r\nHost: a\r\nX-A: a\0b\r\n\r\n", 400),
    Case("space before the colon", b"GET /plain HTTP/1.1\r\nHost: a\r\nX-A : b\r\n\r\n", 400),
    Case("90 headers", _get("/plain", *((f"X-{number}", "1") for number in range(90))), 200),
    # bodies
    Case("malformed JSON", _post("/items", b'{"name":', JSON), 400, method="POST"),
    Case("empty JSON", _post("/items", b"", JSON), 400, method="POST"),
    Case("100,000 levels of JSON", _post("/items", _DEEP, JSON), 400, method="POST"),
    Case("UTF-16 JSON", _post("/items", '{"name":"x"}'.encode("utf-16"), JSON), 400, method="POST"),
    Case("JSON that is not UTF-8", _post("/items", b'{"name":"\xff","price":1}', JSON), 400, method="POST"),
    Case("wrong types in JSON", _post("/items", b'{"name":1,"price":"x"}', JSON), 422, method="POST"),
    Case("JSON as text/plain", _post("/items", b"{}", ("Content-Type", "text/plain")), 415, method="POST"),
    Case("JSON without a type", _post("/items", b"{}"), 415, method="POST"),
    Case(
        "two Content-Type lines",
        _post("/items", b'{"name":"x","price":1}', JSON, ("Content-Type", "text/plain")),
        415,
        {"granian-wsgi": 201, "gunicorn": 400},
        method="POST",
    ),
    Case("encoded body", _post("/items", b"{}", JSON, ("Content-Encoding", "gzip")), 415, method="POST"),
    Case(
        "above the limit",
        format_request("POST", "/echo", [("Content-Length", "999999999")]),
        413,
        method="POST",
        not_on=frozenset({"daphne", "waitress"}),
    ),
    Case(
        "length that is no number",
        format_request("POST", "/echo", [("Content-Length", "+3")]) + b"abc",
        400,
        method="POST",
    ),
    Case(
        "two lengths",
        format_request("POST", "/echo", [("Content-Length", "3"), ("Content-Length", "4")]) + b"abcd",
        400,
        method="POST",
    ),
    Case(
        "length and chunks",
        format_request("POST", "/echo", [CHUNKED, ("Content-Length", "3")]) + chunked(b"abc"),
        400,
        {"granian-wsgi": 200, "granian-asgi": 200, "waitress": frozenset({200, 400})},
        method="POST",
    ),
    Case(
        "chunks above the limit", format_request("POST", "/small", [CHUNKED]) + chunked(b"x" * 2000), 413, method="POST"
    ),
    Case("valid chunks", format_request("POST", "/echo", [CHUNKED]) + chunked(b"a", b"b", b"c"), 200, method="POST"),
)

VALID = (
    Case("plain", _get("/plain"), 200),
    Case("HEAD", format_request("HEAD", "/plain"), 200, method="HEAD"),
    Case("typed", _get("/items/7?verbose=true"), 200),
    Case("async", _get("/wait"), 200),
    Case("created", _post("/items", b'{"name":"a","price":1.5,"tags":["x"]}', JSON), 201, method="POST"),
    Case("echoed", _post("/echo", b"x" * 3000), 200, method="POST"),
    Case("streamed", _get("/lines"), 200),
    Case("streamed on the loop", _get("/async-lines"), 200),
    Case("after the response", _get("/after"), 200),
    Case("redirected", _get("/plain/"), 308),
    Case("unknown", _get("/nothing/here"), 404),
)
