"""Multipart and Content-Type parsing: the same result in any chunking, and an answer to every hostile input."""

import os
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from tests.contract.forms import closed, file, part, text

from hinge import Config, HTTPError
from hinge.forms.limits import FormLimits
from hinge.forms.media import MULTIPART, URLENCODED, boundary_of
from hinge.forms.parts import Part, PartParser, last_part
from hinge.forms.reader import MultipartReader, UrlencodedReader

if os.environ.get("CI") != "true":
    pytest.importorskip("multipart")

BOUNDARY = "----hinge"
LIMITS = FormLimits.of(Config())


def limits(**settings: Any) -> FormLimits:
    return FormLimits.of(Config(**settings))


def no_wait(read: Any) -> Any:
    return read()


def read(body: bytes, sizes: list[int] | None = None, bounds: FormLimits = LIMITS) -> list[tuple[str, Any]]:
    """Return the fields of a body that comes in pieces of these sizes (repeated), files as their name and content."""
    reader = MultipartReader(BOUNDARY, bounds, no_wait, no_wait)
    start, turn = 0, 0
    try:
        while start < len(body):
            size = sizes[turn % len(sizes)] if sizes else len(body)
            if reader.feed(body[start : start + size]):
                reader.flush()
            start, turn = start + size, turn + 1
        form = reader.end()
        return [
            (name, value if isinstance(value, str) else (value.filename, value.content_type, value.read()))
            for name, value in form.multi_items()
        ]
    finally:
        reader.close()


def refusal(body: bytes, sizes: list[int] | None = None, bounds: FormLimits = LIMITS) -> tuple[int, str]:
    with pytest.raises(HTTPError) as caught:
        read(body, sizes, bounds)
    assert caught.value.detail is not None
    assert "\n" not in caught.value.detail
    return caught.value.status, caught.value.detail


@pytest.mark.parametrize("sizes", [None, [1], [40]])
@pytest.mark.parametrize("breaks", ["\n", "\r", "\n\r"])
def test_a_line_break_within_a_header_is_refused_wherever_the_body_is_cut(breaks: str, sizes: list[int] | None) -> None:
    status, _ = refusal(closed(part(f'name="f"; filename="a.txt{breaks}"', b"x")), sizes)
    assert status == 400


# -- any chunking ------------------------------------------------------------------------------------------------------

# What stands in quotes as a browser writes it: percent-encoded quote, CR and LF.
names = st.text(st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters='"\\%'), min_size=1, max_size=20)
filenames = st.text(st.characters(categories=["L", "Nd"]), min_size=1, max_size=20)
# Rich in what boundaries are made of.
contents = st.one_of(
    st.binary(max_size=300),
    st.lists(
        st.sampled_from([b"\r", b"\n", b"-", b"--", b"\r\n--", b"----hing", b"x", b"\r\n----hing"]), max_size=40
    ).map(b"".join),
)
fields = st.one_of(
    st.tuples(names, st.text(st.characters(blacklist_categories=["Cs"]), max_size=100)),
    st.tuples(names, st.tuples(filenames, st.sampled_from(["", "image/png"]), contents)),
)


def written(name: str, value: Any) -> bytes:
    if isinstance(value, str):
        return text(name, value)
    filename, kind, content = value
    return part(f'name="{name}"; filename="{filename}"', content, *([f"Content-Type: {kind}"] if kind else []))


def raw(value: Any) -> bytes:
    content: bytes = value.encode() if isinstance(value, str) else value[2]
    return content


@settings(max_examples=80, deadline=None)
@given(
    st.lists(fields, max_size=6), st.lists(st.integers(1, 90), min_size=1, max_size=5), st.sampled_from([0, 50, 2**20])
)
@example([("filename*=x", "")], [1], 0)
@example([("f", ("a", "", b"\r\n----hing\r\n----hinge"[:-1]))], [1], 0)
def test_any_form_comes_out_as_it_went_in(form: list[Any], sizes: list[int], memory: int) -> None:
    body = closed(*(written(name, value) for name, value in form))
    assume(not any(f"--{BOUNDARY}".encode() in raw(value) for _, value in form))
    assert read(body, sizes, limits(max_file_memory=memory)) == form
    assert read(body, None, limits(max_file_memory=memory)) == form


