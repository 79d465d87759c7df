"""How values of one class leave under an annotation: as they are if they hold nothing else, or else anew.

Law: a class at a time. Whatever leaves as it is is found so without a step of Python for each value.
"""

from collections.abc import Callable
from itertools import chain
from operator import is_not
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hinge.results.projection import Part

Project = Callable[[Any], Any]
"""From a value to what of it may leave."""

Below = list[tuple["Part", Any]]
"""What values hold that does not leave as it is, as far as is known, and the part that it has to be of."""


class Projector:
    """How values of one class leave."""

    def through(self, encode: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
        """Return what encodes of a whole result what may leave; `encode` refuses records as keys, as JSON does."""
        return lambda value: encode(self(value))

    def __call__(self, value: Any) -> Any:
        """Return what of a whole result may leave."""
        return value if _is_exact(self.below((value,))) else self.project(value)

    def project(self, value: Any, /) -> Any:
        """Return what of a value may leave: itself if it is all of it."""
        raise NotImplementedError

    def below(self, values: Any) -> Below | None:
        """Return what values hold; None if they have to be projected."""
        raise NotImplementedError


class Array(Projector):
    """The items of an array of any length."""

    def __init__(self, part: "Part | None") -> None:
        self.part = part
        self.says_more = part is not None

    def __call__(self, value: Any) -> Any:
        """Return what of a whole result may leave, the commonest one in a single look."""
        part = self.part
        return value if part is None or part.whole.issuperset(map(type, value)) else super().__call__(value)

    def project(self, values: Any, /) -> Any:
        """Return the array, anew only if an item cannot go out as it is."""
        part = self.part
        if part is None or part.whole.issuperset(map(type, values)):
            return values
        kept = [part.project(value) for value in values]
        return kept if any(map(is_not, kept, values)) else values

    def below(self, values: Any) -> Below | None:
        """Return what is in them that does not leave as it is."""
        return _beneath(self.part, values[0] if len(values) == 1 else list(chain.from_iterable(values)))


class Row(Projector):
    """The items of an array that has a type for each position."""

    def __init__(self, parts: "list[Part | None]") -> None:
        self._parts = parts
        self.says_more = True  # at least how many there are

    def project(self, values: Any, /) -> Any:
        """Return the array, anew only if an item cannot go out as it is."""
        pairs = zip(values, self._parts, strict=False)
        kept = [value if part is None else part.project(value) for value, part in pairs]
        return kept if len(kept) < len(values) or any(map(is_not, kept, values)) else values

    def below(self, values: Any) -> Below | None:
        """Return what is in them that does not leave as it is."""
        if any(len(value) != len(self._parts) for value in values):
            return None
        columns = zip(self._parts, zip(*values, strict=True), strict=False)
        return [found for part, column in columns for found in _beneath(part, column)]


class Object(Projector):
    """The keys and values of an object with any keys."""

    def __init__(self, key: "Part | None", value: "Part | None") -> None:
        self._key = key
        self._value = value
        self.says_more = value is not None or not (key is None or key.is_scalar)

    def through(self, encode: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
        """Return what encodes an object whose values are looked at in place."""
        if self._value is None:
            return super().through(encode)
        whole = self._value.whole
        common = str if self._value.has_scalars else None

        def encode_kept(value: Any) -> bytes:
            for one in value.values():
                if type(one) is not common and type(one) not in whole:
                    return encode(self(value))
            return encode(value)

        return encode_kept

    def project(self, value: Any, /) -> Any:
        """Return the object, anew only if something in it cannot go out as it is."""
        keys, values = self._kept(self._key, value.keys()), self._kept(self._value, value.values())
        return value if keys is None is values else dict(zip(keys or value, values or value.values(), strict=True))

    def below(self, values: Any) -> Below | None:
        """Return what is in them that does not leave as it is."""
        if len(values) == 1:
            return _beneath(self._key, values[0]) + _beneath(self._value, values[0].values())
        within = list(chain.from_iterable(value.values() for value in values))
        return _beneath(self._key, list(chain.from_iterable(values))) + _beneath(self._value, within)

    @staticmethod
    def _kept(part: "Part | None", values: Any) -> list[Any] | None:
        """Return what of some values may leave, None if it is all."""
        if part is None or part.whole.issuperset(map(type, values)):
            return None
        kept = [part.project(one) for one in values]
        return kept if any(map(is_not, kept, values)) else None


class Always(Projector):
    """What has to be projected, whatever it holds."""

    def __init__(self, project: Project) -> None:
        self.project = project  # type: ignore[method-assign]

    def __call__(self, value: Any) -> Any:
        """Return what of a whole result may leave."""
        return self.project(value)

    def below(self, values: Any) -> Below | None:
        """Return None: it cannot be told."""
        return None


def _beneath(part: "Part | None", values: Any) -> Below:
    return [] if part is None or part.whole.issuperset(map(type, values)) else [(part, values)]


def _is_exact(below: Below | None) -> bool:
    """Tell whether values hold only what leaves as it is: looked at level by level, a class at a time.

    Values of a recursive type are told apart: what holds itself is for the encoder to refuse.
    """
    depth = 0
    depths: dict[Projector, int] = {}
    seen: set[tuple[Projector, int]] = set()
    while below:
        further: Below = []
        depth += 1
        for part, values in below:
            kinds = set(map(type, values))
            for kind in kinds:
                projector = part.projector(kind)
                if projector is None:
                    continue
                own = values if len(kinds) == 1 else [value for value in values if type(value) is kind]
                if depths.setdefault(projector, depth) != depth:
                    keyed = {(projector, id(value)): value for value in own}
                    own = [value for key, value in keyed.items() if key not in seen]
                    seen.update(keyed)
                held_by = projector.below(own if isinstance(own, list) else tuple(own))
                if held_by is None:
                    return False
                further += held_by
        below = further
    return below is not None


def refuse(value: Any) -> Any:
    """Refuse a result that an annotation has no place for.

    Raises:
        TypeError: always.
    """
    raise TypeError(
        f"the handler answered with a {type(value).__name__}, of which its annotation does not say what may be sent. "
        "Fix: annotate what it returns"
    )


REFUSED = Always(refuse)
