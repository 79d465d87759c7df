"""Running the examples: imported afresh, or under `hinge run` in processes of their own."""

import contextlib
import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.support.services import Service

Load = Callable[[str], Any]
"""From a module's name to the module, imported anew (the fixture `load`)."""

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


@contextlib.contextmanager
def imported(name: str) -> Iterator[ModuleType]:
    """Lend a module of examples/, imported anew, as a process of its own would have it."""
    before = set(sys.modules)
    sys.path.insert(0, str(EXAMPLES))
    try:
        yield importlib.import_module(name)
    finally:
        sys.path.remove(str(EXAMPLES))
        for added in set(sys.modules) - before:
            if added.split(".")[0] == name.split(".", maxsplit=1)[0]:
                del sys.modules[added]


def post(service: Service, author: str, text: str) -> Any:
    """Post to the board and return the post."""
    response = service.client.post("/api/posts", json={"author": author, "text": text})
    if response.status_code != 201:
        raise RuntimeError(f"{response.status_code}: {response.text}")
    return response.json()