pieces = st.lists(
    st.one_of(
        st.binary(max_size=30),
        st.sampled_from(
            [
                b"\r\n",
                b"--" + BOUNDARY.encode(),
                b"--" + BOUNDARY.encode() + b"\r\n",
                b"\r\n--" + BOUNDARY.encode() + b"--",
                b'Content-Disposition: form-data; name="a"',
                b'Content-Disposition: form-data; name="a"; filename="b"',
                b"Content-Type: text/plain; charset=x",
                b"Content-Length: 3",
                b" folded",
                b"\r\n\r\n",
                b"\n",
                b"\r",
                b"\x00",
                b"\xff",
            ]
        ),
    ),
    max_size=20,
).map(b"".join)


@settings(max_examples=120, deadline=None)
@given(st.booleans(), pieces, st.lists(st.integers(1, 40), min_size=1, max_size=4))
def test_whatever_comes_is_a_form_or_refused_and_the_same_in_pieces(begun: bool, rest: bytes, sizes: list[int]) -> None:
    body = (b"--" + BOUNDARY.encode() + b"\r\n" if begun else b"") + rest
    outcomes = []
    for cut in (None, sizes, [1]):
        try:
            outcomes.append(read(body, cut))
        except HTTPError as error:
            outcomes.append([("refused", error.status)])
    assert outcomes[0] == outcomes[1] == outcomes[2]


# -- hostile -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [None, [1]], ids=["whole", "bytes"])
@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"", "ends before its closing boundary"),
        (b"--", "ends before its closing boundary"),
        (b"--" + BOUNDARY.encode(), "ends before its closing boundary"),
        (closed(text("a", "b"))[:-4], "ends before its closing boundary"),
        (closed(text("a", "b"))[:20], "ends before its closing boundary"),
        (b"preamble" + closed(text("a", "b")), "does not begin a line"),
        (b"--other\r\n", "ends before its closing boundary"),
        (closed(text("a", "b")).replace(b"\r\n", b"\n"), "not well-formed"),
        (closed(text("a", "b")).replace(b'"a"\r\n', b'"a"\r\nno colon\r\n'), "not well-formed"),
        (closed(text("a", "b")).replace(b"name", b"\xff"), "has no name"),
        (closed(text("a", "b")).replace(b"form-data", b"attachment"), "not well-formed"),
        (closed(part('name="a"', b"x", "Content-Length: 2")), "not well-formed"),
        (closed(part('name="a"', b"x", "Content-Length: 99999999999999999999")), "not well-formed"),
        (closed(part('name="a"', b"x", "Content-Length: +1")), "not well-formed"),
        (closed(part("filename=x", b"x")), "has no name"),
        (closed(part('name=""', b"x")), "has no name"),
        (closed(part('name="a"', b"x", 'Content-Disposition: form-data; name="b"')), "a header twice"),
        (closed(part('name="a"', b"x", "X: 1", "x: 2")), "a header twice"),
        (closed(part('name="user"; name="admin"', b"x")), "a parameter of its Content-Disposition twice"),
        (closed(part('name="f"; filename="a"; FileName=b', b"x")), "a parameter of its Content-Disposition twice"),
        (closed(part('name="f"; filename="a;b"; filename="\\"; filename="', b"x")), "Content-Disposition twice"),
        (closed(part("name=\"a\"; filename*=UTF-8''b", b"x")), "filename*"),
        (closed(part('name="a"; x="b; filename*=c', b"x")), "filename*"),
        (closed(part('name="a"', b"x", "Content-Type: text/plain; charset=iso-8859-1")), "a charset other than utf-8"),
        (closed(part('name="a"', b"x", "Content-Type: multipart/mixed; boundary=b")), "is multipart itself"),
        (closed(part('name="a"', b"eHg=", "Content-Transfer-Encoding: base64")), "Content-Transfer-Encoding"),
    ],
)
def test_what_is_no_form_is_a_400(body: bytes, detail: str, sizes: list[int] | None) -> None:
    status, told = refusal(body, sizes)
    assert (status, detail in told) == (400, True), told


@pytest.mark.parametrize("sizes", [None, [1], [7]])
@pytest.mark.parametrize(
    "line",
    [
        *(
            "X-A : 1",
            "X-A\t: 1",
            "X A: 1",
            "X\xa0: 1",
            "\xa0X: 1",
            "X\x0b: 1",
            "X\x85: 1",
            "X\x1c: 1",
            ": 1",
            "X(a): 1",
        ),
        *("Content-Type : text/plain", "Content-Type\x0c: text/plain", "X\x00: 1", "X-\xe9: 1", "X", '"X": 1'),
    ],
)
def test_the_name_of_a_header_is_a_token(line: str, sizes: list[int] | None) -> None:
    """RFC 9110 section 5.1: no space before the colon, which one reader strips and another takes for another name."""
    status, said = refusal(closed(part('name="a"', b"x", line)), sizes)
    assert (status, said) == (400, "The form is not well-formed multipart/form-data.")


