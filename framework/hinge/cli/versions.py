"""`hinge --version`: what serves, for a report of a fault.

Law: the first line is Hinge's own version, as scripts read it. Nothing is loaded to find out the others.
"""

import platform
from collections.abc import Iterator
from importlib import metadata

from hinge import __version__
from hinge.backend.installed import GROUP

_PACKAGES = ("granian", "msgspec", "anyio", "click")


def versions() -> Iterator[str]:
    """Yield a line for Hinge, Python, each package that it stands on, and each backend that is installed."""
    yield f"hinge {__version__}"
    yield f"{platform.python_implementation()} {platform.python_version()}, {platform.system()} {platform.machine()}"
    for name in _PACKAGES:
        yield f"{name} {metadata.version(name)}"
    for entry in sorted(metadata.entry_points(group=GROUP)):
        origin = "" if entry.dist is None else f" ({entry.dist.name} {entry.dist.version})"
        yield f"backend {entry.name}{origin}"
