"""`--env-file`: what a file sets in the environment before the target is loaded.

Law: what the environment has already wins. A line that sets nothing is a mistake, told with its number: a setting that
was passed over would be missing where nobody looks for it.
"""

import os
from pathlib import Path

import click

from hinge.cli.errors import UserError
from hinge.extras import install


def _load(ctx: click.Context, parameter: click.Parameter, path: str | None) -> None:
    if path is None:
        return
    try:
        from dotenv import dotenv_values
        from dotenv.parser import parse_stream
    except ImportError:
        raise UserError(f"--env-file needs python-dotenv. Fix: {install('dotenv')}") from None
    try:
        with Path(path).open(encoding="utf-8") as file:
            bindings = list(parse_stream(file))
        found = dotenv_values(path, encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UserError(f"--env-file {path}: it cannot be read: {reason}") from None
    for one in bindings:
        if one.error or (one.key is not None and one.value is None):
            text = one.original.string
            line = one.original.line + text[: -len(text.lstrip())].count("\n")
            raise UserError(f"--env-file {path}: line {line} sets nothing. Fix: NAME=value")
    for name, value in found.items():
        os.environ.setdefault(name, value or "")


ENV_FILE = click.option(
    "--env-file",
    metavar="FILE",
    is_eager=True,
    expose_value=False,
    callback=_load,
    help="Set in the environment what FILE has, unless it is set there.",
)
