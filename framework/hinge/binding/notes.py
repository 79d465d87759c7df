"""The notes in `Annotated`: obeyed, inert, or refused.

Law: no note is dropped that might mean something. What Hinge and msgspec understand is obeyed; texts, documentation and
the classes of `App(ignore_notes=[...])` say nothing here; any other note is refused at compile, wherever it stands: in
a parameter it may say who is let in, in a result that a field must not leave.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin

import msgspec

from hinge.binding.constraints import is_constraint, members_of, meta_of
from hinge.binding.field_marks import defaults_of, refuse_foreign_class, refuse_mark, unread_at_input
from hinge.binding.foreign import call_of, instead, shown
from hinge.binding.params import Param
from hinge.codecs import encode_json
from hinge.errors import ConfigurationError
from hinge.inspection.annotations import UNIONS, extended, field_types, unalias
from hinge.inspection.custom_types import NO_TYPES, Types
from hinge.inspection.declared import fields, has_fields, is_named_tuple, stand_ins
from hinge.request import HTTPConnection
from hinge.validation.defaults import check_default

_PLAIN = frozenset({str, int, float, bool, bytes, type(None), list, dict, object})
_DOCUMENTED_BY = frozenset({"typing", "typing_extensions", "annotated_doc"})
"""Where the classes called `Doc` are from."""
_BINDING = ("gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length", "pattern", "tz")
"""What of a `Meta` is about values."""


class Place(NamedTuple):
    """Where an annotation stands."""

    who: str
    name: str
    """The parameter's name; empty: it is a result, of which nothing is validated."""
    annotation: Any
    is_field: bool = False
    """Whether it is of a field of a record, which msgspec reads by itself."""
    callback: str = ""
    """What has the parameter, if that is no handler: nothing is made of it."""


