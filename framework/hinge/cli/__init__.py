"""The `hinge` command.

Law: one command a file, imported when it is called. A user's mistake is a line or two on standard error and exit code
2; an app that fails its check or does not start is exit code 1; only exceptions of the user's code, or of a backend's
own server, show a traceback.
"""

import importlib
from typing import Any

import click

from hinge.cli.errors import UserError
from hinge.errors import ConfigurationError

_COMMANDS = {
    "run": "hinge.cli.run",
    "dev": "hinge.cli.dev",
    "new": "hinge.cli.new",
    "routes": "hinge.cli.routes",
    "check": "hinge.cli.check",
    "explain": "hinge.cli.explain",
    "openapi": "hinge.cli.openapi",
}
"""The module of each command, which holds it as `command`."""


class _Commands(click.Group):
    """The commands of the table above."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(_COMMANDS[cmd_name]).command
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        name = args[0]
        if name not in _COMMANDS and not name.startswith("-") and not ctx.resilient_parsing:
            ctx.fail(f"No such command {name!r}.{_instead(name, args[1:])}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ConfigurationError as error:
            raise UserError(str(error)) from error


def _instead(name: str, rest: list[str]) -> str:
    """Return what was probably meant by a word that is no command."""
    if name.endswith(".py") or ":" in name:
        return f" Did you mean: hinge run {' '.join([name, *rest])}"
    import difflib

    near = difflib.get_close_matches(name, _COMMANDS, n=1)
    return f" Did you mean {near[0]!r}?" if near else f" There are {', '.join(_COMMANDS)}."


def _version(ctx: click.Context, parameter: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - click's signature
    if wanted:
        from hinge.cli.versions import versions

        click.echo("\n".join(versions()))
        ctx.exit()


@click.command(cls=_Commands, name="hinge", context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Show what is installed.",
)
def main() -> None:
    """Serve and inspect Hinge apps.

    TARGET is module:attribute, module (attribute app), or path/to/file.py[:attribute]. Without it, [tool.hinge] target
    is served, or the only app that there is.
    """
