"""State: what the lifespan yielded, and what a request adds to it.

Law: a mapping whose keys can be read as attributes; each request has a copy of its own, so nothing leaks between two.
Keys that are named like a method of a mapping (`items`, `get`) are read as `state["items"]` only.
"""

from typing import Any

MOUNTED = "hinge.mounted"
"""Where the lifespans' state holds that of mounted apps, by a key for each."""


class State(dict[str, Any]):
    """Hold values by name: `state["db"]` and `state.db` are the same."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"the state has no {name!r}; it has {', '.join(sorted(self)) or 'nothing'}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        if hasattr(dict, name):
            # Reading it as an attribute would give the method of that name, and never the value.
            raise AttributeError(f"state.{name} is a method of every mapping. Fix: state[{name!r}]")
        self[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self[name]
        except KeyError:
            raise AttributeError(f"the state has no {name!r}") from None
