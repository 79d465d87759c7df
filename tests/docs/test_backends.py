"""What docs/backends.md says of the contract is the contract: clauses, Features, the names that backends may use."""

import ast
import importlib
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

import hinge.backend
from hinge.backend import CONTRACT, Feature
from hinge.conformance.clauses import CLAUSES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "backends.md").read_text("utf-8")
BACKENDS = {
    "wsgi": ROOT / "backends" / "hinge_wsgi",
    "asgi": ROOT / "backends" / "hinge_asgi",
    "rsgi": ROOT / "backends" / "hinge_rsgi",
    "memory": ROOT / "examples" / "backend",
}


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the tables below a heading."""
    text = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    assert lines
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


PUBLIC = {row[0].strip("`"): set(re.findall(r"`(\w+)`", row[2])) for row in rows("Public names")}


def imported(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Yield the file, the module and the name of everything that a backend imports of Hinge."""
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "hinge":
                yield from ((file.name, node.module or "", alias.name) for alias in node.names)
            elif isinstance(node, ast.Import):
                yield from ((file.name, alias.name, "*") for alias in node.names if alias.name.startswith("hinge."))


def test_the_page_lists_every_clause() -> None:
    assert {name.strip("`"): sentence for name, sentence in rows("What a backend owes")} == CLAUSES


def test_the_page_lists_every_feature() -> None:
    assert {name.strip("`"): text for name, text in rows("What a backend may lack")} == {
        feature.name: feature.value for feature in Feature
    }


def test_the_page_shows_this_version() -> None:
    assert f"contract = {CONTRACT}" in PAGE


@pytest.mark.parametrize("module", sorted(PUBLIC))
def test_public_names_are_there(module: str) -> None:
    found = importlib.import_module(module)
    assert [name for name in sorted(PUBLIC[module]) if not hasattr(found, name)] == []
    if module == "hinge.loop":
        assert set(found.__all__) == PUBLIC[module]


@pytest.mark.parametrize("name", sorted(BACKENDS))
def test_a_backend_imports_public_names_only(name: str) -> None:
    found = list(imported(BACKENDS[name]))
    assert found
    others = [line for line in found if line[2] not in PUBLIC.get(line[1], ())]
    assert others == []


def test_no_public_name_is_without_a_use() -> None:
    """In a backend or in the contract itself: what nobody uses is not promised."""
    used = defaultdict(set)
    for folder in BACKENDS.values():
        for _, module, name in imported(folder):
            used[module].add(name)
    promised = {"hinge.backend": set(dir(hinge.backend)), "hinge.loop": PUBLIC["hinge.loop"]}
    unused = {module: names - used[module] - promised.get(module, set()) for module, names in PUBLIC.items()}
    assert {module: names for module, names in unused.items() if names} == {"hinge.compiling.frozen": {"Leaf"}}


@pytest.mark.parametrize("name", ["memory", "rsgi"])
def test_a_backend_from_outside_reaches_into_nothing(name: str) -> None:
    """Attributes that begin with `_` are read of `self` only."""
    for file in BACKENDS[name].rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
                assert ast.unparse(node.value) == "self", f"{file.name}:{node.lineno}: {ast.unparse(node)}"
