"""A session whose values are the fields of a Struct: `Session[Cart]`.

Law: each field is a value of its own, under its name on the wire, so that two requests at once may change two of them.
Values that do not fit the Struct, as an earlier version of it may have left them, are nobody's: the session begins
anew.
"""

from functools import cache
from typing import TYPE_CHECKING, Any, get_args

import msgspec
import msgspec.inspect

from hinge.diagnostics.location import qualified_name
from hinge.diagnostics.logger import logger
from hinge.inspection.annotations import present
from hinge.inspection.decodable import nested_types

if TYPE_CHECKING:
    from hinge.sessions.record import Record

_encode = msgspec.msgpack.Encoder().encode


class Shape:
    """How the fields of a Struct are read and written."""

    __slots__ = ("_decode", "fields", "kind")

    def __init__(self, kind: type[msgspec.Struct]) -> None:
        self.kind = kind
        self.fields = tuple(zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True))
        self._decode = msgspec.msgpack.Decoder(kind).decode

    def decoded(self, values: dict[str, bytes]) -> Any:
        """Return the Struct of some of its fields' values; raises msgspec.ValidationError."""
        return self._decode(_encode({name: msgspec.Raw(value) for name, value in values.items()}))

    def encoded(self, value: Any) -> dict[str, bytes]:
        """Return the values of all fields."""
        return {name: _encode(getattr(value, field)) for field, name in self.fields}


@cache
def shape_of(annotation: Any) -> Shape | None:
    """Return the shape that an annotation names, None for a mapping.

    Raises:
        ValueError: it names something else than a Struct that can begin empty; with what to write.
    """
    (session,) = present(annotation)
    (kind,) = get_args(session) or (None,)
    if kind is None:
        return None
    if not isinstance(kind, type) or not issubclass(kind, msgspec.Struct):
        name = kind.__name__ if isinstance(kind, type) else str(kind)
        raise ValueError(  # noqa: TRY004 - of a declaration, not of an argument
            f"{name} is no msgspec.Struct. Fix: Session, a mapping, or Session[SomeStruct]"
        )
    name = qualified_name(kind)
    if kind.__struct_config__.array_like:
        raise ValueError(f"{name} is array_like, and its fields are kept by name. Fix: leave array_like out")
    if kind.__struct_config__.tag is not None:
        raise ValueError(f"{name} is tagged, and its fields are kept by name. Fix: leave tag out")
    required = [one.name for one in msgspec.structs.fields(kind) if one.required]
    if required:
        raise ValueError(f"{name}.{required[0]} has no default, and a session begins empty. Fix: {required[0]} = ...")
    unknown = next((info.cls for info in nested_types(kind) if isinstance(info, msgspec.inspect.CustomType)), None)
    if unknown is not None:
        raise ValueError(f"{name} has a {unknown}, which is kept by nobody. Fix: fields of types that msgspec knows")
    try:
        return Shape(kind)
    except TypeError as error:
        raise ValueError(f"{name}: {error}. Fix: fields of types that msgspec knows") from None


class Typed:
    """The Struct of one request's session."""

    __slots__ = ("_before", "_record", "_shape", "_value")

    def __init__(self, record: "Record", shape: Shape) -> None:
        self._record = record
        self._shape = shape
        self._value: Any = None
        self._before: dict[str, bytes] = {}
        record.parts.append(self)

    def get(self) -> Any:
        """Return the Struct, made when it is first asked for."""
        if self._value is None:
            self._load()
        return self._value

    def set(self, value: Any) -> None:
        """Have another one."""
        self._record.write()
        if type(value) is not self._shape.kind:
            raise TypeError(f"session.data is a {self._shape.kind.__name__}, not a {type(value).__name__}")
        self.get()
        self._value = value

    def encoded(self) -> dict[str, bytes]:
        """Return the values of the fields that differ."""
        if self._value is None:
            return {}
        before = self._before
        return {name: data for name, data in self._shape.encoded(self._value).items() if before.get(name) != data}

    def forget(self) -> None:
        """Drop the Struct."""
        self._value, self._before = None, {}

    def _load(self) -> None:
        found = {name: data for _, name in self._shape.fields if (data := self._record.encoded(name)) is not None}
        try:
            value = self._shape.decoded(found)
        except (msgspec.DecodeError, ValueError) as error:
            logger.warning("a session does not fit %s, and begins anew: %s", qualified_name(self._shape.kind), error)
            self._record.forget()
            value = self._shape.kind()
        self._before = self._shape.encoded(value)
        self._value = value
