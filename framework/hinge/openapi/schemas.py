"""The schemas of a document, and its components: the classes that have a name.

Law: a reference is left open until all types are known, and with them what each is called.
"""

from typing import Any

from hinge.codecs import encode_json
from hinge.openapi.inspected import type_info, without_none
from hinge.openapi.json_schema import schema_of
from hinge.openapi.names import component_names

_ADDRESS = "#/components/schemas/"


class Schemas:
    """Give the schema of each type; `close` gives their components, and fills in what the schemas refer to."""

    def __init__(self) -> None:
        self._known: dict[Any, Any] = {}
        self._components: dict[Any, dict[str, Any]] = {}
        self._infos: dict[Any, Any] = {}
        self._open: list[tuple[dict[str, Any], str, Any]] = []

    def of(self, kind: Any) -> dict[str, Any]:
        """Return a new schema of a type, which is valid once `close` was called; `{}` if nothing is known of it."""
        return schema_of(self._info(kind), self._link)

    def of_text(self, kind: Any) -> dict[str, Any]:
        """Return the same of a type that texts are made into: of a parameter or of a form's field."""
        return schema_of(without_none(self._info(kind)), self._link)

    def close(self) -> dict[str, Any]:
        """Return the components by name."""
        names = component_names(self._components, self._fingerprint)
        for schema, key, kind in self._open:
            schema[key] = _ADDRESS + names[kind]
        return {names[kind]: component for kind, component in self._components.items()}

    def _info(self, kind: Any) -> Any:
        try:
            if kind not in self._known:
                self._known[kind] = type_info(kind)
            return self._known[kind]
        except TypeError:  # notes that cannot be hashed
            return type_info(kind)

    def _link(self, schema: dict[str, Any], key: str, info: Any) -> None:
        kind = info.cls
        schema[key] = None  # it keeps its place
        self._open.append((schema, key, kind))
        if kind not in self._components:
            self._infos[kind] = info
            self._components[kind] = {}  # a type may contain itself
            self._components[kind].update(schema_of(info, self._link, as_component=True))

    def _fingerprint(self, kind: Any) -> bytes:
        """Return what a type is made of, down to the last field: two types that are not alike differ in it."""
        seen: dict[Any, int] = {}

        def link(schema: dict[str, Any], key: str, info: Any) -> None:
            is_new = info.cls not in seen
            number = seen.setdefault(info.cls, len(seen))
            schema[key] = [number, schema_of(info, link, as_component=True)] if is_new else number

        found: dict[str, Any] = {}
        link(found, "", self._infos[kind])
        return encode_json(found)
