"""What a server loads: `serve:app`, made of BENCHMARK_STACK (hinge, hand, or a module of peers) and of the interface.

It is behind what BENCHMARK_AROUND says (cases.Around).
Nobody's process imports another's framework.
"""

import os
from importlib import import_module
from typing import Any, cast

from cases import Around


def _stack(name: str, interface: str, around: Around) -> Any:
    if name in ("hinge", "hand"):
        return getattr(import_module("interfaces"), name)(interface, around)
    return getattr(import_module(f"peers.{name}"), interface)(around)


_around = os.environ.get("BENCHMARK_AROUND", "0")
app = _stack(
    os.environ["BENCHMARK_STACK"],
    os.environ["BENCHMARK_INTERFACE"],
    int(_around) if _around.isdigit() else cast("Around", _around),
)
