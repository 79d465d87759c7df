"""Notes: an app for AWS Lambda (function.py, template.yaml), and for `hinge run examples/lambda/app.py` like any other.

The notes are kept in memory, so each environment of the function has its own: a real app has a database.
"""

import time
from collections.abc import Iterator
from typing import Annotated, Any

from msgspec import Meta, Struct

from hinge import App, HTTPError, Request

app = App(title="Notes")


class Note(Struct):
    """A note."""

    text: Annotated[str, Meta(min_length=1, max_length=200)]


@app.lifespan
def environment() -> Iterator[dict[str, Any]]:
    """Run once per environment, while Lambda initialises it: this is the place for clients and connections."""
    yield {"notes": [], "since": time.time()}


@app.get("/notes")
def notes(request: Request) -> list[Note]:
    return request.state["notes"]


@app.post("/notes", status=201)
def add(note: Note, request: Request) -> Note:
    request.state["notes"].append(note)
    return note


@app.get("/whoami")
def whoami(request: Request) -> dict[str, Any]:
    """Tell what the gateway told of the caller: `request.native` is the event."""
    if not isinstance(request.native, dict) or "requestContext" not in request.native:
        raise HTTPError(404, "There is no gateway in front of this server.")
    context = request.native["requestContext"]
    return {"peer": request.client and request.client.host, "authorizer": context.get("authorizer")}
