"""Models of pydantic, as bodies, as results and inside of both.

Law: pydantic is never imported here: who has a model has it. It decides what is valid, what is sent and what the schema
is; the places and the words of an error are Hinge's, and the value itself is in none of them.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from hinge.errors import ConfigurationError
from hinge.extras import install
from hinge.inspection.raised import told

_encode = msgspec.json.Encoder().encode

Fault = tuple[tuple[Any, ...], str]
"""The steps from the model to what is wrong, and what is wrong."""


class ModelInvalid(ValueError):  # noqa: N818 - as RequestInvalid
    """Say that a value is no such model: a pydantic error in Hinge's words."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(faults[0][1])
        self.faults = faults


def is_model(kind: Any) -> bool:
    """Tell whether a class is a model of pydantic 2, with fields of its own; `BaseModel` itself says nothing."""
    return (
        isinstance(kind, type)
        and hasattr(kind, "__pydantic_validator__")
        and hasattr(kind, "model_json_schema")
        and len(kind.__mro__) > 2
    )


def is_old_model(kind: Any) -> bool:
    """Tell whether a class is a model of pydantic 1, or of its like in pydantic 2."""
    return isinstance(kind, type) and hasattr(kind, "__get_validators__") and hasattr(kind, "parse_obj")


def check_model(kind: Any) -> None:
    """Complete a model's definition.

    Raises:
        ConfigurationError: what it names cannot be resolved, or pydantic is too old.
    """
    if not hasattr(kind, "__pydantic_complete__"):
        raise ConfigurationError(f"the model {kind.__qualname__} needs a newer pydantic. Fix: {install('pydantic')}")
    try:
        kind.model_rebuild()
    except (NameError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"the fields of {kind.__qualname__} cannot be resolved: {error.args[0] if error.args else error}. "
            f"Fix: define or import what they name at the level of its module"
        ) from error


def read_model(kind: Any, value: Any) -> Any:
    """Return a model of what a codec has decoded, validated as JSON, so that `strict` means what it means there.

    Raises:
        ModelInvalid: the value does not fit.
    """
    try:
        return kind.__pydantic_validator__.validate_json(_encode(value))
    except ValueError as error:
        if not hasattr(error, "errors"):
            raise
        faults = list(_faults(error, value))
    raise ModelInvalid(faults)


def sent_model(value: Any, kind: Any = None) -> Any:
    """Return what of a model is sent, as plain data: its fields, or those of a class that it extends."""
    return (kind or type(value)).__pydantic_serializer__.to_python(value, mode="json", by_alias=True)


def project_model(kind: Any, value: Any) -> Any:
    """Return what of a value leaves as a model: of one beneath it the declared fields, of others what it makes of them.

    Raises:
        ValueError: nothing can be made of it.
    """
    if isinstance(value, kind):
        return sent_model(value, kind)
    return kind.model_validate(value, from_attributes=True)


# -- the words for its errors ------------------------------------------------------------------------------------------

_EXPECTED = {
    "none_required": "null",
    "bool": "a boolean",
    "int": "an integer",
    "float": "a number",
    "decimal": "a decimal number",
    "string": "a string",
    "bytes": "a string",
    **dict.fromkeys(("list", "tuple", "set", "frozen_set", "iterable"), "an array"),
    **dict.fromkeys(("dict", "mapping", "model", "model_attributes", "dataclass"), "an object"),
    "date": "an RFC 3339 date",
    "datetime": "an RFC 3339 date and time",
    "time": "an RFC 3339 time",
    "time_delta": "an ISO 8601 duration",
    "uuid": "a UUID",
    "url": "a URL",
}
_KINDS: dict[type, str] = {
    type(None): "null",
    bool: "a boolean",
    int: "an integer",
    float: "a floating-point number",
    str: "a string",
    list: "an array",
    dict: "an object",
}
_SAID = {
    "missing": "is required",
    "extra_forbidden": "is not a known field",
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "multiple_of": "must be a multiple of {multiple_of}",
    "finite_number": "must be a finite number",
    "string_too_short": "must have at least {min_length} character{s}",
    "string_too_long": "must have at most {max_length} character{s}",
    "too_short": "must have at least {min_length} item{s}",
    "too_long": "must have at most {max_length} item{s}",
    "string_pattern_mismatch": "must match the pattern {pattern}",
    "literal_error": "expected one of {expected}",
    "enum": "expected one of {expected}",
    "union_tag_invalid": "expected one of {expected_tags} as {discriminator}",
    "union_tag_not_found": "expected an object with {discriminator}",
    "timezone_aware": "must have a time zone",
    "timezone_naive": "must not have a time zone",
}
_of_kind = re.compile(r"(.+?)_(?:type|parsing|parsing_size|from_\w+)").fullmatch
_MAX_TEXT = 300
_MOST_LISTED, _MOST_TOLD = 1000, 100
"""How many faults are asked of pydantic, and how many of them are told."""


def _faults(error: Any, value: Any) -> Iterator[Fault]:
    """Yield each place once: what several members of a union expect there is one fault."""
    if error.error_count() > _MOST_LISTED:  # to list them takes time and memory for each
        yield (), f"has more than {_MOST_LISTED} invalid values"
        return
    found: dict[tuple[Any, ...], list[tuple[str | None, str, Any]]] = {}
    for one in error.errors()[:_MOST_TOLD]:
        steps, is_key = _steps(one["loc"], value, is_missing=one["type"] == "missing")
        expected, said = _expected(one["type"]), _said(one)
        if is_key:
            expected, said = None, f"has an invalid name: {said}"
        found.setdefault(steps, []).append((expected, said, one.get("input")))
    for steps, several in found.items():
        wanted = list(dict.fromkeys(expected for expected, _, _ in several if expected is not None))
        if len(several) > 1 and all(expected is not None for expected, _, _ in several):
            either = " or ".join([", ".join(wanted[:-1]), wanted[-1]] if len(wanted) > 1 else wanted)
            yield steps, f"expected {either}, got {_got(several[0][2])}"
        else:
            yield from ((steps, said) for said in dict.fromkeys(said for _, said, _ in several))


def _steps(loc: tuple[Any, ...], value: Any, *, is_missing: bool) -> tuple[tuple[Any, ...], bool]:
    """Return the steps of a place, and whether it is a name; pydantic names what it tries as well, such as `int`."""
    steps: list[Any] = []
    for index, step in enumerate(loc):
        is_item = isinstance(value, list) and isinstance(step, int) and step < len(value)
        if is_item or (isinstance(value, dict) and step in value):
            value = value[step]
        elif not (is_missing and index == len(loc) - 1):
            continue
        steps.append(step)
    return tuple(steps), loc[-1:] == ("[key]",)


def _expected(kind: str) -> str | None:
    found = _of_kind(kind)
    return _EXPECTED.get(kind if found is None else found[1])


def _got(value: Any) -> str:
    return _KINDS.get(type(value), "a value of another kind")


def _said(error: Mapping[str, Any]) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "value_error":
        return told(context["error"])
    if "url" not in error:  # a PydanticCustomError, whose text is its author's
        return str(error["msg"])[:_MAX_TEXT] or "is invalid"
    if kind in _SAID:
        number = context.get("min_length", context.get("max_length"))
        return _SAID[kind].format(s="" if number == 1 else "s", **context)
    if (expected := _expected(kind)) is not None:
        got = _got(error.get("input"))
        return (
            f"expected {expected}"
            if got == "a string" and expected != "a string" and "pars" in kind
            else (f"expected {expected}, got {got}")
        )
    return "is invalid"
