"""What the sources say: parsed once in a process, whichever test asks."""

import ast
from functools import cache
from pathlib import Path
from typing import NamedTuple


class Source(NamedTuple):
    """What tests want to know of a file."""

    imports: tuple[tuple[str, int], ...]
    """Every module that an import names, wherever that stands, with its line."""
    calls: tuple[tuple[str, int], ...]
    """The dotted names of what is called, with their lines."""
    asserts: tuple[int, ...]
    """The lines of the asserts."""


@cache
def read(file: Path, package: str) -> Source:
    """Return what a file of a package says."""
    imports: list[tuple[str, int]] = []
    calls: list[tuple[str, int]] = []
    asserts: list[int] = []
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            imports += ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = f"{package}.{node.module or ''}" if node.level else node.module or ""
            imports.append((module, node.lineno))
            # `from concurrent import futures` names a module too.
            imports += ((f"{module}.{alias.name}", node.lineno) for alias in node.names)
        elif isinstance(node, ast.Call):
            name = _dotted(node.func)
            calls.append((name, node.lineno))
            if name in {"__import__", "import_module"}:
                imports += ((str(word.value), node.lineno) for word in node.args if isinstance(word, ast.Constant))
        elif isinstance(node, ast.Assert):
            asserts.append(node.lineno)
    return Source(tuple(imports), tuple(calls), tuple(asserts))


def _dotted(node: ast.expr) -> str:
    """Return the dotted name that an expression is, else nothing."""
    if isinstance(node, ast.Name):
        return node.id
    return f"{_dotted(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else ""
