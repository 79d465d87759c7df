"""The tables of docs/servers.md, made from tests/support/matrix.py; `python -m tests.servers.table` writes them."""

from collections.abc import Iterable, Sequence

from tests.docs.pages import ROOT
from tests.support.matrix import MATRIX, Kind

PAGE = ROOT / "docs/servers.md"
BEGIN, END = "<!-- BEGIN: python -m tests.servers.table -->\n", "<!-- END -->\n"


def tables() -> str:
    """Return both tables: what each server has, and what it does otherwise than it should."""
    columns = ("", "start it with", "protocol", "HTTP/2", "WebSocket", "lifespan", "seen with")
    lacks = [(kind.title, fault.what) for kind in MATRIX.values() for fault in kind.faults]
    return "\n\n".join(
        [
            _table(columns, map(_row, MATRIX.values())),
            "What they do otherwise than the contract's tests want, with the versions above:",
            _table(("server", "what it does"), _together(lacks)),
        ]
    )


def _row(kind: Kind) -> tuple[str, ...]:
    if "hinge run" in kind.title:
        lifespan = "with the worker"
    elif kind.lifespan:
        lifespan = "protocol"
    else:
        lifespan = "before the first request; " + ("stopped with the worker" if kind.stops else "not stopped")
    return (
        kind.title,
        kind.command if kind.command.startswith("[") else f"`{kind.command}`",
        kind.interface.upper(),
        "yes" if kind.h2c else "no",
        ("HTTP/1.1 only" if kind.h2c else "yes") if kind.websocket else "no",
        lifespan,
        ", ".join(f"{name} {version}" for name, version in kind.seen.items()),
    )


def _together(lacks: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Put the servers together that do the same."""
    who: dict[str, list[str]] = {}
    for title, what in lacks:
        who.setdefault(what, []).append(title)
    return [("; ".join(titles), what) for what, titles in who.items()]


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(line) + " |" for line in (columns, ["---"] * len(columns), *rows))


def with_tables(page: str) -> str:
    """Return the page with the tables as they should be."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{tables()}\n\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text("utf-8")), "utf-8")
