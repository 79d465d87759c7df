"""The map in docs/architecture.md is the territory: the same files and folders, and imports that go one way."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
CORE = ROOT / "framework" / "hinge"
ROW = re.compile(r"^\| \d+ \| `([a-z_]+)(?:\.py|/)` \|", re.MULTILINE)
ROOMS = ROW.findall((ROOT / "docs" / "architecture.md").read_text("utf-8"))


def test_the_map_lists_every_room_once() -> None:
    there = {path.stem for path in CORE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert sorted(ROOMS) == sorted(there - {"__init__", "__main__"})


def test_every_room_says_what_it_is() -> None:
    for file in CORE.rglob("*.py"):
        assert re.match(r'"""[^"\s]', file.read_text("utf-8")), file


def imports(tree: ast.AST) -> Iterator[str]:
    """Yield what a module imports when it is loaded."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not (
            isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        ):
            yield from imports(node)


def test_imports_go_one_way() -> None:
    """A module imports what stands above its room in the table."""
    against = set()
    for file in CORE.rglob("*.py"):
        inside = ".".join(file.relative_to(CORE).with_suffix("").parts)
        room = inside.partition(".")[0]
        for name in imports(ast.parse(file.read_text("utf-8"))):
            other = (*name.split("."), "")[1]
            if (
                room in ROOMS
                and name.startswith("hinge.")
                and other in ROOMS
                and ROOMS.index(other) > ROOMS.index(room)
            ):
                against.add((inside, other))
    assert against == set()
