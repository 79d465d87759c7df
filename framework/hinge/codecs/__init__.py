"""Formats of bodies: which there are, and how a body is read by its media type.

Law: the formats that most apps do not speak are imported when they are asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from hinge.codecs.codec import JSON, Codec, check_codecs, encode_json, is_of_msgspec
from hinge.codecs.msgpack import MSGPACK, encode_msgpack
from hinge.codecs.reading import CODECS, MAX_EXPLAINED, BodyDecoder, at_once, body_decoder, select_codec

if TYPE_CHECKING:
    from hinge.codecs.toml import TOML
    from hinge.codecs.yaml import YAML

__all__ = [
    "CODECS",
    "JSON",
    "MAX_EXPLAINED",
    "MSGPACK",
    "TOML",
    "YAML",
    "BodyDecoder",
    "Codec",
    "at_once",
    "body_decoder",
    "check_codecs",
    "encode_json",
    "encode_msgpack",
    "is_of_msgspec",
    "select_codec",
]


def __getattr__(name: str) -> Any:
    if name not in ("TOML", "YAML"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"hinge.codecs.{name.lower()}"), name)