class Notes:
    """What an app makes of notes; it remembers the records that it has looked through.

    `types` are the app's own. `read` has what else was read of an annotation, by its id, for those who ask
    (hinge.binding.plan).
    """

    __slots__ = ("_seen", "ignored", "read", "types")

    def __init__(self, ignored: tuple[type, ...] = (), types: Types = NO_TYPES) -> None:
        self.ignored = ignored
        self.types = types
        self.read: dict[int, Any] = {}
        self._seen: set[tuple[type, bool]] = set()

    def obeyed(self, annotation: Any, who: str, name: str = "") -> Any:
        """Return a type with all that its notes say as `msgspec.Meta`, and without those that say nothing.

        It is that of the parameter `name`, or without one of a result; `who` is the start of every message about it.

        Raises:
            ConfigurationError: a note is unknown, cannot be obeyed, or stands where nobody reads it.
        """
        if isinstance(annotation, type) and (annotation in _PLAIN or (annotation, not name) in self._seen):
            return annotation
        try:
            return self._walk(annotation, Place(who, name, annotation), ())
        except ConfigurationError:
            self._seen.clear()  # another handler that takes the same record is as wrong
            raise

    def of_callback(self, annotation: Any, who: str, name: str, what: str) -> None:
        """Check the notes of a parameter of middleware and the like, which nothing is made for.

        Raises:
            ConfigurationError: a note is unknown.
        """
        self._walk(annotation, Place(who, name, annotation, callback=what), ())

    def _walk(self, kind: Any, place: Place, aliases: tuple[Any, ...]) -> Any:
        if isinstance(kind, type):
            if kind not in _PLAIN:
                self._look_through(kind, place)
            return kind
        if isinstance(kind, TypeVar):
            given = Place(place.who, place.name, place.annotation, is_field=True)  # msgspec reads it by itself
            for one in stand_ins(kind):
                self._walk(one, given, aliases)
            return kind
        plain = unalias(kind)
        if plain is not kind:
            if any(kind is alias for alias in aliases):
                raise ConfigurationError(
                    f"{place.who}: the type {kind} is made of itself, and msgspec cannot read such an alias. "
                    f"Fix: a msgspec.Struct or a dataclass with a field of its own type"
                )
            walked = self._walk(plain, place, (*aliases, kind))
            return kind if walked is plain else walked
        origin = get_origin(kind)
        if origin is Annotated:
            return self._annotated(kind, place, aliases)
        if origin is None or origin is Literal:
            return kind
        before = get_args(kind)
        after = tuple(self._walk(one, place, aliases) for one in before)
        self._look_through(origin, place)
        if all(one is other for one, other in zip(before, after, strict=True)):
            return kind
        return Union[after] if origin in UNIONS else origin[after]  # noqa: UP007 - `|` cannot join a sequence of types

    def _annotated(self, kind: Any, place: Place, aliases: tuple[Any, ...]) -> Any:
        inner, *notes = get_args(kind)
        walked = self._walk(inner, place, aliases)
        metas: list[msgspec.Meta] = []
        constraints: list[Any] = []
        for note in notes:
            if isinstance(note, msgspec.Meta):
                _check_said(note, place)
                metas.append(note)
            elif self._is_inert(note):
                continue
            elif is_constraint(note):
                constraints += (one for one in members_of(note) if not self._is_inert(one))
            else:
                raise _refused(note, place)
        if constraints and place.name:
            metas += _translated(constraints, place)
        if walked is inner and len(metas) == len(notes) and not constraints:
            found = kind
        else:
            found = Annotated[(walked, *metas)] if metas else walked
        if any(getattr(meta, key) is not None for meta in metas for key in _BINDING):
            _check_fit(found, walked, place)
        return found

    def _is_inert(self, note: Any) -> bool:
        if note is None or isinstance(note, (str, *self.ignored)):
            return True
        if isinstance(note, type):
            return note in self.ignored
        return type(note).__name__ == "Doc" and type(note).__module__ in _DOCUMENTED_BY

    def _look_through(self, record: Any, place: Place) -> None:
        """Check what stands on the fields of a record or a NamedTuple, or in what another class extends."""
        key = (record, not place.name)
        if place.callback or key in self._seen or not isinstance(record, type) or issubclass(record, HTTPConnection):
            return
        self._seen.add(key)
        if not (has_fields(record) or is_named_tuple(record)):
            for base in extended(record) if "__orig_bases__" in vars(record) else ():
                self._walk(base, place, ())
            return
        start = place.who.partition(": field ")[0]  # the innermost field is the one to mend
        refuse_foreign_class(record, start)
        try:
            found = {one.name: one.type for one in fields(record)}
            if hasattr(record, "__attrs_attrs__"):
                found = field_types(record)  # msgspec takes private ones in, and sends none
        except ConfigurationError as error:
            raise ConfigurationError(f"{start}: {error}") from error
        for name, what, fix in unread_at_input(record) if place.name else ():
            raise ConfigurationError(f"{start}: field {name!r} of {record.__qualname__} has {what}. Fix: {fix}")
        defaults = dict(defaults_of(record))
        is_final = place.name and not hasattr(record, "__post_init__") and not hasattr(record, "__attrs_post_init__")
        for name, hint in found.items():
            who = f"{start}: field {name!r} of {record.__qualname__}"
            self._walk(hint, Place(who, place.name, hint, is_field=True), ())
            if name in defaults:
                refuse_mark(defaults[name], hint, who, name)
                if is_final:
                    check_default(name, defaults[name], hint, who)


def _check_said(meta: msgspec.Meta, place: Place) -> None:
    """Refuse what a note says for the OpenAPI document and JSON cannot say."""
    if meta.examples is None and meta.extra_json_schema is None:
        return
    try:
        encode_json([meta.examples, meta.extra_json_schema])
    except (TypeError, ValueError, RecursionError) as error:
        what = "examples" if meta.extra_json_schema is None else "extra_json_schema"
        raise ConfigurationError(
            f"{place.who} is annotated with {what} that JSON cannot say: {error}. Fix: give them as they would be sent"
        ) from None


