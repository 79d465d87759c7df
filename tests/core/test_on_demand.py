"""Packages whose names are loaded on demand: type checkers, `dir` and the run time see the same ones."""

import ast
from pathlib import Path
from types import ModuleType

import pytest

import hinge
import hinge.backend
import hinge.codecs
import hinge.forms
import hinge.middleware
import hinge.observability
import hinge.openapi
import hinge.security
import hinge.sessions

PACKAGES = [
    hinge,
    hinge.backend,
    hinge.codecs,
    hinge.forms,
    hinge.middleware,
    hinge.observability,
    hinge.openapi,
    hinge.security,
    hinge.sessions,
]


@pytest.mark.parametrize("package", PACKAGES)
def test_type_checkers_see_the_same_names(package: ModuleType) -> None:
    tree = ast.parse(Path(package.__file__ or "").read_text("utf-8"))
    typed = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.name: node.module for node in typed.body for alias in getattr(node, "names", ())}  # type: ignore[attr-defined]
    assert seen == package._ROOM_OF


@pytest.mark.parametrize("package", PACKAGES)
def test_each_name_is_there(package: ModuleType) -> None:
    for name in package._ROOM_OF:
        assert getattr(package, name) is not None
        assert name in dir(package)
    assert set(getattr(package, "__all__", ())) <= set(dir(package))


@pytest.mark.parametrize("package", PACKAGES)
def test_no_name_is_that_of_a_module(package: ModuleType) -> None:
    """Which would stand for it as soon as somebody has imported that."""
    folder = Path(package.__file__ or "").parent
    assert {path.stem for path in folder.iterdir()} & {*package._ROOM_OF} == set()


def test_any_other_name_is_refused_as_usual() -> None:
    with pytest.raises(AttributeError, match=r"^module 'hinge' has no attribute 'app_'$"):
        hinge.app_
