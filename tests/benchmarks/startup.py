"""What a start costs: importing, and compiling an app of many typed routes: `python tests/benchmarks/startup.py`.

Each figure is the least of several fresh processes, in milliseconds of processor time. Imports are those of a deployed
installation: the bytecode is cached.
"""

import argparse
import os
import resource
import subprocess
import sys

ROUTES = 1000

_IMPORTS = {
    "python alone": "pass",
    "msgspec": "import msgspec",
    "hinge, with msgspec": "import hinge",
    "hinge and the WSGI backend": "import hinge, hinge_wsgi.compile",
    "hinge and the ASGI backend": "import hinge, hinge_asgi.compile",
    "anyio alone": "import anyio, anyio.to_thread, anyio.from_thread",
}

_COMPILE = """
import time
import hinge, hinge_{backend}.compile
from hinge.backend import load_backend
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


def _run(code: str) -> tuple[float, str]:
    """Return the processor milliseconds of a fresh process, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return used * 1e3, done.stdout


def main() -> None:
    """Measure and print two tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeat", type=int, default=10, help="processes for each figure")
    repeat = parser.parse_args().repeat
    sys.stdout.write("| import | ms |\n| --- | ---: |\n")
    for name, code in _IMPORTS.items():
        _run(code)  # write the bytecode
        sys.stdout.write(f"| {name} | {min(_run(code)[0] for _ in range(repeat)):.0f} |\n")
    sys.stdout.write(f"\n| {ROUTES} typed routes | declare, ms | compile, ms |\n| --- | ---: | ---: |\n")
    for backend in ("wsgi", "asgi"):
        code = _COMPILE.format(backend=backend, routes=ROUTES)
        outputs = [[float(text) for text in _run(code)[1].split()] for _ in range(max(3, repeat // 3))]
        declare, compile_ = (min(found) for found in zip(*outputs, strict=True))
        sys.stdout.write(f"| {backend} | {declare:.0f} | {compile_:.0f} |\n")


if __name__ == "__main__":
    main()
