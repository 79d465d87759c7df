"""The tables of docs/neighbours.md, written by `python -m tests.neighbours.table` from the rows.

Law: the page says nothing of a package that no row proves, and names the version that the gate runs it with.
"""

import re
import tomllib
from itertools import groupby
from pathlib import Path

from tests.neighbours import cannot, inside, left_behind, middleware, mounted, tools
from tests.neighbours.rows import ROWS, Row

PROOFS = (inside, mounted, middleware, left_behind, tools, cannot)
"""The modules that fill the table, in the order of the page."""
HEADS = {"cannot": "| package | what | why | instead |"}
"""Table -> its head, where it is not that of the others."""
ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/neighbours.md"
_PART = re.compile(r"(<!-- \[(\w+): python -m tests\.neighbours\.table writes it -->\n).*?(<!-- \] -->)", re.DOTALL)


def pins() -> dict[str, str]:
    """Return the versions that the extras name exactly."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    lines = [line.partition(";")[0] for name in ("elsewhere", "neighbours") for line in extras[name]]
    return {
        name.partition("[")[0]: version.strip()
        for name, equal, version in (line.partition("==") for line in lines)
        if equal
    }


def written(text: str) -> str:
    """Return the page with the tables that the rows make."""
    pinned = pins()
    tables = {name: _table(list(rows), pinned) for name, rows in groupby(ROWS, key=lambda row: row.table)}
    return _PART.sub(lambda part: f"{part[1]}{tables[part[2]]}{part[3]}", text)


def _table(rows: list[Row], pinned: dict[str, str]) -> str:
    lines = [HEADS.get(rows[0].table, "| package | what | interface | how |"), "| --- | --- | --- | --- |"]
    for row in rows:
        package = row.package.split()[0]
        lines.append(
            f"| {package} {pinned.get(package, '')}".rstrip() + f" | {row.what} | {row.interfaces} | {row.line} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text("utf-8")), "utf-8")
