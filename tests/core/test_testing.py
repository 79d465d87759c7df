"""hinge.testing without a backend: the cookie jar, outgoing requests, answers, differences, and the pytest plugin."""

import io
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest

from hinge import App, Response
from hinge.backend.contract import Feature
from hinge.backend.installed import installed_backends, load_backend
from hinge.backend.testing import ProtocolViolation
from hinge.errors import ConfigurationError
from hinge.testing.answers import ClientResponse, HTTPStatusError, StreamedResponse
from hinge.testing.apart import bodies_apart, headers_apart
from hinge.testing.client import Client
from hinge.testing.differences import Answer, Difference, EachBackend, Transcript
from hinge.testing.forms import data_body
from hinge.testing.jar import CookieJar
from hinge.testing.outgoing import framed, merged, target_of
from hinge.testing.site import Site


def test_neither_the_client_nor_the_plugin_loads_a_backend_or_the_client_loads_pytest():
    program = (
        "import sys, hinge.testing; print(sorted({'pytest', 'anyio', 'hinge_wsgi', 'hinge_asgi'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    program = (
        "import sys, hinge.testing.plugin; print(sorted({'anyio', 'hinge_wsgi', 'hinge_asgi'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# -- the cookie jar ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "path", "expected"),
    [
        (["a=1"], "/", "a=1"),
        (["a=1", "a=2"], "/", "a=2"),
        (["a=1", "b=2; HttpOnly; SameSite=Lax"], "/", "a=1; b=2"),
        (["a=1; Path=/x"], "/", ""),
        (["a=1; Path=/x"], "/x", "a=1"),
        (["a=1; Path=/x"], "/x/y", "a=1"),
        (["a=1; Path=/x"], "/xy", ""),
        (["a=1; Path=/x/"], "/x", ""),
        (["a=1; Path=/x/"], "/x/", "a=1"),
        (["a=1; Path=/", "a=2; Path=/x"], "/x", "a=2; a=1"),
        (["a=1; Path=nonsense"], "/set/deeper", "a=1"),
        (["a=1", "a=; Max-Age=0"], "/set/", ""),
        (["a=1", "a=; Max-Age=-5"], "/set/", ""),
        (["a=1; Path=/", "a=; Max-Age=0; Path=/set"], "/set/", "a=1"),
        (["a=1", "a=2; Expires=Thu, 01 Jan 1970 00:00:00 GMT"], "/set/", ""),
        (["a=1; Expires=Fri, 31 Dec 9999 23:59:59 GMT"], "/set/", "a=1"),
        (["a=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT"], "/set/", "a=1"),
        (["a=1; Expires=nonsense"], "/set/", "a=1"),
        (["=nameless"], "/set/", ""),
        (["a=x=y==; path=/"], "/", "a=x=y=="),
    ],
)
def test_the_jar_keeps_what_a_browser_would(lines, path, expected):
    jar = CookieJar()
    for line in lines:
        jar.take(line, "/set/it" if "/set" in path or "Path" in line else "/x")
    assert jar.header(path, "http") == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a=1", {"shop.example"}),
        ("a=1; Domain=shop.example", {"shop.example", "a.shop.example"}),
        ("a=1; domain=.SHOP.example", {"shop.example", "a.shop.example"}),
        ("a=1; Domain=example", {"shop.example", "a.shop.example", "myshop.example", "other.example"}),
        ("a=1; Domain=a.shop.example", set()),
        ("a=1; Domain=other.example", set()),
        ("a=1; Domain=hop.example", set()),
        ("a=1; Domain=", {"shop.example"}),
    ],
)
def test_the_jar_sends_a_cookie_to_its_domain(line, expected):
    jar = CookieJar()
    jar.take(line, "/", "shop.example:8000")
    hosts = ("shop.example", "a.shop.example", "myshop.example", "other.example", "127.0.0.1")
    assert {host for host in hosts if jar.header("/", "http", f"{host}:81")} == expected


def test_an_address_is_no_domain_of_another_one():
    jar = CookieJar()
    jar.take("a=1; Domain=0.0.1", "/", "127.0.0.1")
    jar.take("b=1", "/", "[::1]:80")
    assert [jar.header("/", "http", host) for host in ("127.0.0.1", "10.0.0.1", "[::1]", "[::1]:81")] == [
        "",
        "",
        "b=1",
        "b=1",
    ]


