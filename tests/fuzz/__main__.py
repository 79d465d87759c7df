"""Fuzz one target for some seconds: `python tests/fuzz TARGET SECONDS`, with atheris installed (coverage guided).

Exits with another code than 0 and prints the input where something was found.
"""

import sys
import tempfile
from pathlib import Path

import atheris  # pyright: ignore[reportMissingImports]

sys.path.insert(0, str(Path(__file__).parents[2]))
with atheris.instrument_imports():
    from tests.fuzz.targets import SEEDS, TARGETS


def main() -> None:
    """Run."""
    if len(sys.argv) != 3 or sys.argv[1] not in TARGETS or not sys.argv[2].isdigit():
        sys.exit(f"usage: python tests/fuzz TARGET SECONDS; targets: {', '.join(TARGETS)}")
    name, seconds = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        for number, seed in enumerate(SEEDS[name]):
            Path(folder, str(number)).write_bytes(seed)
        options = [sys.argv[0], f"-max_total_time={seconds}", "-max_len=600", "-timeout=10", "-verbosity=1", folder]
        atheris.Setup(options, TARGETS[name])
        atheris.Fuzz()


main()
