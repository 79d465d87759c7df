"""`hinge new`: what it may be called, what it writes, and that it writes over nothing."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from hinge.cli import main
from hinge.cli.new import _TEMPLATES, package_of

FILES = {
    ".dockerignore",
    ".gitignore",
    "Containerfile",
    "README.md",
    "pyproject.toml",
    "src/my_shop/__init__.py",
    "src/my_shop/app.py",
    "src/my_shop/routes.py",
    "src/my_shop/settings.py",
    "tests/test_app.py",
}
NO_NAMES = [
    "",
    "..",
    "x/y",
    "a\\b",
    "1a",
    "a-",
    "-a",
    "a b",
    "ä",
    "class",
    "json",
    "hinge-web",
    "Msgspec",
    "tests",
    "a\n",
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_tells_what_it_wrote_and_what_comes_next(folder: Path) -> None:
    result = CliRunner().invoke(main, ["new", "My-Shop"])
    assert result.exit_code == 0, result.output
    written = {path.relative_to(folder / "My-Shop").as_posix() for path in folder.rglob("*") if path.is_file()}
    assert written == FILES
    told, _, following = result.output.partition("\n\n")
    assert {line.removeprefix("wrote My-Shop/") for line in told.splitlines()} == FILES
    assert following.splitlines()[1:] == ["  cd My-Shop && python -m pip install -e '.[dev]'", "  hinge dev"]
    texts = "".join(path.read_text("utf-8") for path in folder.rglob("*") if path.is_file())
    assert "$" not in texts  # every name is filled in
    assert texts.count('"My-Shop"') == 2


@pytest.mark.parametrize(
    ("name", "package"), [("shop", "shop"), ("My.Web-_shop", "my_web_shop"), ("a", "a"), ("Shop2", "shop2")]
)
def test_the_package_is_named_after_it(name: str, package: str) -> None:
    assert package_of(name) == package


@pytest.mark.parametrize("name", NO_NAMES)
def test_what_is_no_name_is_refused_and_nothing_written(folder: Path, name: str) -> None:
    result = CliRunner().invoke(main, ["new", "--", name])
    assert (result.exit_code, list(folder.iterdir())) == (2, []), result.output
    assert f"Error: {name!r} is no name for a project: " in result.stderr


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_nothing_is_written_over(folder: Path, kind: str) -> None:
    there = folder / "shop"
    if kind == "folder":
        there.mkdir()
    elif kind == "file":
        there.write_text("mine")
    else:
        there.symlink_to(folder / "elsewhere")
    result = CliRunner().invoke(main, ["new", "shop"])
    assert (result.exit_code, result.stderr) == (2, "Error: shop is there already. Fix: another name\n")
    assert [path.name for path in folder.iterdir()] == ["shop"]
    assert not there.is_dir() or not list(there.iterdir())


def test_the_templates_are_in_the_package() -> None:
    assert len(list(_TEMPLATES.rglob("*.txt"))) == len(FILES)
