"""The fenced blocks of a page, and the notes above them that no reader sees."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

_FENCE = re.compile(r"(?P<indent> *)```(?P<language>[\w+-]*)[^`]*")
_NOTE = re.compile(r"<!-- *(?P<key>[a-z ]+?)(?:: *(?P<value>.*?))? *-->")
_KEYS = {"file", "append", "continue", "output", "raises", "exit", "not run", "elsewhere"}
"""What the notes mean stands in test_snippets."""


@dataclass(frozen=True)
class Block:
    """One fenced block and the notes above it."""

    page: Path
    line: int
    language: str
    text: str
    notes: dict[str, str]

    @property
    def place(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks_of(page: Path) -> list[Block]:
    """Return a page's fenced blocks in order."""
    found: list[Block] = []
    notes: dict[str, str] = {}
    opened: tuple[int, str] | None = None
    inside: list[str] = []
    for number, line in enumerate(page.read_text("utf-8").splitlines(), 1):
        if opened is not None:
            if line.strip() == "```":
                found.append(Block(page, *opened, "".join(f"{one}\n" for one in inside), notes))
                opened, inside, notes = None, [], {}
            else:
                inside.append(line)
        elif (fence := _FENCE.fullmatch(line)) is not None:
            opened = (number, fence["language"])
        elif (note := _NOTE.fullmatch(line.strip())) is not None:
            assert note["key"] in _KEYS, f"{page.name}:{number}: there is no note {note['key']!r}"
            notes[note["key"]] = note["value"] or ""
        elif line.strip():
            assert not notes, f"{page.name}:{number}: a note stands above no block"
    assert opened is None, f"{page.name}: a block is not closed"
    return found
