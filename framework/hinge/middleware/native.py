"""Native middleware: what wraps the compiled callable and speaks the server's protocol, as the app is given it.

Law: nothing of it is called before the app is compiled.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from hinge.diagnostics.location import caller
from hinge.errors import ConfigurationError

Wrapper = Callable[[Any], Any] | tuple[Callable[..., Any], dict[str, Any]]
"""Native middleware: `app -> app`, or `(factory, keywords)` for `factory(app, **keywords)`."""


def wrappers_of(given: Any, where: str) -> tuple[Callable[[Any], Any], ...]:
    """Return the wrappers that an app is given as `where`, each as `app -> app`.

    Raises:
        ConfigurationError: it is no list of them.
    """
    if isinstance(given, str | Mapping) or not isinstance(given, Iterable):
        raise ConfigurationError(f"App({where}={given!r}) ({caller()}): it is no list. Fix: {where}=[...]")
    return tuple(_wrapper(one, where) for one in given)


def _wrapper(wrapper: Wrapper, where: str) -> Callable[[Any], Any]:
    if isinstance(wrapper, tuple) and len(wrapper) == 2 and callable(wrapper[0]) and isinstance(wrapper[1], Mapping):
        factory, keywords = wrapper
        return lambda application: factory(application, **keywords)
    if not callable(wrapper):
        raise ConfigurationError(
            f"App({where}=...) ({caller()}): {wrapper!r} is none. Fix: give `app -> app` or (factory, keywords)"
        )
    return wrapper
