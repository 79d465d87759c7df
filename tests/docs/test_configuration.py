"""docs/configuration.md names every setting, with its default and its values, in the order of `Config`."""

import re
from pathlib import Path
from typing import Any

import msgspec

from hinge.config import Config, _expected

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"
_ROW = re.compile(r"\| `(?P<name>\w+)` \| (?P<default>[^|]+) \| (?P<value>[^|]+) \| [^|]+ \|")


def documented() -> dict[str, tuple[str, str]]:
    rows = map(_ROW.fullmatch, PAGE.read_text("utf-8").splitlines())
    return {row["name"]: (row["default"].strip("`"), row["value"]) for row in rows if row}


def written(value: Any) -> str:
    """Write a default as the page does."""
    if isinstance(value, bool):
        return str(value).lower()
    if value in (None, [], ""):
        return "none"
    if isinstance(value, float):
        return f"{value:g} s"
    if isinstance(value, int) and value >= 2**20:
        return f"{value // 2**20} MiB"
    return str(value)


def test_every_setting_is_documented() -> None:
    defaults = Config()
    expected = {
        field.name: (written(getattr(defaults, field.name)), _expected(field.type))
        for field in msgspec.structs.fields(Config)
    }
    assert documented() == expected
