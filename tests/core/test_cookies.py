"""Cookies: malformed pairs are left out one by one, nothing leaves its place in a Set-Cookie line."""

import string
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hinge.http.cookies import MAX_SIZE, cookie_finder, format_cookie, parse_cookies

TOKEN = "!#$%&'*+-.^_`|~" + string.ascii_letters + string.digits
OCTETS = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '",;\\')
NAMES = st.text(alphabet=TOKEN, min_size=1, max_size=8)
VALUES = st.text(alphabet=OCTETS, max_size=12)


@pytest.mark.parametrize(
    ("header", "cookies"),
    [
        (None, {}),
        ("", {}),
        ("a=1", {"a": "1"}),
        ("a=1; b=2", {"a": "1", "b": "2"}),
        ("a=1;b=2", {"a": "1", "b": "2"}),
        ("a=1 ;  b = 2 ;\tc\t=\t3\t", {"a": "1", "b": "2", "c": "3"}),
        ("a=; b=2", {"a": "", "b": "2"}),
        ("a=b=c", {"a": "b=c"}),
        ('a="1"; b="; c=3', {"a": "1", "b": '"', "c": "3"}),
        ('a="', {"a": '"'}),
        ('a=""', {"a": ""}),
        ('a=x"y"', {"a": 'x"y"'}),
        (r'a="\073\"x"', {"a": r"\073\"x"}),
        ("a=hello world", {"a": "hello world"}),
        ("user[name]=x; a@b=y; c:d=z", {"user[name]": "x", "a@b": "y", "c:d": "z"}),
        (";;; ;a=1;;", {"a": "1"}),
        ("A=1; a=2", {"A": "1", "a": "2"}),
        ("a=Jürgen; b=日本 🎉", {"a": "Jürgen", "b": "日本 🎉"}),
    ],
)
def test_pairs(header, cookies):
    assert parse_cookies(header) == cookies


def test_of_two_cookies_with_one_name_the_first_counts():
    assert parse_cookies("a=specific; b=x; a=general") == {"a": "specific", "b": "x"}


@pytest.mark.parametrize(
    "malformed",
    [
        "novalue",
        "=nameless",
        " = nameless",
        "two words=1",
        'quo"te=1',
        "back\\slash=1",
        "b=\x00",
        "b=x\x0by",
        "b=\x85",
        "b\x7f=1",
        "b=caf\ufffd",
        "\xe9=1",
        "b=\r\n",
    ],
)
def test_malformed_pairs_are_left_out_one_by_one(malformed):
    assert parse_cookies(f"a=1; {malformed}; c=3") == {"a": "1", "c": "3"}
    assert parse_cookies(f"{malformed};c=3") == {"c": "3"}
    assert parse_cookies(f"c=3;{malformed}") == {"c": "3"}


@pytest.mark.parametrize(
    "header", ["=__Host-a=evil", "__Host-a", "=__Host-a", ' ="__Host-a=evil"', "\x0b__Host-a=evil"]
)
def test_nameless_cookies_take_no_ones_name(header):
    assert parse_cookies(header) == {}
    assert parse_cookies(f"{header}; __Host-a=good") == {"__Host-a": "good"}


@pytest.mark.parametrize("separator", ["; ", ";"])
def test_lines_that_a_server_joined_give_what_they_give_apart(separator):
    lines = ["a=1; b=2", "c=3", "a=9; d={4}"]
    assert parse_cookies(separator.join(lines)) == {"a": "1", "b": "2", "c": "3", "d": "{4}"}


@pytest.mark.parametrize(
    "value",
    ["1,2", "1,2,3", '{"x":1,"y":2}', "x, y", ",", "x,=1", "x,y z=1", "x,b=evil", "x, \tb=evil", "x,__Host-b=evil"],
)
def test_a_comma_is_part_of_a_value(value):
    assert parse_cookies(f"a={value}; b=2") == {"a": value, "b": "2"}
    assert parse_cookies(f"b=2; a={value}") == {"a": value, "b": "2"}


