"""Calls of the public interface whose arguments do not fit: told like every other mistake of a declaration.

Law: nothing is looked at unless the call failed; a `TypeError` from further in is somebody else's and goes on as it is.
"""

import functools
import inspect
import reprlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ParamSpec, TypeVar

from hinge.diagnostics.location import caller
from hinge.errors import ConfigurationError

P = ParamSpec("P")
R = TypeVar("R")


def fits(function: Callable[P, R]) -> Callable[P, R]:
    """Have a call that does not fit the decorated method's parameters raise a `ConfigurationError`."""

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except TypeError as error:
            if is_from_within(error):
                raise
            signature = inspect.signature(function)
            owner, _, name = function.__qualname__.rpartition(".")
            receiver = type(args[0]).__name__ if args else owner
            what = receiver if name == "__init__" else f"{receiver}.{name}"
            raise misfit(
                what, kwargs, signature, error, settings=getattr(args[0] if args else None, "_settings", ())
            ) from None

    return checked


def is_from_within(error: TypeError) -> bool:
    """Tell whether an error that a call raised comes from the code of what was called."""
    frames = error.__traceback__
    return frames is not None and frames.tb_next is not None


def misfit(
    what: str,
    keywords: Mapping[str, Any],
    signature: inspect.Signature,
    error: TypeError,
    noun: str = "argument",
    *,
    settings: Iterable[str] = (),
) -> ConfigurationError:
    """Return the error of a call with these keywords, which a function of this signature does not take.

    `settings` are names that go into a `Config`.
    """
    known = [name for name in signature.parameters if name != "self"]
    takes_any = any(one.kind is one.VAR_KEYWORD for one in signature.parameters.values())
    unknown = [] if takes_any else [keyword for keyword in keywords if keyword not in known]
    if unknown:
        place = f"{what}({unknown[0]}=...) ({caller()})"
        fix = instead(what, unknown[0], known)
        if unknown[0] in settings:
            fix = f"config=Config({unknown[0]}={reprlib.repr(keywords[unknown[0]])})"
        return ConfigurationError(f"{place}: there is no {noun} {unknown[0]!r}. Fix: {fix}")
    if list(known) == ["function"]:
        return ConfigurationError(f"{what}() ({caller()}) has no function. Fix: a decorator without parentheses")
    takes = _outline(signature)
    if what.endswith(".route") and "methods" not in keywords:
        takes = "methods=['GET'], or is @app.get(path)"
    why = str(error).partition(") ")[2] or str(error).lower()
    return ConfigurationError(f"{what}(...) ({caller()}): {why}. Fix: it takes {takes}")


def no_attribute(owner: object, name: str) -> AttributeError:
    """Return the error of an attribute that there is not, with what to write if it has another name here."""
    from hinge.diagnostics.elsewhere import attribute  # noqa: PLC0415 - only what fails pays for it

    kind = type(owner).__name__
    said = f"{kind} has no attribute {name!r}"
    if fix := attribute(kind.lower(), name):
        said += f". Fix: {fix}"
    elif not name.startswith("_"):
        import difflib  # noqa: PLC0415 - only a misspelt name pays for it

        public = [known for known in dir(type(owner)) if not known.startswith("_")]
        near = difflib.get_close_matches(name, public, n=1, cutoff=0.65)
        said += f". Fix: did you mean {near[0]!r}?" if near else ""
    return AttributeError(said, name=name, obj=owner)


def refuse_attribute(owner: object, name: str) -> None:
    """Refuse to set what other frameworks read there, and nobody would here.

    Raises:
        ConfigurationError: it is such an attribute.
    """
    from hinge.diagnostics.elsewhere import attribute  # noqa: PLC0415 - an app that sets nothing pays for nothing

    kind = type(owner).__name__
    fix = _COMPILED.get(name) if kind == "App" else None
    fix = fix or (f"{kind.lower()}.configure(Config(...))" if name == "config" else attribute(kind.lower(), name))
    if fix is not None:
        raise ConfigurationError(f"{kind}.{name} = ... ({caller()}): nobody reads it. Fix: {fix}")


_COMPILED = {name: f"App({name}_middleware=[...]), or app = Middleware(app)" for name in ("wsgi", "asgi")}
"""What to write in place of a callable that was replaced, which `hinge run` and the client make anew."""


def _outline(signature: inspect.Signature) -> str:
    """Return the parameters as they are given in a call: their names, `=...` where they may be left out."""
    shown, by_keyword = [], False
    for name, one in signature.parameters.items():
        if name == "self":
            continue
        if one.kind is one.KEYWORD_ONLY and not by_keyword:
            by_keyword = True
            shown.append("*")
        bare = str(one.replace(annotation=one.empty, default=one.empty))  # with its stars
        shown.append(bare if one.default is one.empty else f"{name}=...")
    return f"({', '.join(shown)})"


def instead(what: str, name: Any, known: Iterable[str]) -> str:
    """Return what to write for an argument that `what` does not take: as `nearest`, or the word for another's."""
    from hinge.diagnostics.elsewhere import argument  # noqa: PLC0415 - only what fails pays for it

    return argument(what, name) or nearest(name, known)


def nearest(name: Any, known: Iterable[str]) -> str:
    """Return `did you mean 'x'?`, or all there is."""
    names = list(known)
    found = near(name, names)
    return f"did you mean {found!r}?" if found else f"use one of {', '.join(names)}"


def near(name: Any, known: Iterable[str], cutoff: float = 0.65) -> str | None:
    """Return the known name that is most like another one, None if none is as like as `cutoff`: 0 to 1."""
    names = list(known)
    if not names:
        return None
    import difflib  # noqa: PLC0415 - only a misspelt name pays for it

    return next(iter(difflib.get_close_matches(str(name).lower(), names, n=1, cutoff=cutoff)), None)
