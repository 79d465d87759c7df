"""Bodies to values and values to bodies, by media type.

Law: `body_decoder` decides everything when it is made; a request only compares its Content-Type and decodes. The answer
to a body that cannot be read is one of three: 415 (RFC 9110 section 15.5.16) for a type or coding that nothing decodes,
400 for a malformed body, 422 with every fault for a well-formed one that does not fit. A large one gets the fault that
the decoder stopped at, whatever comes after it: to look for the others would stop an event loop for too long.

JSON is RFC 8259 in UTF-8 and nothing else: a byte order mark, UTF-16 and UTF-32, lone surrogates, `NaN` and `Infinity`,
trailing commas and an empty body are malformed. Of equal keys the last one counts, and each of them has to be valid;
where a large body is looked through before it is decoded (hinge.codecs.careful), there are none.
The text of members that the type does not know is skipped, its encoding unchecked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Protocol

import msgspec

from hinge.codecs.careful import careful, plain_decoder
from hinge.codecs.codec import JSON, Codec
from hinge.codecs.depth import MAX_DEPTH, check_json_depth
from hinge.codecs.msgpack import MSGPACK
from hinge.errors import ConfigurationError, HTTPError, RequestInvalid
from hinge.http.body import check_coding, too_large, unsupported
from hinge.http.tokens import MEDIA_TYPE, UTF8, parameter
from hinge.validation.errors import decoder_error, first_error, is_unhashable, rejection_errors

MAX_EXPLAINED = 256 * 1024
"""Bytes of the largest body that is decoded a second time, to report all of its faults."""


class BodyDecoder(Protocol):
    """Reads one route's bodies, given the Content-Type and Content-Encoding header values or None."""

    def __call__(self, body: bytes, content_type: str | None, content_encoding: str | None = None) -> Any:
        """Return the value.

        Raises:
            HTTPError: 415 or 400.
            RequestInvalid: 422, the value does not fit the type.
        """
        ...


CODECS: tuple[Codec, ...] = (JSON, MSGPACK)
"""What bodies are read as when a route or an app says nothing else."""

AT_ONCE, AT_ONCE_SLOWLY = 64 * 1024, 16 * 1024
"""Bytes of the largest body that is decoded on an event loop: of JSON and MessagePack alone, and with other codecs."""


def at_once(codecs: Sequence[Codec]) -> int:
    """Return how many bytes of a body are decoded in less than 50 ms, whatever they are."""
    return AT_ONCE if all(codec in CODECS for codec in codecs) else AT_ONCE_SLOWLY


_TYPE = re.compile(rf"[ \t]*+({MEDIA_TYPE})[ \t]*+")
_POSITION = re.compile(r"\(byte (\d+)\)\Z")
_REFUSED = (ValueError, RecursionError, TypeError)


def select_codec(
    content_type: str | None, content_encoding: str | None = None, codecs: Sequence[Codec] = CODECS
) -> Codec:
    """Return the codec that reads a body with these headers.

    Raises:
        HTTPError: 415, with `Accept` or `Accept-Encoding` naming what would be read.
    """
    check_coding(content_encoding, "body")
    accepted = (codec.media_type for codec in codecs)
    if content_type is None:
        raise unsupported("The body has no Content-Type.", accepted)
    matched = _TYPE.match(content_type)
    if matched is None:
        raise unsupported("The body's Content-Type is not one that is decoded.", accepted)
    if not _is_utf8(content_type, matched.end()):
        raise unsupported("The body's Content-Type is malformed or names a charset other than utf-8.", accepted)
    essence = matched[1].lower()
    for codec in codecs:
        if essence == codec.media_type or essence in codec.aliases or _is_built_on(codec, essence):
            return codec
    raise unsupported("The body's Content-Type is not one that is decoded.", accepted)


def _is_built_on(codec: Codec, essence: str) -> bool:
    return bool(codec.suffix) and essence.endswith(codec.suffix) and essence.startswith("application/")


def body_decoder(target: Any, *, codecs: Sequence[Codec] = CODECS) -> BodyDecoder:
    """Return the function that reads bodies as `target`.

    Raises:
        ConfigurationError: the type cannot be decoded.
    """
    reading = tuple(codec for codec in codecs if codec.decoder is not None)
    if not reading:
        raise ConfigurationError("none of App(codecs=...) reads bodies")
    try:
        hash((target, reading))
    except TypeError:
        return _body_decoder.__wrapped__(target, reading)  # metadata that cannot be hashed
    return _body_decoder(target, reading)