def test_format_with_every_attribute():
    assert format_cookie("a", "b") == "a=b; Path=/; SameSite=lax".replace("lax", "Lax")
    assert format_cookie("a", "", samesite=None) == "a=; Path=/"
    everything = format_cookie(
        "a",
        "b",
        max_age=60,
        expires=datetime(2026, 2, 3, 4, 5, 6, tzinfo=timezone(timedelta(hours=2))),
        path="/x",
        domain="example.org",
        secure=True,
        httponly=True,
        samesite="none",
        partitioned=True,
    )
    assert everything == (
        "a=b; Max-Age=60; Expires=Tue, 03 Feb 2026 02:05:06 GMT; Path=/x; Domain=example.org; "
        "Secure; HttpOnly; SameSite=None; Partitioned"
    )
    assert format_cookie("a", "b", max_age=0, domain=".example.org", samesite="Strict") == (
        "a=b; Max-Age=0; Path=/; Domain=.example.org; SameSite=Strict"
    )


INJECTIONS = [
    "; Domain=evil.example",
    "\r\nx: y",
    "\n",
    "\r",
    "\0",
    ",",
    ", b=c",
    "\x0b",
    "\x85",
    "\u2028",
    "é",
    " ",
    "\t",
    "\x7f",
]


@pytest.mark.parametrize("injection", INJECTIONS, ids=repr)
@pytest.mark.parametrize("part", ["name", "value", "path", "domain", "samesite"])
def test_cookie_attribute_injection(part, injection):
    good = {"name": "a", "value": "b", "path": "/x", "domain": "example.org", "samesite": "lax"}
    format_cookie(**good)
    for text in (good[part] + injection, good[part] + injection + "c"):
        with pytest.raises(ValueError, match="cookie"):
            format_cookie(**good | {part: text})


@pytest.mark.parametrize(
    "arguments",
    [
        {"name": ""},
        {"name": "a=b"},
        {"name": "a b"},
        {"name": "a[b]"},
        {"value": 'a"b'},
        {"value": '"a"b"'},
        {"value": '"ab'},
        {"value": "a\\b"},
        {"path": ""},
        {"path": "x"},
        {"domain": ""},
        {"domain": "a..b"},
        {"domain": "x" * 64},
        {"domain": "a/b"},
        {"samesite": ""},
        {"samesite": "sloppy"},
        {"expires": datetime(2026, 1, 1)},  # noqa: DTZ001 - the fault under test
    ],
    ids=repr,
)
def test_parts_that_browsers_would_read_otherwise(arguments):
    with pytest.raises(ValueError, match="cookie"):
        format_cookie(**{"name": "a", "value": "b"} | arguments)


def test_the_message_does_not_show_the_value():
    with pytest.raises(ValueError) as caught:
        format_cookie("session", "top secret")
    assert "top secret" not in str(caught.value)
    assert "session" in str(caught.value)


@pytest.mark.parametrize(
    "arguments",
    [
        {"name": b"a"},
        {"value": 5},
        {"value": None},
        {"path": None},
        {"domain": 5},
        {"max_age": "60"},
        {"max_age": 1.5},
        {"max_age": True},
        {"expires": "tomorrow"},
        {"expires": 5},
    ],
    ids=repr,
)
def test_parts_of_other_types(arguments):
    with pytest.raises(TypeError, match="a cookie's"):
        format_cookie(**{"name": "a", "value": "b"} | arguments)


@pytest.mark.parametrize("name", ["__Host-a", "__HOST-a"])
def test_host_cookies_keep_their_promise(name):
    assert format_cookie(name, "b", secure=True) == f"{name}=b; Path=/; Secure; SameSite=Lax"
    for broken in ({"secure": False}, {"secure": True, "path": "/x"}, {"secure": True, "domain": "example.org"}):
        with pytest.raises(ValueError, match="prefix"):
            format_cookie(name, "b", **broken)


@pytest.mark.parametrize("name", ["__Secure-a", "__secure-a"])
def test_secure_cookies_keep_their_promise(name):
    assert format_cookie(name, "b", secure=True, path="/x", domain="a.b").startswith(f"{name}=b")
    with pytest.raises(ValueError, match="prefix"):
        format_cookie(name, "b")


