"""Context variables when a request goes on in another thread or task.

Law: they travel both ways. What a handler sets is seen by the middleware around it, whichever thread either of them ran
in; nothing is seen by another request. What a stream sets is the stream's own until it is closed.
"""

from contextvars import Context, ContextVar, copy_context
from typing import Any

request_id: ContextVar[str | None] = ContextVar("hinge.request_id", default=None)
"""The id of this request, which `RequestID` sets; here, because the log shows it."""

observation: ContextVar[Any] = ContextVar("hinge.observation", default=None)
"""The `Mark` of this request, where somebody observes it; here, because failures are noted there."""

_UNSET: Any = object()


def carry_back(context: Context, *, leave: ContextVar[Any] | None = None) -> None:
    """Set here what was set in a copy of this context, except the variable `leave`."""
    for variable, value in context.items():
        if variable is not leave and variable.get(_UNSET) is not value:
            variable.set(value)


class StreamContext:
    """The one context of a stream, from its first step to its close: a copy of its request's.

    Middleware is left after the first step, and resets what it has set. So what the stream has set itself stays as it
    is, and everything else follows the request. The variable `leave` is never carried.
    """

    __slots__ = ("_at_first", "_leave", "_shown", "context")

    def __init__(self, *, leave: ContextVar[Any] | None = None) -> None:
        self.context = copy_context()
        self._leave = leave
        self._at_first = self._shown = self.context.copy()

    def show(self) -> None:
        """Set here, in the request's context, what the first step has set."""
        carry_back(self.context, leave=self._leave)
        self._shown = self.context.copy()

    def go_on(self) -> None:
        """Take over what was set here since, unless the stream has set it itself."""
        context, at_first, shown = self.context, self._at_first, self._shown
        for variable, value in copy_context().items():
            if variable is self._leave or context.get(variable, _UNSET) is value:
                continue
            if shown.get(variable, _UNSET) is at_first.get(variable, _UNSET):
                for taking in (context, at_first):
                    taking.run(variable.set, value)

    def end(self) -> None:
        """Set here what the stream leaves behind, once it is closed."""
        context, at_first, shown = self.context, self._at_first, self._shown
        for variable in {*context, *shown}:
            value, before = context.get(variable, _UNSET), at_first.get(variable, _UNSET)
            here = variable.get(_UNSET)
            if variable is self._leave or here is value:
                continue
            # What it has taken back is taken back here, too, unless somebody has set it since.
            if value is not before or here is shown.get(variable, _UNSET) is not before:
                _set(variable, value)


def _set(variable: ContextVar[Any], value: Any) -> None:
    """Set a variable; one that is unset can only have its default again, if it has one."""
    if value is _UNSET:
        try:
            value = Context().run(variable.get)
        except LookupError:
            return
    variable.set(value)
