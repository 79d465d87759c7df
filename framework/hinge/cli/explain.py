"""`hinge explain`: what each route gets on each installed backend, and the limits it runs under."""

from collections.abc import Iterator

import click

from hinge.app import App
from hinge.backend import installed_backends, load_backend
from hinge.blueprint import Endpoint
from hinge.cli.routes import methods_of
from hinge.cli.target import FACTORY, TARGET, load_app
from hinge.config import Config
from hinge.errors import ConfigurationError
from hinge.location import qualified_name
from hinge.plan import MISSING, Argument, Source
from hinge.routing import Route

_NAMED = (Source.PATH, Source.QUERY, Source.HEADER, Source.COOKIE)
_LIMITS = ("sync_threads", "stream_threads", "threads", "max_query_fields", "max_message_size", "graceful_timeout")


@click.command("explain")
@TARGET
@FACTORY
def command(target: str, *, factory: bool) -> None:
    """Say for every route of TARGET where its handler runs on each backend, and what surrounds it."""
    app = load_app(target, factory=factory)
    served = {name: _endpoints(app, name) for name in installed_backends()}
    for route in app.routes:
        click.echo(f"{methods_of(route)} {route.template.text}")
        for label, text in _lines(route, served):
            click.echo(f"    {label:<11} {text}")
        click.echo()
    click.echo("limits")
    for key in _LIMITS:
        click.echo(f"    {key:<16} {_amount(app.config, key)}")


def _endpoints(app: App, backend: str) -> dict[int, Endpoint] | str:
    """Return the endpoint of each route by the route's identity, or why the backend compiles none."""
    try:
        blueprint = app.blueprint(backend, skip_unsupported=True)
    except ConfigurationError as error:
        return str(error).partition("\n")[0]
    found: dict[int, Endpoint] = {}
    for endpoint in blueprint.endpoints():
        if endpoint.route is not None and not endpoint.head_only:
            found[id(endpoint.route)] = endpoint
    return found


def _lines(route: Route, served: dict[str, dict[int, Endpoint] | str]) -> Iterator[tuple[str, str]]:
    yield "handler", f"{qualified_name(route.handler)} ({route.location})"
    known: Endpoint | None = None
    for name, endpoints in served.items():
        if isinstance(endpoints, str):
            yield name, f"not served: {endpoints}"
        elif (endpoint := endpoints.get(id(route))) is None:
            yield name, "not served: it has no WebSocket routes; GET is answered with 426"
        else:
            known = endpoint
            yield name, load_backend(name).placement(endpoint.plan)
    if known is None:
        return
    yield from _arguments(known)
    yield "middleware", ", ".join(f"{layer.name} ({layer.location})" for layer in known.layers) or "none"


def _arguments(endpoint: Endpoint) -> Iterator[tuple[str, str]]:
    plan = endpoint.plan
    head = [_argument(one) for one in plan.arguments if one.source not in (Source.BODY, Source.STREAM)]
    yield "arguments", ", ".join(head) or "none"
    limit = _size(endpoint.max_body_size)
    if plan.streams_body:
        yield "body", f"read by the handler as it arrives, at most {limit}"
    elif plan.body is not None:
        yield "body", f"read before the call into {_type_name(plan.body.type)}, at most {limit}"
    elif plan.reads_body:
        yield "body", f"read before the call (the handler takes the Request), at most {limit}"
    else:
        yield "body", "not read"


def _argument(argument: Argument) -> str:
    name = argument.name if argument.name == argument.alias else f"{argument.name} ({argument.alias!r})"
    default = "" if argument.default is MISSING else f" = {argument.default!r}"
    source = f"{argument.source.value} " if argument.source in _NAMED else ""
    return f"{source}{name}: {_type_name(argument.type)}{default}"


def _type_name(annotation: object) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation).replace("typing.", "")


def _amount(config: Config, key: str) -> str:
    value = getattr(config, key)
    if key.endswith("_size"):
        return _size(value)
    return f"{value:g} s" if key.endswith("_timeout") else str(value)


def _size(count: int) -> str:
    for unit, bytes_each in (("MiB", 1024 * 1024), ("KiB", 1024)):
        if count and count % bytes_each == 0:
            return f"{count // bytes_each} {unit}"
    return f"{count} bytes"
