"""`hinge check`: whether a backend can serve the app, and everything that keeps it from it."""

from collections.abc import Iterator

import click

from hinge.app import App
from hinge.backend.installed import load_backend
from hinge.cli.errors import UserCodeError
from hinge.cli.target import load_target, targeted
from hinge.errors import ConfigurationError
from hinge.openapi import describe
from hinge.wrapped import Wrapped


@click.command("check")
@targeted
@click.option("--backend", metavar="NAME", help="The backend to check for [default: the configured one].")
@click.option("--skip-unsupported", is_flag=True, help="Let routes that the backend cannot serve answer 426.")
@click.pass_context
def command(ctx: click.Context, target: str, backend: str | None, *, factory: bool, skip_unsupported: bool) -> None:
    """Say what keeps TARGET from being served, a line for each need; exit 1 if anything does."""
    found = load_target(target, factory=factory)
    app = found.app if isinstance(found, Wrapped) else found
    name = backend or app.config.backend
    skip_unsupported = skip_unsupported or app.config.skip_unsupported
    unmet = app.unmet(name, skip_unsupported=skip_unsupported)
    if not unmet and isinstance(found, Wrapped):
        unmet = list(of_another_protocol(found, name, target))
    unmet = unmet or list(undescribed(app)) or list(uncompiled(app, name, target, skip_unsupported=skip_unsupported))
    if not unmet:
        for line in (*late_guards(app), *held_in_uploads(app)):
            click.echo(f"warning: {line}")
        click.echo(f"ok: backend {name} serves all {len(app.routes)} routes of {target}")
        return
    for line in unmet:
        click.echo(line)
    ctx.exit(1)


def of_another_protocol(found: Wrapped, backend: str, target: str) -> Iterator[str]:
    """Yield a line if what wraps the app does not speak the backend's protocol."""
    try:
        found.check(f"target {target!r}", load_backend(backend))
    except ConfigurationError as error:
        yield str(error)


def late_guards(app: App) -> Iterator[str]:
    """Yield a line for each route whose guards do not come before the body: a middleware has it read first."""
    for one in (one for part in app.parts() for one in part.everything):
        endpoint = one.endpoint
        if endpoint is not None and endpoint.is_guarded and endpoint.body_before is not None:
            layer = endpoint.layers[endpoint.body_before]
            yield (
                f"{one.route.describe()}: its body is read before its dependencies= refuse anybody, since middleware "
                f"{layer.name} ({layer.location}) needs it. Fix: needs_body=True on fewer routes"
            )


def held_in_uploads(app: App) -> Iterator[str]:
    """Yield a line for each generator that is entered for a guard and left behind the body, however slowly it comes."""
    for one in (one for part in app.parts() for one in part.everything):
        plan = None if one.endpoint is None or one.endpoint.body_before is not None else one.endpoint.plan
        if plan is None or plan.composed is None or not (plan.body is not None or plan.reads_form):
            continue
        needs = plan.composed.needs
        for node in needs.order[: needs.guards]:
            if node.provider.is_generator and node.provider.scope == "request":
                yield (
                    f"{one.route.describe()}: {node.provider.describe()} is entered before the body comes, since what "
                    "guards the route needs it: a slow upload holds what it holds. Fix: have the guard make one of its "
                    "own, and leave it before it returns"
                )


def uncompiled(app: App, backend: str, target: str, *, skip_unsupported: bool) -> Iterator[str]:
    """Yield what the backend itself says against the app; raises `UserCodeError` for what native middleware raises."""
    try:
        app.compile(backend, skip_unsupported=skip_unsupported)
    except ConfigurationError as error:
        yield str(error)
    except Exception as error:
        raise UserCodeError(f"{target} could not be compiled", error) from error


def undescribed(app: App) -> Iterator[str]:
    """Yield a line for each of the app's OpenAPI documents, and those of mounted apps, that cannot be made."""
    for part in app.parts():
        try:
            describe(part.app)
        except ConfigurationError as error:
            yield str(error)
