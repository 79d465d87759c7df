"""Which app is meant where no TARGET is named.

Law: somebody has said it (`HINGE_TARGET`, `[tool.hinge] target`), or there is only one app. Sources are read, and
nothing is imported; where several apps could be meant, none is taken.
"""

import ast
from collections.abc import Iterable, Iterator
from os.path import relpath
from pathlib import Path
from typing import NamedTuple

from hinge.cli.errors import UserError
from hinge.config import named_target, project_folder

_APP, _FACTORY = "app", "create_app"
_FILES = ("app.py", "main.py")
_NO_APPS = frozenset({"tests", "test", "docs", "examples", "scripts", "build", "dist"})
_LINE = '[tool.hinge] target = "module:attribute" in pyproject.toml'


class Found(NamedTuple):
    """A target, and whether it is a function that returns the app."""

    target: str
    factory: bool = False


def find_target(folder: Path) -> Found:
    """Return what is served where nothing is named, seen from a folder; if it has no app, from that of its project.

    Raises:
        UserError: nothing can be meant, or several can.
        ConfigurationError: what was set is no target.
    """
    said = named_target(folder)
    if said is not None:
        return Found(*said)
    project = Path(project_folder() or folder)
    found = list(_candidates(folder, folder)) or list(_candidates(project, folder))
    # What defines the app, before what has it from elsewhere: main.py with `from shop import app`.
    chosen = [one for one, is_defined in found if is_defined] or [one for one, _ in found]
    if not chosen:
        where = (
            "neither app.py nor main.py, here, in src/ or in a package there (a folder with __init__.py), "
            "has an `app` or a `create_app`"
        )
        raise UserError(f"Missing argument 'TARGET': {where}. Fix: name it, or write {_LINE}")
    if len(chosen) > 1:
        listed = ", ".join(f"{one.target} --factory" if one.factory else one.target for one in chosen)
        raise UserError(
            f"Missing argument 'TARGET': it may be {listed}. Fix: name it, or write {_line(chosen[0], project)}"
        )
    return chosen[0]


def _line(one: Found, project: Path) -> str:
    """Return what to write into the project's file, from which paths are relative."""
    key = f'target = "{_relative(Path(one.target), project)}"' + (" and factory = true" if one.factory else "")
    return f"[tool.hinge] {key} in pyproject.toml"


def _relative(path: Path, folder: Path) -> str:
    return Path(relpath(path, folder)).as_posix()


def _candidates(folder: Path, seen_from: Path) -> Iterator[tuple[Found, bool]]:
    """Yield the files of a folder that have an app, and whether they define it."""
    for file in _files(folder):
        if names := _names_in(file):
            attribute = _APP if _APP in names else _FACTORY
            target = _relative(file, seen_from)
            is_factory = attribute == _FACTORY
            yield Found(f"{target}:{attribute}" if is_factory else target, is_factory), names[attribute]


def _files(folder: Path) -> Iterator[Path]:
    for place in (folder, folder / "src"):
        yield from (place / name for name in _FILES)
        for package in _packages(place):
            yield from (package / name for name in ("__init__.py", *_FILES))


def _packages(place: Path) -> Iterable[Path]:
    try:
        folders = sorted(one.parent for one in place.glob("*/__init__.py"))
    except OSError:
        return []
    return [one for one in folders if one.name not in _NO_APPS and not one.name.startswith((".", "_"))]


def _names_in(file: Path) -> dict[str, bool]:
    """Return which of the two names a file binds at its top, and whether it defines them; not what it only imports."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):  # no such file; or what is imported tells its mistakes by itself
        return {}
    found: dict[str, bool] = {}
    for node in tree.body:
        match node:
            case ast.Assign(targets=targets):
                names, is_defined = [one.id for one in targets if isinstance(one, ast.Name)], True
            case ast.AnnAssign(target=ast.Name(id=name), value=value):
                names, is_defined = [name] if value is not None else [], True
            case ast.FunctionDef(name=name):
                names, is_defined = [name] if name == _FACTORY else [], True
            case ast.ImportFrom(names=aliases):
                names, is_defined = [one.asname or one.name for one in aliases], False
            case _:
                continue
        found.update({name: is_defined for name in names if name in (_APP, _FACTORY)})
    return found
