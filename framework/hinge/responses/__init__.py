"""What a handler may answer with, and the bodies that are produced while they are sent."""

from typing import TYPE_CHECKING

from hinge.on_demand import on_demand

if not TYPE_CHECKING:
    __getattr__, __dir__ = on_demand(globals(), {})  # `from hinge.responses import JSONResponse` is a habit
