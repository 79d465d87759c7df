"""An annotation that names events without what frames them: they would silently go out as JSON."""

from collections.abc import AsyncIterator, Generator, Iterator
from typing import Any

import pytest

from hinge import App, ConfigurationError, Event, EventSourceResponse


def annotated(kind: Any) -> Any:
    def handler() -> None: ...

    handler.__annotations__["return"] = kind
    return handler


class Tick(Event, frozen=True):
    """One of the app's own."""


@pytest.mark.parametrize(
    "kind",
    [
        *(AsyncIterator[Event], Iterator[Event], Generator[Event, None, None], Iterator[Event | str], list[Event]),
        *(Event, Event | None, dict[str, Event], Iterator[Tick], Iterator[Event] | EventSourceResponse),
    ],
    ids=range(10),
)
@pytest.mark.parametrize("place", ["route", "error"])
def test_events_are_refused(kind: Any, place: str) -> None:
    app = App()
    handler: Any = annotated(kind)
    app.get("/")(handler if place == "route" else annotated(str))
    if place == "error":

        @app.error(LookupError)
        def handler(request: Any, error: LookupError) -> Any: ...

        handler.__annotations__["return"] = kind
    with pytest.raises(ConfigurationError) as caught:
        app.compile("wsgi")
    assert "test_event_results.py:" in str(caught.value)
    assert "Fix: -> EventSourceResponse, and return EventSourceResponse(...) of what yields them" in str(caught.value)


def test_their_response_is_not() -> None:
    app = App()
    app.get("/")(annotated(EventSourceResponse))
    app.get("/a")(annotated(EventSourceResponse | str))
    app.compile("wsgi")
