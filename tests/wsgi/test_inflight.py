"""Requests under way are looked for in the frames of other threads, which go on meanwhile."""

import subprocess
import sys

PROGRAM = """
import gc, threading, time
from hinge.loop.inflight import InFlight

class Garbage:
    def __init__(self):
        self.me = self

    def __del__(self):
        time.sleep(0.0005)  # lets the other threads go on

def deep(count):
    return deep(count - 1) if count else None

def work():
    while True:
        deep(20)

for _ in range(3):
    threading.Thread(target=work, daemon=True).start()
gc.set_threshold(5)
in_flight, until = InFlight(), time.monotonic() + 2
in_flight.mark(deep, lambda names: names, None)
while time.monotonic() < until:
    Garbage()
    in_flight.threads(None)
print(gc.isenabled())
"""


def test_a_collection_meanwhile_crashes_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr[-400:]