def test_what_browsers_accept_on_secure_cookies_alone():
    for arguments in ({"samesite": "none"}, {"samesite": "NONE"}, {"partitioned": True}):
        with pytest.raises(ValueError, match="secure=True"):
            format_cookie("a", "b", **arguments)
        assert "Secure" in format_cookie("a", "b", secure=True, **arguments)


@pytest.mark.parametrize("name", ["__Http-a", "__HTTP-a", "__Host-Http-a", "__host-http-a"])
def test_http_cookies_keep_their_promise(name):
    good = {"secure": True, "httponly": True}
    assert format_cookie(name, "b", **good) == f"{name}=b; Path=/; Secure; HttpOnly; SameSite=Lax"
    for broken in ({"secure": False}, {"httponly": False}):
        with pytest.raises(ValueError, match="prefix"):
            format_cookie(name, "b", **good | broken)
    if "host" in name.lower():
        with pytest.raises(ValueError, match="prefix"):
            format_cookie(name, "b", **good, path="/x")


def test_what_browsers_would_drop_is_refused():
    assert format_cookie("a", "x" * (MAX_SIZE - 1)).startswith("a=x")
    with pytest.raises(ValueError, match="4097 bytes"):
        format_cookie("a", "x" * MAX_SIZE)
    path, domain = "/" + "x" * 1023, ".".join(["x" * 63] * 16)
    assert f"Path={path}; Domain={domain};" in format_cookie("a", "x" * (MAX_SIZE - 1), path=path, domain=domain)
    with pytest.raises(ValueError, match="1024 bytes"):
        format_cookie("a", "b", path=path + "x")
    with pytest.raises(ValueError, match="1024 bytes"):
        format_cookie("a", "b", domain=domain + ".x")
    with pytest.raises(ValueError, match="bytes"):
        format_cookie("a" * 5000, "")
    with pytest.raises(ValueError, match="bytes"):
        format_cookie("a", "b", path="/" + "x" * 5000)


def test_expires_does_not_depend_on_the_locale_or_the_year():
    assert "Expires=Mon, 01 Jan 0001 00:00:00 GMT" in format_cookie("a", "", expires=datetime(1, 1, 1, tzinfo=UTC))
    assert "Expires=Fri, 31 Dec 9999 23:59:59 GMT" in format_cookie(
        "a", "", expires=datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    )


@given(st.dictionaries(NAMES, VALUES, max_size=5), st.sampled_from(["; ", ";", " ; "]))
def test_what_is_written_is_read_back(cookies, separator):
    lines = [
        format_cookie(name, value, secure=True, httponly=True, samesite=None).partition("; ")[0]
        for name, value in cookies.items()
    ]
    assert parse_cookies(separator.join(lines)) == cookies


@given(
    st.lists(st.lists(st.tuples(NAMES, VALUES), min_size=1, max_size=3), min_size=1, max_size=3),
    st.sampled_from([",", ", "]),
)
def test_lines_joined_with_a_comma_give_no_cookie_that_they_did_not_give_apart(lines, joiner):
    lines = ["; ".join(f"{name}={value}" for name, value in line) for line in lines]
    joined = parse_cookies(joiner.join(lines))
    assert set(joined) <= set(parse_cookies("; ".join(lines)))
    first = parse_cookies(lines[0])
    last_name = lines[0].rpartition("; ")[2].partition("=")[0]
    assert {name: joined[name] for name in first if name != last_name} == {
        name: value for name, value in first.items() if name != last_name
    }


def stored(line):
    """What a browser keeps of a Set-Cookie line: the algorithm of RFC 6265bis section 5.6, as it is written."""
    pair, *attributes = line.split(";")
    name, _, value = pair.partition("=")
    found = [one.partition("=") for one in attributes]
    return (name.strip(" \t"), value.strip(" \t")), [
        (key.strip(" \t").lower(), text.strip(" \t")) for key, _, text in found if len(text) <= 1024
    ]


