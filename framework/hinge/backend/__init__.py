"""All that the author of a backend imports: the contract, and what Hinge has for those who fulfil it.

Law: a name is loaded when it is asked for: a backend that needs no event loop loads none, and what is asked for its
features alone loads nothing that serves. docs/backends.md says of each name what it is; nothing else is promised.
"""

from typing import TYPE_CHECKING

from hinge.on_demand import on_demand, places

if TYPE_CHECKING:
    from hinge.backend.contract import CONTRACT as CONTRACT
    from hinge.backend.contract import Application as Application
    from hinge.backend.contract import Backend as Backend
    from hinge.backend.contract import Feature as Feature
    from hinge.backend.contract import HeadReader as HeadReader
    from hinge.backend.contract import OwnServer as OwnServer
    from hinge.backend.exits import run_to_end as run_to_end
    from hinge.backend.head import NEVER_EMPTY as NEVER_EMPTY
    from hinge.backend.head import Head as Head
    from hinge.backend.head import PlainReader as PlainReader
    from hinge.backend.head import kept as kept
    from hinge.backend.testing import Aborted as Aborted
    from hinge.backend.testing import Connection as Connection
    from hinge.backend.testing import Denied as Denied
    from hinge.backend.testing import ProtocolViolation as ProtocolViolation
    from hinge.backend.testing import Reply as Reply
    from hinge.backend.testing import Session as Session
    from hinge.binding.plan import HandlerPlan as HandlerPlan
    from hinge.compiling.frozen import Endpoint as Endpoint
    from hinge.compiling.frozen import FrozenApp as FrozenApp
    from hinge.compiling.frozen import Leaf as Leaf
    from hinge.config import Config as Config
    from hinge.diagnostics.failures import FAILURES as FAILURES
    from hinge.diagnostics.logger import logger as logger
    from hinge.errors import ClientDisconnect as ClientDisconnect
    from hinge.errors import ConfigurationError as ConfigurationError
    from hinge.errors import HTTPError as HTTPError
    from hinge.errors import WebSocketDisconnect as WebSocketDisconnect
    from hinge.http.address import Address as Address
    from hinge.http.body import declared_length as declared_length
    from hinge.http.body import framed_length as framed_length
    from hinge.http.body import incomplete as incomplete
    from hinge.http.headers import Headers as Headers
    from hinge.http.lazy_headers import lazily as lazily
    from hinge.http.target import origin_form as origin_form
    from hinge.http.target import utf8_path as utf8_path
    from hinge.inspection.signature import Colour as Colour
    from hinge.loop.answer import coloured_call as coloured_call
    from hinge.loop.exchange import Exchange as Exchange
    from hinge.loop.inprocess import LoopThread as LoopThread
    from hinge.loop.inprocess import OpenRequests as OpenRequests
    from hinge.loop.inprocess import Served as Served
    from hinge.loop.inprocess import running as running
    from hinge.loop.runtime import Runtime as Runtime
    from hinge.loop.serve import Serve as Serve
    from hinge.loop.serve import make_sender as make_sender
    from hinge.loop.serve import make_server as make_server
    from hinge.loop.sink import WholeSink as WholeSink
    from hinge.loop.watch import failure_of as failure_of
    from hinge.observability.observer import Observation as Observation
    from hinge.request import Request as Request
    from hinge.responses.files import FileResponse as FileResponse
    from hinge.responses.response import Response as Response
    from hinge.responses.streaming import BODILESS as BODILESS
    from hinge.responses.streaming import StreamAborted as StreamAborted
    from hinge.responses.streaming import StreamingResponse as StreamingResponse
    from hinge.responses.streaming import framed_lines as framed_lines

_ROOMS = {
    "backend.contract": "CONTRACT Application Backend Feature HeadReader OwnServer",
    "backend.exits": "run_to_end",
    "backend.head": "Head NEVER_EMPTY PlainReader kept",
    "backend.testing": "Aborted Connection Denied ProtocolViolation Reply Session",
    "binding.plan": "HandlerPlan",
    "compiling.frozen": "Endpoint FrozenApp Leaf",
    "config": "Config",
    "diagnostics.failures": "FAILURES",
    "diagnostics.logger": "logger",
    "errors": "ClientDisconnect ConfigurationError HTTPError WebSocketDisconnect",
    "http.address": "Address",
    "http.body": "declared_length framed_length incomplete",
    "http.headers": "Headers",
    "http.lazy_headers": "lazily",
    "http.target": "origin_form utf8_path",
    "inspection.signature": "Colour",
    "loop.answer": "coloured_call",
    "loop.exchange": "Exchange",
    "loop.inprocess": "LoopThread OpenRequests Served running",
    "loop.runtime": "Runtime",
    "loop.serve": "Serve make_sender make_server",
    "loop.sink": "WholeSink",
    "loop.watch": "failure_of",
    "observability.observer": "Observation",
    "request": "Request",
    "responses.files": "FileResponse",
    "responses.response": "Response",
    "responses.streaming": "BODILESS StreamAborted StreamingResponse framed_lines",
}
"""Where each name is; a test holds it to the imports above, which type checkers read."""

_ROOM_OF = places(_ROOMS)

if not TYPE_CHECKING:
    __getattr__, __dir__ = on_demand(globals(), _ROOM_OF)
