"""The route table against a model that scans every template, and the bound on its work."""

import itertools
import time
from collections.abc import Iterator
from operator import attrgetter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hinge.errors import ConfigurationError
from hinge.routing.table import Conflict, RouteTable
from hinge.routing.template import PathTemplate


def table_of(*texts: str) -> RouteTable[str]:
    table: RouteTable[str] = RouteTable()
    for text in texts:
        table.add(PathTemplate.parse(text), text)
    return table


# The model: match every template by itself, keep the one whose segments are the most specific, the leftmost first.


def match(template: PathTemplate, path: str) -> tuple[str, ...] | None:
    parts = path[1:].split("/")
    values: list[str] = []
    for index, segment in enumerate(template.segments):
        if index >= len(parts):
            return None
        part = parts[index]
        if segment.rest:
            return (*values, "/".join(parts[index:]))
        if segment.name is None:
            if part != segment.prefix:
                return None
            continue
        value = part.removeprefix(segment.prefix)
        if not part.startswith(segment.prefix) or not value.endswith(segment.suffix):
            return None
        value = value.removesuffix(segment.suffix)
        if not value:
            return None
        values.append(value)
    return tuple(values) if len(parts) == len(template.segments) else None


def precedence(template: PathTemplate) -> list[tuple[int, int, int]]:
    def rank(segment: Any) -> tuple[int, int, int]:
        if segment.name is None:
            return (0, 0, 0)
        if segment.rest:
            return (3, 0, 0)
        if segment.prefix or segment.suffix:
            return (1, -len(segment.prefix), -len(segment.suffix))
        return (2, 0, 0)

    return [rank(segment) for segment in template.segments]


def scan(templates: list[PathTemplate], path: str) -> tuple[str, tuple[str, ...]] | None:
    matches = [(precedence(each), each.text, values) for each in templates if (values := match(each, path)) is not None]
    if not matches:
        return None
    _, text, values = min(matches)
    return text, values


# Few letters and many overlaps, so that most paths match several templates and dead ends abound.
SEGMENTS = st.sampled_from(["a", "b", "ab", "aba", "a{%}", "{%}a", "a{%}a", "ab{%}", "{%}ba", "{%}", "{%}", "é"])


@st.composite
def templates(draw: st.DrawFn) -> PathTemplate:
    pieces = draw(st.lists(SEGMENTS, max_size=4)) + draw(st.sampled_from([[], [], [""], ["{%:path}"]]))
    named = [piece.replace("%", f"p{index}") for index, piece in enumerate(pieces)]
    return PathTemplate.parse("/" + "/".join(named))


TABLES = st.lists(templates(), max_size=25, unique_by=attrgetter("shape"))
PATHS = st.lists(st.sampled_from(["a", "b", "ab", "aba", "abba", "aa", "c", "é", ""]), max_size=6).map(
    lambda parts: "/" + "/".join(parts)
)


@settings(deadline=None)
@given(TABLES, st.lists(PATHS, min_size=1, max_size=10))
def test_finds_what_a_scan_of_all_templates_finds(entries: list[PathTemplate], paths: list[str]) -> None:
    table = table_of(*(entry.text for entry in entries))
    for path in paths:
        assert table.find(path) == scan(entries, path)


@settings(deadline=None)
@given(TABLES, st.randoms(use_true_random=False), st.lists(PATHS, min_size=1, max_size=10))
def test_the_order_of_registration_does_not_matter(entries: list[PathTemplate], random: Any, paths: list[str]) -> None:
    shuffled = random.sample(entries, len(entries))
    one, other = (table_of(*(entry.text for entry in each)) for each in (entries, shuffled))
    for path in paths:
        assert one.find(path) == other.find(path)


@settings(deadline=None)
@given(TABLES, templates())
def test_ambiguous_templates_are_refused(entries: list[PathTemplate], extra: PathTemplate) -> None:
    table = table_of(*(entry.text for entry in entries))
    present = [entry for entry in entries if entry.shape == extra.shape]
    if not present:
        table.add(extra, "new")
        assert table.get(extra) == "new"
        return
    with pytest.raises(Conflict) as caught:
        table.add(extra, "new")
    assert caught.value.template == extra
    assert caught.value.present == present[0]
    assert table.get(extra) == present[0].text
    assert len(table) == len(entries)


