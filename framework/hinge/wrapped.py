"""An app inside of somebody else's wrapper, as `app = SomeMiddleware(app)` leaves it: found, and served through it.

Law: what cannot be told is refused, with the line to write. A wrapper holds the app as an attribute, in a closure, as
an argument of a `functools.partial` or by a name of its module, or it holds another wrapper so. What lies in a list or
a dict is no wrapped app, but one of several that something else chooses between. The wrapper is served, and calls the
app itself.
"""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType, MemberDescriptorType, MethodType
from typing import Any, NamedTuple

from hinge.app import App
from hinge.diagnostics.location import qualified_name
from hinge.errors import ConfigurationError
from hinge.mounted.told_apart import Interface, interface_of


class Wrapped(NamedTuple):
    """An app, and the wrapper that is to be called in its place."""

    app: App
    outermost: Callable[..., Any]
    interface: Interface
    """The protocol in which the wrapper is called."""

    def check(self, who: str, backend: Any) -> None:
        """Refuse a backend of another protocol than the wrapper's.

        Raises:
            ConfigurationError: it begins with `who`.
        """
        if backend.interface != self.interface:
            fix = f"backend {self.interface!r}"
            if backend.interface in ("wsgi", "asgi"):
                fix += f", or in place of the wrapper App({backend.interface}_middleware=[...])"
            raise ConfigurationError(
                f"{who} is {qualified_name(self.outermost)} around the app, which speaks {self.interface.upper()}, and "
                f"backend {backend.name!r} does not. Fix: {fix}"
            )

    def around(self, application: Any) -> Any:
        """Return the wrapper with the life of the compiled app inside of it.

        Raises:
            ConfigurationError: what the backend compiled cannot be inside of anything.
        """
        inside = getattr(application, "inside", None)
        if inside is None:
            what = f"{qualified_name(self.outermost)} around the app: this backend serves no wrapper"
            raise ConfigurationError(f"{what}. Fix: App({self.interface}_middleware=[...])")
        return inside(self.outermost)

    def reach(self, application: Any) -> None:
        """Have the wrapper reach what a backend compiled, when it calls the app."""
        self.app._answer_with(self.interface, application)

    @contextmanager
    def reaching(self, application: Any, who: str) -> Iterator[None]:
        """Do the same meanwhile.

        Raises:
            ConfigurationError: somebody else does; it begins with `who`.
        """
        key = id(self.app), self.interface
        others = _REACHED.setdefault(key, [])
        if any(other is not application for other in others):
            what = "another Client has the wrapped app open, compiled in another way"
            raise ConfigurationError(f"{who}: {what}. Fix: close that one first")
        others.append(application)
        self.reach(application)
        try:
            yield
        finally:
            others.pop()
            if not others:
                del _REACHED[key]
                self.app._answer_with(self.interface, None)


_REACHED: dict[tuple[int, str], list[Any]] = {}
"""What the wrappers reach that clients have open."""


_OF_PROTOCOLS = frozenset(("environ", "env", "start_response", "scope", "receive", "send"))
"""What functions that are applications call their parameters."""


def wrapped(found: Any, who: str) -> Wrapped | None:
    """Return the app that something wraps, and how it is called; None: it is no wrapper of one.

    Raises:
        ConfigurationError: it wraps several, or what was compiled of one, or its protocol cannot be told; it begins
            with `who`.
    """
    if _is(found, type) or not callable(found):
        return None
    reached = list(_reached(found))
    if not reached:
        return None
    name = _value(qualified_name, found) or type(found).__qualname__
    fix = "App(wsgi_middleware=[...], asgi_middleware=[...])"
    if not all(isinstance(one, App) for one in reached):
        wrap = f"{type(found).__name__}(app), with the app itself"
        raise ConfigurationError(f"{who} is {name} around what the app was compiled to. Fix: {wrap}; or {fix}")
    if len(reached) > 1:
        titles = ", ".join(repr(one.title) for one in reached)
        raise ConfigurationError(f"{who} is {name} around several apps: {titles}. Fix: {fix} of the one to serve")
    try:
        interface = interface_of(found, None, who)
    except ConfigurationError as error:
        raise ConfigurationError(f"{str(error).partition(' Fix: ')[0]} Fix: {fix}") from None
    reached[0]._be_wrapped()
    return Wrapped(reached[0], found, interface)


def _reached(outermost: Any) -> Iterator[Any]:
    """Yield the apps that wrappers lead to, and what apps were compiled to."""
    pending, seen = [outermost], {id(outermost)}
    while pending:
        for held in _held(pending.pop()):
            if id(held) in seen or not callable(held) or _is(held, type):
                continue
            seen.add(id(held))
            if _is(held, App) or _is_compiled(held):
                yield held
            else:
                pending.append(held)


def _is_compiled(held: Any) -> bool:
    return _is(held, FunctionType) and {"start", "drain", "stop"} <= vars(held).keys()


def _is(held: Any, kind: Any) -> bool:
    """Tell what `isinstance` does; proxies ask what they stand for, and may stand for nothing yet."""
    return bool(_value(isinstance, held, kind))


def _held(wrapper: Any) -> Iterator[Any]:
    """Yield what a callable holds."""
    if _is(wrapper, functools.partial):
        yield from (wrapper.func, *wrapper.args, *wrapper.keywords.values())
    elif _is(wrapper, MethodType):
        yield from (wrapper.__self__, wrapper.__func__)
    elif _is(wrapper, FunctionType):
        yield from (_value(getattr, cell, "cell_contents") for cell in wrapper.__closure__ or ())
        yield from (*(wrapper.__defaults__ or ()), *(wrapper.__kwdefaults__ or {}).values())
        code = wrapper.__code__
        if not _OF_PROTOCOLS.isdisjoint(code.co_varnames[: code.co_argcount]):  # any function may name an app
            named = map(wrapper.__globals__.get, code.co_names)
            yield from (one for one in named if _is(one, App))
    else:
        slots = [slot for kind in type(wrapper).__mro__ for slot in vars(kind).values()]
        yield from (_value(slot.__get__, wrapper) for slot in slots if isinstance(slot, MemberDescriptorType))
    yield from (_value(getattr, wrapper, "__dict__") or {}).values()


def _value(read: Callable[..., Any], *args: Any) -> Any:
    """Return what is read; None for a cell or a slot that is empty, and for what cannot be looked at."""
    try:
        return read(*args)
    except Exception:  # noqa: BLE001 - whatever an object's own attributes raise
        return None
