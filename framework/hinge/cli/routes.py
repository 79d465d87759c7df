"""`hinge routes`: what the app answers, one route a line."""

import click

from hinge.cli.target import load_app, targeted
from hinge.diagnostics.location import qualified_name
from hinge.routing import Route

_HEADINGS = ("METHOD", "PATH", "NAME", "HANDLER", "PLACE")


@click.command("routes")
@targeted
def command(target: str, *, factory: bool) -> None:
    """List the routes of TARGET: method, path, name, handler, file and line."""
    rows = [_HEADINGS, *(_row(route) for route in load_app(target, factory=factory).routes)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def methods_of(route: Route) -> str:
    """Return the methods in a fixed order, or WEBSOCKET; of a mounted application, which takes any, its protocol."""
    if route.interface is not None:
        return f"any ({route.interface.upper()})"
    return "WEBSOCKET" if route.websocket else ",".join(sorted(route.methods))


def _row(route: Route) -> tuple[str, ...]:
    return (methods_of(route), route.template.text, route.name, qualified_name(route.handler), route.location)
