"""What a start costs: imports, compiling an app of many typed routes, and the time to a first answer.

`python tests/benchmarks/startup.py` prints Hinge's figures; each is the least of several fresh processes. Imports and
compiling are milliseconds of processor time with the bytecode cached, as a deployed installation has it. The first
answer is on the clock on the wall, from the start of the command on.
"""

import argparse
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from interfaces import INTERFACES
from roster import Peer

from servers import free_port, granian, started

ROUTES = (10, 500, 1000, 5000)

_IMPORTS = {
    "Python alone": "pass",
    "msgspec": "import msgspec",
    "hinge, with msgspec": "from hinge import App, Cookie, Header, Middleware, Request; App()",
    **{
        f"hinge and the backend {name}": f"import hinge_{name}.compile; from hinge import App; App()"
        for name in INTERFACES
    },
    "anyio alone": "import anyio, anyio.to_thread, anyio.from_thread",
}

_PEER_IMPORTS = {
    "Starlette": "import starlette.applications, starlette.routing, starlette.responses, starlette.requests",
    "FastAPI": "import fastapi",
    "Litestar": "import litestar",
    "Falcon": "import falcon, falcon.asgi",
    "BlackSheep": "import blacksheep",
    "Quater": "import quater",
    "Flask": "import flask",
    "Bottle": "import bottle",
    "Django": "import django.core.handlers.wsgi, django.urls, django.http",
}

_COMPILE = """
import time
import hinge, hinge_{backend}.compile
from hinge.backend.installed import load_backend
import msgspec

class Item(msgspec.Struct):
    name: str
    price: float

def handler(number: int, item: Item, limit: int = 10, verbose: bool = False) -> Item:
    return item

load_backend("{backend}")
app = hinge.App()
started = time.process_time()
for index in range({routes}):
    app.post(f"/r{{index}}/{{{{number}}}}/detail", name=f"r{{index}}")(handler)
declared = time.process_time()
app.compile("{backend}")
compiled = time.process_time()
print((declared - started) * 1e3, (compiled - declared) * 1e3)
"""

DOCUMENTED = 500

_DOCUMENT = """
import statistics, time
from typing import Annotated, Any, Literal
import msgspec
from msgspec import Meta
from hinge import App, Query
from hinge.testing import Client

Text = Annotated[str, Meta(min_length=1, max_length=100)]
kinds = [
    msgspec.defstruct(
        f"Kind{{index}}",
        [("name", Text), ("price", Annotated[float, Meta(ge=0)]), ("tags", list[str]), ("size", dict[str, int])],
    )
    for index in range(50)
]
app = App()
for index in range({routes}):
    kind = kinds[index % 50]
    def handler(
        number: Annotated[int, Meta(ge=0)], item: kind, q: Query[Text | None] = None,
        sort: Literal["up", "down"] = "up", limit: Annotated[int, Meta(ge=1, le=100)] = 20,
    ) -> list[kind]:
        ...
    handler.__doc__ = f"Change thing {{index}}.\\n\\nIt is kept."
    app.post(f"/things{{index}}/{{{{number}}}}", name=f"change_thing_{{index}}", tags=[f"tag{{index % 20}}"])(handler)
with Client(app, backend="{backend}") as client:
    client.get("/missing")
    started = time.process_time()
    first = client.get("/openapi.json")
    made = time.process_time()
    later = []
    for _ in range(100):
        asked = time.process_time()
        again = client.get("/openapi.json")
        later.append(time.process_time() - asked)
    if first.status_code != 200 or again.content != first.content:
        raise SystemExit("no document")
    print((made - started) * 1e3, statistics.median(later) * 1e3, len(first.content))
"""


