"""`hinge openapi`: the app's OpenAPI document."""

import click
import msgspec

from hinge.cli.errors import CheckFailed, UserError
from hinge.cli.target import load_app, targeted
from hinge.errors import ConfigurationError
from hinge.extras import install
from hinge.openapi import describe


@click.command("openapi")
@targeted
@click.option("--format", "form", type=click.Choice(["json", "yaml"]), default="json", show_default=True)
def command(target: str, form: str, *, factory: bool) -> None:
    """Print the OpenAPI 3.1 document of TARGET. Exit 1 if it cannot be made."""
    app = load_app(target, factory=factory)
    try:
        document = describe(app)
    except ConfigurationError as error:
        raise CheckFailed(str(error)) from error
    if form == "json":
        text = msgspec.json.format(msgspec.json.encode(document), indent=2)
    else:
        try:
            text = msgspec.yaml.encode(document)
        except ImportError as error:
            raise UserError(f"YAML needs the package pyyaml. Fix: {install('yaml')}") from error
    click.echo(text.decode().rstrip("\n"))
