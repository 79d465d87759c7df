"""TOML 1.0 bodies.

Law: what would take the parser quadratic time is refused before it. TOML has no null, so members that are None are left
out; a whole document is a table.
"""

import datetime as dt
import math
import re
from collections.abc import Callable
from importlib import import_module
from typing import Any

import msgspec

from hinge.codecs.codec import Codec
from hinge.codecs.collected import not_finite
from hinge.codecs.depth import MAX_DEPTH, too_deep
from hinge.codecs.yaml import MAX_SIZE
from hinge.errors import ConfigurationError
from hinge.extras import install
from hinge.inspection.custom_types import Types, encode_custom

# Strings and comments; an end that is missing is left to the parser. Possessive, and always a match: linear.
_quoted = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*+(?:""")?+'
    r"|'''(?:[^']|'(?!''))*+(?:''')?+"
    r'|"(?:[^"\\\n]|\\.)*+"?+'
    r"|'[^'\n]*+'?+"
    r"|\#[^\n]*+",
    re.DOTALL,
)
_dotted = re.compile(r"[\w-]++(?:[ \t]*+\.[ \t]*+[\w-]++)*+").finditer
_MOST_BITS = 14_285
"""About 4300 decimal digits."""
_NATIVE = (dt.datetime, dt.date, dt.time)


def _prepare() -> Any:
    """Return the writer of TOML, an extra; the parser is the standard library's.

    Raises:
        ConfigurationError: it is not installed.
    """
    try:
        return import_module("tomli_w")
    except ImportError:
        raise ConfigurationError(f"the codec TOML needs tomli-w. Fix: {install('toml')}") from None


def _decoder(target: Any, types: Types | None = None) -> Callable[[bytes], Any]:
    msgspec.json.Decoder(target)  # refuses what msgspec does not know
    hook = None if types is None else types.decode
    return lambda body: msgspec.convert(load(body), target, builtin_types=_NATIVE, str_keys=True, dec_hook=hook)


def load(body: bytes) -> Any:
    """Return the table of a TOML document.

    Raises:
        ValueError: it is malformed.
        HTTPError: 400, it nests too deeply.
    """
    text = body.decode()
    _check_keys(text)
    value = import_module("tomllib").loads(text, parse_float=_number)
    _check(value)
    return value


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise not_finite()
    return value


def _check_keys(text: str) -> None:
    """Refuse dotted keys of very many parts: the parser takes quadratic time for them."""
    if text.count(".") <= MAX_DEPTH:
        return
    for key in _dotted(_quoted.sub("s", text)):
        if key[0].count(".") >= MAX_DEPTH:
            raise too_deep(MAX_DEPTH)


def _check(value: Any) -> None:
    """Refuse what nests too deeply, and numbers that were short to write in another base than ten."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        parts = [part for one in level for part in (one.values() if isinstance(one, dict) else one)]
        if any(isinstance(part, int) and part.bit_length() > _MOST_BITS for part in parts):
            raise ValueError("a number has too many digits")
        level = [part for part in parts if isinstance(part, dict | list)]
        if not level:
            return
    raise too_deep(MAX_DEPTH)


def _encode(value: Any) -> bytes:
    plain = msgspec.to_builtins(value, builtin_types=_NATIVE, str_keys=True, enc_hook=encode_custom)
    if not isinstance(plain, dict):
        raise ValueError("a TOML document is a table")  # noqa: TRY004 - as any value that a format cannot express
    written: str = import_module("tomli_w").dumps(_without_null(plain))
    return written.encode()


def _without_null(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_null(one) for key, one in value.items() if one is not None}
    if isinstance(value, list | tuple):
        if any(one is None for one in value):
            raise ValueError("a TOML array has no null")
        return [_without_null(one) for one in value]
    return value


TOML = Codec(
    "application/toml",
    _decoder,
    _encode,
    name="TOML",
    plain_decoder=load,
    objects_only=True,
    max_size=MAX_SIZE,
    prepare=_prepare,
    typed_decoder=_decoder,
)
"""TOML 1.0; needs `hinge-web[toml]`."""
