"""Check that a wheel and an sdist hold what they should and nothing that they should not: `contents.py DIST`."""

import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

PACKAGES = {"hinge", "hinge_asgi", "hinge_wsgi"}
UNWANTED = ("__pycache__", ".pyc", ".ci/", "_cache/", ".hypothesis", ".venv", ".egg-info", ".db", ".sqlite3")
IN_SDIST = (
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "docs/mkdocs.yml",
    "examples/hello.py",
    "examples/backend/hinge_memory.py",
    "tests/conftest.py",
)


def faults(dist: Path) -> list[str]:
    """Every difference from what a release should hold, one line each."""
    (wheel,), (sdist,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    return [*_wheel_faults(wheel), *_sdist_faults(sdist)]


def _wheel_faults(path: Path) -> list[str]:
    found = []
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        info = next(name.split("/")[0] for name in names if ".dist-info/" in name)
        metadata = Parser().parsestr(archive.read(f"{info}/METADATA").decode())
        points = archive.read(f"{info}/entry_points.txt").decode()
    tops = {name.split("/")[0] for name in names} - {info}
    if tops != PACKAGES:
        found.append(f"{path.name}: top-level entries are {sorted(tops)}, not {sorted(PACKAGES)}")
    found += [
        f"{path.name}: {package}/py.typed is missing" for package in PACKAGES if f"{package}/py.typed" not in names
    ]
    if "hinge/cli/project/pyproject.toml.txt" not in names:
        found.append(f"{path.name}: the templates of `hinge new` are missing")
    found += [f"{path.name}: entry point {line!r} is missing" for line in _entry_points() if line not in points]
    if metadata["License-Expression"] != "MIT" or f"{info}/licenses/LICENSE" not in names:
        found.append(f"{path.name}: the licence is not named, or its text is not inside")
    if not metadata["Requires-Python"] or not metadata["Description-Content-Type"]:
        found.append(f"{path.name}: Requires-Python or the README is missing in the metadata")
    return found + _unwanted(path.name, names)


def _entry_points() -> list[str]:
    return [
        "hinge = hinge.cli:main",
        "asgi = hinge_asgi:backend",
        "wsgi = hinge_wsgi:backend",
        "hinge = hinge.testing.plugin",
    ]


def _sdist_faults(path: Path) -> list[str]:
    with tarfile.open(path) as archive:
        names = [name.split("/", 1)[1] for name in archive.getnames() if "/" in name]
    return [f"{path.name}: {name} is missing" for name in IN_SDIST if name not in names] + _unwanted(path.name, names)


def _unwanted(archive: str, names: list[str]) -> list[str]:
    return [f"{archive}: {name} has no business inside" for name in names if any(part in name for part in UNWANTED)]


if __name__ == "__main__":
    problems = faults(Path(sys.argv[1]))
    print("\n".join(problems) or "wheel and sdist hold what they should")
    sys.exit(bool(problems))