PARTS = st.text(alphabet=st.sampled_from('aZ0/.-_=;, \t\r\n\x00"\\\x7f\x85é\u2028SecurePath'), max_size=12)


@given(
    name=PARTS | NAMES | NAMES.map("__Host-".__add__) | NAMES.map("__Http-".__add__),
    value=PARTS | VALUES,
    path=PARTS | st.sampled_from(["/", "/x"]),
    domain=st.none() | PARTS | st.just("example.org"),
    samesite=st.sampled_from(["lax", "strict", "none", None]) | PARTS,
    secure=st.booleans(),
    httponly=st.booleans(),
    partitioned=st.booleans(),
)
def test_a_browser_keeps_what_was_asked_for_and_nothing_else(name, value, path, domain, samesite, **flags):
    try:
        line = format_cookie(name, value, path=path, domain=domain, samesite=samesite, **flags)
    except ValueError:
        return
    pair, attributes = stored(line)
    assert pair == (name, value)
    wanted = {"path": path, "domain": domain, "samesite": samesite and samesite.capitalize()}
    wanted = {key: text for key, text in wanted.items() if text is not None}
    wanted |= {flag: "" for flag, is_set in flags.items() if is_set}
    assert dict(attributes) == wanted
    assert len(attributes) == len(wanted)
    lowered = name.lower()
    if lowered.startswith(("__host-", "__secure-", "__http-")) or samesite == "none" or flags["partitioned"]:
        assert flags["secure"]
    if lowered.startswith("__host-"):
        assert ("domain" not in wanted, path) == (True, "/")
    if lowered.startswith(("__http-", "__host-http-")):
        assert flags["httponly"]


def naive(header):
    cookies = {}
    for pair in header.split(";"):
        name, equals, value = pair.partition("=")
        name, value = name.strip(" \t"), value.strip(" \t")
        if not equals or not name or any(not "!" <= c <= "~" or c in '",;\\=' for c in name):
            continue
        if any(c == "\ufffd" or ("\x7f" <= c < "\xa0") or (c < " " and c != "\t") for c in pair.partition("=")[2]):
            continue
        if len(value) > 1 and value.startswith('"') and value.endswith('"'):
            value = value[1:-1]
        cookies.setdefault(name, value)
    return cookies


@given(st.text(alphabet='ab=; \t"\\é\x00[\x85\ufffd', max_size=30))
def test_reading_agrees_with_a_naive_model(header):
    assert parse_cookies(header) == naive(header)


@given(st.text())
def test_reading_never_fails(header):
    parse_cookies(header)


@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "=",
        ";",
        " ",
        '"',
        "\\",
        '\\"',
        "a=1;",
        "a=1,",
        ",",
        ", ",
        ";\t ",
        ",a",
        ",a=",
        "\x00",
        ',"=',
        '="',
        "__Host-",
    ],
    ids=repr,
)
@pytest.mark.parametrize("start", ["", 'a="', "a", "a=,"])
def test_quadratic_cookies(start, unit):
    header = start + unit * 100_000
    started = time.process_time()
    parse_cookies(header)
    # Quadratic work on this size takes far longer.
    assert time.process_time() - started < 5


@given(st.text(alphabet='ab=;, \t"\\é\x00[', max_size=30))
def test_one_cookie_is_found_as_all_are(header: str) -> None:
    cookies = parse_cookies(header)
    for name in ("a", "b", "ab"):
        assert cookie_finder(name)(header) == cookies.get(name)


@given(st.text(alphabet="ab=; .", max_size=30) | st.text(alphabet='ab=; ,"\\\u00e9\ufffd', max_size=20))
def test_plain_headers_are_read_as_all_are(header: str) -> None:
    odd = f"{header};\x00"  # which is left out, and has the header read with the whole grammar
    assert parse_cookies(header) == parse_cookies(odd)
    for name in ("a", "b", "ab"):
        assert cookie_finder(name)(header) == parse_cookies(odd).get(name)


def test_a_name_with_characters_of_expressions_is_found() -> None:
    assert cookie_finder("a.b|c")("axb|c=1; a.b|c=2") == "2"
    assert cookie_finder("a")(None) is None