def _run(code: str) -> tuple[float, str]:
    """Return the processor milliseconds of a fresh process, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return used * 1e3, done.stdout


def measure_imports(repeat: int, peers: Iterable[Peer] = ()) -> list[dict[str, Any]]:
    """Return the milliseconds of each import, what Python itself takes included."""
    codes = _IMPORTS | {name: _PEER_IMPORTS[name] for name in dict.fromkeys(peer.name for peer in peers)}
    for code in codes.values():
        _run(code)  # write the bytecode
    times: dict[str, list[float]] = {name: [] for name in codes}
    for _ in range(repeat):
        for name, code in codes.items():
            times[name].append(_run(code)[0])
    return [{"import": name, "ms": round(min(found), 1)} for name, found in times.items()]


def measure_compile(repeat: int) -> list[dict[str, Any]]:
    """Return the milliseconds that apps of typed routes with validated bodies take."""
    rows = []
    for backend in INTERFACES:
        for routes in ROUTES:
            code = _COMPILE.format(backend=backend, routes=routes)
            outputs = [[float(text) for text in _run(code)[1].split()] for _ in range(repeat)]
            declare, compile_ = (round(min(found), 1) for found in zip(*outputs, strict=True))
            rows.append({"backend": backend, "routes": routes, "declare_ms": declare, "compile_ms": compile_})
    return rows


def measure_document(repeat: int) -> list[dict[str, Any]]:
    """Return the milliseconds of the first request for an OpenAPI document, and of a later one, through the client."""
    rows = []
    for backend in INTERFACES:
        code = _DOCUMENT.format(backend=backend, routes=DOCUMENTED)
        outputs = [[float(text) for text in _run(code)[1].split()] for _ in range(repeat)]
        first, later, size = (round(min(found), 2) for found in zip(*outputs, strict=True))
        rows.append(
            {"backend": backend, "routes": DOCUMENTED, "first_ms": first, "later_ms": later, "kib": round(size / 1024)}
        )
    return rows


def measure_first_answer(repeat: int, peers: Iterable[Peer] = ()) -> list[dict[str, Any]]:
    """Return the milliseconds from a command to the first answer: `hinge run`, and Granian around each stack."""
    starts: dict[tuple[str, str], Callable[[], Any]] = {}
    for interface in INTERFACES:
        starts[interface, "hinge run"] = lambda of=interface: _hinge_run(of)
        for who in ("hand", "hinge"):
            starts[interface, who] = lambda of=interface, module=who: granian(module, of)
    for peer in peers:
        starts[peer.interface, peer.name] = lambda of=peer: granian(of.module, of.interface)
    times: dict[tuple[str, str], list[float]] = {name: [] for name in starts}
    for _ in range(repeat):
        for name, start in starts.items():
            started_at = time.perf_counter()
            with start():
                times[name].append(time.perf_counter() - started_at)
    return [
        {"backend": interface, "who": who, "ms": round(min(found) * 1e3)} for (interface, who), found in times.items()
    ]


def _hinge_run(interface: str) -> Any:
    port = free_port()
    target = str(Path(__file__).with_name("first.py"))
    command = [sys.executable, "-m", "hinge", "run", target, "--backend", interface, "--port", str(port)]
    return started(command, port, "hinge", interface)


def main() -> None:
    """Measure and print four tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeat", type=int, default=10, help="processes for each figure")
    repeat = parser.parse_args().repeat
    sys.stdout.write("| import | ms |\n| --- | ---: |\n")
    for row in measure_imports(repeat):
        sys.stdout.write(f"| {row['import']} | {row['ms']:.0f} |\n")
    sys.stdout.write("\n| backend | typed routes | declare, ms | compile, ms |\n| --- | ---: | ---: | ---: |\n")
    for row in measure_compile(max(3, repeat // 3)):
        line = f"| {row['backend']} | {row['routes']:,} | {row['declare_ms']:.0f} | {row['compile_ms']:.0f} |\n"
        sys.stdout.write(line)
    sys.stdout.write(
        "\n| backend | routes in the document | first request, ms | later, ms |\n| --- | ---: | ---: | ---: |\n"
    )
    for row in measure_document(3):
        sys.stdout.write(f"| {row['backend']} | {row['routes']} | {row['first_ms']:.0f} | {row['later_ms']:.2f} |\n")
    sys.stdout.write("\n| backend | started by | first answer, ms |\n| --- | --- | ---: |\n")
    for row in measure_first_answer(3):
        sys.stdout.write(f"| {row['backend']} | {row['who']} | {row['ms']} |\n")


if __name__ == "__main__":
    main()
