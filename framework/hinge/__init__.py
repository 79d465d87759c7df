"""Hinge: handlers written once, compiled to WSGI or ASGI."""

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

# Fail
from hinge.errors import ClientDisconnect, ConfigurationError, HTTPError, WebSocketDisconnect
from hinge.forms import FormData, UploadFile

# Types that a handler or middleware names
from hinge.http.address import Address
from hinge.http.body import BodyStream
from hinge.http.headers import Headers, MutableHeaders
from hinge.http.query import QueryParams
from hinge.middleware import AsyncMiddleware, Middleware
from hinge.request import Request

# Answer
from hinge.responses.events import Event, EventSourceResponse
from hinge.responses.files import FileResponse
from hinge.responses.jsonlines import JSONLinesResponse
from hinge.responses.response import HTMLResponse, JSONResponse, RedirectResponse, Response, TextResponse
from hinge.responses.streaming import StreamingResponse
from hinge.routing import Route, Router
from hinge.state import State
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
    "Event",
    "EventSourceResponse",
    "FileResponse",
    "Form",
    "FormData",
    "FormParam",
    "HTMLResponse",
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
    "Route",
    "Router",
    "State",
    "StreamingResponse",
    "TextResponse",
    "UploadFile",
    "WebSocket",
    "WebSocketDisconnect",
    "__version__",
]
