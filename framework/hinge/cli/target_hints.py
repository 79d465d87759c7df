"""What was probably meant by a TARGET that names no app.

Law: a hint is a line to write, or a name that is there. Nothing is imported and nothing called for one.
"""

import difflib
import pkgutil
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from hinge.app import App
from hinge.errors import ConfigurationError
from hinge.mounted.told_apart import interface_of


def no_module(name: str, whole: str) -> str:
    """Return what to say of the module `name` that is not there, looked for by the text `whole`."""
    if Path(whole).is_file():
        return f"{whole} is no Python file. Fix: module:attribute, or a .py file"
    parent, _, last = name.rpartition(".")
    if parent and not hasattr(sys.modules.get(parent), "__path__"):
        return f"{parent} is a module, not a package. Did you mean {parent}:{last}?"
    if parent:
        beside = [f"{parent}.{one}" for one in submodules(sys.modules[parent])]
        return f"there is no module {name!r}{nearest(name, beside)}"
    return f"there is no module {name!r}{nearest(name, siblings(Path.cwd() / 'x'))}"


def submodules(package: ModuleType) -> list[str]:
    """Return the names of the modules in a package."""
    return [one.name for one in pkgutil.iter_modules(getattr(package, "__path__", ()))]


def siblings(path: Path) -> list[str]:
    """Return the files and module names beside a path."""
    try:
        entries = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        return []
    suffix = path.suffix
    return entries if suffix else [entry.removesuffix(".py") for entry in entries]


def other_app(module: ModuleType, name: str) -> str:
    """Return a hint at the app that a module has under another name, or at the function that makes it."""
    own = {key: value for key, value in vars(module).items() if not isinstance(value, type | ModuleType)}
    apps = [key for key, value in own.items() if isinstance(value, App)]
    if len(apps) == 1:
        return f". Did you mean {module.__name__}:{apps[0]}?"
    if apps:
        names = ", ".join(f"{module.__name__}:{one}" for one in apps)
        return nearest(name, apps) or f". Fix: name one of its apps: {names}"
    makers = [key for key in ("create_app", "make_app", "get_app", "build_app") if callable(own.get(key))]
    if makers:
        return f". Did you mean {module.__name__}:{makers[0]} --factory?"
    for inside in ("app", "main"):
        if inside in submodules(module):
            return f". Did you mean {module.__name__}.{inside}?"
    return nearest(name, own) or ". Fix: name the app, or write app = App()"


def instead_of(found: Any, module: ModuleType, target: str) -> str:
    """Return what to write for a target that is no app."""
    if target.endswith((".wsgi", ".asgi", ".application")):
        shorter, _, backend = target.rpartition(".")
        return f". Fix: {shorter}" + (f" --backend {backend}" if backend != "application" else "")
    if callable(found) and not isinstance(found, type):
        with suppress(ConfigurationError):
            interface_of(found, None, target)
            return ". Fix: mount it in one, app.mount('/', ...)"
        return ". Fix: if it returns the app, add --factory"
    return other_app(module, "")


def kind_of(found: Any) -> str:
    """Return in two words what a value is: `a function`, `None`."""
    if found is None or isinstance(found, type):
        return "None" if found is None else "a class"
    name = type(found).__name__
    return f"a{'n' if name[0].lower() in 'aeiou' else ''} {name}"


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a hint at the name that is most like another one; empty if none is."""
    near = difflib.get_close_matches(name, [one for one in known if not one.startswith("__")], n=1)
    return f". Did you mean {near[0]}?" if near else ""
