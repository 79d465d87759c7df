"""A format of bodies as data, and JSON.

Law: a codec is values and functions, without state; all that it needs is there before the first request, or the compile
says in one line what to install.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from msgspec.structs import replace

from hinge.codecs.depth import check_json_depth, json_members
from hinge.diagnostics.kinds import COUNT, FLAG, FUNCTION, TEXT, texts, want
from hinge.diagnostics.location import caller
from hinge.errors import ConfigurationError
from hinge.http.tokens import is_media_type
from hinge.inspection.custom_types import NO_TYPES, Types, encode_custom

_NO_FUNCTIONS = ("media_type", "name", "aliases", "suffix", "objects_only", "max_size", "types")


def _is_exact(media_type: str) -> bool:
    """Tell whether it is a media type as it is compared: in lower case, and no range of them."""
    return media_type == media_type.lower() and "*" not in media_type and bool(is_media_type(media_type))


class Codec(msgspec.Struct, frozen=True):
    """A format of bodies: what `App(codecs=[...])` takes. All but the media type may be left out.

    `decoder` makes the function that reads a type from bytes; without one, requests are not read. What it makes raises
    `msgspec.ValidationError` for what does not fit (422), and another ValueError for what is malformed (400).
    `plain_decoder` reads a body without a type, so that all of its faults can be told and not just the first.
    `check_depth` refuses with an HTTPError what nests too deeply for the decoder, `check_plain` makes for a type what
    refuses so a body that must not be read without one. `members` counts what the objects of a body have in all, equal
    names each for itself.

    `encode` writes a result; without one, nothing is answered in this format. It raises ValueError for a value that the
    format cannot express, and TypeError for what nobody can encode. `objects_only` says that nothing but an object can
    be a whole document, `max_size` (bytes) what a body may have at most. `aliases` are other media types for the same
    format, `suffix` (`+json`) is that of `application/` types built on it. `prepare` is called by the compile.

    `typed_decoder` makes, in place of `decoder`, what reads a type with classes of `App(types=[...])` in it: it is
    given these as well, whose `decode(class, value)` is a `dec_hook` for msgspec. `types` is set for it.

    Raises:
        ConfigurationError: a media type is none, or there is neither `decoder` nor `encode`.
    """

    media_type: str
    decoder: Callable[[Any], Callable[[bytes], Any]] | None = None
    encode: Callable[[Any], bytes] | None = None
    name: str = ""
    aliases: frozenset[str] = frozenset()
    suffix: str = ""
    plain_decoder: Callable[[bytes], Any] | None = None
    check_depth: Callable[[bytes], None] | None = None
    check_plain: Callable[[Any], Callable[[bytes], None]] | None = None
    members: Callable[[bytes], int] | None = None
    objects_only: bool = False
    max_size: int | None = None
    prepare: Callable[[], Any] | None = None
    typed_decoder: Callable[[Any, Types], Callable[[bytes], Any]] | None = None
    types: Types = NO_TYPES

    def __post_init__(self) -> None:
        want("Codec", TEXT, name=self.name, suffix=self.suffix)
        want("Codec", FLAG, objects_only=self.objects_only)
        want("Codec", COUNT, optional=True, max_size=self.max_size)
        functions = [name for name in self.__struct_fields__ if name not in _NO_FUNCTIONS]
        want("Codec", FUNCTION, optional=True, **{name: getattr(self, name) for name in functions})
        (aliases,) = texts("Codec", aliases=self.aliases)
        for one in (self.media_type, *aliases):
            if not isinstance(one, str) or not _is_exact(one):
                raise ConfigurationError(
                    f"Codec({one!r}) ({caller()}): it is no media type. Fix: 'type/subtype' in lower case"
                )
        if self.suffix and not (self.suffix[0] == "+" and _is_exact(f"application/x{self.suffix}")):
            raise ConfigurationError(f"Codec(suffix={self.suffix!r}) ({caller()}): it is none. Fix: such as '+json'")
        if self.decoder is None and self.encode is None:
            raise ConfigurationError(
                f"Codec({self.media_type!r}) ({caller()}): it neither reads nor writes. Fix: give decoder or encode"
            )

    @property
    def title(self) -> str:
        """What messages call the format."""
        return self.name or self.media_type

    @property
    def media_types(self) -> tuple[str, ...]:
        """The media type and its aliases."""
        return (self.media_type, *sorted(self.aliases))


def check_codecs(codecs: Iterable[Codec]) -> tuple[Codec, ...]:
    """Return the codecs that an app is given.

    Raises:
        ConfigurationError: one is none, there is none, or two claim a media type.
    """
    place = f"App(codecs=...) ({caller()})"
    if isinstance(codecs, str | Codec) or not isinstance(codecs, Iterable):
        raise ConfigurationError(f"{place}: {codecs!r} is no list. Fix: codecs=[JSON, ...], of hinge.codecs")
    given = tuple(codecs)
    taken: dict[str, Codec] = {}
    for codec in given:
        if not isinstance(codec, Codec):
            raise ConfigurationError(f"{place}: {codec!r} is no Codec. Fix: codecs=[JSON, ...], of hinge.codecs")
        for one in codec.media_types:
            if one in taken:
                raise ConfigurationError(f"{place}: two codecs claim {one!r}. Fix: keep one of them")
            taken[one] = codec
    if not given:
        raise ConfigurationError(f"{place}: it is empty. Fix: leave it out, or name a codec")
    return given


def is_of_msgspec(function: Any) -> bool:
    """Tell whether a codec's function takes what msgspec takes and no more: Hinge's, or its own without a hook."""
    owner = getattr(function, "__self__", None)
    if getattr(owner, "enc_hook", None) not in (None, encode_custom):
        return False
    module: str = getattr(function, "__module__", None) or type(owner).__module__
    return module.partition(".")[0] in ("hinge", "msgspec")


MAX_MODEL = 1024 * 1024
"""Bytes of the largest body with models of pydantic, whose record of faults takes 200 bytes for each byte of a body."""


def with_types(codecs: tuple[Codec, ...], types: Types, target: Any) -> tuple[Codec, ...]:
    """Return the codecs that read a type: as they are, or for an app's own classes where it has some of these."""
    if not types.are_in(target):
        return codecs
    most = MAX_MODEL if types.models_in(target) else math.inf
    return tuple(_typed(codec, types, most) for codec in codecs)


def _typed(codec: Codec, types: Types, most: float) -> Codec:
    make = codec.typed_decoder
    if make is None:
        return codec
    size = min(most, math.inf if codec.max_size is None else codec.max_size)
    max_size = int(size) if math.isfinite(size) else None
    return replace(codec, decoder=lambda target: make(target, types), types=types, max_size=max_size)


def _json_decoder(target: Any, types: Types | None = None) -> Callable[[bytes], Any]:
    return msgspec.json.Decoder(target, dec_hook=None if types is None else types.decode).decode


encode_json: Callable[[Any], bytes] = msgspec.json.Encoder(enc_hook=encode_custom).encode
"""Encode a result as JSON; TypeError for an object that neither msgspec nor an app knows."""

JSON = Codec(
    "application/json",
    _json_decoder,
    encode_json,
    name="JSON",
    suffix="+json",
    # float() takes a number beyond the range as infinity, so one such number does not hide the other faults.
    plain_decoder=msgspec.json.Decoder(float_hook=float).decode,
    check_depth=check_json_depth,
    members=json_members,
    typed_decoder=_json_decoder,
)
