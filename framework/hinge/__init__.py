"""Hinge: handlers written once, compiled to WSGI or ASGI.

Law: an app pays for what it names. `import hinge` alone loads no room; each is loaded when one of its names is asked
for, and what a declaration does not need is loaded by the compile.
"""

from typing import TYPE_CHECKING

from hinge.on_demand import on_demand, places

if TYPE_CHECKING:
    # Declare
    from hinge.app import App
    from hinge.binding.params import (
        Body,
        BodyParam,
        Cookie,
        CookieParam,
        Form,
        FormParam,
        Header,
        HeaderParam,
        Path,
        PathParam,
        Query,
        QueryParam,
    )
    from hinge.config import Config

    # Depend
    from hinge.dependencies.depends import Depends

    # Fail
    from hinge.errors import ClientDisconnect, ConfigurationError, HTTPError, WebSocketDisconnect
    from hinge.forms.upload import FormData, UploadFile

    # Types that a handler or middleware names
    from hinge.http.address import Address
    from hinge.http.body import BodyStream
    from hinge.http.headers import Headers, MutableHeaders
    from hinge.http.query import QueryParams
    from hinge.inspection.custom_types import CustomType
    from hinge.middleware.layer import AsyncMiddleware, Middleware
    from hinge.request import HTTPConnection, Request

    # Answer
    from hinge.responses.events import Event, EventSourceResponse
    from hinge.responses.files import FileResponse, content_disposition
    from hinge.responses.jsonlines import JSONLinesResponse
    from hinge.responses.response import (
        HTMLResponse,
        JSONResponse,
        RedirectResponse,
        Response,
        ResponseHeaders,
        TextResponse,
    )
    from hinge.responses.streaming import StreamingResponse
    from hinge.routing.route import Route
    from hinge.routing.router import Router
    from hinge.security.scopes import Security, SecurityScopes
    from hinge.sessions.session import Session
    from hinge.sessions.sessions import Sessions
    from hinge.state import State
    from hinge.templates import Templates
    from hinge.websocket import WebSocket

__version__ = "0.1.0"

__all__ = [
    "Address",
    "App",
    "AsyncMiddleware",
    "Body",
    "BodyParam",
    "BodyStream",
    "ClientDisconnect",
    "Config",
    "ConfigurationError",
    "Cookie",
    "CookieParam",
    "CustomType",
    "Depends",
    "Event",
    "EventSourceResponse",
    "FileResponse",
    "Form",
    "FormData",
    "FormParam",
    "HTMLResponse",
    "HTTPConnection",
    "HTTPError",
    "Header",
    "HeaderParam",
    "Headers",
    "JSONLinesResponse",
    "JSONResponse",
    "Middleware",
    "MutableHeaders",
    "Path",
    "PathParam",
    "Query",
    "QueryParam",
    "QueryParams",
    "RedirectResponse",
    "Request",
    "Response",
    "ResponseHeaders",
    "Route",
    "Router",
    "Security",
    "SecurityScopes",
    "Session",
    "Sessions",
    "State",
    "StreamingResponse",
    "Templates",
    "TextResponse",
    "UploadFile",
    "WebSocket",
    "WebSocketDisconnect",
    "__version__",
    "content_disposition",
]

_ROOMS = {
    "app": "App",
    "binding.params": (
        "Body BodyParam Cookie CookieParam Form FormParam Header HeaderParam Path PathParam Query QueryParam"
    ),
    "config": "Config",
    "dependencies.depends": "Depends",
    "errors": "ClientDisconnect ConfigurationError HTTPError WebSocketDisconnect",
    "forms.upload": "FormData UploadFile",
    "http.address": "Address",
    "http.body": "BodyStream",
    "http.headers": "Headers MutableHeaders",
    "http.query": "QueryParams",
    "inspection.custom_types": "CustomType",
    "middleware.layer": "AsyncMiddleware Middleware",
    "request": "HTTPConnection Request",
    "responses.events": "Event EventSourceResponse",
    "responses.files": "FileResponse content_disposition",
    "responses.jsonlines": "JSONLinesResponse",
    "responses.response": "HTMLResponse JSONResponse RedirectResponse Response ResponseHeaders TextResponse",
    "responses.streaming": "StreamingResponse",
    "routing.route": "Route",
    "routing.router": "Router",
    "security.scopes": "Security SecurityScopes",
    "sessions.session": "Session",
    "sessions.sessions": "Sessions",
    "state": "State",
    "templates": "Templates",
    "websocket": "WebSocket",
}
"""Where each name is; a test holds it to the imports above, which type checkers read."""

_ROOM_OF = places(_ROOMS)

if not TYPE_CHECKING:
    __getattr__, __dir__ = on_demand(globals(), _ROOM_OF)
