"""What one types wrong, or has wrong in the app: a line or two, where and what to write, and no traceback of ours."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.support.apps import working_directory

from hinge.cli import main

COMMANDS = ["check", "routes", "openapi", "explain", "run"]
FILES = {
    "good": "from hinge import App, Router\napp = App()\nnumber = 5\nrouter = Router()\nnothing = None\n"
    "def make(): return app\ndef takes(x, y=1): return app\ndef none(): pass\nasync def later(): return app\n"
    "def leaves():\n    raise SystemExit('bye')\n",
    "none_here": "x = 1\n",
    "two": "from hinge import App\none = App()\nother = App()\n",
    "leaves": "import sys\nsys.exit(3)\n",
    "syntax": "from hinge import App\napp = App(\n",
    "lacks": "import not_there_at_all\n",
    "lacks_name": "from good import not_there\n",
    "fails": "x = 1\n\nraise ValueError('boom')\n",
    "below": "x = 1\nimport fails.more\n",
    "attributes": "'text'.nothing\n",
    "foreign": "class Other:\n    async def __call__(self, scope, receive, send): ...\napp = Other()\n",
    "watches": "from hinge import App\nfrom hinge.observability import AccessLog\n"
    "app = App(middleware=[AccessLog()])\n",
    "adds": "from hinge import App\napp = App()\napp.add_middleware(object, x=1)\n",
    "makes": "from hinge import App\ndef create_app(): return App()\n",
    "renamed": "from hinge import App\nsite = App()\n",
    "nearly": "from hinge import App\none = App()\napp2 = App()\n",
    "misspelt": "from hinge import App\napp = App(titel='x')\n",
    "attribute": "from hinge import App\napp = App()\napp.include_router(5)\n",
    "template": "from hinge import App\napp = App()\n@app.get('/{x')\ndef f(x: int) -> str: return ''\n",
    "clash": "from hinge import App\napp = App()\n@app.get('/{x}')\ndef f(x: int) -> str: return ''\n"
    "@app.get('/{y}')\ndef g(y: int) -> str: return ''\n",
}

TOLD = [
    ("missing.py", 2, "there is no file missing.py"),
    ("god.py", 2, "there is no file god.py. Did you mean good.py?"),
    ("god", 2, "there is no module 'god'. Did you mean good?"),
    ("page.html", 2, "page.html is no Python file. Fix: module:attribute, or a .py file"),
    ("folder.py", 2, "folder.py is a folder. Fix: name a file"),
    ("good:ap", 2, "good has no attribute 'ap'. Did you mean good:app?"),
    ("none_here", 2, "none_here has no attribute 'app'. Fix: name the app, or write app = App()"),
    ("two", 2, "two has no attribute 'app'. Fix: name one of its apps: two:one, two:other"),
    ("makes.py", 2, "makes has no attribute 'app'. Did you mean makes:create_app --factory?"),
    ("renamed.py", 2, "renamed has no attribute 'app'. Did you mean renamed:site?"),
    ("nearly.py", 2, "nearly has no attribute 'app'. Did you mean app2?"),
    ("good:app.rotues", 2, "App has no attribute 'rotues'. Did you mean routes?"),
    ("good:app.title", 2, "is a str, not a hinge.App"),
    ("good:app.wsgi", 2, "Fix: good:app --backend wsgi"),
    ("good.app", 2, "good is a module, not a package. Did you mean good:app?"),
    (
        "adds",
        2,
        "App has no attribute 'add_middleware'. Fix: app.middleware(...), with an instance; App(asgi_middleware=",
    ),
    ("foreign", 2, "target 'foreign' is an Other, not a hinge.App. Fix: mount it in one, app.mount('/', ...)"),
    ("watches", 2, "it is no generator function and has no hooks. Fix: app.observe(AccessLog(...))"),
    ("nothing.like.this", 2, "there is no module 'nothing'"),
    ("no/where.py", 2, "there is no file"),
    ("./good", 2, ".py is missing"),
    (":app", 2, "names no module"),
    (".good", 2, "no module name"),
    ("two:zzz", 2, "two has no attribute 'zzz'. Fix: name one of its apps: two:one, two:other"),
    ("good:number", 2, "target 'good:number' is an int, not a hinge.App. Did you mean good:app?"),
    ("good:nothing", 2, "target 'good:nothing' is None, not a hinge.App. Did you mean good:app?"),
    ("good:router", 2, "target 'good:router' is a Router, not a hinge.App. Did you mean good:app?"),
    ("good:App", 2, "target 'good:App' is a class, not a hinge.App. Did you mean good:app?"),
    ("good:make", 2, "target 'good:make' is a function, not a hinge.App. Fix: if it returns the app, add --factory"),
    ("good:app --factory", 2, "is an app, not a function that returns one. Fix: leave out --factory"),
    ("good:number --factory", 2, "target 'good:number' is an int, not a function. Fix: leave out --factory"),
    ("good:takes --factory", 2, "the factory 'good:takes' needs 'x'. Fix: a function without parameters"),
    ("good:later --factory", 2, "the factory 'good:later' is an async def, which nobody awaits. Fix: write it as def"),
    ("good:none --factory", 2, "the factory 'good:none' returned None, not a hinge.App"),
    ("good:leaves --factory", 1, "good.py:11: the factory 'good:leaves' calls sys.exit('bye')"),
    ("leaves", 1, "leaves.py:2: target 'leaves' calls sys.exit(3) while it is imported. Fix: if __name__ =="),
    ("misspelt", 2, "App(titel=...) (misspelt.py:2): there is no argument 'titel'. Fix: did you mean 'title'?"),
    ("attribute", 2, "attribute.py:3: App has no attribute 'include_router'. Fix: app.include(router)"),
    ("template", 2, "template.f (template.py:3): path template '/{x' has unbalanced braces"),
    (
        "clash",
        2,
        "clash.g (clash.py:5): GET /{y} matches the same requests as GET /{x} of handler clash.f (clash.py:3)",
    ),
    ("good --prot 5", 2, "No such option"),
    ("", 2, "Missing argument 'TARGET'"),
]
THEIRS = [
    ("syntax", 'syntax.py", line 2', "SyntaxError"),
    ("lacks", 'lacks.py", line 1', "ModuleNotFoundError: No module named 'not_there_at_all'"),
    ("lacks_name", 'lacks_name.py", line 1', "ImportError: cannot import name 'not_there'"),
    ("fails", 'fails.py", line 3', "ValueError: boom"),
    ("fails.py", 'fails.py", line 3', "ValueError: boom"),
    ("below", 'below.py", line 2', "ValueError: boom"),
    ("attributes", 'attributes.py", line 1', "AttributeError: 'str' object has no attribute 'nothing'"),
]
"""What the module itself raises: where, and what is shown of it."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a working directory with all of these."""
    (tmp_path / "page.html").write_text("<p>")
    (tmp_path / "folder.py").mkdir()
    with working_directory(tmp_path, monkeypatch, FILES) as folder:
        yield folder


