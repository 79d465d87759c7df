"""A bad backend is told in one line to whoever asks for it, and harms nobody else."""

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import granian.constants
import pytest
from click.testing import CliRunner

from hinge import App, ConfigurationError
from hinge.backend.contract import CONTRACT
from hinge.backend.installed import installed_backends, load_backend, own_packages, usable_backends
from hinge.cli import main
from hinge.cli.preflight import preflight
from hinge.testing import Client
from hinge.testing.plugin import _usable

BAD = {
    "an import of what is not there": (
        "import no_such_module",
        r"does not import: No module named 'no_such_module' \(.*hinge_bad\.py:1\)\. Fix: install what it needs",
    ),
    "a package without the name": (
        "",
        r"does not import: module 'bad_.*' has no attribute 'backend'\. Fix: its entry point, bad = 'mod",
    ),
    "an attribute that is not there while it is imported": (
        "import os\nos.nothing",
        r"does not import: module 'os' has no attribute 'nothing' \(.*bad\.py:2\)\. Fix: update it, or uninstall it",
    ),
    "a failure while it is imported": (
        "def divide():\n    1 / 0\n\n\ndivide()",
        r"does not import: ZeroDivisionError\('division by zero'\) \(.*bad_from_hinge_bad\.py:2\)\. Fix: update it",
    ),
    "a mistake of several lines": (
        "raise ValueError('one\\ntwo')",
        r"does not import: ValueError\('one\\ntwo'\) \(.*py:1\)\. Fix: ",
    ),
    "a syntax error": ("\ndef", r"does not import: SyntaxError\(.* \(.*bad_from_hinge_bad\.py:2\)\. Fix: update it"),
    "an exit": ("raise SystemExit(3)", r"does not import: SystemExit\(3\) \(.*py:1\)\. Fix: "),
    "an exception that is none": ("raise GeneratorExit", r"does not import: GeneratorExit\(\) \(.*py:1\)\. Fix: "),
    "a Hinge of its own mistakes": (
        "from hinge import ConfigurationError\nraise ConfigurationError('a\\nb')",
        r"does not import: ConfigurationError\('a\\nb'\) \(.*py:2\)\. Fix: ",
    ),
    "a class": ("{whole}\nbackend = Plain", r"is a class\. Fix: name an instance: backend = Plain\(\)"),
    "nothing": ("backend = None", r"has no name, which hinge\.backend\.Backend asks for\. Fix: update it"),
    "no method": ("{whole}\ndel Plain.connect", r"has no connect, which .* Fix: update it"),
    "a method that is none": ("{whole}\nPlain.compile = 5", r"its compile is 5\. Fix: a method"),
    "a list of features": (
        "{whole}\nPlain.features = [Feature.DISCONNECT]",
        r"its features are \[<Feature.DISCONNECT.*\. Fix: a set of those of hinge\.backend\.Feature",
    ),
    "features that are texts": (
        "{whole}\nPlain.features = {'WEBSOCKET'}",
        r"its features are {'WEBSOCKET'}\. Fix: a set of those of .* that it has, as frozenset\({Feature\.STREAMING}\)",
    ),
    "a required name with a slip": (
        "{whole}\nPlain.featurs = Plain.features\ndel Plain.features",
        r"has no features, which hinge\.backend\.Backend asks for\. Fix: rename its featurs",
    ),
    "an optional name with a slip": (
        "{whole}\nPlain.deployement = 'Fix: run it'",
        r"it has 'deployement'\. Fix: did you mean 'deployment'\? If not, begin it with _",
    ),
    "an entry that is no name": (
        "{whole}\nPlain.entry = 5",
        r"its entry is 5\. Fix: the name of a method of what compile returns",
    ),
    "another name": ("{whole}\nPlain.name = 'good'", r"says that its name is 'good'\. Fix: the entry point's name"),
    "an interface that is none": ("{whole}\nPlain.interface = None", r"its interface is None\. Fix: a text"),
    "an attribute that fails": (
        "{whole}\nPlain.features = property(lambda self: 1 / 0)",
        r"its features raises ZeroDivisionError\('division by zero'\)\. Fix: ",
    ),
    "an attribute that exits": (
        "{whole}\nPlain.features = property(lambda self: exit(3))",
        r"its features raises SystemExit\(3\)\. Fix: ",
    ),
    "an attribute of several lines": (
        "{whole}\nPlain.interface = type('Odd', (), {'__repr__': lambda self: 'a\\nb'})()",
        r"its interface is a\\nb\. Fix: ",
    ),
    "features that fail when they are looked at": (
        "{whole}\nPlain.features = type('Odd', (frozenset,), {'__iter__': lambda *a: 1 / 0})()",
        r"to look at it raises ZeroDivisionError\('division by zero'\)\. Fix: ",
    ),
    "a name that fails when it is compared": (
        "{whole}\nPlain.name = type('Odd', (str,), {'__ne__': lambda *a: 1 / 0, '__hash__': str.__hash__})('bad')",
        r"to look at it raises ZeroDivisionError\('division by zero'\)\. Fix: ",
    ),
    "a backend that has no attributes at all": (
        "backend = type('Odd', (), {'__getattribute__': lambda *a: 1 / 0})()",
        r"to look at it raises ZeroDivisionError\('division by zero'\)\. Fix: ",
    ),
    "no contract": ("{whole}\ndel Plain.contract", r"has no contract, which .* asks for\. Fix: update it"),
    "a contract that is none": (
        "{whole}\nPlain.contract = '1.0'",
        r"its contract is '1\.0'\. Fix: contract = \(\d, \d\)",
    ),
    "half a contract": ("{whole}\nPlain.contract = (1,)", r"its contract is \(1,\)\. Fix: "),
    "a later contract": (
        f"{{whole}}\nPlain.contract = {(CONTRACT[0], CONTRACT[1] + 1)}",
        r"is written for contract \d+\.\d+ of hinge\.backend, .* Fix: update hinge-web",
    ),
    "a much later contract": (
        f"{{whole}}\nPlain.contract = {(CONTRACT[0] + 1, 0)}",
        r"is written for contract \d+\.0 of hinge\.backend, .* Fix: update hinge-web",
    ),
    "an earlier contract": (
        f"{{whole}}\nPlain.contract = {(CONTRACT[0] - 1, 9)}",
        r"is written for contract \d+\.9 of hinge\.backend, .* Fix: update the backend, or keep the Hinge",
    ),
}
"""What is wrong -> the backend's source, and what is said of it."""

