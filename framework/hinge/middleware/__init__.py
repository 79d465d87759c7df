"""Middleware: generators that yield once, written once for both colours."""

from hinge.middleware.layer import AsyncMiddleware, Layer, Middleware, layer_of
from hinge.middleware.weave import weave, weave_async

__all__ = ["AsyncMiddleware", "Layer", "Middleware", "layer_of", "weave", "weave_async"]