def test_the_jar_is_sorted_out_by_domain_and_path():
    jar = CookieJar({"a": "1"})
    jar.set("a", "2", domain="x.example", path="/deep")
    jar.set("a", "3", domain=".example")
    assert jar.header("/deep", "http", "x.example") == "a=2; a=1; a=3"
    jar.delete("a", path="/deep")
    jar.clear(domain=".example")
    assert jar.header("/deep", "http", "x.example") == "a=1"
    jar.take("a=4; Path=/", "/", "x.example")
    assert jar.header("/deep", "http", "x.example") == "a=4"  # the app's stands for the test's own
    jar["a"] = "5"
    assert jar.header("/deep", "http", "x.example") == "a=5"


def test_the_jar_is_a_mapping_that_can_be_written():
    jar = CookieJar({"a": "1"})
    jar.set("b", "2", path="/deep")
    jar.set("a", "3", path="/deep")
    assert dict(jar) == {"a": "1", "b": "2"}
    assert len(jar) == 2
    assert jar.header("/deep", "http") == "b=2; a=3; a=1"
    for call in (jar.__getitem__, jar.__delitem__):
        with pytest.raises(KeyError):
            call("c")
    jar["c"] = "4"
    del jar["a"]
    assert jar.header("/deep", "http") == "b=2; c=4"
    jar.clear()
    assert dict(jar) == {}


# -- outgoing requests -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "params", "expected"),
    [
        ("/", None, "/"),
        ("/a%20b?x=%C3%BC", None, "/a%20b?x=%C3%BC"),
        ("/ü b", None, "/%C3%BC%20b"),
        ("/%", None, "/%"),
        ("/a\r\nb\0", None, "/a%0D%0Ab%00"),
        ("*", None, "*"),
        ("http://x/y", None, "http://x/y"),
        ("/", {"a": 1}, "/?a=1"),
        ("/?a", {"a": [1, 2]}, "/?a&a=1&a=2"),
        ("/", {"a": []}, "/"),
        ("/", {"a": False}, "/?a=false"),
        ("/", [("a b", "c&d")], "/?a+b=c%26d"),
    ],
)
def test_targets(target, params, expected):
    assert target_of(target, params) == expected


def test_headers_merge_by_name():
    first = [("A", "1"), ("a", "2"), ("b", "3")]
    assert merged(first, None) == [("a", "1"), ("a", "2"), ("b", "3")]
    assert merged(first, {"A": "4"}) == [("b", "3"), ("a", "4")]
    assert merged(first, {"a": None, "C": "5"}) == [("b", "3"), ("c", "5")]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], ["content-type", "content-length"]),
        ([("content-type", "x/y")], ["content-type", "content-length"]),
        ([("content-length", "9")], ["content-length", "content-type"]),
        ([("transfer-encoding", "chunked")], ["transfer-encoding", "content-type"]),
    ],
)
def test_framing_is_added_unless_the_caller_has_one(headers, expected):
    found = framed(headers, [("content-type", "application/json"), ("content-length", "1")])
    assert [name for name, _ in found] == expected


