"""The app as an OpenAPI 3.1 document, made of the plans that are executed, and the page that shows it.

Law: nothing is declared twice. What a handler's signature does not say is left out rather than guessed.
"""

from typing import TYPE_CHECKING

from hinge.on_demand import on_demand, places

if TYPE_CHECKING:
    from hinge.openapi.document import describe

__all__ = ["describe"]

_ROOM_OF = places({"openapi.document": "describe"})

if not TYPE_CHECKING:
    __getattr__, __dir__ = on_demand(globals(), _ROOM_OF)
