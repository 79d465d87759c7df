"""What the OpenAPI document says of dates and times is what Hinge takes: each pattern is asked, and each value sent."""

import datetime as dt
import re
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec
import pytest
from openapi_spec_validator import validate

from hinge import App, Form, Query
from hinge.openapi import describe

AWARE, NAIVE = msgspec.Meta(tz=True), msgspec.Meta(tz=False)

MOMENTS = [
    "2024-07-18T11:00:00",
    "2024-07-18T11:00:00Z",
    "0001-12-31T11:00:00Z",
    "0999-11-30T11:00:00",
    "2024-02-29T11:00",
    "2024-07-18t11:00:00.25z",
    "2024-07-18 11:00:00+01:00",
    "2024-07-18T11:00:00.123456789-23:59",
    "2024-07-18T11:00",
    "2024-07-18T11:00Z",
    "2024-07-18T11:00+01:00",
]
CLOCKS = [moment[11:] for moment in MOMENTS]
NO_MOMENTS = ["", "x", "2024-07-18", "2024-7-18T11:00:00", "2024-13-18T11:00:00", "2024-07-32T11:00:00"]
NO_MOMENTS += [
    "0000-07-18T11:00:00Z",
    "2024-04-31T11:00:00Z",
    "2024-02-30T11:00:00",
    "2024-07-18T24:00:00",
    "2024-07-18T11:60:00",
    "2024-07-18T11:00:60",
    "2024-07-18T11:00:00,5",
]
NO_MOMENTS += ["2024-07-18T11:00:00.", "2024-07-18T11:00:00+24:00", "2024-07-18T11:00:00+01", "2024-07-18T11", "0"]
NO_CLOCKS = ["", "x", "11", "24:00:00", "11:60:00", "11:00:60", "11:00:00.", "11:00:00+24:00", "11:00:00+01", "1:00:00"]
DURATIONS = ["PT1H", "P1D", "-P1D", "+PT1M", "P1DT1H", "PT1.5S", "PT1H5S", "P0D", "PT0S", "PT36H", "P12DT1H2M3.25S"]
NO_DURATIONS = [
    "",
    "P",
    "PT",
    "P1Y",
    "P1M",
    "P1W",
    "P1DT",
    "PT1S1M",
    "PT1M1H",
    "1H",
    "PT.5S",
    "PT1.S",
    "P1.5DT1H",
    "PT1,5S",
]
DATES, NO_DATES = ["2024-07-18", "0001-01-01"], ["", "2024-7-18", "20240718", "2024-13-01", "0000-01-01", "18.07.2024"]

CASES: dict[str, tuple[Any, list[str], list[str]]] = {
    "datetime": (dt.datetime, MOMENTS, NO_MOMENTS),
    "aware-datetime": (Annotated[dt.datetime, AWARE], MOMENTS, NO_MOMENTS),
    "naive-datetime": (Annotated[dt.datetime, NAIVE], MOMENTS, NO_MOMENTS),
    "time": (dt.time, CLOCKS, NO_CLOCKS),
    "aware-time": (Annotated[dt.time, AWARE], CLOCKS, NO_CLOCKS),
    "naive-time": (Annotated[dt.time, NAIVE], CLOCKS, NO_CLOCKS),
    "timedelta": (dt.timedelta, DURATIONS, NO_DURATIONS),
    "date": (dt.date, DATES, NO_DATES),
}
# The formats as RFC 3339 has them.
TIME = r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$"
DATE = r"^\d{4}-((0[13578]|1[02])-(0[1-9]|[12]\d|3[01])|(0[469]|11)-(0[1-9]|[12]\d|30)|02-(0[1-9]|[12]\d))"
FORMATS = {"date-time": DATE + "[Tt ]" + TIME, "time": "^" + TIME, "date": DATE + "$"}


def app_of(kind: Any) -> App:
    app = App()
    whole = msgspec.defstruct("Whole", [("value", kind)])

    def query(value: Any) -> None: ...
    def form(value: Any) -> None: ...
    def body(value: Any) -> None: ...
    def both(value: Any) -> None: ...

    for handler, taken in ((query, Query[kind]), (form, Form[kind]), (body, whole), (both, Form[whole])):
        handler.__annotations__["value"] = taken
        app.post(f"/{handler.__name__}")(handler)
    return app