@pytest.mark.parametrize(
    ("location", "prefix", "expected"),
    [
        ("/b?x=1", "", "/b?x=1"),
        ("b", "", "/a/b"),
        ("../b", "", "/b"),
        ("?x=1", "", "/a/here?x=1"),
        ("http://host/b", "", "/b"),
        ("http://host", "", "/"),
        ("https://host", "", None),
        ("http://elsewhere/b", "", None),
        ("//elsewhere/b", "", None),
        ("mailto:a@b", "", None),
        ("/mount/b", "/mount", "/b"),
        ("/mount", "/mount", "/"),
        ("/mounted/b", "/mount", None),
        ("/b", "/mount", None),
    ],
)
def test_redirect_targets(location, prefix, expected):
    site = Site("http", "host", prefix)
    assert site.following(location, site.url("host", "/a/here")) == expected


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"base_url": "shop.example"}, r"Fix: base_url='http://testserver'"),
        ({"base_url": "ftp://shop.example"}, r"Fix: base_url='http://testserver'"),
        ({"base_url": "http://shop.example?a=1"}, r"Fix: base_url='http://testserver'"),
        ({"base_url": "http://a:b@shop.example"}, r"Fix: auth=\('user', 'password'\)"),
        ({"base_url": "http://shop.example", "host": "x"}, r"say the same\. Fix: base_url alone"),
        ({"base_url": "http://shop.example", "scheme": "http"}, r"say the same\. Fix: base_url alone"),
        ({"verify": False}, r"Client\(verify=\.\.\.\).*Fix: leave it out: there is no connection"),
        ({"transport": None}, r"Client\(transport=\.\.\.\).*Fix: leave it out"),
    ],
)
def test_options_that_cannot_be_are_told(options, complaint):
    with pytest.raises(ConfigurationError, match=complaint):
        Client(App(), **options)


@pytest.mark.parametrize(
    ("target", "options", "error", "complaint"),
    [
        ("https://testserver/", {}, ValueError, r"is not at this client's http\. Fix: .*base_url='https://testserver'"),
        ("http://a:b@testserver/", {}, ValueError, r"Fix: Client\(app, base_url='http://testserver'\)"),
        ("http://testserver/x", {}, ValueError, r"not below the prefix '/mount'\. Fix: a target, '/x'"),
        ("/", {"auth": "user"}, TypeError, r"auth= takes \(user, password\) or a function, not str\. Fix: a function"),
        ("/", {"auth": SimpleNamespace(auth_flow=None)}, TypeError, "auth= takes"),
        ("/", {"data": b"x"}, TypeError, r"data= takes a mapping, not bytes\. Fix: content="),
        (
            "/",
            {"files": {"f": io.StringIO()}},
            TypeError,
            r"'f' is opened as text\. Fix: open\(path, 'rb'\)",
        ),
        ("/", {"data": {"a": 1}, "json": 1}, TypeError, "one body"),
        ("/", {"content": {"a": 1}}, TypeError, "content= takes bytes, str or an iterable of bytes, not dict"),
        ("/", {"timeout": 1}, ConfigurationError, r"Client\.request\(timeout=.*Fix: Client\(app, timeout=\.\.\.\)"),
    ],
)
def test_requests_that_cannot_be_are_told(target, options, error, complaint):
    client = Client(App(), prefix="/mount") if target.startswith("http://testserver/x") else Client(App())
    with pytest.raises(error, match=complaint):
        client.post(target, **options)


def test_a_boundary_is_one_that_no_part_has():
    body, kind = data_body({"a": "----hinge-testing"}, {"f": b"x"})
    assert kind == "multipart/form-data; boundary=----hinge-testing-"
    assert body.endswith(b"------hinge-testing---\r\n")


# -- answers -----------------------------------------------------------------------------------------------------------


def reply(status=200, headers=(), chunks=()):
    return SimpleNamespace(status=status, headers=list(headers), chunks=iter(chunks), close=lambda: None)


@pytest.mark.parametrize(
    ("method", "status", "headers", "body", "complaint"),
    [
        ("GET", 200, [("content-length", "3")], b"abcd", "4 bytes and content-length says 3"),
        ("GET", 200, [("content-length", "3")], b"", "0 bytes and content-length says 3"),
        ("HEAD", 200, [("content-length", "3")], b"abc", "HEAD 200 has a body of 3 bytes"),
        ("GET", 204, [], b"x", "GET 204 has a body"),
        ("GET", 304, [], b"x", "GET 304 has a body"),
        ("GET", 204, [("content-length", "0")], b"", "a 204 has no content-length"),
        ("GET", 200, [("bad name", "x")], b"", "a header that is none"),
        ("GET", 200, [("x", "a\r\nb: c")], b"", "a header that is none"),
    ],
)
def test_answers_that_no_client_could_read_are_errors(method, status, headers, body, complaint):
    with pytest.raises(ProtocolViolation, match=complaint):
        ClientResponse(method, reply(status, headers), body)
    with pytest.raises(ProtocolViolation, match=complaint):
        StreamedResponse(method, reply(status, headers, [body])).read()


