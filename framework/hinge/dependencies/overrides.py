"""What stands for providers: an app's own, or a test client's.

Law: a name that nothing needs is a mistake, as a misspelt one would be. A client's override goes before an app's, and
that of an app inside before that of the app around it.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any

import msgspec

from hinge.dependencies.provider import key_of, said
from hinge.diagnostics.kinds import shown
from hinge.errors import ConfigurationError

Overrides = Mapping[Callable[..., Any], Callable[..., Any]]
"""What stands for a provider, by the one that `Depends` names."""


class Override(msgspec.Struct, frozen=True, eq=False):
    """A function that is called in place of a provider."""

    named: Callable[..., Any]
    """What `Depends` names."""
    function: Callable[..., Any]
    where: str
    """Who said so, as messages begin with it."""


def overrides_of(given: Any, where: str) -> tuple[Override, ...]:
    """Return what a mapping of overrides holds; `where` begins the messages.

    Raises:
        ConfigurationError: it is none, or something in it cannot be called.
    """
    if not isinstance(given, Mapping):
        raise ConfigurationError(f"{where}: {shown(given)} is no mapping. Fix: overrides={{session: other_session}}")
    for one in (*given, *given.values()):
        if not callable(one):
            raise ConfigurationError(f"{where}: {shown(one)} cannot be called. Fix: lambda: {shown(one)}")
    return tuple(Override(named, function, where) for named, function in given.items())


class Overriding:
    """The overrides that hold in one app, and which of all were needed: `used` is shared by all apps of a compile."""

    def __init__(
        self, clients: Iterable[Override] = (), own: Iterable[Override] = (), used: set[Override] | None = None
    ) -> None:
        self._clients = {key_of(one.named): one for one in clients}
        self._own = {key_of(one.named): one for one in own}
        self._used = set() if used is None else used

    def within(self, own: Iterable[Override]) -> "Overriding":
        """Return what holds in an app inside of this one, which has some of its own."""
        return Overriding(self._clients.values(), [*self._own.values(), *own], self._used)

    def is_clients(self, function: Callable[..., Any]) -> bool:
        """Tell whether a client has asked for a function in place of a provider."""
        return any(one.function is function for one in self._clients.values())

    def of(self, key: Hashable) -> Override | None:
        """Return what stands for a provider, by its key."""
        found = [one for one in (self._clients.get(key), self._own.get(key)) if one is not None]
        self._used.update(found)
        return found[0] if found else None

    def unused(self) -> list[Override]:
        """Return those that nothing has asked for so far."""
        return [one for one in (*self._clients.values(), *self._own.values()) if one not in self._used]


def not_needed(overrides: Iterable[Override]) -> list[str]:
    """Return a line for each override of what nothing needs."""
    return [
        f"{one.where}: {said(one.named)} is needed by no route. Fix: name the function that Depends names"
        for one in dict.fromkeys(overrides)
    ]
