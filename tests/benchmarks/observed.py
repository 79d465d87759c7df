"""What observers add to a request: `python tests/benchmarks/observed.py`, some seconds; needs the extra `test`.

A typed route with a JSON answer, unobserved, behind one middleware, and with each observer, in one run. Processor time,
the least of the rounds: the rest is what other programs cost.
"""

import logging
import sys
from collections.abc import Callable
from typing import Any

from cases import Case
from inprocess import measure
from interfaces import INTERFACES
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import CollectorRegistry

from hinge import App
from hinge.observability import AccessLog, Metrics, Tracing

ROUNDS = 60


class Nothing:
    """A middleware of hooks, and an observer, that do nothing."""

    def before(self, request: Any) -> None: ...

    def after(self, request: Any, response: Any) -> None: ...

    def begin(self, request: Any) -> None: ...

    def end(self, begun: Any, ended: Any) -> None: ...


class Unwritten(logging.Handler):
    """A handler that formats a line, and writes it nowhere."""

    def emit(self, record: logging.LogRecord) -> None:
        self.format(record)


ROWS: dict[str, Callable[[App], Any]] = {
    "nothing": lambda app: None,
    "a middleware that does nothing": lambda app: app.middleware(Nothing()),
    "an observer that does nothing": lambda app: app.observe(Nothing()),
    "`Metrics`": lambda app: app.observe(Metrics(registry=CollectorRegistry())),
    "`Tracing` without an SDK": lambda app: app.observe(Tracing()),
    "`Tracing`, each span recorded": lambda app: app.observe(Tracing(provider=TracerProvider())),
    "`AccessLog`": lambda app: app.observe(AccessLog()),
}


def _made(interface: str, add: Callable[[App], Any]) -> Any:
    app = App()

    def item(item_id: int) -> dict[str, int]:
        return {"id": item_id}

    async def item_async(item_id: int) -> dict[str, int]:
        return {"id": item_id}

    app.get("/items/{item_id}")(item if interface == "wsgi" else item_async)
    add(app)
    return app.compile(interface)


def main() -> None:
    """Write the table."""
    log = logging.getLogger("hinge.access")
    log.addHandler(Unwritten())
    log.setLevel(logging.INFO)
    log.propagate = False
    case = Case("item", "/items/12")
    timers = {
        f"{interface}|{row}": INTERFACES[interface].timer(_made(interface, add), case)
        for interface in INTERFACES
        for row, add in ROWS.items()
    }
    least = {name: min(times) for name, times in measure(timers, ROUNDS).items()}
    sys.stdout.write(f"| us | {' | '.join(INTERFACES)} |\n| --- | {' | '.join('---:' for _ in INTERFACES)} |\n")
    for row in ROWS:
        found = [least[f"{interface}|{row}"] for interface in INTERFACES]
        bare = [least[f"{interface}|nothing"] for interface in INTERFACES]
        added = [
            f"{one:.1f}" if row == "nothing" else f"+{one - base:.1f}" for one, base in zip(found, bare, strict=True)
        ]
        sys.stdout.write(f"| {row} | {' | '.join(added)} |\n")


if __name__ == "__main__":
    main()
