"""Find the template that a path matches.

Law: the table knows paths, not methods, and never scans its routes. A static path is one dictionary look-up. Any other
is walked segment by segment down a trie, the most specific branch first: literal, then literal around a parameter (the
longer prefix, then the longer suffix), then parameter, then the remainder; the leftmost segment decides first. A dead
end goes back to the latest branch not yet taken, so each node is visited at most once and the work is bounded by the
trie and linear in the path, whatever the client sends. Nothing recurses.

Paths are percent-decoded and begin with `/`. `/a` and `/a/` are two paths.
"""

from collections.abc import Callable, Iterator
from typing import Final, Generic, TypeVar

from hinge.errors import ConfigurationError
from hinge.routing.template import PathTemplate, Segment

T = TypeVar("T")
U = TypeVar("U")


class Conflict(ConfigurationError):  # noqa: N818 - its base class says what it is
    """Report that `template` matches exactly the paths that `present`, already in the table, matches."""

    def __init__(self, template: PathTemplate, present: PathTemplate) -> None:
        super().__init__(f"path template {template.text!r} matches the same paths as {present.text!r}")
        self.template = template
        self.present = present


class _Node(Generic[T]):
    """Stand for one segment of the templates that share all segments before it."""

    __slots__ = ("affixes", "leaf", "literals", "param", "remainder", "rest", "simple")

    def __init__(self) -> None:
        self.leaf: tuple[T] | None = None  # a tuple, because T may be None
        self.literals: dict[str, _Node[T]] = {}
        # By the lengths of prefix and suffix, the longest last: two of the same lengths never match the same segment.
        self.affixes: list[tuple[int, int, dict[tuple[str, str], _Node[T]]]] = []
        self.param: _Node[T] | None = None
        self.rest: _Node[T] | None = None
        self.remainder = False  # this node takes all that is left of the path
        self.simple = True  # literals only, or a plain parameter only: no branch to come back to

    def child(self, segment: Segment) -> "_Node[T]":
        """Return the node for the next segment, made if it is not there."""
        if segment.name is None:
            node = self.literals.setdefault(segment.prefix, _Node())
        elif segment.rest:
            node = self.rest = self.rest or _Node()
            node.remainder = True
        elif segment.prefix or segment.suffix:
            node = self._affix(segment.prefix, segment.suffix)
        else:
            node = self.param = self.param or _Node()
        self.simple = not self.affixes and self.rest is None and not (self.literals and self.param)
        return node

    def affixed(self, segment: str) -> "list[tuple[_Node[T], str]]":
        """Return the nodes for `segment` with text around a parameter, the most specific last, each with its value."""
        found: list[tuple[_Node[T], str]] = []
        size = len(segment)
        for before, after, nodes in self.affixes:
            if before + after < size:
                node = nodes.get((segment[:before], segment[size - after :]))
                if node is not None:
                    found.append((node, segment[before : size - after]))
        return found

    def _affix(self, prefix: str, suffix: str) -> "_Node[T]":
        lengths = (len(prefix), len(suffix))
        for before, after, nodes in self.affixes:
            if (before, after) == lengths:
                return nodes.setdefault((prefix, suffix), _Node())
        made: _Node[T] = _Node()
        self.affixes.append((*lengths, {(prefix, suffix): made}))
        self.affixes.sort(key=lambda entry: entry[:2])
        return made


class RouteTable(Generic[T]):
    """Map path templates to leaves of any type.

    `static` holds the leaves of the templates that have no parameter, by path.
    """

    __slots__ = ("_depth", "_entries", "_hits", "_root", "static")

    def __init__(self) -> None:
        self.static: Final[dict[str, T]] = {}
        self._entries: dict[object, tuple[PathTemplate, T]] = {}
        self._hits: dict[str, tuple[T, tuple[str, ...]]] = {}  # what find returns for a static path, made beforehand
        self._root: _Node[T] = _Node()
        self._depth = 1

    def add(self, template: PathTemplate, leaf: T) -> None:
        """Add a leaf.

        Raises:
            Conflict: a template that matches the same paths is there already.
        """
        key = template.shape
        present = self._entries.get(key)
        if present is not None:
            raise Conflict(template, present[0])
        self._entries[key] = (template, leaf)
        if template.is_static:
            self.static[template.text] = leaf
            self._hits[template.text] = (leaf, ())
            return
        node = self._root
        for segment in template.segments:
            node = node.child(segment)
        node.leaf = (leaf,)
        # One cut more than the longest template has segments: what lies beyond is only handed on whole.
        self._depth = max(self._depth, len(template.segments) + 1)

    def get(self, template: PathTemplate) -> T | None:
        """Return the leaf of the template that matches the same paths as `template`, or None."""
        present = self._entries.get(template.shape)
        return None if present is None else present[1]

    def find(self, path: str) -> tuple[T, tuple[str, ...]] | None:
        """Return the leaf for a decoded path and the parameters' values, in the template's order, or None."""
        hit = self._hits.get(path)
        if hit is not None:
            return hit
        parts = path.split("/", self._depth)
        if parts[0]:
            return None
        node = self._root
        values: tuple[str, ...] = ()
        index = 0
        last = len(parts) - 1
        # Straight down for as long as there is one way to go: nearly every path ends here.
        while index < last:
            if not node.simple:
                return _search(node, parts, index, values)
            index += 1
            segment = parts[index]
            param = node.param
            if param is None:
                literal = node.literals.get(segment)
                if literal is None:
                    return None
                node = literal
            elif segment:
                values += (segment,)
                node = param
            else:
                return None
        return None if node.leaf is None else (node.leaf[0], values)

    def map(self, change: Callable[[T], U]) -> "RouteTable[U]":
        """Return a table of the same templates whose leaves are `change(leaf)`, called once for each."""
        table: RouteTable[U] = RouteTable()
        for template, leaf in self:
            table.add(template, change(leaf))
        return table

    def __iter__(self) -> Iterator[tuple[PathTemplate, T]]:
        """Iterate over templates and leaves in the order they were added."""
        return iter(self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)


def _search(node: _Node[T], parts: list[str], index: int, values: tuple[str, ...]) -> tuple[T, tuple[str, ...]] | None:
    """Finish a walk that has come to a node with several ways on; `index` is that of the node's own part."""
    last = len(parts) - 1
    pending: list[tuple[_Node[T], int, tuple[str, ...]]] = []  # the branches not yet taken, the next to try last
    while True:
        if node.leaf is not None:
            if node.remainder:
                return node.leaf[0], (*values, "/".join(parts[index:]))
            if index == last:
                return node.leaf[0], values
        literal = None
        if index < last:
            index += 1
            segment = parts[index]
            if node.rest is not None:
                pending.append((node.rest, index, values))
            if segment and node.param is not None:
                pending.append((node.param, index, (*values, segment)))
            if node.affixes:
                for branch, value in node.affixed(segment):
                    pending.append((branch, index, (*values, value)))
            literal = node.literals.get(segment)
        if literal is not None:
            node = literal
        elif pending:
            node, index, values = pending.pop()
        else:
            return None