@pytest.mark.parametrize("line", ["x-a: 1", "X-A:1", "X-A:", "x-a_1: 1", "X-A: 1\r\n : 2"])
def test_names_of_headers_that_are_tokens(line: str) -> None:
    assert read(closed(part('name="a"', b"x", line))) == [("a", "x")]


@pytest.mark.parametrize(
    "headers", [[], ["Content-Type: text/plain"], ["Content-Type: text/plain; charset=UTF-8"], ["X-Any: \xe9"]]
)
def test_a_text_may_say_that_it_is_utf_8(headers: list[str]) -> None:
    assert read(closed(part('name="a"', "é".encode(), *headers))) == [("a", "é")]


def test_a_quoted_text_may_mention_what_a_header_may_not_have() -> None:
    assert read(closed(part('name="a; filename*=b"; x="f\\"filename*"; f=1', b"x"))) == [("a; filename*=b", "x")]


def test_a_charset_field_is_a_field() -> None:
    """`_charset_` changes nothing: browsers that see it send UTF-8 (RFC 7578 section 4.6)."""
    body = closed(text("_charset_", "iso-8859-1"), part('name="a"', "é".encode()))
    assert read(body) == [("_charset_", "iso-8859-1"), ("a", "é")]
    latin = closed(text("_charset_", "iso-8859-1"), part('name="a"', b"\xe9"))
    assert read(latin) == [("_charset_", "iso-8859-1"), ("a", "\ufffd")]


def test_a_multipart_file_is_a_file() -> None:
    inner = closed(text("a", "b"), boundary="inner")
    assert read(closed(file("f", "x", inner, "multipart/form-data; boundary=inner"))) == [
        ("f", ("x", "multipart/form-data; boundary=inner", inner))
    ]


@pytest.mark.parametrize("sizes", [None, [1], [7, 3], [40]])
@pytest.mark.parametrize(
    "preamble", [b"preamble\r\n", b"\r\n", b"\r\n\r\n", b"--other\r\n", b"--\r\n----hing\r\n", b"x\n" * 999 + b"\r\r\n"]
)
def test_what_precedes_the_first_boundary_is_passed_over(preamble: bytes, sizes: list[int] | None) -> None:
    assert read(preamble + closed(text("a", "b")), sizes) == [("a", "b")]


@pytest.mark.parametrize(
    ("sent", "boundary"),
    [
        ("----=_Part_0_1.2", "----=_Part_0_1.2"),
        ("a$b", "a$b"),
        ("(a/b:c?d)", "(a/b:c?d)"),
        ('"a b,c"', "a b,c"),
        ('"a\\$b"', "a$b"),
    ],
)
def test_boundaries_that_clients_send(sent: str, boundary: str) -> None:
    assert boundary_of(f"multipart/form-data; boundary={sent}", (MULTIPART,)) == boundary


def test_what_follows_the_closing_boundary_is_passed_over() -> None:
    assert read(closed(text("a", "b")) + b"\r\nepilogue" + closed(text("c", "d"))) == [("a", "b")]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("a.png", "a.png"),
        ("../../etc/passwd", "passwd"),
        ("/etc/passwd", "passwd"),
        ("C:\\Users\\x\\a.png", "a.png"),
        ("..\\..\\a.png", "a.png"),
        ("a/..", ""),
        (".", ""),
        ("a/", ""),
        ("a\x00.png", "a.png"),
        ("a\r\nX: y", "aX: y"),
        ("\u202egnp.exe", "gnp.exe"),
        ("héllo wörld.png", "héllo wörld.png"),
        (" a ", "a"),
    ],
)
def test_a_filename_is_the_last_part_of_a_path_without_control_characters(sent: str, kept: str) -> None:
    assert last_part(sent) == kept


def test_a_filename_comes_clean_through_the_parser() -> None:
    def sent(filename: str) -> Any:
        return read(closed(part(f'name="f"; filename="{filename}"', b"x")))[0][1][0]

    assert sent("../a%0D%0AX: %22b%22.png") == 'aX: "b".png'
    assert sent("a\x00b") == "ab"
    assert sent("C:\\fakepath\\a.png") == "a.png"
    body = closed(part("name=f; filename=plain; filename*=UTF-8''other", b"x"))
    assert read(body)[0][1][0] == "plain"


