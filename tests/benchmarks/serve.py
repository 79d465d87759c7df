"""What a server loads: `serve:app`, made of BENCHMARK_STACK (hinge, hand, or a module of peers) and of the interface.

Nobody's process imports another's framework.
"""

import os
from importlib import import_module
from typing import Any


def _stack(name: str, interface: str) -> Any:
    if name == "hinge":
        apps = import_module("apps")
        return (apps.wsgi_app if interface == "wsgi" else apps.asgi_app)().compile(interface)
    if name == "hand":
        return getattr(import_module(f"hand_{interface}"), interface)
    return getattr(import_module(f"peers.{name}"), interface)(0)


app = _stack(os.environ["BENCHMARK_STACK"], os.environ["BENCHMARK_INTERFACE"])