SHOP = """\
from hinge import App

app = App(docs_path=None)


@app.get("/")
def index() -> str:
    return "open"
"""


@pytest.fixture(params=BAD)
def complaint(request: pytest.FixtureRequest, install: Any, whole: str) -> str:
    """Install a bad backend named `bad` and return what is said of it."""
    source, said = BAD[request.param]
    install("bad", source.replace("{whole}", whole.replace('"plain"', '"bad"')))
    return rf"backend 'bad' \(bad_from_hinge_bad:backend\):? {said}[^\n]*"


def app_of() -> App:
    app = App(docs_path=None)
    app.get("/")(lambda: "open")
    return app


def test_who_asks_for_a_bad_backend_is_told_in_one_line(complaint: str, tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    with pytest.raises(ConfigurationError) as caught:
        load_backend("bad")
    assert re.fullmatch(complaint, str(caught.value))
    for ask in (lambda: app_of().compile("bad"), lambda: Client(app_of(), "bad"), lambda: app_of().unmet("bad")):
        with pytest.raises(ConfigurationError) as caught:
            ask()
        assert re.fullmatch(rf"(App\.compile\('bad'\) \(.*\): )?{complaint}", str(caught.value))
    result = CliRunner().invoke(main, ["explain", f"{tmp_path / 'shop.py'}", "--backend", "bad"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert re.fullmatch(rf"Error: {complaint}\n", result.stderr)


def test_nobody_else_hears_of_it(complaint: str, tmp_path: Path) -> None:
    assert "bad" in installed_backends()
    assert set(usable_backends()) == set(installed_backends()) - {"bad"}
    (tmp_path / "shop.py").write_text(SHOP)
    result = CliRunner().invoke(main, ["explain", f"{tmp_path / 'shop.py'}"])
    assert (result.exit_code, result.stderr) == (0, ""), complaint
    assert "bad" not in result.stdout
    with Client(app_of(), "wsgi") as client:
        assert client.get("/").text == "open"
    assert granian.constants.Interfaces("rsgi")  # it could ask, so that each installed backend is looked at
    hasattr(app_of(), "__rsgi__")


def test_hinge_run_tells_who_asks(install: Any, tmp_path: Path) -> None:
    install("bad", "raise SystemExit(3)")
    (tmp_path / "shop.py").write_text(SHOP)
    told = subprocess.run(
        [sys.executable, "-m", "hinge", "run", "shop.py", "--backend", "bad"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (told.returncode, told.stdout) == (2, "")
    assert re.fullmatch(r"Error: backend 'bad' \(bad_from_hinge_bad:backend\) does not import: [^\n]*\n", told.stderr)


def test_a_plain_hinge_run_hears_nothing(install: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    install("bad", "print('imported')\nraise SystemExit(3)")
    (tmp_path / "shop.py").write_text(SHOP)
    launch = preflight(str(tmp_path / "shop.py"), {}, factory=False)
    assert launch.interface == "asgi"
    assert capfd.readouterr() == ("", "")


def test_each_backend_warns_in_one_line(install: Any, tmp_path: Path) -> None:
    install("bad", "raise SystemExit(3)")
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "test_shop.py").write_text(
        "from shop import app\n\n\n"
        "def test_index(each_backend):\n    with each_backend(app) as client:\n        client.get('/')\n\n\n"
        "def test_again(each_backend):\n    assert each_backend.name != 'bad'\n"
    )
    path = f"{tmp_path}{os.pathsep}{os.environ['PYTHONPATH']}"
    suite = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "hinge.testing.plugin", "test_shop.py"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
        env=os.environ | {"PYTHONPATH": path, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )  # fmt: skip
    assert suite.returncode == 0, suite.stdout
    assert suite.stdout.count("each_backend leaves out bad: it cannot be loaded") == 1


def test_where_warnings_are_errors_a_bad_backend_is_nobody_s_error(install: Any) -> None:
    install("bad", "raise SystemExit(3)")
    asked: list[Warning] = []

    def issue(warning: Warning, stacklevel: int) -> None:
        asked.append(warning)
        raise warning

    config: Any = SimpleNamespace(stash=pytest.Stash(), issue_config_time_warning=issue)
    assert _usable(config) == _usable(config) == list(usable_backends())
    assert len(asked) == 1


UNFIT = {
    "return None": r"compile returned None; an Application has start, drain, stop\. Fix: update the backend",
    "return lambda: 5": r"compile returned <function .*>; an Application has start, drain, stop\. Fix: .*",
    "return type('A', (), dict.fromkeys(['start', 'drain', 'stop'], min))()": r"compile .*; it has no __call__\. .*",
    "Plain.entry = 'srve'; return Application()": r"compile returned .*; it has no srve\. Fix: entry = the name of .*",
    "return 1 / 0": r"failed to compile the app: ZeroDivisionError\(.*\) \(.*plain_from_hinge_plain\.py:10\)\. Fix: .*",
}
"""The body of a backend's `compile` -> what is said."""


@pytest.mark.parametrize("body", UNFIT)
def test_what_compile_returns_is_looked_at(install: Any, whole: str, tmp_path: Path, body: str) -> None:
    install("plain", whole.replace("return Application()", body))
    with pytest.raises(ConfigurationError, match=rf"^backend plain:? {UNFIT[body]}$"):
        app_of().compile("plain")
    (tmp_path / "shop.py").write_text(SHOP)
    result = CliRunner().invoke(main, ["check", f"{tmp_path / 'shop.py'}", "--backend", "plain"])
    assert result.exit_code == 1
    assert re.fullmatch(rf"backend plain:? {UNFIT[body]}\n", result.output)


def test_an_entry_of_the_application_is_what_the_server_calls(install: Any, whole: str) -> None:
    install("plain", whole.replace("def __call__(self)", "def handle(self, event)") + "\nPlain.entry = 'handle'")
    assert app_of().compile("plain")


def test_two_distributions_of_one_name(install: Any, whole: str) -> None:
    install("plain", whole, distribution="one")
    install("plain", whole, distribution="two")
    with pytest.raises(ConfigurationError) as caught:
        load_backend("plain")
    places = sorted(re.findall(r"plain_from_(\w+):backend of (\w+)", str(caught.value)))
    assert places == [("one", "one"), ("two", "two")]
    assert str(caught.value).endswith(". Fix: uninstall one of the two")
    assert installed_backends().count("plain") == 1
    assert "plain" not in usable_backends()


def test_a_distribution_that_cannot_be_read_harms_no_other(install: Any, whole: str, tmp_path: Path) -> None:
    install("plain", whole)
    broken = tmp_path / "broken-1.0.dist-info"
    broken.mkdir()
    (broken / "METADATA").write_text("Name: broken\nVersion: 1.0\n")
    (broken / "entry_points.txt").write_text("[hinge.backends]\n x y z\n= \n")
    sys.path.insert(0, str(tmp_path))
    try:
        assert {"plain", "wsgi", "asgi"} <= set(installed_backends())
    finally:
        sys.path.remove(str(tmp_path))


def test_the_names_of_hinge_itself_stay_its_own(install: Any, whole: str) -> None:
    install("wsgi", whole.replace('"plain"', '"wsgi"'), distribution="other")
    assert type(load_backend("wsgi")).__module__ == "hinge_wsgi"
    assert own_packages() == {"hinge_asgi", "hinge_wsgi"}


def test_an_application_takes_no_attribute(install: Any, whole: str) -> None:
    install("plain", whole)
    application: Any = app_of().compile("plain")
    assert type(application).__name__ == "Application"
    assert not hasattr(application, "__dict__")


@pytest.mark.parametrize(
    ("placed", "told"),
    [
        ("1 / 0", r"not told: ZeroDivisionError\('division by zero'\)"),
        ("exit(9)", r"not told: SystemExit\(9\)"),
        ("5", "not told: its placement is 5"),
        ("'one\\ntwo'", "one two"),
    ],
)
def test_a_placement_that_fails_leaves_the_others_explained(
    install: Any, whole: str, tmp_path: Path, placed: str, told: str
) -> None:
    install("plain", whole.replace('return "somewhere"', f"return {placed}"))
    (tmp_path / "shop.py").write_text(SHOP)
    result = CliRunner().invoke(main, ["explain", f"{tmp_path / 'shop.py'}"])
    assert result.exit_code == 0
    assert re.search(rf"^    plain       {told}$", result.stdout, re.MULTILINE)
    assert "    wsgi        the server's thread\n" in result.stdout


def test_an_interrupt_of_the_user_is_no_mistake_of_the_backend(install: Any) -> None:
    install("bad", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        load_backend("bad")


def test_explain_of_one_backend_names_no_other(install: Any, whole: str, tmp_path: Path) -> None:
    install("plain", whole)
    (tmp_path / "shop.py").write_text(SHOP)
    result = CliRunner().invoke(main, ["explain", f"{tmp_path / 'shop.py'}", "--backend", "plain"])
    assert "    plain       somewhere\n" in result.stdout
    assert "wsgi" not in result.stdout