@pytest.mark.parametrize(("one", "other"), [("/a", "/a"), ("/{x}", "/{y}"), ("/f/{x:path}", "/f/{y:path}")])
def test_a_conflict_names_both_templates(one: str, other: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        table_of(one, other)
    assert repr(one) in str(caught.value)
    assert repr(other) in str(caught.value)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", ("/", ())),
        ("/users/me", ("/users/me", ())),
        ("/users/you", ("/users/{name}", ("you",))),
        ("/users/v1", ("/users/v{n}", ("1",))),
        ("/users/v1.json", ("/users/v{n}", ("1.json",))),  # the longer prefix decides before the longer suffix
        ("/users/x.json", ("/users/{name}.json", ("x",))),
        ("/users/v", ("/users/{name}", ("v",))),
        ("/users/.json", ("/users/{name}", (".json",))),
        ("/users/me/posts", ("/users/{name}/posts", ("me",))),
        ("/users/v7/posts", ("/users/{name}/posts", ("v7",))),  # back from the dead end below v{n}
        ("/users/me/photos/new", ("/users/me/photos/{id}", ("new",))),
        ("/users/me/photos", ("/{everything:path}", ("users/me/photos",))),
        ("/users/", ("/{everything:path}", ("users/",))),
        ("/users", ("/{everything:path}", ("users",))),
        ("/users/me/", ("/{everything:path}", ("users/me/",))),
        ("/files/", ("/files/{rest:path}", ("",))),
        ("/files", ("/{everything:path}", ("files",))),
        ("/files//x//", ("/files/{rest:path}", ("/x//",))),
        ("//users/me", ("/{everything:path}", ("/users/me",))),
    ],
)
def test_precedence(path: str, expected: tuple[str, tuple[str, ...]]) -> None:
    table = table_of(
        "/{everything:path}",
        "/files/{rest:path}",
        "/users/{name}/posts",
        "/users/me/photos/{id}",
        "/users/{name}",
        "/users/{name}.json",
        "/users/v{n}",
        "/users/v{n}/albums",
        "/users/me",
        "/",
    )
    assert table.find(path) == expected


@pytest.mark.parametrize("path", ["//x", "/x/", "//", "/", "", "x/y", "/x", "/x/y/", "/x/y/z", "evil/x/y", "@evil/x/y"])
def test_a_parameter_takes_no_empty_segment_and_no_other_path(path: str) -> None:
    assert table_of("/{a}/{b}").find(path) is None


def test_a_trailing_slash_is_another_path() -> None:
    table = table_of("/a", "/{x}/b/")
    assert table.find("/a") == ("/a", ())
    assert table.find("/a/") is None
    assert table.find("/x/b/") == ("/{x}/b/", ("x",))
    assert table.find("/x/b") is None


def test_an_empty_table_finds_nothing() -> None:
    table: RouteTable[int] = RouteTable()
    assert [table.find(path) for path in ("/", "/a", "", "//")] == [None] * 4
    assert len(table) == 0


def test_leaves_of_any_value_are_found() -> None:
    table: RouteTable[object] = RouteTable()
    for text in ("/a", "/b/{x}", "/c/{x:path}"):
        table.add(PathTemplate.parse(text), None)
    assert [table.find(path) for path in ("/a", "/b/1", "/c/1/2")] == [(None, ()), (None, ("1",)), (None, ("1/2",))]
    assert table.static == {"/a": None}


def test_map_changes_each_leaf_once_and_keeps_the_table() -> None:
    table = table_of("/a", "/a/{b}", "/c/{d:path}")
    calls: list[str] = []

    def length(leaf: str) -> int:
        calls.append(leaf)
        return len(leaf)

    mapped = table.map(length)
    assert calls == ["/a", "/a/{b}", "/c/{d:path}"]
    assert [mapped.find(path) for path in ("/a", "/a/1", "/c/x/y")] == [(2, ()), (6, ("1",)), (11, ("x/y",))]
    assert mapped.static == {"/a": 2}
    assert table.static == {"/a": "/a"}
    assert [(template.text, leaf) for template, leaf in mapped] == [("/a", 2), ("/a/{b}", 6), ("/c/{d:path}", 11)]


# The work: how often each node is asked for its children.


class Counted(dict[str, Any]):
    """A node's literals, counting how often the walk looks into them."""

    looks = 0

    def get(self, key: str, default: Any = None) -> Any:
        self.looks += 1
        return super().get(key, default)


