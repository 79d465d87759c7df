"""What docs/backends.md says of the contract is the contract: clauses, Features, the names that backends may use."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import hinge.backend
from hinge import ConfigurationError
from hinge.backend.contract import CONTRACT, Feature
from hinge.backend.installed import _check_contract
from hinge.conformance.clauses import CLAUSES
from hinge.extras import DISTRIBUTION

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "backends.md").read_text("utf-8")
NO_NAMES_OF_HINGE = {"Call", "Client", "each_backend", "head_of", "load", "stream", "timeout"}
"""Of the example, of an app's tests, of parameters and clauses: called as something in Hinge is."""
OUTSIDE = {name: ROOT / "backends" / f"hinge_{name}" for name in ("rsgi", "lambda")} | {
    "memory": ROOT / "examples" / "backend"
}
"""Backends as an author outside of Hinge writes them."""
MAY_HAVE = {"took", "gone", "run", "deployment", "options", "entry"}
"""Of a sink, and of a backend."""
NOT_IN_THE_EXAMPLES = {
    "Config",
    "Leaf",
    "LoopThread",
    "Observation",
    "StreamAborted",
    "WebSocketDisconnect",
    "WholeSink",
}
"""For what passes no `make_server`, for servers without a loop, for those that can cut a connection, for types, and for
what a backend itself refuses."""


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the tables below a heading."""
    text = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    assert lines
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


PUBLIC = {
    row[0].strip("`"): set(re.findall(r"`(\w+)`", row[2] if len(row) > 2 else "")) for row in rows("Public names")
}
"""Name -> the attributes that a backend may use."""


def nodes(folder: Path, kind: type[ast.AST]) -> Iterator[tuple[str, Any]]:
    """Yield the nodes of a kind in a backend's sources, with the file and line of each."""
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, kind):
                yield f"{file.name}:{node.lineno}", node  # type: ignore[attr-defined]


def attributes(name: str) -> set[str]:
    """Return what an object of that name has, as far as it is of Hinge."""
    value = getattr(hinge.backend, name)
    kinds = [kind for kind in getattr(value, "__mro__", ()) if kind.__module__.partition(".")[0] == "hinge"]
    return {attribute for kind in kinds for attribute in (*vars(kind), *vars(kind).get("__annotations__", ()))}


def test_the_page_lists_every_clause() -> None:
    assert {name.strip("`"): sentence for name, sentence in rows("What a backend owes")} == CLAUSES


def test_the_page_lists_every_feature() -> None:
    assert {name.strip("`"): texts for name, *texts in rows("What a backend may lack")} == {
        feature.name: [feature.value, feature.without] for feature in Feature
    }


def test_the_page_shows_this_version() -> None:
    assert f"contract = {CONTRACT}" in PAGE


def test_the_page_lists_every_name_that_there_is() -> None:
    assert set(PUBLIC) == set(hinge.backend._ROOM_OF)


def described() -> Iterator[tuple[str, str, list[str]]]:
    """Yield the class, the name and the parameters of each method that the page describes."""
    for row in rows("Methods"):
        kind = "Backend"
        for owner, name, given in re.findall(r"`(?:(\w+)\.)?(\w+)\(([^)]*)\)`", row[0]):
            kind = {"frozen": "FrozenApp", "endpoint": "Endpoint", "runtime": "Runtime"}.get(owner, owner or kind)
            yield kind, name, re.findall(r"\w+", given)


@pytest.mark.parametrize(("kind", "name", "given"), [one for one in described() if one[1] not in MAY_HAVE])
def test_a_method_takes_what_the_page_says(kind: str, name: str, given: list[str]) -> None:
    signature = inspect.signature(getattr(getattr(hinge.backend, kind), name))
    asked = [one.name for one in signature.parameters.values() if one.default is one.empty and one.name != "self"]
    assert set(asked) <= set(given) <= set(signature.parameters)


def test_the_prose_speaks_of_no_name_of_hinge_that_is_not_offered() -> None:
    spans = re.findall(r"`([A-Za-z]\w+)(?:\.(\w+))?[^`]*`", re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL))
    texts = [file.read_text("utf-8") for file in (ROOT / "framework" / "hinge").rglob("*.py")]
    there = {name for text in texts for name in re.findall(r"^(?:class|def|async def) (\w+)", text, re.MULTILINE)}
    offered = {*PUBLIC, *set().union(*PUBLIC.values()), *dir(hinge), *MAY_HAVE}
    assert ({name for name, _ in spans} & there) - offered == NO_NAMES_OF_HINGE
    assert {(name, part) for name, part in spans if part and part not in PUBLIC.get(name, {part}) | MAY_HAVE} == set()


def test_the_page_names_the_distribution() -> None:
    assert re.findall(r'dependencies = \["(.*?)"\]', PAGE) == [DISTRIBUTION]
    (told,) = re.findall(r"^backend 'memory' .* is written for .*$", PAGE, re.MULTILINE)
    later = (CONTRACT[0], CONTRACT[1] + 1)
    with pytest.raises(ConfigurationError, match=f"^{re.escape(told)}$"):
        _check_contract("backend 'memory' (hinge_memory:backend)", later)


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_public_names_are_there(name: str) -> None:
    value = getattr(hinge.backend, name)
    if isinstance(value, type):
        made = set(re.findall(r"self\.(\w+)", inspect.getsource(value)))  # attributes that `__init__` sets
        assert PUBLIC[name] <= attributes(name) | made | MAY_HAVE


@pytest.mark.parametrize("name", sorted(OUTSIDE))
def test_a_backend_from_outside_imports_one_module(name: str) -> None:
    for place, node in nodes(OUTSIDE[name], ast.ImportFrom):
        if node.module.partition(".")[0] == "hinge":
            assert node.module == "hinge.backend", place
            assert {alias.name for alias in node.names} <= set(PUBLIC), place
    for place, node in nodes(OUTSIDE[name], ast.Import):
        assert not any(alias.name.partition(".")[0] == "hinge" for alias in node.names), place


@pytest.mark.parametrize("name", sorted(OUTSIDE))
def test_a_backend_from_outside_uses_documented_attributes(name: str) -> None:
    """What some object of Hinge has and the page does not list is used of none."""
    listed = set().union(*PUBLIC.values())
    there = set().union(*(attributes(public) for public in PUBLIC)) - listed
    used = {(place, node.attr) for place, node in nodes(OUTSIDE[name], ast.Attribute) if node.attr in there}
    own = {node.name for kind in (ast.FunctionDef, ast.AsyncFunctionDef) for _, node in nodes(OUTSIDE[name], kind)}
    assert {line for line in used if line[1] not in own and not line[1].startswith("_")} == set()


def test_no_public_name_is_without_a_use() -> None:
    """In a backend, in the contract itself, or for what the examples do not do: what nobody uses is not promised."""
    used = {
        alias.name for folder in OUTSIDE.values() for _, node in nodes(folder, ast.ImportFrom) for alias in node.names
    }
    promised = set(hinge.backend._ROOMS["backend.contract"].split() + hinge.backend._ROOMS["backend.testing"].split())
    assert set(PUBLIC) - used - promised == NOT_IN_THE_EXAMPLES


@pytest.mark.parametrize("name", sorted(OUTSIDE))
def test_a_backend_from_outside_reaches_into_nothing(name: str) -> None:
    """Attributes that begin with `_` are read of `self` only."""
    for place, node in nodes(OUTSIDE[name], ast.Attribute):
        if node.attr.startswith("_") and not node.attr.startswith("__"):
            assert ast.unparse(node.value) == "self", f"{place}: {ast.unparse(node)}"
