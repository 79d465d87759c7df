"""Prove one row in a process of its own: `python -m tests.neighbours ROW FOLDER`."""

import sys
from pathlib import Path

from tests.neighbours.rows import ROWS
from tests.neighbours.table import PROOFS

if __name__ == "__main__":
    assert PROOFS
    (row,) = [row for row in ROWS if row.name == sys.argv[1]]
    row.proof(Path(sys.argv[2]))
