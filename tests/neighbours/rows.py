"""The table of neighbours: what people have beside Hinge, the line that joins the two, and what proves that it works.

Law: a row is data, its proof a function that runs the real package and imports it only when it is called. A proof that
leaves something behind in its process (settings, patches, handlers) says `alone` and gets a process of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Proof = Callable[[Path], None]


@dataclass(frozen=True)
class Row:
    """How one package meets Hinge."""

    table: str
    """Which table of docs/neighbours.md it stands in."""
    package: str
    """Its distribution, with those that it needs beside it after a space."""
    what: str
    interfaces: str
    """`WSGI`, `ASGI`, or both; of what cannot be: why."""
    line: str
    """What a user writes, or is to know; of what cannot be: what instead."""
    proof: Proof
    alone: bool = False

    @property
    def name(self) -> str:
        """The name of its proof, and of its test."""
        return f"{self.table}-{self.proof.__name__}"


ROWS: list[Row] = []


def row(
    table: str, package: str, what: str, interfaces: str, line: str, *, alone: bool = False
) -> Callable[[Proof], Proof]:
    """Add a row; the function below proves it. It is given an empty folder."""

    def add(proof: Proof) -> Proof:
        ROWS.append(Row(table, package, what, interfaces, line, proof, alone))
        return proof

    return add
