"""`hinge explain`: what each route gets on each installed backend, and the limits it runs under."""

from collections.abc import Iterator
from typing import Any

import click

from hinge.backend.contract import Backend, Feature
from hinge.backend.installed import load_backend, usable_backends
from hinge.binding.plan import MISSING, Argument, Source
from hinge.cli.routes import methods_of
from hinge.cli.target import load_app, targeted
from hinge.compiling.endpoints import Judged, unmet_need
from hinge.compiling.frozen import Endpoint
from hinge.config import Config
from hinge.dependencies.compose import Composed
from hinge.dependencies.graph import Needs
from hinge.dependencies.mixed import parts_of
from hinge.diagnostics.kinds import shown
from hinge.diagnostics.location import qualified_name
from hinge.http.body import UNLIMITED
from hinge.inspection.annotations import class_of, members
from hinge.responses.streaming import StreamingResponse
from hinge.results.returns import is_stream
from hinge.routing import Route

_NAMED = (Source.PATH, Source.QUERY, Source.HEADER, Source.COOKIE, Source.FORM)
_LIMITS = ("sync_threads", "stream_threads", "threads", "max_query_fields", "max_message_size", "graceful_timeout")


@click.command("explain")
@targeted
@click.option("--backend", metavar="NAME", help="The one backend to explain [default: all that are installed].")
@click.pass_context
def command(ctx: click.Context, target: str, backend: str | None, *, factory: bool) -> None:
    """Say for every route of TARGET where its handler runs on each backend, and what surrounds it.

    Exit 1 if the app does not compile; each mistake stands at its route.
    """
    app = load_app(target, factory=factory)
    backends = {backend: load_backend(backend)} if backend else usable_backends()
    judged = [one for part in app.parts() for one in part.everything]
    for one in judged:
        click.echo(f"{methods_of(one.route)} {one.route.template.text}")
        for label, text in _lines(one, backends):
            click.echo(f"    {label:<11} {text}")
        click.echo()
    click.echo("limits")
    for key in _LIMITS:
        click.echo(f"    {key:<16} {_amount(app.config, key)}")
    if any(one.mistakes for one in judged):
        ctx.exit(1)


def _lines(judged: Judged, backends: dict[str, Backend]) -> Iterator[tuple[str, str]]:
    route, endpoint, mistakes = judged
    yield "handler", f"{qualified_name(route.handler)} ({route.location})"
    for mistake in mistakes:
        yield "error", mistake
    if endpoint is None:
        return
    for name, backend in backends.items():
        yield name, _placement(route, endpoint, backend)
    yield from _arguments(endpoint)
    yield from _dependencies(endpoint)
    layers = [f"{layer.name} ({layer.location})" for layer in endpoint.layers]
    if endpoint.plan.session is not None:
        yield "session", layers.pop()  # the innermost
    yield "middleware", ", ".join(layers) or "none"


def _placement(route: Route, endpoint: Endpoint, backend: Backend) -> str:
    match unmet_need(route, endpoint, backend.features):
        case Feature.WEBSOCKET:
            return "not served: it has no WebSocket routes; GET is answered with 426"
        case Feature.STREAMING:
            return "not served: it cannot send event streams; answered with 501"
    if endpoint.is_handed_over(backend.interface):
        return "handed over as the server has it: nothing is around it"
    lacks = [feature.without for feature in _used(endpoint) if feature not in backend.features]
    try:
        placement: Any = backend.placement(endpoint.plan)
    except KeyboardInterrupt:  # the user's
        raise
    except BaseException as error:  # noqa: BLE001 - the other backends are explained all the same
        return f"not told: {shown(error)}"
    if not isinstance(placement, str):
        return f"not told: its placement is {shown(placement)}"
    return "; ".join((" ".join(placement.split()), *lacks))


def _used(endpoint: Endpoint) -> Iterator[Feature]:
    """Yield what an endpoint may make use of, and does without where it has to."""
    plan = endpoint.plan
    if plan.streams_body:
        yield Feature.DUPLEX
    if plan.is_generator or any(_streams(member) for member in members(plan.returns)):
        yield Feature.STREAMING
    if endpoint.layers or plan.needs_request:
        yield Feature.AFTER_RESPONSE


def _streams(member: Any) -> bool:
    kind = class_of(member)
    return isinstance(kind, type) and (is_stream(kind) or issubclass(kind, StreamingResponse))


def _arguments(endpoint: Endpoint) -> Iterator[tuple[str, str]]:
    plan = endpoint.plan
    shown = [one for one in plan.arguments if not one.name.startswith("(")]  # those are the framework's
    head = [_argument(one) for one in shown if one.source not in (Source.BODY, Source.STREAM)]
    yield "arguments", ", ".join(head) or "none"
    limit = _size(endpoint.max_body_size)
    if endpoint.max_body_size == UNLIMITED:
        yield "body", "read by the application as it arrives, with limits of its own"
    elif plan.streams_body:
        yield "body", f"read by the handler as it arrives, at most {limit}"
    elif plan.reads_form:
        yield "body", f"a form, parsed before the call as it arrives, at most {limit}"
    elif plan.body is not None:
        yield "body", f"read before the call into {_type_name(plan.body.type)}, at most {limit}"
    elif plan.reads_body:
        yield "body", f"read before the call (the handler takes the Request), at most {limit}"
    else:
        yield "body", "not read"


def _dependencies(endpoint: Endpoint) -> Iterator[tuple[str, str]]:
    """Yield what is called before the handler, in order: which it is, how, and where."""
    composed = endpoint.plan.composed
    if composed is None:
        return
    needs = composed.needs
    for number, node in enumerate(needs.order, 1):
        provider = node.provider
        before = ", before the body" if composed.is_guarded and number <= needs.guards else ""
        how = "read of the head" if node.credential else f"{provider.scope}-scoped, {provider.colour.value}"
        yield f"needs {number}", f"{provider.name} ({provider.location}): {how}{before}"
    if needs.schemes:
        yield "security", _security(needs)
    yield "hops", "; then ".join(_hops(composed))


def _security(needs: Needs) -> str:
    """Return what is wanted of whoever asks."""
    schemes: Any = needs.schemes
    wanted = (
        " or ".join(type(one).__name__ for one in scheme.members) + (" (optional)" if scheme.optional else "")
        for scheme in schemes
    )
    return " and ".join(wanted) + (f"; scopes {' '.join(needs.scopes)}" if needs.scopes else "")


def _hops(composed: Composed) -> Iterator[str]:
    """Yield what runs in a row in one place."""
    steps = (*composed.steps, composed.handler)
    rows = [steps[: composed.guards], steps[composed.guards :]] if composed.is_guarded else [steps]
    for row in rows:
        for part in parts_of(row):
            names = ", ".join(step.who.partition(" (")[0].partition(" ")[2] for step in part.steps)
            yield f"{'plain' if part.is_plain else 'awaited'}: {names}"


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
