"""Bodies that are sent while they are made: `hinge run examples/streaming.py`, on either backend.

    curl -N http://127.0.0.1:8000/primes?count=1000
    curl -N http://127.0.0.1:8000/countdown?start=5
    curl -N http://127.0.0.1:8000/clock

A plain iterator and an async one both work on both backends, chunk by chunk, and both are closed when the client
leaves: a `finally` in them runs.
"""

import itertools
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Annotated

import anyio
from msgspec import Meta

from hinge import App, Event, EventSourceResponse, Header, HTMLResponse

app = App(title="Streaming")

Count = Annotated[int, Meta(ge=0, le=100_000)]
Seconds = Annotated[float, Meta(ge=0, le=60)]


@app.get("/primes")
def primes(count: Count = 100) -> Iterator[str]:
    """A generator function is a handler too: what it yields is sent, as text because its annotation says str."""
    candidates = (n for n in itertools.count(2) if all(n % d for d in range(2, int(n**0.5) + 1)))
    for prime in itertools.islice(candidates, count):
        yield f"{prime}\n"


@app.get("/countdown")
async def countdown(start: Count = 10, pause: Seconds = 1.0) -> AsyncIterator[str]:
    for number in range(start, 0, -1):
        yield f"{number}\n"
        await anyio.sleep(pause)
    yield "lift-off\n"


@app.get("/clock")
def clock(pause: Seconds = 1.0, last_event_id: Header[int] = 0) -> EventSourceResponse:
    """Server-sent events from an async source; a browser that lost the connection goes on after its last tick."""

    async def ticks() -> AsyncIterator[Event]:
        for number in itertools.count(last_event_id + 1):
            yield Event({"now": datetime.now(UTC)}, event="tick", id=str(number))
            await anyio.sleep(pause)

    return EventSourceResponse(ticks())


@app.get("/progress")
def progress(steps: Count = 10, pause: Seconds = 0.5) -> EventSourceResponse:
    """Server-sent events from a plain generator, as a job that blocks would send them."""

    def work() -> Iterator[Event]:
        for step in range(1, steps + 1):
            time.sleep(pause)
            yield Event({"done": step, "of": steps}, event="progress")
        yield Event("", event="end")

    return EventSourceResponse(work())


@app.get("/")
def page() -> HTMLResponse:
    return HTMLResponse(PAGE)


PAGE = """<!doctype html>
<title>Streaming</title>
<p>The server's clock: <output id="clock">...</output></p>
<p>A job: <progress id="job" value="0"></progress></p>
<script>
  new EventSource("clock").addEventListener("tick", (event) => {
    document.getElementById("clock").textContent = JSON.parse(event.data).now;
  });
  const job = new EventSource("progress");
  job.addEventListener("progress", (event) => {
    const { done, of } = JSON.parse(event.data);
    Object.assign(document.getElementById("job"), { max: of, value: done });
  });
  job.addEventListener("end", () => job.close());
</script>
"""
