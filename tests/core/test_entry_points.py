"""Entry points read off the folders are those that `importlib.metadata` finds, or it is asked."""

import sys
import zipfile
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from hinge.backend.entry_points import plain_entry_points
from hinge.backend.installed import GROUP, installed_backends

ENTRIES = """\
[console_scripts]
x = y:main

[ hinge.backends ]
[hinge.backends]
# one
plain = plain_package.inner:backend.value
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    return tmp_path


def installed(folder: Path, name: str = "plain", kind: str = "dist-info", entries: str = ENTRIES) -> None:
    metadata = folder / f"{name}-1.0.{kind}"
    metadata.mkdir()
    file = "METADATA" if kind == "dist-info" else "PKG-INFO"
    (metadata / file).write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(entries)


def told(entries: Any) -> list[tuple[str, str, str]]:
    return sorted((one.name, one.value, one.dist.name) for one in entries)


def test_what_is_installed_here_is_found() -> None:
    found = plain_entry_points(GROUP)
    assert found is not None
    assert told(found) == told(entry_points(group=GROUP))
    assert {"asgi", "wsgi"} <= {one.name for one in found}
    assert next(one for one in found if one.name == "wsgi").load().name == "wsgi"


@pytest.mark.parametrize("kind", ["dist-info", "egg-info"])
@pytest.mark.parametrize("name", ["plain", "Plain.Name", "plain_name"])
def test_each_layout_is_read(folder: Path, name: str, kind: str) -> None:
    installed(folder, name, kind)
    found = plain_entry_points(GROUP)
    assert found is not None
    assert told(found) == told(entry_points(group=GROUP))
    assert ("plain", "plain_package.inner:backend.value", name) in told(found)


def test_the_first_of_two_of_one_distribution_counts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for index, name in enumerate(("Some.Name", "some_name")):
        place = folder / str(index)
        place.mkdir()
        installed(place, name, entries=f"[hinge.backends]\nplain = package{index}:backend\n")
        monkeypatch.syspath_prepend(str(place))
    assert told(plain_entry_points(GROUP)) == told(entry_points(group=GROUP))
    assert [one.value for one in plain_entry_points(GROUP) or () if one.name == "plain"] == ["package1:backend"]


def test_it_loads_what_is_named(folder: Path) -> None:
    (folder / "loaded_by_entry.py").write_text("class backend:\n    value = 5\n")
    installed(folder, entries="[hinge.backends]\nplain = loaded_by_entry:backend.value\n")
    assert [one.load() for one in plain_entry_points(GROUP) or () if one.name == "plain"] == [5]


@pytest.mark.parametrize("line", ["plain = module:name [extra]", "plain = module", "plain", "plain = :", "= \n x y"])
def test_what_is_no_plain_line_is_left_to_importlib(folder: Path, line: str) -> None:
    installed(folder, entries=f"[hinge.backends]\n{line}\n")
    assert plain_entry_points(GROUP) is None
    assert {"asgi", "wsgi"} <= set(installed_backends())


def test_a_distribution_without_a_name_is_left_to_importlib(folder: Path) -> None:
    installed(folder)
    (folder / "plain-1.0.dist-info" / "METADATA").write_text("Version: 1.0\n")
    assert plain_entry_points(GROUP) is None


def test_archives_are_left_to_importlib(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = folder / "packages.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("zipped-1.0.dist-info/METADATA", "Name: zipped\nVersion: 1.0\n")
        file.writestr("zipped-1.0.dist-info/entry_points.txt", "[hinge.backends]\nzipped = zipped:backend\n")
    monkeypatch.syspath_prepend(str(archive))
    assert plain_entry_points(GROUP) is None
    assert "zipped" in installed_backends()


def test_other_finders_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    class Finder:
        @staticmethod
        def find_spec(*_: Any) -> None:
            return None

        @staticmethod
        def find_distributions(*_: Any) -> list[Any]:
            return []

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder])
    assert plain_entry_points(GROUP) is None


def test_folders_that_are_not_there_are_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "path", ["", *sys.path, str(tmp_path / "none")])
    assert told(plain_entry_points(GROUP)) == told(entry_points(group=GROUP))
