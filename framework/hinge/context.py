"""Context variables when a request goes on in another thread or task.

Law: they travel both ways. What a handler sets is seen by the middleware around it, whichever thread either of them ran
in; nothing is seen by another request.
"""

from contextvars import Context, ContextVar
from typing import Any

_UNSET: Any = object()


def carry_back(context: Context, *, leave: ContextVar[Any] | None = None) -> None:
    """Set here what was set in a copy of this context, except the variable `leave`."""
    for variable, value in context.items():
        if variable is not leave and variable.get(_UNSET) is not value:
            variable.set(value)
