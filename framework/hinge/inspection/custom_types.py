"""Classes that msgspec does not know, and what they are on the wire.

Law: how a class is encoded is told by the class alone, since a response that a handler makes has no app; how it is
decoded is its app's. Where two apps of a process encode one class in two ways, nobody guesses: it is an error. Asked
for only where msgspec meets such a class; values of all others cost nothing.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, get_origin
from weakref import WeakSet

import msgspec
from msgspec.structs import force_setattr

from hinge.diagnostics.location import caller, placed
from hinge.errors import ConfigurationError
from hinge.inspection.signature import Colour, colour_of


class CustomType(msgspec.Struct, frozen=True):
    """A class for `App(types=[...])` that msgspec does not know: what its values are on the wire.

    `encode` makes of a value what msgspec knows, such as a text, a dict, or something with values of such classes.
    `decode` makes a value of what is sent: in a body what its JSON or the like says, elsewhere a text. Where it raises
    ValueError or TypeError, the client gets a 422 for that place. `schema` is the class's JSON Schema for the document.

    Raises:
        ConfigurationError: msgspec knows the class, or an argument is wrong.
    """

    kind: type
    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]
    schema: Mapping[str, Any] = {}
    location: str = ""
    """Where it was written."""

    def __post_init__(self) -> None:
        from hinge.inspection.decodable import unknown_class  # noqa: PLC0415 - only apps with such types pay for it

        where = caller()
        force_setattr(self, "location", where)
        who = f"CustomType({getattr(self.kind, '__name__', self.kind)}, ...) ({where})"
        if not isinstance(self.kind, type):
            raise ConfigurationError(f"{who}: {self.kind!r} is no class. Fix: CustomType(SomeClass, ...)")
        if unknown_class(self.kind) is not self.kind or self.kind.__module__.partition(".")[0] == "hinge":
            raise ConfigurationError(f"{who}: the class is known already. Fix: leave it out")
        for name, function in (("encode", self.encode), ("decode", self.decode)):
            if not callable(function) or not _takes_one(function):
                what = placed(function) if callable(function) else repr(function)
                raise ConfigurationError(f"{who}: {name}={what} is no plain function of one value. Fix: {name}=str")
        try:
            is_schema = isinstance(self.schema, Mapping) and bool(msgspec.json.encode(dict(self.schema)))
        except (TypeError, ValueError, RecursionError):
            is_schema = False
        if not is_schema:
            raise ConfigurationError(
                f"{who}: schema={self.schema!r} is no JSON Schema. Fix: schema={{'type': 'string'}}"
            )


def _takes_one(function: Any) -> bool:
    if not isinstance(function, type) and colour_of(function) is not Colour.SYNC:
        return False
    try:
        inspect.signature(function).bind(None)
    except TypeError:
        return False
    except ValueError:  # of a class that does not tell
        return True
    return True


class Types:
    """The custom types of one app, and what reads them.

    Raises:
        ConfigurationError: it is no list of them, or one class is in it twice.
    """

    def __init__(self, given: Any = ()) -> None:
        where = f"App(types=...) ({caller()})"
        found = tuple(given) if isinstance(given, Iterable) and not isinstance(given, str) else (given,)
        self._known: dict[Any, CustomType] = {}
        for one in found:
            if not isinstance(one, CustomType):
                raise ConfigurationError(f"{where}: {one!r} is no CustomType. Fix: types=[CustomType(SomeClass, ...)]")
            other = self._known.setdefault(one.kind, one)
            if other is not one:
                raise ConfigurationError(
                    f"{where}: {one.kind.__name__} is in it twice: {other.location} and {one.location}. "
                    "Fix: keep one of the two"
                )
        self.shapes: dict[Any, Any] = {}
        """What validates each type that has such a class in it (hinge.validation)."""
        if self._known:
            _living.add(self)
            _encoders.clear()

    def knows(self, kind: Any) -> bool:
        """Tell whether values of a class are read and sent: one of the app's, or a model of pydantic.

        Raises:
            ConfigurationError: a model's definition cannot be completed.
        """
        from hinge.inspection.models import check_model, is_model  # noqa: PLC0415 - a compile's

        if kind in self._known:
            return True
        if is_model(kind):
            check_model(kind)
            return True
        return False

    def reads_texts(self, kind: Any) -> bool:
        """Tell whether values of a class are made of texts: a model is made of a body."""
        return kind in self._known

    def are_in(self, type: Any) -> bool:  # noqa: A002 - as in msgspec's functions
        """Tell whether a class of these stands in a type."""
        from hinge.inspection.decodable import nested_types  # noqa: PLC0415 - a compile's

        return any(isinstance(info, msgspec.inspect.CustomType) and self.knows(info.cls) for info in nested_types(type))

    def models_in(self, type: Any) -> bool:  # noqa: A002 - as above
        """Tell whether a model of pydantic stands in a type, of which the app itself says nothing."""
        from hinge.inspection.decodable import nested_types  # noqa: PLC0415 - a compile's

        infos = [info for info in nested_types(type) if isinstance(info, msgspec.inspect.CustomType)]
        return any(self.knows(info.cls) and not self.reads_texts(info.cls) for info in infos)

    def schema(self, kind: Any) -> dict[str, Any]:
        """Return the JSON Schema of a class, `{}` if nothing is known of it."""
        known = self._known.get(kind)
        return {} if known is None else dict(known.schema)

    def decode(self, kind: Any, value: Any) -> Any:
        """Return a value of a class, made of what was sent: msgspec's `dec_hook`.

        Raises:
            ValueError, TypeError: the client's.
            RuntimeError: `decode` gave something else.
        """
        kind = get_origin(kind) or kind
        if isinstance(value, kind):
            return value  # converted before
        known = self._known.get(kind)
        if known is None:
            from hinge.inspection.models import is_model, read_model  # noqa: PLC0415 - of a compile that met such a class

            if is_model(kind):
                return read_model(kind, value)
            raise TypeError(f"expected a {kind.__name__}")
        made = known.decode(value)
        if not isinstance(made, kind):
            raise RuntimeError(  # noqa: TRY004 - a TypeError is the client's
                f"CustomType({kind.__name__}, ...) ({known.location}): its decode returned a {type(made).__name__}"
            )
        return made


def custom_type(kind: Any) -> str:
    """Return the line that makes a class known."""
    from hinge.inspection.models import is_old_model  # noqa: PLC0415 - only mistakes pay for it

    if is_old_model(kind):
        from hinge.extras import install  # noqa: PLC0415 - as above

        return f"a model of pydantic 2 ({install('pydantic')})"
    return f"App(types=[CustomType({getattr(kind, '__qualname__', kind)}, encode=..., decode=...)])"


NO_TYPES: Types
"""Those of an app that names none."""

_living: WeakSet[Types] = WeakSet()
NO_TYPES = Types()
_encoders: dict[type, Callable[[Any], Any]] = {}
_encode_plainly = msgspec.json.Encoder().encode


def encode_custom(value: Any) -> Any:
    """Return what msgspec knows, made of a value of which it does not know the class: its `enc_hook`.

    Raises:
        TypeError: nobody knows the class, or two apps know two things of it.
    """
    kind = type(value)
    encode = _encoders.get(kind)
    if encode is None:
        encode = _encoders[kind] = _encoder(kind)
    return encode(value)


def _encoder(kind: type) -> Callable[[Any], Any]:
    for base in kind.__mro__:
        found = [types._known[base] for types in _living if base in types._known]
        if not found:
            continue
        first, *others = found
        other = next((one for one in others if not _is_same(first.encode, one.encode)), None)
        if other is None:
            return first.encode
        text = (
            f"two apps encode a {base.__name__} in two ways: CustomType at {first.location} and {other.location}. "
            "Fix: one CustomType for both"
        )
        return lambda value: _refuse(text)
    from hinge.inspection.models import is_model, sent_model  # noqa: PLC0415 - once for each class that is met

    return sent_model if is_model(kind) else _encode_plainly  # which refuses it in msgspec's words


def _is_same(one: Any, other: Any) -> bool:
    """Tell whether two functions are one, or of one line of the program: an app may be made twice."""
    return bool(one == other) or getattr(one, "__code__", one) == getattr(other, "__code__", None)


def _refuse(text: str) -> Any:
    raise TypeError(text)
