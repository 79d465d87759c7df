"""Which app is served where no TARGET is named, and where modules are looked for."""

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.support.apps import working_directory

from hinge.cli import main
from hinge.cli.discovery import Found, find_target
from hinge.cli.errors import UserError

APP = "from hinge import App\napp = App()\n"
FACTORY = "from hinge import App\ndef create_app() -> App:\n    return App()\n"
IMPORTED = "from found_there import app\n"
TYPED = "from hinge import App\napp: App = App()\n"

ONE = [
    ({"app.py": APP}, Found("app.py")),
    ({"main.py": TYPED}, Found("main.py")),
    ({"app.py": FACTORY}, Found("app.py:create_app", True)),
    ({"main.py": FACTORY + "app = create_app()\n"}, Found("main.py")),
    ({"src/main.py": APP}, Found("src/main.py")),
    ({"src/shop/__init__.py": "", "src/shop/app.py": APP}, Found("src/shop/app.py")),
    ({"shop/__init__.py": FACTORY}, Found("shop/__init__.py:create_app", True)),
    # What only imports it is second to what defines it, and first where nothing does.
    ({"shop/__init__.py": "from .app import app\n", "shop/app.py": APP}, Found("shop/app.py")),
    ({"main.py": IMPORTED, "app.py": APP}, Found("app.py")),
    ({"main.py": IMPORTED, "shop/__init__.py": ""}, Found("main.py")),
    # Neither is an app: a name without a value, one inside of a function, tests, a folder without __init__.py.
    ({"main.py": "app: object\ndef f():\n    app = 1\n", "app.py": APP}, Found("app.py")),
    ({"app.py": APP, "tests/__init__.py": "", "tests/app.py": APP, "other/app.py": APP}, Found("app.py")),
    ({"app.py": "app = (\n", "main.py": APP}, Found("main.py")),
]
SEVERAL = [
    ({"app.py": APP, "main.py": APP}, "it may be app.py, main.py", 'target = "app.py" in pyproject.toml'),
    (
        {"src/a/__init__.py": FACTORY, "src/b/__init__.py": APP},
        "it may be src/a/__init__.py:create_app --factory, src/b/__init__.py",
        'target = "src/a/__init__.py:create_app" and factory = true in pyproject.toml',
    ),
    ({}, "neither app.py nor main.py", 'target = "module:attribute" in pyproject.toml'),
    ({"app.py": "x = 1\n"}, "neither app.py nor main.py", "Fix: name it"),
    ({"src/bare/main.py": APP}, "a package there (a folder with __init__.py)", "Fix: name it"),
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with working_directory(tmp_path, monkeypatch, {}) as folder:
        yield folder


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


@pytest.mark.parametrize(("files", "found"), ONE, ids=str)
def test_the_one_app_is_found_and_nothing_is_imported(folder: Path, files: dict[str, str], found: Found) -> None:
    write(folder, files)
    loaded = set(sys.modules)
    assert find_target(folder) == found
    assert not {"app", "main", "shop"} & (set(sys.modules) - loaded)


@pytest.mark.parametrize(("files", "why", "fix"), SEVERAL, ids=str)
def test_none_is_taken_where_several_or_none_can_be_meant(
    folder: Path, files: dict[str, str], why: str, fix: str
) -> None:
    write(folder, files)
    with pytest.raises(UserError) as caught:
        find_target(folder)
    assert why in str(caught.value)
    assert fix in str(caught.value)


def test_what_is_set_counts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, {"app.py": APP, "main.py": APP, "below/x": ""})
    project = folder / "pyproject.toml"
    project.write_text('[tool.hinge]\ntarget = "main.py"\n')
    assert find_target(folder) == Found("main.py")
    project.write_text('[tool.hinge]\ntarget = "shop:make"\nfactory = true\n')
    assert find_target(folder) == Found("shop:make", True)
    monkeypatch.setenv("HINGE_TARGET", "app:app")
    assert find_target(folder) == Found("app:app")
    monkeypatch.setenv("HINGE_FACTORY", "true")
    assert find_target(folder) == Found("app:app", True)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("target = 5", "[tool.hinge] target: target must be a text that is not empty, not 5"),
        ('target = ""', "target must be a text that is not empty, not ''"),
        ("factory = true", "[tool.hinge] factory is set without target"),
        ('target = "a"\nfactory = "perhaps"', "factory must be true or false, not 'perhaps'"),
        ('targets = "a"', "there is no setting 'targets'"),
    ],
)
def test_what_is_set_wrong_is_a_line(folder: Path, lines: str, said: str) -> None:
    write(folder, {"app.py": APP, "pyproject.toml": f"[tool.hinge]\n{lines}\n"})
    result = CliRunner().invoke(main, ["check"])
    assert (result.exit_code, said in result.stderr) == (2, True), result.output


