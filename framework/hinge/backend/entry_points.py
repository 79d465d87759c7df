"""The entry points of a group, read off the folders that they are installed in.

Law: `importlib.metadata` knows everything that can be installed, and to import it takes as long as to compile an app.
What lies in plain folders, as nearly everything does, is read here by the same rules: of two of one distribution, the
first on the path counts. Whatever else there is, is left to it.
"""

import sys
from collections.abc import Iterator
from functools import reduce
from importlib import import_module
from importlib.machinery import PathFinder
from os import listdir
from os.path import join
from typing import Any, NamedTuple


class Distribution(NamedTuple):
    """What brings an entry point."""

    name: str


class EntryPoint(NamedTuple):
    """As that of `importlib.metadata`: `value` is `module:attribute`."""

    name: str
    value: str
    dist: Distribution

    def load(self) -> Any:
        """Return what it names; raises what its import raises."""
        module, _, attributes = self.value.partition(":")
        return reduce(getattr, attributes.split("."), import_module(module))


def plain_entry_points(group: str) -> list[EntryPoint] | None:
    """Return the entry points of a group; None: something on the path is no plain folder, or cannot be read."""
    if any(hasattr(finder, "find_distributions") for finder in sys.meta_path if finder is not PathFinder):
        return None
    try:
        return [entry for folder, kind in _distributions() for entry in _of(folder, kind, group)]
    except (OSError, ValueError):  # an archive, an egg, a line that is none, a file that may not be read
        return None


_METADATA = {"dist-info": "METADATA", "egg-info": "PKG-INFO"}


def _distributions() -> Iterator[tuple[str, str]]:
    """Yield the folder of each distribution's metadata, and which kind it is."""
    seen = set()
    for folder in sys.path:
        if folder.endswith(".egg"):
            raise ValueError(folder)
        try:
            names = listdir(folder or ".")
        except FileNotFoundError:
            continue
        for name in names:
            stem, _, kind = name.rpartition(".")
            if kind in _METADATA:
                key = stem.partition("-")[0].lower().replace(".", "_")
                if key not in seen:
                    seen.add(key)
                    yield join(folder, name), kind


def _of(folder: str, kind: str, group: str) -> Iterator[EntryPoint]:
    try:
        with open(join(folder, "entry_points.txt"), encoding="utf-8") as file:
            text = file.read()
    except (FileNotFoundError, NotADirectoryError):
        return
    if group not in text:
        return
    section, distribution = None, Distribution(_name(join(folder, _METADATA[kind])))
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            section = line.strip("[]")
        elif line and not line.startswith("#") and section == group:
            name, value = map(str.strip, line.split("=", 1))
            if not all(part.isidentifier() for part in value.replace(":", ".", 1).split(".")) or ":" not in value:
                raise ValueError(value)
            yield EntryPoint(name, value, distribution)


def _name(path: str) -> str:
    """Return the name that a distribution's metadata begin with."""
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.lower().startswith("name:"):
                return line[5:].strip()
    raise ValueError(path)
