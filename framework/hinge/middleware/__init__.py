"""Middleware: generators that yield once, written once for both colours; and ready-made ones, one to a file."""

from typing import TYPE_CHECKING, Any

from hinge.middleware.compose import compose, compose_async
from hinge.middleware.layer import AsyncMiddleware, Layer, Middleware, layer_of

if TYPE_CHECKING:
    from hinge.middleware.compression import Compression
    from hinge.middleware.cors import CORS

__all__ = ["CORS", "AsyncMiddleware", "Compression", "Layer", "Middleware", "compose", "compose_async", "layer_of"]

_READY_MADE = {"CORS": "hinge.middleware.cors", "Compression": "hinge.middleware.compression"}
"""Loaded by who names them: an app without them pays nothing."""


def __getattr__(name: str) -> Any:
    if name not in _READY_MADE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - as above

    return getattr(import_module(_READY_MADE[name]), name)
