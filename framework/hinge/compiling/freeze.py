"""The parts of an app -> the frozen app that a backend is given, or everything that is wrong with them.

Law: from here on no app that takes part takes anything more.
"""

from collections.abc import Sequence

from hinge.backend.contract import Backend
from hinge.backend.installed import options_of
from hinge.compiling import automatic
from hinge.compiling.endpoints import uncancelled, unmet_needs
from hinge.compiling.frozen import FrozenApp
from hinge.compiling.mounts import Part, Tables, all_lifespans, planned_of, unknown_overrides
from hinge.diagnostics.location import caller
from hinge.errors import ConfigurationError


def mistakes_of(parts: Sequence[Part], target: Backend, *, skip_unsupported: bool) -> list[str]:
    """Return a line for everything that is wrong, and for every need that the backend does not meet."""
    judged = [one for part in parts for one in part.everything]
    found = [mistake for one in judged for mistake in one.mistakes] + uncancelled(judged, target)
    found += unknown_overrides(parts) + _shared_cookies(parts) + _unobserved(parts, target)
    found += [line for part in parts for line in _undescribed(part)]
    return found if skip_unsupported else found + unmet_needs(judged, target)


def _shared_cookies(parts: Sequence[Part]) -> list[str]:
    """Return a line for each declaration of sessions whose cookie is another one's: they would undo each other's."""
    declared = list(dict.fromkeys(found for part in parts if (found := part.frame.sessions) is not None))
    first = {one.name: one for one in reversed(declared)}
    return [
        f"Sessions(...) ({one.location}): its cookie {one.name} is that of Sessions(...) ({first[one.name].location}), "
        "too. Fix: Sessions(..., cookie='another'), or one of the two for both apps"
        for one in declared
        if first[one.name] is not one
    ]


def _unobserved(parts: Sequence[Part], target: Backend) -> list[str]:
    """Return a line if nobody would be told of requests: a backend of an earlier contract knows of no observers."""
    observer = next((one for part in parts for one in part.declared.observers), None)
    if observer is None or target.contract >= (2, 1):
        return []
    who, version = f"app.observe({type(observer).__name__}(...))", ".".join(map(str, target.contract))
    written = f"backend {target.name!r} is written for contract {version}, which has no observers"
    return [f"{who}: {written}. Fix: update the backend, or observe nothing"]


def _undescribed(part: Part) -> list[str]:
    """Return a line for each route of a part whose security schemes cannot be described."""
    planned = [(one.route, one.endpoint.plan) for one in part.judged if one.endpoint is not None]
    if not any(plan.composed is not None and plan.composed.needs.schemes for _, plan in planned):
        return []
    from hinge.openapi.security import undescribed  # noqa: PLC0415 - only apps with schemes pay for it

    return undescribed(part.app, planned)


def frozen_app(
    parts: Sequence[Part], target: Backend, *, skip_unsupported: bool, documented: Sequence[Part] | None = None
) -> FrozenApp:
    """Return the frozen app for a backend; the first of the parts is the outermost one.

    Its documents are of the parts that are `documented`, by default the same.

    Raises:
        ConfigurationError: with a line for every mistake, or for the first one in the backend's options.
    """
    options = options_of(target)
    mistakes = mistakes_of(parts, target, skip_unsupported=skip_unsupported)
    if mistakes:
        raise ConfigurationError("\n".join(mistakes))
    place, tables = caller(), Tables()
    for part, shown in zip(parts, documented or parts, strict=True):
        part.declared.compiled_at = part.declared.compiled_at or place
        tables.add(part, *planned_of(part, shown), features=target.features)
    tables.finish()
    outermost, frame = parts[0].declared, parts[0].frame
    wrappers = outermost.wrappers.get(target.interface, ())
    return FrozenApp(
        app=outermost.app,
        config=outermost.app.config,
        table=tables.http,
        not_found=tables.not_found,
        refused=tables.refused,
        distrusted=tables.distrusted,
        websockets=tables.websockets,
        websocket_not_found=frame.automatic(automatic.websocket_not_found),
        errors=frame.errors,
        lifespans=all_lifespans(parts),
        features=target.features,
        wrappers=wrappers,
        exposes_route=bool(wrappers) or outermost.is_wrapped or outermost.app.config.expose_route,
        options=options,
    )