@pytest.mark.parametrize(
    ("method", "status", "headers", "body"),
    [
        ("GET", 200, [("content-length", "3")], b"abc"),
        ("GET", 200, [], b"abc"),
        ("HEAD", 200, [("content-length", "3")], b""),
        ("GET", 304, [("content-length", "3")], b""),
    ],
)
def test_answers_that_are_right(method, status, headers, body):
    assert ClientResponse(method, reply(status, headers), body).content == body


def test_a_response_reads_json_and_its_cookies():
    lines = [("set-cookie", "a=1; Path=/"), ("set-cookie", "b=2, 3")]
    response = ClientResponse("GET", reply(200, lines), b'{"a": 1}')
    assert response.json() == {"a": 1}
    assert response.json(dict[str, float])["a"].__class__ is float
    assert response.cookies == {"a": "1", "b": "2, 3"}
    assert response.headers.get_all("set-cookie") == ["a=1; Path=/", "b=2, 3"]


def test_a_response_that_is_no_success_says_so():
    with pytest.raises(HTTPStatusError, match=r"GET http://testserver/: 404 Not Found: why") as raised:
        ClientResponse("GET", reply(404), b"why").raise_for_status()
    assert (raised.value.response.status_code, raised.value.request.method) == (404, "GET")
    with pytest.raises(HTTPStatusError, match=r"299|302"):
        StreamedResponse("GET", reply(302)).raise_for_status()


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("elapsed", "time.perf_counter"),
        ("next_request", ".headers['location']"),
        ("encoding", ".charset"),
        ("ok", ".is_"),
    ],
)
def test_what_responses_of_httpx_have_is_told(name, fix):
    with pytest.raises(AttributeError, match=re.escape(f"Fix: {fix}")):
        getattr(ClientResponse("GET", reply(), b""), name)


# -- differences -------------------------------------------------------------------------------------------------------


def answered(status=200, headers=(), content=b"", request="GET /"):
    return Answer(request, status, list(headers), content=content)


def app_that_answers(status, headers, content):
    app = App()

    @app.get("/")
    def answer() -> Response:
        return Response(content, status=status, headers=headers)

    return app


OCTETS = ("content-type", "application/octet-stream")


@pytest.mark.parametrize(
    ("before", "complaint"),
    [
        (
            answered(201),
            r"differ in the status, headers, body\n  status   before  201\n +\w+ +200\n",
        ),
        (
            answered(headers=[OCTETS, ("content-length", "2")], content=b"x"),
            r"in the headers\n  headers  before  content-length: 2\n +\w+ +content-length: 1$",
        ),
        (
            answered(headers=[("content-length", "1"), OCTETS], content=b"y"),
            r"in the body\n  body     from byte 0 on \(1 bytes in before, 1 in \w+\)\n +before +y\n +\w+ +x\n +\^$",
        ),
        (answered(request="GET /other"), r"request, .*\n  request  before  GET /other\n +\w+ +GET /\n"),
    ],
)
def test_a_difference_is_an_error_where_it_is_seen(before, complaint):
    name = next(iter(installed_backends()))
    each = EachBackend(name, Transcript("before", clients=[[before]]), pytest.fail)
    with pytest.raises(Difference, match=complaint), each(app_that_answers(200, {}, b"x")) as client:
        client.get("/")
    assert not each.transcript.sound


