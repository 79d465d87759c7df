"""Files below a directory are opened where they are, and nowhere else, on systems that can walk and on others."""

import errno
import gc
import os
from pathlib import Path
from typing import Any, cast

import pytest

from hinge.responses import opened
from hinge.responses.opened import Opened, open_below
from hinge.static import StaticFiles

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links need rights there")


@pytest.fixture(params=["walking", "looking"])
def root(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(opened, "_CAN_WALK", request.param == "walking")
    (tmp_path / "root" / "folder").mkdir(parents=True)
    (tmp_path / "root-beside").mkdir()
    for name in ("root/a", "root/folder/b", "root-beside/c", "out"):
        (tmp_path / name).write_text(name)
    links = {
        "to-a": "a",
        "to-folder": "folder",
        "to-itself": ".",
        "out-and-in": "../root/a",
        "to-out": "../out",
        "to-outside": "..",
        "beside": "../root-beside",
        "loop": "loop",
        "nothing": "none",
        "device": "/dev/null",
        "folder/up": "../a",
        "folder/up-and-out": "../../out",
    }
    for name, target in links.items():
        (tmp_path / "root" / name).symlink_to(target)
    return os.path.realpath(tmp_path / "root")


def text(found: Opened) -> str:
    descriptor = found.take()
    assert descriptor is not None
    with os.fdopen(descriptor) as file:
        return file.read()


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a", "root/a"),
        ("folder/b", "root/folder/b"),
        ("to-a", "root/a"),
        ("to-folder/b", "root/folder/b"),
        ("to-itself/to-itself/to-folder/up", "root/a"),
        ("out-and-in", "root/a"),
    ],
)
def test_what_is_inside(root: str, path: str, name: str) -> None:
    assert text(open_below(root, path.split("/"))) == name


@pytest.mark.parametrize("path", ["", "folder", "to-folder", "to-itself"])
def test_folders(root: str, path: str) -> None:
    assert open_below(root, path.split("/") if path else []).is_folder


@pytest.mark.parametrize(
    "path",
    ["to-out", "to-outside", "to-outside/out", "beside/c", "folder/up-and-out", "device"],
)
def test_what_is_outside(root: str, path: str) -> None:
    with pytest.raises(FileNotFoundError):
        open_below(root, path.split("/"))


@pytest.mark.parametrize("path", ["none", "a/b", "loop", "loop/x", "nothing", "none/../a", "folder/none", "x" * 5000])
def test_what_is_nowhere(root: str, path: str) -> None:
    with pytest.raises(OSError) as caught:
        open_below(root, path.split("/"))
    assert caught.value.errno in opened.ABSENT


def test_a_nul_is_no_name(root: str) -> None:
    with pytest.raises(ValueError, match="null"):
        open_below(root, ["a\0b"])


def test_it_is_closed_with_its_object_unless_it_was_taken(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    found = open_below(str(tmp_path), ["a"])
    descriptor = found.take()
    assert descriptor is not None
    assert found.take() is None
    del found
    gc.collect()
    os.close(descriptor)  # it was left open
    again: Any = open_below(str(tmp_path), ["a"])
    number = again._descriptor
    del again
    gc.collect()
    with pytest.raises(OSError, match="descriptor"):
        os.fstat(number)


def test_a_lack_of_descriptors_is_no_404(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = StaticFiles(tmp_path)

    def refuse(*_: Any, **__: Any) -> int:
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr(os, "open", refuse)
    monkeypatch.setattr(opened, "_CAN_WALK", True)
    with pytest.raises(OSError, match="too many"):
        files._find(cast("Any", None), "a.txt")
