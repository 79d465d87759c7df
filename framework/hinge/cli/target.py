"""TARGET -> the App it names: `module:attribute.attribute`, `module`, or `path/to/file.py[:attribute]`.

Law: a target that names nothing is the caller's mistake and told in a line with the nearest name; an exception that the
named module raises is its author's and keeps its traceback.
"""

import functools
import importlib
import inspect
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import click
from click.shell_completion import CompletionItem

from hinge.app import App
from hinge.cli.env_file import ENV_FILE
from hinge.cli.errors import CheckFailed, UserCodeError, UserError, declared_at, place_of, users_frames
from hinge.cli.target_hints import instead_of, kind_of, nearest, no_module, other_app, siblings
from hinge.config import project_folder
from hinge.errors import ConfigurationError
from hinge.routing.router import Registrar
from hinge.wrapped import Wrapped, wrapped

_SEPARATOR = re.compile(r":(?![\\/])")
"""A colon; one before a slash belongs to a Windows drive."""

_FACTORY = "TARGET is a function that returns the app."


def targeted(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command TARGET, which is found if it is left out, and --factory, as `target` and `factory`; --env-file."""

    @functools.wraps(command)
    def found(*args: Any, target: str | None, factory: bool, **others: Any) -> Any:
        if target is None:
            from hinge.cli.discovery import find_target

            target, is_factory = find_target(Path.cwd())
            factory = factory or is_factory
        return command(*args, target=target, factory=factory, **others)

    named = click.argument("target", metavar="[TARGET]", required=False, shell_complete=_files)
    return named(click.option("--factory", is_flag=True, help=_FACTORY)(ENV_FILE(found)))


def _files(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Have the shell complete names of files."""
    return [CompletionItem(incomplete, type="file")]


def load_app(target: str, *, factory: bool = False) -> App:
    """Return the app that a target names, or wraps; as `load_target`."""
    found = load_target(target, factory=factory)
    return found.app if isinstance(found, Wrapped) else found


def load_target(target: str, *, factory: bool = False) -> App | Wrapped:
    """Return what a target names, importing its module; with `factory`, what the named function returns.

    Raises:
        UserError: there is no such file, module or attribute, or it is no app.
        UserCodeError: the module or the factory raised.
    """
    place, attribute = split_target(target)
    is_file = place.endswith(".py")
    module = _import_file(Path(place), target) if is_file else _import_module(place, target)
    found = _find(module, attribute, target)
    if factory:
        made = _call(found, target)
        around = made if isinstance(made, App) else _wrapped(made, f"what the factory {target!r} returned")
        if around is None:
            raise UserError(f"the factory {target!r} returned {kind_of(made)}, not a hinge.App")
        return around
    around = found if isinstance(found, App) else _wrapped(found, f"target {target!r}")
    if around is None:
        raise UserError(f"target {target!r} is {kind_of(found)}, not a hinge.App{instead_of(found, module, target)}")
    return around


def _wrapped(found: Any, who: str) -> Wrapped | None:
    if inspect.isfunction(found) and not inspect.signature(found).parameters:
        return None  # it returns an app, if anything: no server calls it so
    try:
        return wrapped(found, who)
    except ConfigurationError as error:
        raise UserError(str(error)) from error


def split_target(target: str) -> tuple[str, str]:
    """Return the module or file and the attribute, `app` if it is left out."""
    place, attribute = [*_SEPARATOR.split(target, maxsplit=1), ""][:2]
    if not place:
        raise UserError(f"target {target!r} names no module. Fix: module:attribute, or path/to/file.py")
    return place, attribute or "app"


def _import_file(path: Path, target: str) -> ModuleType:
    if path.is_dir():
        raise UserError(f"target {target!r}: {path} is a folder. Fix: name a file in it, or its package")
    if not path.is_file():
        raise UserError(f"target {target!r}: there is no file {path}{nearest(path.name, siblings(path))}")
    path = path.resolve()
    root, names = path.parent, [] if path.stem == "__init__" else [path.stem]
    while (root / "__init__.py").exists():
        names.insert(0, root.name)
        root = root.parent
    _search_first(root)
    module = _import(".".join(names), target)
    origin = getattr(module, "__file__", None)
    if origin is None or not path.samefile(origin):
        raise UserError(
            f"target {target!r}: {path.name} has the name of the module {module.__name__} ({origin or 'built in'}), "
            "which hides it. Fix: rename the file"
        )
    return module


def _import_module(name: str, target: str) -> ModuleType:
    if not all(name.split(".")) or not {"/", "\\"}.isdisjoint(name) or name != name.strip():
        as_file = " .py is missing." if Path(f"{name}.py").is_file() else ""
        raise UserError(f"target {target!r}: {name!r} is no module name.{as_file} Fix: module:attribute, or a .py file")
    _search_first(_root_of(name.partition(".")[0]))
    _search_first(Path.cwd())
    return _import(name, target)


def _root_of(name: str) -> Path:
    """Return the folder that a module is in: this one, the project's, src/ in them; this one if it is none."""
    here = Path.cwd()
    project = Path(project_folder() or here)
    for root in (here, here / "src", project, project / "src"):
        if (root / f"{name}.py").is_file() or (root / name / "__init__.py").is_file():
            return root
    return next((root for root in (here, here / "src", project, project / "src") if (root / name).is_dir()), here)


def _import(name: str, target: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ConfigurationError as error:
        raise UserError(declared_at(error)) from error
    except AttributeError as error:
        if isinstance(error.obj, Registrar):
            raise UserError(declared_at(error)) from error
        raise UserCodeError(f"target {target!r} could not be imported", error) from error
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if users_frames(error) is None and (name == missing or name.startswith(f"{missing}.")):
            raise UserError(f"target {target!r}: {no_module(missing, name)}") from error
        raise UserCodeError(f"target {target!r} could not be imported", error) from error
    except SystemExit as error:
        what = f"target {target!r} calls sys.exit({error.code!r}) while it is imported"
        raise CheckFailed(f"{place_of(error)}{what}. Fix: if __name__ == '__main__': around it") from error
    except Exception as error:
        raise UserCodeError(f"target {target!r} could not be imported", error) from error


def _search_first(directory: Path) -> None:
    entry = str(directory)
    if sys.path[:1] != [entry]:
        sys.path.insert(0, entry)
    importlib.invalidate_caches()


def _find(module: ModuleType, attribute: str, target: str) -> Any:
    found: Any = module
    for name in attribute.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            where = module.__name__ if found is module else type(found).__name__
            near = other_app(module, name) if found is module else nearest(name, dir(found))
            raise UserError(f"target {target!r}: {where} has no attribute {name!r}{near}") from None
    return found


def _call(factory: Any, target: str) -> Any:
    if not callable(factory):
        raise UserError(f"target {target!r} is {kind_of(factory)}, not a function. Fix: leave out --factory")
    if isinstance(factory, App):
        raise UserError(f"target {target!r} is an app, not a function that returns one. Fix: leave out --factory")
    if inspect.iscoroutinefunction(factory):
        raise UserError(f"the factory {target!r} is an async def, which nobody awaits. Fix: write it as def")
    if needed := _needed(factory):
        raise UserError(f"the factory {target!r} needs {needed[0]!r}. Fix: a function without parameters")
    try:
        return factory()
    except ConfigurationError as error:
        raise UserError(declared_at(error)) from error
    except SystemExit as error:
        raise CheckFailed(f"{place_of(error)}the factory {target!r} calls sys.exit({error.code!r})") from error
    except Exception as error:
        raise UserCodeError(f"the factory {target!r} failed", error) from error


def _needed(function: Any) -> list[str]:
    """Return the names of the parameters that a call has to fill."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # one in C may not tell
        return []
    return [one.name for one in parameters if one.default is one.empty and "VAR" not in one.kind.name]
