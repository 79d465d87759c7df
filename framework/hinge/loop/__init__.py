"""What backends share that serve each request as a task on an asyncio event loop.

Law: nothing here knows a protocol. A backend hands over what reads, what sends and what tells that the client left;
colours, threads, streams and the worker's stop are the same for all of them. `import hinge` loads none of it.
"""

from hinge.loop.answer import Fail, OpenBody, ReadBody, coloured_call, make_answer, make_failure
from hinge.loop.body import body_stream, declared_pieces
from hinge.loop.exchange import Exchange
from hinge.loop.hold import until_told
from hinge.loop.inflight import HeadOf
from hinge.loop.line import Sink
from hinge.loop.runtime import OpenTask, Runtime
from hinge.loop.send import WholeSink
from hinge.loop.serve import Serve, make_sender, make_server
from hinge.loop.watch import Ended, Watch, failure_of, stopping, take_back_cut

__all__ = [
    "Ended",
    "Exchange",
    "Fail",
    "HeadOf",
    "OpenBody",
    "OpenTask",
    "ReadBody",
    "Runtime",
    "Serve",
    "Sink",
    "Watch",
    "WholeSink",
    "body_stream",
    "coloured_call",
    "declared_pieces",
    "failure_of",
    "make_answer",
    "make_failure",
    "make_sender",
    "make_server",
    "stopping",
    "take_back_cut",
    "until_told",
]
