"""What the inputs of an HTML form send, as the handler has it: the same in a query and in both kinds of form."""

import datetime as dt
import decimal
import enum
import uuid
from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
import pytest
from tests.contract.forms import MULTIPART, URLENCODED, closed, text

from hinge import App, Form, Query
from hinge.testing import Client

ClientFor = Callable[..., Client]

NONE = msgspec.NODEFAULT
REQUIRED = "is required"
NOON = dt.datetime(2024, 7, 18, 11)  # noqa: DTZ001 - inputs have no time zone


class Colour(enum.Enum):
    RED = "red"
    NO = ""


def app_of(kind: Any, default: Any) -> App:
    """Return an app that shows the `x` of a query, of a form, and of a record from either."""
    given = () if default is NONE else (default,)
    record = msgspec.defstruct("Record", [("x", kind, *given), ("other", str, "")])
    app = App()
    for alias, add in ((Query, app.get), (Form, app.post)):

        def one(x: alias[kind]) -> Any:  # type: ignore[valid-type]
            return repr(x)

        def whole(record: alias[record]) -> Any:  # type: ignore[valid-type]
            return repr(record.x)

        one.__defaults__ = given or None
        add("/one")(one)
        add("/record")(whole)
    return app


def answers(client: Client, query: str) -> set[str]:
    """Return what comes of a query string's fields, all ways they can be sent."""
    fields = [one.partition("=") for one in query.split("&")]
    body = closed(*(text(name, value) for name, _, value in fields)) if query else closed()
    found = set()
    for path in ("/one", "/record"):
        for answer in (
            client.get(f"{path}?{query}"),
            client.post(path, content=query, headers=URLENCODED),
            client.post(path, content=body, headers=MULTIPART),
        ):
            told = answer.text if answer.status_code == 200 else answer.json()["errors"]
            found.add(told if isinstance(told, str) else f"{answer.status_code} {told[0]['message']}")
    return found


@pytest.mark.parametrize(
    ("kind", "default", "query", "value"),
    [
        # An empty input is none for what is no text.
        (int, 7, "x=", 7),
        (int | None, None, "x=", None),
        (float, 1.5, "x=&other=", 1.5),
        (bool, False, "x=", False),
        (dt.date | None, None, "x=", None),
        (dt.datetime | None, None, "x=", None),
        (dt.time, dt.time(9), "x=", dt.time(9)),
        (uuid.UUID | None, None, "x=", None),
        (decimal.Decimal | None, None, "x=", None),
        (Literal["a", "b"] | None, None, "x=", None),
        (Annotated[int, msgspec.Meta(ge=1)] | None, None, "x=", None),
        (list[int], [], "x=", []),
        (list[int], [], "x=1&x=&x=2", [1, 2]),
        (int, NONE, "x=", f"422 {REQUIRED}"),
        (list[int], NONE, "x=", f"422 {REQUIRED}"),
        (int, 7, "x=+", "422 expected an integer"),
        (int, 7, "x=&x=1", "422 must be given once"),
        # A text may be empty, and so may what takes it.
        (str, "d", "x=", ""),
        (str | None, None, "x=", ""),
        (int | str, 7, "x=", ""),
        (Colour, Colour.RED, "x=", Colour.NO),
        (Literal["a", ""], "a", "x=", ""),
        (list[str], [], "x=", [""]),
        # type=checkbox
        (bool, False, "x=on", True),
        (bool, False, "other=", False),
        (list[str], [], "x=a&x=b", ["a", "b"]),
        # type=datetime-local, time, date: browsers leave out seconds that are none
        (dt.datetime, NONE, "x=2024-07-18T11:00", NOON),
        (dt.datetime, NONE, "x=2024-07-18T11:00:00", NOON),
        (dt.datetime, NONE, "x=2024-07-18T11:00:00.5", NOON.replace(microsecond=500_000)),
        (dt.datetime | None, None, "x=2024-07-18T11:00Z", NOON.replace(tzinfo=dt.UTC)),
        (list[dt.time], NONE, "x=11:00&x=12:30", [dt.time(11), dt.time(12, 30)]),
        (dt.time, NONE, "x=11:00", dt.time(11)),
        (dt.time, NONE, "x=11:00:30", dt.time(11, 0, 30)),
        (dt.date, NONE, "x=2024-07-18", dt.date(2024, 7, 18)),
        (dt.time, NONE, "x=24:00", "422 expected an RFC 3339 time"),
        (dt.time, NONE, "x=11", "422 expected an RFC 3339 time"),
        # type=month, week, color, number, range
        (str, NONE, "x=2024-07", "2024-07"),
        (str, NONE, "x=2024-W29", "2024-W29"),
        (str, NONE, "x=#a0b1c2", "#a0b1c2"),
        (int, NONE, "x=5", 5),
        (float, NONE, "x=-.5e3", -500.0),
    ],
)
def test_inputs(client_for: ClientFor, kind: Any, default: Any, query: str, value: Any) -> None:
    pytest.importorskip("multipart")
    wanted = value if isinstance(value, str) and value.startswith("422") else repr(value)
    assert answers(client_for(app_of(kind, default)), query) == {wanted}
