"""What stands for an argument that the request does not bring.

Law: a required one has no such value; a mutable default is made anew for each request.
"""

import copy
from collections.abc import Callable
from typing import Any

from hinge.binding.plan import MISSING

REQUIRED = "is required"


def is_shareable(default: Any) -> bool:
    """Tell whether all requests may share a default."""
    try:
        return copy.deepcopy(default) is default
    except Exception:  # noqa: BLE001 - what refuses to be copied is shared, as in any Python function
        return True


def absence(default: Any) -> Callable[[], Any]:
    """Return what gives the value of an absent argument; it raises ValueError for a required one."""
    if default is MISSING:
        return _required
    if is_shareable(default):
        return lambda: default
    return lambda: copy.deepcopy(default)


def _required() -> Any:
    raise ValueError(REQUIRED)