@lru_cache(maxsize=1024)
def _body_decoder(target: Any, codecs: tuple[Codec, ...]) -> BodyDecoder:
    readers = {codec.media_type: _reader(codec, target) for codec in codecs}

    def read_other(body: bytes, content_type: str | None, content_encoding: str | None) -> Any:
        codec = select_codec(content_type, content_encoding, codecs)
        return readers[codec.media_type](body)

    json = next((codec for codec in codecs if codec is JSON or codec.check_depth is JSON.check_depth), None)
    if json is None or json.decoder is None or json.max_size is not None:

        def read_any(body: bytes, content_type: str | None, content_encoding: str | None = None) -> Any:
            return read_other(body, content_type, content_encoding)

        return read_any

    decode, refusal = careful(json, target, json.decoder(target)), _refusal(json, target)

    def read(body: bytes, content_type: str | None, content_encoding: str | None = None) -> Any:
        if content_type != "application/json" or content_encoding is not None:
            return read_other(body, content_type, content_encoding)
        size = len(body)
        if size > MAX_DEPTH:
            # An array takes a byte to open, an object four (`{"":`): a count of one kind settles most short bodies.
            arrays = body.count(b"[")
            if size + 3 * arrays > 4 * MAX_DEPTH and arrays + body.count(b"{") > MAX_DEPTH:
                check_json_depth(body)
        try:
            return decode(body)
        except _REFUSED as error:
            raise refusal(body, error) from error

    return read


def _reader(codec: Codec, target: Any) -> Callable[[bytes], Any]:
    try:
        decode = careful(codec, target, codec.decoder(target))  # type: ignore[misc]  # those without are left out
    except TypeError as error:
        raise ConfigurationError(f"{target!r} cannot be read from a {codec.title} body: {error}") from error
    check_depth, max_size, refusal = codec.check_depth, codec.max_size, _refusal(codec, target)

    def read(body: bytes) -> Any:
        if max_size is not None and len(body) > max_size:
            raise too_large(max_size)
        if check_depth is not None:
            check_depth(body)
        try:
            return decode(body)
        except _REFUSED as error:
            raise refusal(body, error) from error

    return read


def _refusal(codec: Codec, target: Any) -> Callable[[bytes, Exception], Exception]:
    """Return what makes the answer to a body that the codec refused; an error itself where it is the program's."""
    plain = plain_decoder(codec, target)

    def refusal(body: bytes, error: Exception) -> Exception:
        if isinstance(error, TypeError) and not is_unhashable(error):
            return error
        if not isinstance(error, (msgspec.ValidationError, TypeError)):
            return _malformed(codec, body, error)
        if len(body) > MAX_EXPLAINED or plain is None:
            return RequestInvalid([decoder_error(error)])
        try:
            value = plain(body)
        except RequestInvalid:
            return RequestInvalid([decoder_error(error)])
        except msgspec.ValidationError as beyond:  # an integer of thousands of digits, a timestamp out of range
            return RequestInvalid([first_error(error if isinstance(error, msgspec.ValidationError) else beyond)])
        except (ValueError, RecursionError) as malformed:
            # The decoder stopped at a value that does not fit, before the syntax error behind it.
            return _malformed(codec, body, malformed)
        return RequestInvalid(rejection_errors(target, value, error, codec.types))

    return refusal


def _malformed(codec: Codec, body: bytes, error: Exception) -> HTTPError:
    if not body:
        return HTTPError(400, f"The body is empty; {codec.title} was expected.")
    position = _POSITION.search(str(error))
    where = f" (at byte {position[1]})" if position else ""
    return HTTPError(400, f"The body is not well-formed {codec.title}{where}.")


def _is_utf8(content_type: str, start: int) -> bool:
    """Tell whether the parameters are well-formed and name no other charset."""
    while start < len(content_type):
        found = parameter(content_type, start)
        if found is None:
            return False
        name, value = found[1], found[2]
        if name is not None and name.lower() == "charset" and value.strip('"').lower() not in UTF8:
            return False
        start = found.end()
    return True
