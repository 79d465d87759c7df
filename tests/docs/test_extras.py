"""The README names every extra that somebody who writes apps may want."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOR_OTHERS = set("servers test howto gate elsewhere neighbours realworld conformance benchmarks fuzz docs dev".split())  # noqa: SIM905
"""What is for the work on Hinge itself, and on backends."""


def test_the_table_of_extras_is_whole() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("| extra | for |\n")[2].partition("\n\n")[0]
    named = [name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])]
    assert sorted(named) == sorted(set(declared) - FOR_OTHERS)