@pytest.mark.parametrize(
    ("theirs", "ours", "shown"),
    [
        (b"y", b"x", ["from byte 0 on (1 bytes in a, 1 in wsgi)", "a     y", "wsgi  x", "      ^"]),
        (b"abc", b"ab", ["from byte 2 on (3 bytes in a, 2 in wsgi)", "a     abc", "wsgi  ab", "        ^"]),
        (
            b'{"a": [1, {"b/c": "x"}]}',
            b'{"a": [1, {"b/c": 1.0}]}',
            [
                "from byte 18 on (24 bytes in a, 24 in wsgi), in JSON at /a/1/b~1c",
                'a     {"a": [1, {"b/c": "x"}]}',
                'wsgi  {"a": [1, {"b/c": 1.0}]}',
                "                        ^",
            ],
        ),
        (
            b"1",
            b"1.0",
            ["from byte 1 on (1 bytes in a, 3 in wsgi), in JSON at the root", "a     1", "wsgi  1.0", "       ^"],
        ),
        (b'{"a":1}', b'{"b":1}', ["in JSON at /a", 'a     {"a":1}', 'wsgi  {"b":1}', "        ^"]),
        (b"[1]", b"[1, 2]", ["in JSON at /1", "a     [1]", "wsgi  [1, 2]", "        ^"]),
        (
            "ü€".encode(),
            "ü₭".encode(),  # the same first two bytes
            ["from byte 4 on", "a     ü€", "wsgi  ü₭", "       ^"],
        ),
        (
            b"x" * 500 + b"a\r\n" + b"y" * 500,
            b"x" * 500 + b"b\r\n" + b"y" * 500,
            [
                "from byte 500 on",
                "a     ..." + "x" * 30 + "a\\r\\n" + "y" * 57 + "...",
                "wsgi  ..." + "x" * 30 + "b\\r\\n" + "y" * 57 + "...",
                "         " + " " * 30 + "^",
            ],
        ),
        (
            bytes(range(40)),
            bytes(range(20)) + b"A\xff",
            [
                "from byte 20 on",
                "a     00000010  10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f  ................",
                "wsgi  00000010  10 11 12 13 41 ff                                ....A.",
                "                            ^",
            ],
        ),
    ],
)
def test_bodies_are_shown_from_where_they_differ(theirs, ours, shown):
    where, *rows = bodies_apart(("a", "wsgi"), theirs, ours)
    assert shown[0] in where
    assert [row[11:] for row in rows] == shown[1:]


def test_headers_are_shown_where_they_differ():
    two = [("a", "1"), ("b", "2")]
    assert headers_apart(("a", "bc"), two, [*two, ("c", "3")]) == ["  headers  bc  c: 3"]
    assert headers_apart(("a", "bc"), two, two[::-1]) == [
        "  headers  a   [('a', '1'), ('b', '2')]",
        "           bc  [('b', '2'), ('a', '1')]",
    ]


def test_requests_that_are_missing_or_too_many_are_differences():
    name = next(iter(installed_backends()))
    expected = answered(headers=[("content-length", "1"), OCTETS], content=b"x")
    each = EachBackend(name, Transcript("before", clients=[[expected, expected]]), pytest.fail)
    missing = pytest.raises(Difference, match="GET / was sent on before, and not on")
    with missing, each(app_that_answers(200, {}, b"x")) as client:
        client.get("/")
    each = EachBackend(name, Transcript("before", clients=[[]]), pytest.fail)
    with pytest.raises(Difference, match="and not on before"), each(app_that_answers(200, {}, b"x")) as client:
        client.get("/")


def test_what_may_differ_is_passed_over():
    name = next(iter(installed_backends()))
    expected = answered(headers=[("content-length", "1"), OCTETS, ("x-id", "7")], content=b"?")
    each = EachBackend(name, Transcript("before", clients=[[expected]]), pytest.fail)
    app = app_that_answers(200, {"X-Id": "8", "date": "now"}, b"x")
    expected.headers.remove(("x-id", "7"))
    with each(app, ignore=["X-ID"], normalise=lambda body: b"?") as client:
        client.get("/")
    assert each.transcript.sound
    assert each.name == name


# -- the plugin --------------------------------------------------------------------------------------------------------

