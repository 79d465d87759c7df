"""Whether something is a WSGI or an ASGI application.

Law: nothing is called to find out. What counts is how it would be called: two arguments are WSGI's, three are ASGI's.
What leaves that open is an error that names the line to write.
"""

import functools
import inspect
from typing import Any, Literal

from hinge.diagnostics.kinds import shown
from hinge.diagnostics.location import qualified_name
from hinge.errors import ConfigurationError

Interface = Literal["wsgi", "asgi"]

_CALLS = {"wsgi": "(environ, start_response)", "asgi": "(scope, receive, send)"}
_TAKES_NOTHING = "it is called as ()"
_BY_COUNT: dict[int, Interface] = {2: "wsgi", 3: "asgi"}


def interface_of(app: Any, told: str | None, who: str) -> Interface:
    """Return the protocol of an application; `told` is what its user says, None: nothing.

    Raises:
        ConfigurationError: it is no application, its protocol cannot be told, or is another one than the user says.
    """
    if told not in (None, "wsgi", "asgi"):
        raise ConfigurationError(f"{who}: interface={shown(told)} is neither. Fix: interface='wsgi', or 'asgi'")
    if not callable(app):
        raise ConfigurationError(
            f"{who}: {shown(app)} is no application: it cannot be called. "
            "Fix: give a hinge.App, or the WSGI or ASGI application itself"
        )
    found, why = _found(app)
    if told is None:
        if found is None:
            fix = 'say it, as in mount(..., interface="wsgi") or "asgi"'
            if why == _TAKES_NOTHING:
                fix = f"call it, if that makes one: {_named(app).rpartition('.')[2]}()"
            raise ConfigurationError(
                f"{who}: it cannot be told whether {_named(app)} is a WSGI or an ASGI application: {why}. Fix: {fix}"
            )
        return found
    if found is not None and found != told:
        raise ConfigurationError(
            f"{who}: interface={told!r}, but {_named(app)} is called as {_CALLS[found]}. "
            f"Fix: leave interface= out, or interface={found!r}"
        )
    return "wsgi" if told == "wsgi" else "asgi"


def _found(app: Any) -> tuple[Interface | None, str]:
    """Return the protocol, or None and why it cannot be told."""
    if inspect.isclass(app):
        called: Any = app  # each request makes an object of it, which WSGI iterates and ASGI awaits
    else:
        called = app if inspect.isroutine(app) or isinstance(app, functools.partial) else app.__call__
    try:
        signature = inspect.signature(called)
    except (TypeError, ValueError):
        return None, "its signature cannot be read"
    parameters = [
        one for one in signature.parameters.values() if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
    ]
    needed = [one for one in parameters if one.default is one.empty]
    takes = f"it is called as {_written(signature)}"
    if any(one.kind is one.VAR_POSITIONAL for one in signature.parameters.values()):
        return None, takes
    if any(one.kind is one.KEYWORD_ONLY and one.default is one.empty for one in signature.parameters.values()):
        return None, takes
    possible: list[Interface] = [_BY_COUNT[count] for count in _BY_COUNT if len(needed) <= count <= len(parameters)]
    if len(possible) != 1 or not needed:
        return None, takes
    if inspect.isclass(app) and {one.name for one in needed}.isdisjoint(_NAMES[possible[0]]):
        return None, f"{takes}, and is a class"
    if possible[0] == "wsgi" and _is_async(called):
        return None, f"{takes}, but is an async function"
    return possible[0], ""


_NAMES = {"wsgi": {"environ", "env", "start_response"}, "asgi": {"scope", "receive", "send"}}
"""What the parameters of a class are called that makes an object for each request; others take anything."""


def _is_async(called: Any) -> bool:
    while isinstance(called, functools.partial):
        called = called.func
    return inspect.iscoroutinefunction(called) or inspect.isasyncgenfunction(called)


def _written(signature: inspect.Signature) -> str:
    bare = (
        f"{one.name}=..." if one.default is not one.empty else str(one.replace(annotation=one.empty))
        for one in signature.parameters.values()
    )
    return f"({', '.join(bare)})"


def _named(app: Any) -> str:
    return qualified_name(app)
