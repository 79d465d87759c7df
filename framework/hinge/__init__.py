"""Hinge: handlers written once, compiled to WSGI or ASGI."""

# Declare
from hinge.app import App

# Types that a handler or middleware names
from hinge.backend import Address
from hinge.body import BodyStream
from hinge.config import Config

# Fail
from hinge.errors import ClientDisconnect, ConfigurationError, HTTPError, WebSocketDisconnect

# Answer
from hinge.events import Event, EventSourceResponse
from hinge.files import FileResponse
from hinge.forms import FormData, UploadFile
from hinge.headers import Headers, MutableHeaders
from hinge.jsonlines import JSONLinesResponse
from hinge.middleware import AsyncMiddleware, Middleware
from hinge.params import (
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
from hinge.query import QueryParams
from hinge.request import Request
from hinge.response import HTMLResponse, JSONResponse, RedirectResponse, Response, TextResponse
from hinge.routing import Route, Router
from hinge.state import State
from hinge.streaming import StreamingResponse
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