SUITE = """
import asyncio

import pytest

from hinge import App, Request, WebSocket

app, chat, broken = App(), App(), App()
runs = []


@app.get("/who")
def who(request: Request) -> str:
    return request._reader.__name__


@app.get("/{number}")
def number(number: int) -> int:
    return number


@chat.websocket("/live")
async def live(ws: WebSocket):
    await ws.accept()
    await ws.send("hello")


@broken.get("/{x}")
def wrong(x: bytes) -> str: ...


def test_same(each_backend):
    with each_backend(app) as client:
        assert client.get("/1").json() == 1
        assert client.backend == each_backend.name


@pytest.mark.parametrize("number", [1, 2])
def test_with_parameters(each_backend, number):
    with each_backend(app) as client:
        assert client.get(f"/{number}").json() == number


def test_differing(each_backend):
    with each_backend(app) as client:
        assert client.get("/who").status_code == 200


def test_async(each_backend):
    async def main():
        async with each_backend(app) as client:
            assert (await client.get("/1")).json() == 1

    asyncio.run(main())


def test_differing_async(each_backend):
    async def main():
        async with each_backend(app) as client:
            await client.get("/who")

    asyncio.run(main())


def test_differing_stream(each_backend):
    with each_backend(app) as client, client.stream("GET", "/who") as response:
        response.read()


def test_first_run_fails(each_backend):
    runs.append(each_backend.name)
    with each_backend(app) as client:
        client.get("/1" if len(runs) > 1 else "/2")
        assert len(runs) > 1


def test_websocket(each_backend):
    with each_backend(chat) as client, client.websocket("/live") as ws:
        assert ws.receive() == "hello"


def test_websocket_skipped(each_backend):
    with each_backend(chat, skip_unsupported=True) as client:
        assert client.get("/live").status_code == 426


def test_mistake(each_backend):
    with each_backend(broken) as client:
        client.get("/x")
"""

NAMES = list(installed_backends())


@pytest.fixture(scope="module")
def run_suite(tmp_path_factory):
    folder = tmp_path_factory.mktemp("suite")
    (folder / "test_suite.py").write_text(SUITE)

    def run(*options):
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "no:cacheprovider",
            "--assert=plain",  # what is looked at here is hinge.testing's
            "-v",
            "-rs",
            "--tb=short",
            *options,
            folder,
        ]
        output = subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder).stdout
        outcomes = dict(re.findall(r"test_suite.py::test_(\S+) (PASSED|FAILED|SKIPPED|ERROR)", output))
        return outcomes, output

    return run


@pytest.fixture(scope="module")
def suite(run_suite):
    return run_suite()


def outcomes_of(test, outcomes):
    return {
        name: outcome
        for name in NAMES
        for key, outcome in outcomes.items()
        if key in (f"{test}[{name}]", f"{test}[{name}-1]")
    }


@pytest.mark.parametrize("test", ["same", "async", "websocket_skipped"])
def test_each_backend_runs_a_test_on_every_backend(suite, test):
    assert outcomes_of(test, suite[0]) == dict.fromkeys(NAMES, "PASSED")


def test_each_backend_compares_runs_with_the_same_parameters_only(suite):
    assert {outcome for test, outcome in suite[0].items() if test.startswith("with_parameters")} == {"PASSED"}
    assert len([test for test in suite[0] if test.startswith("with_parameters")]) == 2 * len(NAMES)


@pytest.mark.parametrize("test", ["differing", "differing_async", "differing_stream"])
def test_each_backend_fails_where_backends_answer_differently(suite, test):
    outcomes, output = suite
    assert list(outcomes_of(test, outcomes).values()) == ["PASSED"] + ["FAILED"] * (len(NAMES) - 1)
    assert "Difference: GET /who: the backends differ in the " in output


def test_a_failed_run_is_no_reference(suite):
    assert list(outcomes_of("first_run_fails", suite[0]).values()) == ["FAILED"] + ["PASSED"] * (len(NAMES) - 1)


def test_each_backend_skips_where_a_feature_is_missing_and_says_which(suite):
    outcomes, output = suite
    for name, outcome in outcomes_of("websocket", outcomes).items():
        assert outcome == ("PASSED" if Feature.WEBSOCKET in load_backend(name).features else "SKIPPED")
    assert re.search(r"SKIPPED.*live \(.*test_suite\.py:\d+\): /live needs WebSocket routes, which backend", output)


def test_a_mistake_in_the_app_is_no_reason_to_skip(suite):
    assert outcomes_of("mistake", suite[0]) == dict.fromkeys(NAMES, "FAILED")


@pytest.mark.gate
def test_one_backend_alone_is_compared_with_nothing(run_suite):
    outcomes, _ = run_suite("-k", f"test_differing and {NAMES[-1]}")
    differing = ("differing", "differing_async", "differing_stream")
    assert outcomes == {f"{test}[{NAMES[-1]}]": "PASSED" for test in differing}