def outcome(command: str, rest: str) -> tuple[int, str]:
    if command != "run":
        result = CliRunner().invoke(main, [command, *rest.split()])
        return result.exit_code, result.stderr
    # The app is loaded in a process of its own, whose output is nobody's to catch.
    arguments = [sys.executable, "-m", "hinge", "run", *rest.split()]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_a_mistake_is_a_line(folder: Path, command: str) -> None:
    for rest, code, said in TOLD if command != "run" else TOLD[::4]:
        status, text = outcome(command, rest)
        assert (status, said in text) == (code, True), f"{command} {rest}: {status} {text}"
        assert "Traceback" not in text
        assert "Warning" not in text
        lines = text.strip().splitlines()
        assert len(lines) <= (4 if lines[0].startswith("Usage: ") else 2), text


@pytest.mark.parametrize("command", COMMANDS)
def test_what_the_module_raises_has_its_frames_and_none_of_ours(folder: Path, command: str) -> None:
    for target, place, shown in THEIRS if command != "run" else THEIRS[:1]:
        status, text = outcome(command, target)
        assert (status, place in text, shown in text, "importlib" in text) == (1, True, True, False), text
        assert os.path.join("hinge", "cli") not in text  # noqa: PTH118 - as it stands in a traceback
        assert text.strip().splitlines()[-1] == f"Error: target {target!r} could not be imported"
