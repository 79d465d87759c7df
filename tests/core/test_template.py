"""Path templates: what is refused when written, what is built, and that it leads back."""

import enum
import uuid
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hinge.errors import ConfigurationError
from hinge.routing.table import RouteTable
from hinge.routing.template import PathTemplate, Segment


def found(template: PathTemplate, url: str) -> dict[str, str] | None:
    """Route a built URL path the way a server would, and name the values."""
    table: RouteTable[str] = RouteTable()
    table.add(template, template.text)
    hit = table.find(unquote(url, errors="strict"))
    if hit is None:
        return None
    leaf, values = hit
    assert leaf == template.text
    return dict(zip(template.names, values, strict=True))


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("/", (Segment(""),)),
        ("/items", (Segment("items"),)),
        ("/items/", (Segment("items"), Segment(""))),
        ("/items/{item_id}", (Segment("items"), Segment("", "item_id"))),
        ("/v{n}/{name}.json", (Segment("v", "n"), Segment("", "name", ".json"))),
        ("/files/{rest:path}", (Segment("files"), Segment("", "rest", rest=True))),
        ("/{rest:path}", (Segment("", "rest", rest=True),)),
        ("/straße/{größe}", (Segment("straße"), Segment("", "größe"))),
        ("/100%/a b/~x;y:z", (Segment("100%"), Segment("a b"), Segment("~x;y:z"))),
        ("/.well-known/...", (Segment(".well-known"), Segment("..."))),
        ("/:/x:y/:1/a<b>/<>", (Segment(":"), Segment("x:y"), Segment(":1"), Segment("a<b>"), Segment("<>"))),
        ("/{from}", (Segment("", "from"),)),
    ],
)
def test_segments(text: str, segments: tuple[Segment, ...]) -> None:
    template = PathTemplate.parse(text)
    assert template.segments == segments
    assert template.names == tuple(segment.name for segment in segments if segment.name is not None)
    assert template.is_static == (not template.names)
    assert str(template) == template.text == text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "must begin with '/'"),
        ("items", "Fix: write '/items'"),
        ("*", "must begin with '/'"),
        ("//", "empty segment"),
        ("/a//b", "empty segment"),
        ("//evil.example/{a}", "empty segment"),
        ("/a/./b", "'.' segment"),
        ("/a/..", "'..' segment"),
        ("/a?b=1", "query"),
        ("/a#b", "fragment"),
        ("/a%20b", "the character itself"),
        ("/a%2Fb", "the character itself"),
        ("/a\\b", "no place in a path"),
        ("/a\r\nb", "no place in a path"),
        ("/a\x00", "no place in a path"),
        ("/a\x85", "no place in a path"),
        ("/a\ud800", "no place in a path"),
        ("/{a", "unbalanced"),
        ("/a}", "unbalanced"),
        ("/}a{", "unbalanced"),
        ("/{{a}}", "unbalanced"),
        ("/{a}}", "unbalanced"),
        ("/{a/b}", "unbalanced"),
        ("/{a}{b}", "two parameters"),
        ("/{a}-{b}", "two parameters"),
        ("/{}", "identifier"),
        ("/{ a }", "identifier"),
        ("/{1a}", "identifier"),
        ("/{a-b}", "identifier"),
        ("/{a:int}", "annotation converts: write {a}"),
        ("/{a:}", "annotation converts"),
        ("/{a:path:path}", "annotation converts"),
        ("/{a}/b/{a}", "'a' twice"),
        ("/{ﬁ}/{fi}", "'fi' twice"),  # one name to Python: NFKC
        ("/{a:path}/b", "put it last"),
        ("/{a:path}/", "put it last"),
        ("/x{a:path}", "stands alone"),
        ("/{a:path}.txt", "stands alone"),
        ("/items/<item>", "fixed text here; write {item}"),
        ("/items/<int:item_id>/x", "fixed text here; write {item_id}"),
        ("/items/:größe", "fixed text here; write {größe}"),
    ],
)
def test_bad_templates_are_refused_with_the_fix(text: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        PathTemplate.parse(text)
    assert says in str(caught.value)
    assert repr(text) in str(caught.value)


@settings(deadline=None)
@given(st.text(alphabet="/{}:.%?#\\ab1é\x00\ud800_-*", max_size=12))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        template = PathTemplate.parse("/" + text)
    except ConfigurationError:
        return
    if template.is_static:
        assert found(template, template.build()) == {}


class Colour(enum.Enum):
    RED = "red"
    NONE = None


class Level(enum.IntEnum):
    HIGH = 3


@pytest.mark.parametrize(
    ("text", "values", "url"),
    [
        ("/", {}, "/"),
        ("/a b/ü/100%", {}, "/a%20b/%C3%BC/100%25"),
        ("/items/{id}", {"id": 7}, "/items/7"),
        ("/items/{id}/", {"id": -7}, "/items/-7/"),
        ("/{a}", {"a": "x y?z#ü%2F\\"}, "/x%20y%3Fz%23%C3%BC%252F%5C"),
        ("/{a}", {"a": "\r\nset-cookie: x"}, "/%0D%0Aset-cookie:%20x"),
        ("/{a}", {"a": "\"'<>&;"}, "/%22%27%3C%3E%26%3B"),
        ("/{a}", {"a": "..."}, "/..."),
        ("/{a}.json", {"a": "."}, "/..json"),
        ("/v{a}", {"a": ".."}, "/v.."),
        ("/{a}", {"a": True}, "/True"),
        ("/{a}", {"a": Colour.RED}, "/red"),
        ("/{a}", {"a": Level.HIGH}, "/3"),
        ("/{a}", {"a": uuid.UUID(int=1)}, "/00000000-0000-0000-0000-000000000001"),
        ("/{self}/{text}", {"self": 1, "text": 2}, "/1/2"),
        ("/files/{rest:path}", {"rest": ""}, "/files/"),
        ("/files/{rest:path}", {"rest": "a b/c//d/"}, "/files/a%20b/c//d/"),
        ("/files/{rest:path}", {"rest": "/etc"}, "/files//etc"),
        ("/{rest:path}", {"rest": ""}, "/"),
    ],
)
def test_build_quotes_and_leads_back(text: str, values: dict[str, object], url: str) -> None:
    template = PathTemplate.parse(text)
    assert template.build(**values) == url
    spelled = {name: str(value.value if isinstance(value, enum.Enum) else value) for name, value in values.items()}
    assert found(template, url) == spelled


@pytest.mark.parametrize(
    ("text", "values", "says"),
    [
        ("/{a}", {}, "needs a value for 'a'"),
        ("/{a}/{b}/{c}", {"b": 1}, "needs a value for 'a', 'c'"),
        ("/{a}", {"b": 1}, "needs a value for 'a'"),
        ("/{a}", {"a": 1, "b": 1}, "no parameter 'b'"),
        ("/", {"b": 1}, "no parameter 'b'"),
        ("/{a}", {"a": ""}, "empty"),
        ("/v{a}", {"a": ""}, "empty"),
        ("/{a}", {"a": "x/y"}, "{a:path}"),
        ("/{a}", {"a": "/"}, "{a:path}"),
        ("/{a}", {"a": "."}, "'..' segments"),
        ("/{a}", {"a": ".."}, "'..' segments"),
        ("/.{a}", {"a": "."}, "'..' segments"),
        ("/f/{a:path}", {"a": "../etc/passwd"}, "'..' segments"),
        ("/f/{a:path}", {"a": "x/./y"}, "'..' segments"),
        ("/f/{a:path}", {"a": "x/.."}, "'..' segments"),
        ("/{a}", {"a": None}, "no spelling"),
        ("/{a}", {"a": Colour.NONE}, "no spelling"),
        ("/{a}", {"a": b"x"}, "no spelling"),
        ("/{a}", {"a": "\ud800"}, "UTF-8"),
        ("/{a:path}", {"a": "\udcff"}, "UTF-8"),
    ],
)
def test_build_refuses_what_would_not_lead_back(text: str, values: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        PathTemplate.parse(text).build(**values)
    assert says in str(caught.value)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize("rest", ["/evil.example", "//evil.example/x", "/"])
def test_open_redirect_no_built_path_names_a_host(rest: str) -> None:
    with pytest.raises(ConfigurationError, match="names a host"):
        PathTemplate.parse("/{rest:path}").build(rest=rest)


VALUES = st.one_of(
    st.text(alphabet="/.a% \\é\u2028\x00+;?#&'", max_size=5),
    st.text(max_size=8),
    st.text(alphabet=st.characters(), max_size=4),  # surrogates too
    st.sampled_from(["", ".", "..", "/", "../x", "x/..", "//x", "%2e%2e", "a b", "日本"]),
)
TEMPLATES = st.sampled_from(
    ["/{a}", "/x/{a}/", "/v{a}", "/{a}.json", "/.{a}", "/{a}/{b}", "/é {a}/p{b}s/c", "/{b:path}", "/f/{a}/{b:path}"]
)


@settings(deadline=None)
@given(TEMPLATES, VALUES, VALUES)
def test_whatever_is_built_leads_back(text: str, first: str, second: str) -> None:
    template = PathTemplate.parse(text)
    values = {name: value for name, value in (("a", first), ("b", second)) if name in template.names}
    try:
        url = template.build(**values)
    except ConfigurationError:
        return
    assert url.startswith("/")
    assert not url.startswith("//")
    assert url.isascii()
    assert url.isprintable()
    assert not {" ", "?", "#", "\\", "<", ">", '"', "'", "&", ";"} & set(url)
    assert {".", ".."}.isdisjoint(url.split("/"))
    assert found(template, url) == values


@settings(deadline=None)
@given(TEMPLATES, st.text(alphabet="aé%+ ", min_size=1, max_size=5), st.text(alphabet="bü~@ ", min_size=1, max_size=5))
def test_ordinary_values_are_never_refused(text: str, first: str, second: str) -> None:
    template = PathTemplate.parse(text)
    values = {name: value for name, value in (("a", first), ("b", second)) if name in template.names}
    assert found(template, template.build(**values)) == values


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("/{a}", "/{b}", True),
        ("/a/{x}/v{y}.z", "/a/{p}/v{q}.z", True),
        ("/{a:path}", "/{b:path}", True),
        ("/{a}", "/{a:path}", False),
        ("/{a}", "/a", False),
        ("/{a}", "/{a}/", False),
        ("/v{a}", "/{a}v", False),
        ("/ab{x}", "/a{x}b", False),
        ("/a", "/A", False),
    ],
)
def test_shape_ignores_names_only(one: str, other: str, *, same: bool) -> None:
    assert (PathTemplate.parse(one).shape == PathTemplate.parse(other).shape) is same


def test_a_template_is_a_value() -> None:
    assert PathTemplate.parse("/a/{b}") == PathTemplate.parse("/a/{b}")
    assert len({PathTemplate.parse("/a/{b}"), PathTemplate.parse("/a/{b}"), PathTemplate.parse("/a/{c}")}) == 2
    with pytest.raises(AttributeError):
        PathTemplate.parse("/a").text = "/b"  # type: ignore[misc]
