"""What a handler declares of sessions -> the layer that gives it one, or the mistake in it."""

from typing import Any

from hinge.binding.plan import Argument, HandlerPlan, Source
from hinge.errors import ConfigurationError
from hinge.lifespan import Lifespan
from hinge.middleware.layer import Layer
from hinge.sessions.layer import session_layer
from hinge.sessions.sessions import Sessions
from hinge.sessions.typed import shape_of


def layer_for(sessions: Sessions | None, plan: HandlerPlan) -> Layer:
    """Return the layer of a handler that takes a session, or needs what does.

    Raises:
        ConfigurationError: the app has no sessions, or what is taken is none.
    """
    for one in plan.arguments:
        if one.source is Source.SESSION:
            _check(one, sessions, plan)
    made = vars(sessions)
    if "layer" not in made:  # which all its routes share: it knows whether the store answers
        made["layer"] = session_layer(sessions)  # type: ignore[arg-type]  # checked
    layer: Layer = made["layer"]
    return layer


def _check(argument: Argument, sessions: Sessions | None, plan: HandlerPlan) -> None:
    who = f"{_taker(argument, plan)}: parameter {argument.name.rpartition('.')[2]!r}"
    if sessions is None:
        raise ConfigurationError(f"{who} is a session, and the app has none. Fix: App(sessions=Sessions(keys=[...]))")
    try:
        shape_of(argument.type)
    except ValueError as error:
        raise ConfigurationError(f"{who}: {error}") from None


def _taker(argument: Argument, plan: HandlerPlan) -> str:
    """Return who takes an argument: the handler, or a dependency of it."""
    for node in plan.composed.needs.order if plan.composed is not None else ():
        if any(one.source is Source.SESSION and one.type == argument.type for one in node.provider.arguments):
            return f"{node.provider.describe()}, needed by {plan.describe()}"
    return plan.describe()


def closing(sessions: Sessions) -> list[Lifespan]:
    """Return what lets go of a store's connections when the worker stops; nothing where it has none."""
    store = sessions.store
    if store is None or not store.waits:
        return []

    def close(_app: Any) -> Any:
        yield
        store.close()

    return [Lifespan(close, is_async=False, name="hinge.sessions.Sessions", location=sessions.location)]
