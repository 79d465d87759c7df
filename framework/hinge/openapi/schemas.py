"""The schemas of a document, and its components: the classes that have a name.

Law: a reference is left open until all types are known, and with them what each is called.
"""

from typing import Any

from hinge.codecs import encode_json
from hinge.inspection.custom_types import NO_TYPES, Types
from hinge.openapi.inspected import type_info
from hinge.openapi.json_schema import Place, differs_in_texts, schema_of
from hinge.openapi.names import component_names, unused

_ADDRESS = "#/components/schemas/"
_Key = tuple[Any, bool]
"""A class, and whether it is meant as a form has it, where that is another thing."""


class Schemas:
    """Give the schema of each type; `close` gives their components, and fills in what the schemas refer to."""

    def __init__(self, types: Types = NO_TYPES) -> None:
        self.types = types
        self._known: dict[Any, Any] = {}
        self._infos: dict[Any, Any] = {}
        self._components: dict[_Key, dict[str, Any]] = {}
        self._open: list[tuple[dict[str, Any], str, _Key]] = []

    def of(self, kind: Any) -> dict[str, Any]:
        """Return a new schema of a type, which is valid once `close` was called; `{}` if nothing is known of it."""
        return schema_of(self._info(kind), Place(self._link, types=self.types))

    def of_text(self, kind: Any) -> dict[str, Any]:
        """Return the same of a type that texts are made into: of a parameter or of a form's field."""
        return schema_of(self._info(kind), Place(self._link, in_text=True, types=self.types))

    def close(self) -> dict[str, Any]:
        """Return the components by name."""
        names = self._names()
        for schema, key, component in self._open:
            schema[key] = _ADDRESS + names[component]
        return {names[key]: component for key, component in self._components.items()}

    def _names(self) -> dict[_Key, str]:
        named = component_names(self._infos, self._fingerprint)
        taken = set(named.values())
        found = {}
        for kind, in_text in sorted(self._components, key=lambda key: (named[key[0]], key[1])):
            found[kind, in_text] = named[kind]
            if in_text and (kind, False) in self._components:
                found[kind, True] = unused(f"{named[kind]}_form", taken)
        return found

    def _info(self, kind: Any) -> Any:
        try:
            if kind not in self._known:
                self._known[kind] = type_info(kind)
            return self._known[kind]
        except TypeError:  # notes that cannot be hashed
            return type_info(kind)

    def _link(self, schema: dict[str, Any], key: str, info: Any, in_text: bool) -> None:  # noqa: FBT001 - as Place has it
        component = info.cls, in_text and differs_in_texts(info)
        schema[key] = None  # it keeps its place
        self._open.append((schema, key, component))
        self._infos.setdefault(info.cls, info)
        if component not in self._components:
            made = self._components[component] = {}  # a type may contain itself
            made.update(schema_of(info, Place(self._link, component[1], self.types), as_component=True))

    def _fingerprint(self, kind: Any) -> bytes:
        """Return what a type is made of, down to the last field: two types that are not alike differ in it."""
        seen: dict[Any, int] = {}

        def link(schema: dict[str, Any], key: str, info: Any, _: bool = False) -> None:  # noqa: FBT001, FBT002 - as above
            is_new = info.cls not in seen
            number = seen.setdefault(info.cls, len(seen))
            schema[key] = (
                [number, schema_of(info, Place(link, types=self.types), as_component=True)] if is_new else number
            )

        found: dict[str, Any] = {}
        link(found, "", self._infos[kind])
        return encode_json(found)