# -- limits ------------------------------------------------------------------------------------------------------------


def test_as_many_parts_as_allowed() -> None:
    bounds = limits(max_form_parts=3)
    assert len(read(closed(*[text("a", "b")] * 3), None, bounds)) == 3
    assert refusal(closed(*[text("a", "b")] * 4), None, bounds) == (413, "The form has more than 3 parts.")


def test_100_000_parts_are_refused_where_there_are_too_many() -> None:
    body = closed(*[text("a", "")] * 100_000)
    reader = MultipartReader(BOUNDARY, LIMITS, no_wait, no_wait)
    with pytest.raises(HTTPError, match="1000 parts"):
        reader.feed(body)
    assert len(reader._pairs) == 1000


def test_as_many_files_as_allowed() -> None:
    bounds = limits(max_form_files=2)
    assert len(read(closed(*[file("a", "b", b"")] * 2), None, bounds)) == 2
    assert refusal(closed(*[file("a", "b", b"")] * 3), None, bounds) == (413, "The form has more than 2 files.")
    assert read(closed(*[file("a", "", b"")] * 9), None, bounds) == []


def test_as_much_text_as_allowed_names_included() -> None:
    bounds = limits(max_form_text=10)
    assert read(closed(text("ab", "123"), text("c", "4567")), None, bounds) == [("ab", "123"), ("c", "4567")]
    status, told = refusal(closed(text("ab", "123"), text("c", "45678")), [1], bounds)
    assert (status, "larger than the 10 bytes" in told) == (413, True)
    assert refusal(closed(text("ab" * 6, "")), None, bounds)[0] == 413


def test_a_file_as_large_as_allowed() -> None:
    bounds = limits(max_file_size=10)
    assert read(closed(file("f", "x", b"1" * 10), file("f", "x", b"1" * 10)), None, bounds)
    status, told = refusal(closed(file("f", "x", b"1" * 11)), None, bounds)
    assert (status, "larger than the 10 bytes" in told) == (413, True)


@pytest.mark.parametrize("sizes", [None, [1000]])
def test_headers_have_a_size_and_a_number(sizes: list[int] | None) -> None:
    many = [f"X-{number}: y" for number in range(15)]
    assert read(closed(part('name="a"', b"b", *many))) == [("a", "b")]
    assert refusal(closed(part('name="a"', b"b", *many, "X-More: y")), sizes)[0] == 413
    assert refusal(closed(part('name="a"', b"b", "X: " + "y" * 10**6)), sizes)[0] == 413
    assert refusal(b"--" + BOUNDARY.encode() + b"\r\n" + b"x" * 10**6, sizes)[0] == 413
    assert refusal(closed(part(f'name="{"a" * 5000}"', b"b")), sizes)[0] == 413


def test_files_beyond_their_memory_are_on_the_disk_and_the_others_not() -> None:
    reader = MultipartReader(BOUNDARY, limits(max_file_memory=1000), no_wait, no_wait)
    body = closed(file("a", "a", b"1" * 400), file("b", "b", b"2" * 2000), file("c", "c", b"3" * 10))
    most = 0
    for start in range(0, len(body), 100):
        if reader.feed(body[start : start + 100]):
            reader.flush()
        most = max(most, reader._held)
    uploads = [value for _, value in reader.end().multi_items() if not isinstance(value, str)]
    assert [upload._spool.is_on_disk for upload in uploads] == [False, True, False]
    assert [upload.read() for upload in uploads] == [b"1" * 400, b"2" * 2000, b"3" * 10]
    assert reader.has_files
    reader.close()
    assert not reader.has_files
    with pytest.raises(ValueError, match="closed"):
        uploads[0].read()


def test_what_is_in_memory_does_not_grow_with_a_file() -> None:
    reader = MultipartReader(BOUNDARY, LIMITS, no_wait, no_wait)
    begin, end = closed(file("f", "x", b"@")).split(b"@")
    reader.feed(begin)
    most = 0
    for _ in range(640):
        if reader.feed(b"x" * 65536):
            reader.flush()
        most = max(most, reader._held)
    if reader.feed(end):
        reader.flush()
    (upload,) = [value for _, value in reader.end().multi_items() if not isinstance(value, str)]
    assert (upload.size, most <= LIMITS.memory + 65536, upload._spool.held) == (640 * 65536, True, 0)
    reader.close()