@pytest.mark.parametrize("command", ["check", "routes", "explain", "openapi"])
def test_every_command_finds_it(folder: Path, command: str) -> None:
    write(folder, {"src/found_alone/__init__.py": "", "src/found_alone/app.py": FACTORY})
    result = CliRunner().invoke(main, [command])
    assert result.exit_code == 0, result.output


def test_modules_are_found_in_src_and_in_the_project_above(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, {"src/found_in_src/__init__.py": APP, "found_above.py": APP, "below/x": "", "pyproject.toml": ""})
    says = "ok: backend asgi serves all 0 routes of "
    for place in (".", "below"):
        monkeypatch.chdir(folder / place)
        for target in ("found_in_src", "found_above:app"):
            assert CliRunner().invoke(main, ["check", target]).output == f"{says}{target}\n"
        (folder / "pyproject.toml").write_text('[tool.hinge]\ntarget = "found_in_src"\n')
        assert CliRunner().invoke(main, ["check"]).output == f"{says}found_in_src\n"
        (folder / "pyproject.toml").write_text('[tool.hinge]\ntarget = "src/found_in_src/__init__.py"\n')
        assert CliRunner().invoke(main, ["check"]).exit_code == 0
        for name in ("found_in_src", "found_above"):
            sys.modules.pop(name)


def test_a_folder_without_an_app_has_its_projects(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"src/found_below/__init__.py": FACTORY, "tests/x": "", "pyproject.toml": ""}
    write(folder, files)
    monkeypatch.chdir(folder / "tests")
    result = CliRunner().invoke(main, ["check"])
    found = "../src/found_below/__init__.py:create_app"
    assert result.output == f"ok: backend asgi serves all 0 routes of {found}\n"
    write(folder, {"app.py": APP})
    result = CliRunner().invoke(main, ["check"])
    assert "it may be ../app.py, ../src/found_below/__init__.py:create_app --factory." in result.stderr
    assert '[tool.hinge] target = "app.py" in pyproject.toml' in result.stderr


def test_what_is_here_comes_before_what_is_in_src(folder: Path) -> None:
    write(folder, {"src/found_twice.py": "raise SystemExit(5)\n", "found_twice.py": APP})
    assert CliRunner().invoke(main, ["check", "found_twice"]).exit_code == 0
    assert Path(sys.modules["found_twice"].__file__).parent == folder


def test_a_folder_that_is_no_package_hides_none_in_src(folder: Path) -> None:
    """As Python's own import has it."""
    write(folder, {"shop/data.csv": "", "src/shop/__init__.py": "", "src/shop/app.py": APP})
    result = CliRunner().invoke(main, ["check", "shop.app"])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("target", ["found_there", "found_there:app", "found_there.man"])
def test_the_module_of_a_package_that_is_meant_is_named(folder: Path, target: str) -> None:
    write(folder, {"src/found_there/__init__.py": "", "src/found_there/main.py": APP})
    result = CliRunner().invoke(main, ["check", target])
    assert (result.exit_code, result.output.rpartition(". ")[2]) == (2, "Did you mean found_there.main?\n")
