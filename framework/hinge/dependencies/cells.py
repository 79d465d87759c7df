"""Where the value of an app-scoped provider is while the worker lives."""

from typing import Any

from hinge.errors import ConfigurationError

_EMPTY: Any = object()


class Cell:
    """The value of one app-scoped provider, for one compiled application in one process."""

    __slots__ = ("_value", "who")

    def __init__(self, who: str) -> None:
        self.who = who
        self._value = _EMPTY

    def fill(self, value: Any) -> None:
        """Keep the value from now on."""
        self._value = value

    def clear(self) -> None:
        """Forget the value: it has ended."""
        self._value = _EMPTY

    def get(self) -> Any:
        """Return the value.

        Raises:
            ConfigurationError: the lifespan has not started, or has stopped.
        """
        if self._value is _EMPTY:
            raise ConfigurationError(
                f"{self.who}: its value is there between the start and the stop of the worker only"
            )
        return self._value
