"""YAML 1.2 bodies, in its core schema: what JSON can say, in another notation.

Law: a document is read event by event, so nothing recurses and nothing is expanded. Aliases are refused, because a few
of them make gigabytes; so are tags that make objects. `yes` and `12:30` are text: the types say what they become.
"""

import math
import re
from collections.abc import Callable
from importlib import import_module
from typing import Any

import msgspec

from hinge.codecs.codec import Codec
from hinge.codecs.collected import NO_KEY, check_collisions, not_finite, refused
from hinge.codecs.depth import MAX_DEPTH, too_deep
from hinge.errors import ConfigurationError, HTTPError
from hinge.extras import install
from hinge.inspection.custom_types import Types, encode_custom
from hinge.validation.numbers import MAX_DIGITS

MAX_SIZE = 128 * 1024
"""Bytes of the largest YAML or TOML body: their parsers take a hundred times as long as JSON's."""

_TAG = "tag:yaml.org,2002:"
_KINDS = {_TAG + "int": int, _TAG + "float": float, _TAG + "bool": bool, _TAG + "null": type(None)}
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {text: text.lower() == "true" for text in ("true", "True", "TRUE", "false", "False", "FALSE")}
_is_integer = re.compile(r"[-+]?[0-9]+").fullmatch
_is_based = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+").fullmatch
_is_float = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?").fullmatch
_is_endless = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)").fullmatch
_NUMERIC = tuple("+-.0123456789")


def _is_number(text: str) -> bool:
    return any(is_one(text) for is_one in (_is_integer, _is_based, _is_float, _is_endless))


def _prepare() -> Any:
    """Return PyYAML, an extra.

    Raises:
        ConfigurationError: it is not installed, or without its parser in C.
    """
    try:
        yaml = import_module("yaml")
    except ImportError:
        raise ConfigurationError(f"the codec YAML needs PyYAML. Fix: {install('yaml')}") from None
    if not yaml.__with_libyaml__:
        raise ConfigurationError("the codec YAML needs PyYAML with libyaml. Fix: install PyYAML from a wheel")
    return yaml


def _decoder(target: Any, types: Types | None = None) -> Callable[[bytes], Any]:
    _prepare()
    msgspec.json.Decoder(target)  # refuses what msgspec does not know
    hook = None if types is None else types.decode
    return lambda body: msgspec.convert(load(body), target, str_keys=True, dec_hook=hook)


def load(body: bytes) -> Any:
    """Return the value of a YAML document.

    Raises:
        ValueError: it is malformed, or not one document.
        HTTPError: 400, it nests too deeply or has aliases or tags.
    """
    yaml = import_module("yaml")
    body.decode()  # UTF-8 and nothing else: the parser would take UTF-16 as well
    loader = yaml.CSafeLoader(body)
    try:
        return _Document(loader.get_event).value()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise msgspec.DecodeError(f"YAML is malformed (byte {mark.index})" if mark else "YAML is malformed") from None
    finally:
        loader.dispose()


