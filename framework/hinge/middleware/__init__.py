"""Middleware: generators or hooks, written once for both colours; and ready-made ones, one to a file."""

from typing import TYPE_CHECKING

from hinge.on_demand import on_demand, places

if TYPE_CHECKING:
    from hinge.context import request_id
    from hinge.middleware.compression import Compression
    from hinge.middleware.cors import CORS
    from hinge.middleware.csrf import CSRF
    from hinge.middleware.https_redirect import HTTPSRedirect
    from hinge.middleware.layer import AsyncMiddleware, Layer, Middleware, layer_of
    from hinge.middleware.proxy_headers import ProxyHeaders
    from hinge.middleware.rate_limit import RateLimit
    from hinge.middleware.request_ids import RequestID, RequestIDFilter
    from hinge.middleware.security_headers import SecurityHeaders
    from hinge.middleware.timeout import Timeout
    from hinge.middleware.trusted_hosts import TrustedHosts

__all__ = [
    "CORS",
    "CSRF",
    "AsyncMiddleware",
    "Compression",
    "HTTPSRedirect",
    "Layer",
    "Middleware",
    "ProxyHeaders",
    "RateLimit",
    "RequestID",
    "RequestIDFilter",
    "SecurityHeaders",
    "Timeout",
    "TrustedHosts",
    "layer_of",
    "request_id",
]

_ROOMS = {
    "context": "request_id",
    "middleware.compression": "Compression",
    "middleware.cors": "CORS",
    "middleware.csrf": "CSRF",
    "middleware.https_redirect": "HTTPSRedirect",
    "middleware.layer": "AsyncMiddleware Layer Middleware layer_of",
    "middleware.proxy_headers": "ProxyHeaders",
    "middleware.rate_limit": "RateLimit",
    "middleware.request_ids": "RequestID RequestIDFilter",
    "middleware.security_headers": "SecurityHeaders",
    "middleware.timeout": "Timeout",
    "middleware.trusted_hosts": "TrustedHosts",
}
_ROOM_OF = places(_ROOMS)

if not TYPE_CHECKING:
    __getattr__, __dir__ = on_demand(globals(), _ROOM_OF)
