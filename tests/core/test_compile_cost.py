"""What a compile does for each typed route, in calls: their number is the same on a busy machine."""

import cProfile
import pstats
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta

from hinge import App, Query

MOST_CALLS = 1400
"""For a route of a path, two query parameters and a body, whose handler is its own; 1,120 are made on CPython 3.11."""

Text = Annotated[str, Meta(min_length=1, max_length=100)]


class Item(msgspec.Struct):
    name: Text
    price: Annotated[float, Meta(ge=0)]


def calls(backend: str, routes: int) -> int:
    app = App(docs_path=None)
    for index in range(routes):

        def handler(
            number: Annotated[int, Meta(ge=0)],
            item: Item,
            q: Query[Text | None] = None,
            limit: Annotated[int, Meta(ge=1, le=100)] = 20,
        ) -> list[Item]: ...

        app.post(f"/things{index}/{{number}}", name=f"change_{index}")(handler)
    profile = cProfile.Profile()
    profile.runcall(app.compile, backend)
    stats: Any = pstats.Stats(profile)
    return stats.total_calls


@pytest.mark.parametrize("backend", ["wsgi", "asgi"])
def test_a_route_costs_a_bounded_number_of_calls(backend: str) -> None:
    calls(backend, 1)  # with what is loaded by the first
    assert (calls(backend, 150) - calls(backend, 50)) / 100 < MOST_CALLS