class _Document:
    """Builds the value of the one document in a stream of events."""

    def __init__(self, get_event: Callable[[], Any]) -> None:
        self._get_event = get_event
        # The open collections; a mapping is the list of its keys and values until its end.
        self._open: list[tuple[Any, list[Any]]] = []
        self._root: list[Any] = []

    def value(self) -> Any:
        steps: dict[str, Callable[[Any], None]] = {
            "ScalarEvent": lambda event: self._put(_scalar(event)),
            "MappingStartEvent": lambda event: self._begin(event, {}),
            "SequenceStartEvent": lambda event: self._begin(event, []),
            "MappingEndEvent": lambda event: self._end(),
            "SequenceEndEvent": lambda event: self._end(),
            "AliasEvent": _refuse_alias,
            "StreamEndEvent": lambda event: None,
        }
        documents = 0
        while (event := self._get_event()) is not None:
            kind = type(event).__name__
            step = steps.get(kind)
            if step is not None:
                step(event)
            elif kind == "DocumentStartEvent":
                documents += 1
                if documents > 1:
                    raise ValueError("more than one document")
        if not self._root:
            raise ValueError("no document")
        return self._root[0]

    def _begin(self, event: Any, collection: Any) -> None:
        wanted = _TAG + ("map" if isinstance(collection, dict) else "seq")
        if event.tag not in (None, "!", wanted):
            raise _tagged()
        if len(self._open) >= MAX_DEPTH:
            raise too_deep(MAX_DEPTH)
        self._open.append((collection, []))

    def _end(self) -> None:
        collection, pairs = self._open.pop()
        if pairs:
            keys = pairs[::2]
            if any(key is None or key is True or key is False for key in keys):
                raise refused(NO_KEY)
            check_collisions(key for key in keys if type(key) is not str)
            collection.update(zip(keys, pairs[1::2], strict=True))
        self._put(collection)

    def _put(self, value: Any) -> None:
        if not self._open:
            self._root.append(value)
            return
        collection, pairs = self._open[-1]
        if isinstance(collection, list):
            collection.append(value)
        elif isinstance(value, list | dict) and not len(pairs) % 2:
            raise HTTPError(400, "The body has a YAML mapping with a collection for a key.")
        else:
            pairs.append(value)


def _refuse_alias(event: Any) -> None:
    raise HTTPError(400, "The body has a YAML alias; write the value again in its place.")


def _tagged() -> HTTPError:
    return HTTPError(400, "The body has a YAML tag other than those of the core schema.")


def _scalar(event: Any) -> Any:
    text: str = event.value
    if event.tag is None:
        return _resolved(text) if event.implicit[0] else text
    if event.tag in ("!", _TAG + "str"):
        return text
    if event.tag not in _KINDS:
        raise _tagged()
    value, kind = _resolved(text), _KINDS[event.tag]
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise ValueError("a scalar is not what its tag says")
    return value


def _resolved(text: str) -> Any:
    """Return what a plain scalar means in the core schema (YAML 1.2.2 section 10.3.2)."""
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if text[0] not in _NUMERIC:
        return text
    if (is_decimal := _is_integer(text)) or _is_based(text):
        if len(text) > MAX_DIGITS:
            raise ValueError("a number has too many digits")
        return int(text, 10 if is_decimal else 0)
    if _is_float(text) and math.isfinite(value := float(text)):
        return value
    if _is_float(text) or _is_endless(text):
        raise not_finite()
    return text


def _encode(value: Any) -> bytes:
    yaml = import_module("yaml")
    dumper = _dumpers.get(yaml) or _dumpers.setdefault(yaml, _dumper(yaml))
    plain = msgspec.to_builtins(value, enc_hook=encode_custom)  # dates and the like as text, as in JSON
    written: bytes = yaml.dump(plain, Dumper=dumper, sort_keys=False, allow_unicode=True, encoding="utf-8")
    return written


_dumpers: dict[Any, Any] = {}


def _dumper(yaml: Any) -> Any:
    # What stands in a result twice is written twice: a reader like this one takes no alias.
    kind = type("Dumper", (yaml.CSafeDumper,), {"ignore_aliases": lambda self, data: True})
    kind.add_representer(str, _represent)  # type: ignore[attr-defined]  # of PyYAML's
    return kind


def _represent(dumper: Any, text: str) -> Any:
    """Write a text; PyYAML quotes what YAML 1.1 takes for something else, which leaves out `1e5` and `0o7`."""
    style = "'" if text[:1] in _NUMERIC and _is_number(text) else None
    return dumper.represent_scalar(_TAG + "str", text, style=style)


YAML = Codec(
    "application/yaml",
    _decoder,
    _encode,
    name="YAML",
    aliases=frozenset({"application/x-yaml", "text/yaml", "text/x-yaml"}),
    suffix="+yaml",
    plain_decoder=load,
    max_size=MAX_SIZE,
    prepare=_prepare,
    typed_decoder=_decoder,
)
"""YAML (RFC 9512); needs `hinge-web[yaml]`."""
