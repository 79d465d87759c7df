"""`hinge new`: a small project to begin with.

Law: it writes what `project/` holds, a text file for each of the project's, with its names filled in. It writes into a
folder that was not there before, and nowhere else.
"""

import keyword
import re
import sys
from pathlib import Path
from string import Template

import click

from hinge import __version__
from hinge.cli.errors import UserError

_TEMPLATES = Path(__file__).with_name("project")
_PACKAGE = "package"
"""Stands for the project's package in the templates' paths."""
_NAME = re.compile(r"[A-Za-z](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
"""What a distribution may be called (the specification of core metadata), without a digit in front."""
_TAKEN = frozenset({
    "anyio", "app", "click", "granian", "hinge", "hinge_asgi", "hinge_web", "hinge_wsgi", "msgspec", "pytest", "src",
    "test", "tests",
})  # fmt: skip
"""Packages that the project's own would hide, or be hidden by."""


@click.command("new")
@click.argument("name", metavar="NAME")
def command(name: str) -> None:
    """Write a small project into a new folder NAME: an app with tests, settings and a container file."""
    package = package_of(name)
    names = {"name": name, "package": package, "prefix": f"{package.upper()}_", "version": __version__}
    folder = Path(name)
    try:
        folder.mkdir()
    except FileExistsError:
        raise UserError(f"{name} is there already. Fix: another name") from None
    except OSError as error:
        raise UserError(f"{name} cannot be made: {error.strerror}") from error
    for template in sorted(_TEMPLATES.rglob("*.txt")):
        written = folder / path_of(template.relative_to(_TEMPLATES), package)
        written.parent.mkdir(parents=True, exist_ok=True)
        with written.open("x", encoding="utf-8", newline="\n") as file:
            file.write(Template(template.read_text("utf-8")).substitute(names))
        click.echo(f"wrote {written.as_posix()}")
    click.echo(f"\nNext:\n  cd {name} && python -m pip install -e '.[dev]'\n  hinge dev")


def path_of(template: Path, package: str) -> Path:
    """Return where a template's text goes: without `.txt`, `dot-` for the dot of a hidden file."""
    named = [package if part == _PACKAGE else re.sub("^dot-", ".", part) for part in template.with_suffix("").parts]
    return Path(*named)


def package_of(name: str) -> str:
    """Return the name of a project's package.

    Raises:
        UserError: the project cannot be called that.
    """
    if _NAME.fullmatch(name) is None:
        why = "a name has letters, digits, `-`, `_` and `.`, a letter in front and no sign at its end"
        raise UserError(f"{name!r} is no name for a project: {why}")
    package = re.sub(r"[-_.]+", "_", name).lower()
    if keyword.iskeyword(package):
        raise UserError(f"{name!r} is no name for a project: {package} is a keyword of Python. Fix: another name")
    if package in _TAKEN or package in sys.stdlib_module_names:
        raise UserError(f"{name!r} is no name for a project: there is a module {package} already. Fix: another name")
    return package
