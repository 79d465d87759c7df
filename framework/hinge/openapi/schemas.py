"""The schemas of a document, and its components: the classes that have a name.

Law: a reference is left open until all types are known, and with them what each is called.
"""

from typing import Any

from hinge.codecs import encode_json
from hinge.inspection.custom_types import NO_TYPES, Types
from hinge.openapi.definitions import Definition, definitions, links
from hinge.openapi.inspected import type_info
from hinge.openapi.json_schema import Place, differs_in_texts, schema_of
from hinge.openapi.names import component_names, unused

_ADDRESS = "#/components/schemas/"
_Key = tuple[Any, bool]
"""A class, and whether it is meant as a form has it, where that is another thing."""


def _unnamed(cls: Any) -> dict[str, Any]:
    return {"model": f"{cls.__module__}.{cls.__qualname__}"}


class Schemas:
    """Give the schema of each type; `close` gives their components, and fills in what the schemas refer to."""

    def __init__(self, types: Types = NO_TYPES) -> None:
        self.types = types
        self._known: dict[Any, Any] = {}
        self._infos: dict[Any, Any] = {}
        self._components: dict[_Key, dict[str, Any]] = {}
        self._definitions: dict[tuple[str, bytes], Definition] = {}
        self._open: list[tuple[dict[str, Any], str, _Key]] = []

    def of(self, kind: Any, *, sent: bool = False) -> dict[str, Any]:
        """Return a new schema of a type, which is valid once `close` was called; `{}` if nothing is known of it.

        A model of pydantic may be `sent` with other fields than it is read with.
        """
        return schema_of(
            self._info(kind), Place(self._link, types=self.types, model=self._sent if sent else self._read)
        )

    def of_text(self, kind: Any) -> dict[str, Any]:
        """Return the same of a type that texts are made into: of a parameter or of a form's field."""
        return schema_of(self._info(kind), Place(self._link, in_text=True, types=self.types, model=self._read))

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
            made.update(schema_of(info, Place(self._link, component[1], self.types, self._read), as_component=True))

    def _read(self, cls: Any) -> dict[str, Any]:
        return self._model(cls, "validation")

    def _sent(self, cls: Any) -> dict[str, Any]:
        return self._model(cls, "serialization")

    def _model(self, cls: Any, mode: str) -> dict[str, Any]:
        """Return a link to a model of pydantic; what its schema defines are components."""
        name, made = definitions(cls, mode)
        keys = {
            one: self._definitions.setdefault((one, found[1]), Definition(one, found[1])) for one, found in made.items()
        }
        for one, (schema, _) in made.items():
            key = keys[one]
            if (key, False) not in self._components:
                self._infos[key] = None
                self._components[key, False] = schema
                for holder, word, other in links(schema):
                    holder[word] = None
                    self._open.append((holder, word, (keys[other], False)))
        found: dict[str, Any] = {"$ref": None}
        self._open.append((found, "$ref", (keys[name], False)))
        return found

    def _fingerprint(self, kind: Any) -> bytes:
        """Return what a type is made of, down to the last field: two types that are not alike differ in it."""
        if isinstance(kind, Definition):
            return kind.text
        seen: dict[Any, int] = {}

        def link(schema: dict[str, Any], key: str, info: Any, _: bool = False) -> None:  # noqa: FBT001, FBT002 - as above
            is_new = info.cls not in seen
            number = seen.setdefault(info.cls, len(seen))
            schema[key] = (
                [number, schema_of(info, Place(link, types=self.types, model=_unnamed), as_component=True)]
                if is_new
                else number
            )

        found: dict[str, Any] = {}
        link(found, "", self._infos[kind])
        return encode_json(found)
