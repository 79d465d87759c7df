"""What is told of a type, remembered."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, TypeVar

T = TypeVar("T")


def remembered(function: Callable[..., T]) -> Callable[..., T]:
    """Return a function of types that works once for each; anew for one whose metadata cannot be hashed."""
    cached = lru_cache(maxsize=1024)(function)

    @wraps(function)
    def found(*kinds: Any) -> T:
        try:
            return cached(*kinds)
        except TypeError:
            return function(*kinds)

    return found