def nodes(table: RouteTable[Any]) -> Iterator[Any]:
    pending: list[Any] = [table._root]
    while pending:
        node = pending.pop()
        yield node
        pending.extend(node.literals.values())
        pending.extend(child for _, _, group in node.affixes for child in group.values())
        pending.extend(child for child in (node.param, node.rest) if child is not None)


def counters(table: RouteTable[Any]) -> list[Counted]:
    found = []
    for node in nodes(table):
        node.literals = Counted(node.literals)
        found.append(node.literals)
    return found


@settings(deadline=None)
@given(TABLES, PATHS)
def test_each_node_is_visited_at_most_once(entries: list[PathTemplate], path: str) -> None:
    table = table_of(*(entry.text for entry in entries))
    looks = counters(table)
    table.find(path)
    assert max(counter.looks for counter in looks) <= 1


def test_a_path_that_fails_at_the_last_segment_of_every_branch_is_bounded_by_the_trie() -> None:
    depth = 9
    texts = [
        "/" + "/".join(piece.replace("%", f"p{index}") for index, piece in enumerate(choice)) + "/end"
        for choice in itertools.product(("a", "{%}"), repeat=depth)
    ]
    table = table_of(*(text for text in texts if "{" in text))
    looks = counters(table)
    assert table.find("/a" * depth + "/other") is None
    assert max(counter.looks for counter in looks) == 1
    assert sum(counter.looks for counter in looks) <= 2 ** (depth + 1)


def test_five_thousand_routes_take_the_steps_of_ten() -> None:
    def steps(size: int) -> tuple[int, float]:
        texts = [f"/group{index % 50}/thing{index}/{{id}}/{kind}" for index in range(size) for kind in ("x", "{k}")]
        table = table_of(*texts, "/items/{id}", "/group7/{name}.json", "/static")
        looks = counters(table)
        for path in ("/items/1", "/group7/thing7/1/x", "/group7/thing7/1/z", "/group7/a.json", "/none/1", "/static"):
            table.find(path)
        return sum(counter.looks for counter in looks), len(table)

    few, _ = steps(10)
    many, size = steps(5_000)
    assert size == 10_003
    assert many == few


def test_many_texts_around_a_parameter_are_not_scanned() -> None:
    table = table_of(*(f"/{letter}{index:04}-{{name}}" for letter in "ab" for index in range(2_500)), "/{name}")
    assert len(table._root.affixes) == 1
    assert table.find("/a1234-x") == ("/a1234-{name}", ("x",))
    assert table.find("/a9999-x") == ("/{name}", ("a9999-x",))


# Hostile paths.

HOSTILE = table_of("/{a}/{b}", "/items/{id}", "/x{a}y/{b}/z", "/files/{rest:path}", "/a/b/{c}/d", "/{any}/b/{c:path}")


def seconds(path: str) -> float:
    def once() -> float:
        started = time.perf_counter()
        HOSTILE.find(path)
        return time.perf_counter() - started

    return min(once() for _ in range(5))


@pytest.mark.parametrize(
    "path",
    [
        "/items/" + "x" * 100_000,
        "/" + "x" * 100_000 + "y/b/q",
        "/files/" + "a/" * 50_000,
        "/" * 100_000,
        "/a" * 50_000,
        "/a/b" + "/" * 100_000,
        "/x" * 50_000 + "y",
    ],
    ids=["long-segment", "long-affix", "long-rest", "slashes", "deep", "rest-of-slashes", "deep-affix"],
)
def test_a_hundred_kilobyte_path_is_fast(path: str) -> None:
    assert seconds(path) < 0.01  # microseconds in fact; whatever is quadratic takes seconds


@pytest.mark.parametrize("prefix", ["", "/a/b", "/files", "/items"])
def test_many_slashes_cost_linear_time(prefix: str) -> None:
    small, large = seconds(prefix + "/" * 100_000), seconds(prefix + "/" * 1_000_000)
    assert large < 30 * small + 0.005


def test_a_deep_template_does_not_recurse() -> None:
    depth = 5_000
    names = "/".join(f"{{p{index}}}" for index in range(depth))
    table = table_of(f"/{names}/end", f"/a/{names}", "/a" * depth + "/{rest:path}")
    assert table.find("/a" * depth + "/end") == ("/a" * depth + "/{rest:path}", ("end",))
    assert table.find("/b" * depth + "/end") == (f"/{names}/end", ("b",) * depth)
    assert table.find("/b" * depth + "/other") is None
    assert table.map(len).find("/a" + "/b" * depth) == (len(f"/a/{names}"), ("b",) * depth)