def schema_at(document: Any, place: str) -> Any:
    operation = document["paths"][f"/{place}"]["post"]
    if place == "query":
        return operation["parameters"][0]["schema"]
    media_type = "application/json" if place == "body" else "application/x-www-form-urlencoded"
    schema = operation["requestBody"]["content"][media_type]["schema"]
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema["properties"]["value"]


def is_described(schema: Any, text: str) -> bool:
    assert schema["type"] == "string"
    patterns = [FORMATS[schema["format"]]] if "format" in schema else []
    patterns += [schema["pattern"]] if "pattern" in schema else []
    assert patterns
    return all(re.search(pattern, text, re.ASCII) for pattern in patterns)


def send(client: Any, place: str, text: str) -> int:
    if place == "query":
        return client.post(f"/query?{urlencode({'value': text})}").status_code
    if place == "body":
        return client.post("/body", json={"value": text}).status_code
    head = {"content-type": "application/x-www-form-urlencoded"}
    return client.post(f"/{place}", content=urlencode({"value": text}), headers=head).status_code


@pytest.mark.parametrize("case", CASES)
def test_what_is_described_is_what_is_taken(each_backend: Any, case: str) -> None:
    kind, good, bad = CASES[case]
    app = app_of(kind)
    document = msgspec.json.decode(msgspec.json.encode(describe(app)))
    validate(document)
    with each_backend(app) as client:
        for place in ("query", "form", "body", "both"):
            schema = schema_at(document, place)
            taken = {text: send(client, place, text) == 204 for text in (*good, *bad)}
            described = {text: is_described(schema, text) for text in taken}
            assert described == taken, place
            assert any(taken.values())


def test_every_day_is_described_and_no_other() -> None:
    pattern = re.compile(schema_at(describe(app_of(dt.datetime)), "query")["pattern"])
    for year in (0, 1, 4, 99, 100, 400, 474, 1900, 1999, 2000, 2023, 2024, 2100, 2400, 9999):
        for month in range(14):
            for day in range(33):
                is_described = pattern.search(f"{year:04}-{month:02}-{day:02}T00:00") is not None
                assert is_described == is_day(year, month, day), (year, month, day)


def is_day(year: int, month: int, day: int) -> bool:
    try:
        dt.date(year, month, day)
    except ValueError:
        return False
    return True


def test_a_form_and_a_body_of_one_class_are_two_components_where_they_differ() -> None:
    document = describe(app_of(dt.datetime))
    assert {"Whole", "Whole_form"} <= document["components"]["schemas"].keys()
    same = describe(app_of(dt.date))
    assert "Whole_form" not in same["components"]["schemas"]

    app = App()

    class Event(msgspec.Struct):
        at: list[dt.time | None]

    @app.post("/")
    def only_as_a_form(event: Form[Event]) -> None: ...

    assert "Event" in describe(app)["components"]["schemas"]


def test_results_say_what_is_sent(each_backend: Any) -> None:
    app = App()

    class Times(msgspec.Struct):
        moment: dt.datetime
        clock: dt.time
        length: dt.timedelta

    @app.get("/{zone}")
    def times(zone: int) -> Times:
        tz = dt.timezone(dt.timedelta(hours=zone)) if zone else None
        return Times(dt.datetime(2024, 7, 18, 11, tzinfo=tz), dt.time(11, 0, 0, 5, tzinfo=tz), dt.timedelta(-1, 5, 7))

    properties = describe(app)["components"]["schemas"]["Times"]["properties"]
    with each_backend(app) as client:
        for zone in (0, 1, 5):
            sent = client.get(f"/{zone}").json()
            assert all(is_described(properties[name], text) for name, text in sent.items()), sent


def test_what_meta_says_wins() -> None:
    said = msgspec.Meta(extra_json_schema={"pattern": "^2024", "description": "This year."})
    document = describe(app_of(Annotated[dt.datetime, said]))
    assert schema_at(document, "body")["pattern"] == "^2024"
    assert schema_at(document, "query")["description"] == "This year."
