"""Forms: urlencoded and multipart bodies as fields and files.

Law: parsed as they arrive, never held whole, and pure: bytes in, fields and files out. What blocks (writing to a
temporary file, and reading it back) is work that a backend's edge is handed, to be done where blocking is allowed.
"""

from typing import TYPE_CHECKING

from hinge.on_demand import on_demand, places

if TYPE_CHECKING:
    from hinge.forms.reader import FormReader, is_small, release_form, take_form
    from hinge.forms.upload import FormData, Read, UploadFile

__all__ = ["FormData", "FormReader", "Read", "UploadFile", "is_small", "release_form", "take_form"]

_ROOMS = {"forms.reader": "FormReader is_small release_form take_form", "forms.upload": "FormData Read UploadFile"}
_ROOM_OF = places(_ROOMS)

if not TYPE_CHECKING:
    __getattr__, __dir__ = on_demand(globals(), _ROOM_OF)
