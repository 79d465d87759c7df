"""Where and with what something was measured."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = (
    *("hinge-web", "msgspec", "anyio", "granian", "uvloop", "pydantic"),
    *(
        "multipart",
        "python-multipart",
        "starlette",
        "fastapi",
        "litestar",
        "falcon",
        "blacksheep",
        "quater",
        "flask",
        "bottle",
        "django",
        "jero",
        "muffin",
        "peregrine-server",
        "fastpysgi",
        "a2wsgi",
        "asgiref",
    ),
)


def place() -> dict[str, Any]:
    """Return date, Python, machine and the versions of what is installed."""
    versions = {name: found for name in PACKAGES if (found := _version(name))}
    python = f"{platform.python_implementation()} {platform.python_version()}"
    machine = f"{_processor()}, {os.cpu_count()} cores"
    date = datetime.now(UTC).date().isoformat()
    return {
        "date": date,
        "python": python,
        "machine": machine,
        "versions": versions,
        "summary": f"{date}, {python}, msgspec {versions['msgspec']}, {machine}",
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