def _translated(constraints: list[Any], place: Place) -> list[msgspec.Meta]:
    """Return what says the same to msgspec."""
    try:
        meta = meta_of(constraints)
    except ValueError as error:
        (one,) = error.args
        raise ConfigurationError(
            f"{place.who} is annotated with {one!r}, which msgspec.Meta cannot say. "
            f"Fix: check it in the handler; App(ignore_notes=[{type(one).__name__}]) ignores all such"
        ) from None
    if meta is not None and place.is_field:
        names = ", ".join(dict.fromkeys(type(one).__name__ for one in constraints))
        raise ConfigurationError(
            f"{place.who} is annotated with {names} of annotated_types, which msgspec does not read there. "
            f"Fix: {meta!r} in place of it"
        )
    return [] if meta is None else [meta]


def _refused(note: Any, place: Place) -> ConfigurationError:
    kind = note if isinstance(note, type) else type(note)
    if issubclass(kind, Param):
        return _misplaced(note, kind.__name__, place)
    fix = None
    if place.callback:
        fix = call_of(note, place.name, place.callback)
    elif place.name:
        fix = instead(note, place.name, None if place.is_field else place.annotation)
    if fix is None:
        fix = f"leave it out, or App(ignore_notes=[{kind.__name__}]) if it is meant for others"
    return ConfigurationError(f"{place.who} is annotated with {shown(note)}, which Hinge does not know. Fix: {fix}")


def _misplaced(note: Any, name: str, place: Place) -> ConfigurationError:
    if place.is_field:
        fix = "name = msgspec.field(name=...) for another name on the wire, and the marker at the handler's parameter"
        return ConfigurationError(f"{place.who} has a {name}, which nobody reads there. Fix: {fix}")
    if not place.name:
        return ConfigurationError(f"{place.who} has a {name}, and a result has no source. Fix: leave it out")
    if isinstance(note, type):
        return ConfigurationError(f"{place.who} is annotated with a class. Fix: write {name}(), an instance")
    return ConfigurationError(
        f"{place.who} has a {name} inside of another type. Fix: put it outermost: Annotated[<type>, {name}()]"
    )


def _ranges(found: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the lower and the upper bounds that a type's notes give together, those that are open as a little more."""
    said = {key: bound for meta in get_args(found)[1:] for key in _BINDING if (bound := getattr(meta, key)) is not None}
    for low, high in (("ge", "le"), ("min_length", "max_length")):
        if low in said and high in said:
            yield said[low], said[high]
    for low, high in (("gt", "le"), ("ge", "lt"), ("gt", "lt")):
        if low in said and high in said:
            yield (said[low], 1), (said[high], 0)


def _check_fit(found: Any, kind: Any, place: Place) -> None:
    """Refuse constraints that a type does not have."""
    if isinstance(kind, TypeVar):
        return
    if isinstance(kind, type) and issubclass(kind, HTTPConnection):
        raise ConfigurationError(f"{place.who} has a constraint, and is no value. Fix: leave the constraint out")
    if any(low > high for low, high in _ranges(found)):
        raise ConfigurationError(f"{place.who}: no value is within its bounds. Fix: mend one of the two")
    try:
        msgspec.msgpack.Decoder(found)
    except (ValueError, OverflowError, SystemError) as error:
        raise ConfigurationError(
            f"{place.who} has a bound that msgspec cannot compare with: {str(error).partition('. ')[0]}. "
            f"Fix: a bound within 64 bits, or check it in the handler"
        ) from None
    except TypeError as error:
        try:
            msgspec.msgpack.Decoder(kind)
        except TypeError:
            return  # the type itself is one that is not decoded, whatever its constraints
        raise ConfigurationError(
            f"{place.who}: {error}. Fix: leave the constraint out, or move it to its type"
        ) from None
