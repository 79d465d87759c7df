"""Types -> JSON Schemas (draft 2020-12, the dialect of OpenAPI 3.1), with what has a name among the components.

Law: all types of a document are seen before one schema is made, so that two classes of the same name get two names.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from hinge.forms import UploadFile

REFERENCE = "#/components/schemas/{name}"


class Schemas:
    """Collect types, then give the schema of each."""

    def __init__(self) -> None:
        self._types: list[Any] = []
        self._made: list[dict[str, Any]] = []
        self.components: dict[str, Any] = {}

    def of(self, kind: Any) -> Callable[[], dict[str, Any]]:
        """Return what gives the schema of a type once `make` was called; `{}` if msgspec cannot describe it."""
        index = len(self._types)
        self._types.append(kind)
        return lambda: dict(self._made[index])

    def make(self) -> None:
        """Make the schemas of all types."""
        try:
            made, self.components = msgspec.json.schema_components(
                self._types, schema_hook=_file, ref_template=REFERENCE
            )
        except (TypeError, NotImplementedError):
            # One of them has no schema: the others shall have theirs.
            self._types = [kind if _has_schema(kind) else Any for kind in self._types]
            made, self.components = msgspec.json.schema_components(
                self._types, schema_hook=_file, ref_template=REFERENCE
            )
        self._made = list(made)


def _has_schema(kind: Any) -> bool:
    try:
        msgspec.json.schema(kind, schema_hook=_file)
    except (TypeError, NotImplementedError):
        return False
    return True


def _file(kind: type) -> dict[str, Any]:
    """Return the schema of a form's file; nothing else that msgspec does not know has one."""
    if kind is UploadFile:
        return {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}
    raise NotImplementedError