def test_a_spool_that_is_closed_while_it_is_written_gives_its_file_back(monkeypatch: pytest.MonkeyPatch) -> None:
    from hinge.forms import upload

    spool = upload.Spool()
    opened: list[Any] = []
    make = upload._temporary_file

    def leave_meanwhile() -> Any:
        spool.close()
        opened.append(make())
        return opened[0]

    monkeypatch.setattr(upload, "_temporary_file", leave_meanwhile)
    spool.add(b"abc")
    spool.flush()
    assert opened[0].closed
    spool.flush()
    assert len(opened) == 1


# -- urlencoded --------------------------------------------------------------------------------------------------------


def urlencoded(body: bytes, size: int = 7, **settings: Any) -> list[tuple[str, Any]]:
    reader = UrlencodedReader(limits(**settings))
    for start in range(0, len(body), size):
        assert not reader.feed(body[start : start + size])
    return reader.end().multi_items()


def test_an_urlencoded_form_is_read_like_a_query_string() -> None:
    assert urlencoded(b"a=1&a=2&b=%C3%A9+x&c&&=d;e") == [("a", "1"), ("a", "2"), ("b", "é x"), ("c", ""), ("", "d;e")]
    assert urlencoded(b"") == []


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        (b"a&" * 11, 413, "The form has more than 10 fields."),
        (b"a" * 101, 413, "The texts of the form are larger than the 100 bytes allowed here."),
    ],
)
def test_what_is_refused_of_an_urlencoded_form(body: bytes, status: int, detail: str) -> None:
    with pytest.raises(HTTPError) as caught:
        urlencoded(body, max_form_parts=10, max_form_text=100)
    assert (caught.value.status, caught.value.detail) == (status, detail)
    assert urlencoded(b"&&&&&&&&&&&&a&" + b"&" * 20, max_form_parts=1, max_form_text=100) == [("a", "")]


# -- Content-Type ------------------------------------------------------------------------------------------------------

BOTH = (URLENCODED, MULTIPART)


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("application/x-www-form-urlencoded", None),
        ("Application/X-WWW-Form-Urlencoded ; charset=UTF-8", None),
        ("application/x-www-form-urlencoded;charset=utf8;", None),
        ("multipart/form-data; boundary=abc", "abc"),
        ("multipart/form-data;boundary=abc", "abc"),
        ("Multipart/Form-Data ;  Boundary=aBc", "aBc"),
        ('multipart/form-data; boundary="a b:c"', "a b:c"),
        ('multipart/form-data; boundary="a\\bc"', "abc"),
        ("multipart/form-data; charset=utf-8; boundary=abc", "abc"),
        (f"multipart/form-data; boundary={'b' * 70}", "b" * 70),
    ],
)
def test_content_types_of_forms(content_type: str, boundary: str | None) -> None:
    assert boundary_of(content_type, BOTH) == boundary


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        (None, 415),
        ("application/json", 415),
        ("text/plain", 415),
        ("multipart/mixed; boundary=a", 415),
        ("multipart/form-data, application/json", 415),
        ("application/x-www-form-urlencoded; charset=latin-1", 415),
        ("multipart/form-data; boundary=a; charset=utf-16", 415),
        ("multipart/form-data", 400),
        ("multipart/form-data; boundary=", 400),
        ('multipart/form-data; boundary=""', 400),
        ('multipart/form-data; boundary="a ', 400),
        ('multipart/form-data; boundary="a "', 400),
        ('multipart/form-data; boundary="a\r\nb"', 400),
        ("multipart/form-data; boundary=a; boundary=b", 400),
        ("multipart/form-data; boundary=a b", 400),
        (f"multipart/form-data; boundary={'b' * 71}", 400),
        (f"multipart/form-data; boundary={'b' * 10**6}", 400),
    ],
)
def test_content_types_that_are_refused(content_type: str | None, status: int) -> None:
    with pytest.raises(HTTPError) as caught:
        boundary_of(content_type, BOTH)
    assert caught.value.status == status


def test_the_parser_says_what_it_yields() -> None:
    parser = PartParser(BOUNDARY, LIMITS)
    events = list(parser.feed(closed(file("f", "x", b"abc", "image/png"))))
    assert isinstance(events[0], Part)
    assert (events[0].name, events[0].filename, events[0].content_type) == ("f", "x", "image/png")
    assert events[1:] == [b"abc", None]
    parser.end()
