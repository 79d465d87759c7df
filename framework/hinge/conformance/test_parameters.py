"""Handler parameters: every source, converted, defaulted and refused alike on every backend."""

import datetime as dt
import enum
import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal, TypedDict

import msgspec
import pytest

from hinge import App, Body, BodyParam, Config, Cookie, Header, HeaderParam, Path, Query, QueryParam, Request, State

pytestmark = pytest.mark.clause("head.arguments")


class Color(enum.Enum):
    RED = "red"
    GREEN = "green"


class Page(msgspec.Struct):
    size: int = 10
    tag: list[str] = []
    color: Color | None = None


class Item(msgspec.Struct):
    name: str
    price: float


@dataclass
class Point:
    x: int
    y: int = 0


class Label(TypedDict):
    text: str


def answering(
    annotation: Any, *, path: str = "/", default: Any = ..., coloured: Any = None, method: str = "GET"
) -> App:
    """Return an app whose handler's one parameter `value` has the annotation; it answers with repr."""
    app = App()
    suffix = "" if default is ... else " = default"
    namespace = {"annotation": annotation, "default": default}
    exec(f"def handler(value: annotation{suffix}) -> str:\n    return repr(value)", namespace)
    handler = namespace["handler"]
    app.route(path, methods=[method])(coloured(handler) if coloured else handler)
    return app


def invalid(response) -> list[dict]:
    assert response.status_code == 422, response
    assert response.headers["content-type"] == "application/problem+json"
    return response.json()["errors"]


# -- path --------------------------------------------------------------------------------------------------------------

UUID_TEXT = "12345678-1234-5678-1234-567812345678"


@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        (str, "a%20b", "a b"),
        (int, "7", 7),
        (int, "-7", -7),
        (int, "007", 7),
        (float, "1.5", 1.5),
        (bool, "true", True),
        (uuid.UUID, UUID_TEXT, uuid.UUID(UUID_TEXT)),
        (dt.date, "2024-02-29", dt.date(2024, 2, 29)),
        (Decimal, "1.10", Decimal("1.10")),
        (Color, "red", Color.RED),
        (Literal["a", 1], "1", 1),
        (int | str, "7", 7),
        (int | str, "x", "x"),
        (Path[int], "7", 7),
        (Annotated[int, msgspec.Meta(ge=1)], "1", 1),
    ],
)
def test_path_parameters_are_converted(client_for, coloured, annotation, text, value):
    client = client_for(answering(annotation, path="/{value}", coloured=coloured))
    assert client.get(f"/{text}").text == repr(value)


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (int, "x"),
        (int, "1.0"),
        (int, "1_0"),
        (int, "%20 1"),
        (int, "+1"),
        (int, "%D9%A3"),  # ARABIC-INDIC DIGIT THREE
        (int, "9" * 5_000),
        (float, "nan"),
        (float, "1e999"),
        (bool, "maybe"),
        (uuid.UUID, "{" + UUID_TEXT + "}"),
        (dt.date, "2023-02-29"),
        (Color, "blue"),
        (Literal["a", 1], "true"),
        (Annotated[int, msgspec.Meta(ge=1)], "0"),
    ],
)
def test_a_path_parameter_that_does_not_convert_is_404(client_for, coloured, annotation, text):
    response = client_for(answering(annotation, path="/{value}", coloured=coloured)).get(f"/{text}")
    assert response.status_code == 404
    assert response.json() == {"type": "about:blank", "title": "Not Found", "status": 404}


def test_a_bad_path_is_404_even_if_more_is_wrong(client_for):
    app = App()

    @app.post("/{number}")
    def handler(number: int, q: int, item: Item) -> None: ...

    assert client_for(app).post("/x?q=y", content=b"{").status_code == 404


# -- query -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("annotation", "query", "value"),
    [
        (Query[str], "value=", ""),
        (Query[str], "value", ""),
        (Query[str], "value=a+b%2B%26%C3%BC", "a b+&ü"),
        (int, "value=7", 7),
        (Query[bool], "value=on", True),
        (Query[list[int]], "value=1&value=2", [1, 2]),
        (list[str], "value=1", ["1"]),
        (Query[set[str]], "value=a&value=a", {"a"}),
        (Query[tuple[int, ...]], "value=1&value=2", (1, 2)),
        (Query[int | None], "", None),
        (int | None, "", None),
        (int | None, "value=7", 7),
        (Query[dt.timedelta], "value=PT1H", dt.timedelta(hours=1)),
        (Annotated[str, QueryParam(name="v-x")], "v-x=1", "1"),
        (Annotated[str, msgspec.Meta(max_length=2)], "value=ab", "ab"),
        (str, "a=1&value=x;y&b", "x;y"),
    ],
)
def test_query_parameters(client_for, coloured, annotation, query, value):
    assert client_for(answering(annotation, coloured=coloured)).get(f"/?{query}").text == repr(value)


@pytest.mark.parametrize(
    ("annotation", "default", "expected"),
    [(int, 3, 3), (Query[str], "x", "x"), (Query[list[int]], [1], [1]), (Color, Color.RED, Color.RED)],
)
def test_query_defaults(client_for, annotation, default, expected):
    assert client_for(answering(annotation, default=default)).get("/").text == repr(expected)


def test_a_parameter_without_an_annotation_is_text_from_the_query(client_for):
    app = App()

    @app.get("/")
    def handler(value="x"):
        return value

    client = client_for(app)
    assert [client.get(path).text for path in ("/", "/?value=1")] == ["x", "1"]


@pytest.mark.parametrize(
    ("annotation", "query", "errors"),
    [
        (int, "", [("value", "is required")]),
        (int, "value=", [("value", "is required")]),
        (int, "value=x", [("value", "expected an integer")]),
        (int, "value=1&value=2", [("value", "must be given once")]),
        (
            Query[list[int]],
            "value=1&value=x&value=y",
            [("value.1", "expected an integer"), ("value.2", "expected an integer")],
        ),
        (Query[list[int]], "", [("value", "is required")]),
        (bool, "value=2", [("value", "expected a boolean")]),
        (Annotated[int, QueryParam(name="page-size"), msgspec.Meta(le=3)], "page-size=4", [("page-size", None)]),
        (Color, "value=RED", [("value", None)]),
        (Query[Page], "size=x&color=blue", [("size", "expected an integer"), ("color", None)]),
    ],
)
def test_invalid_query_parameters_are_422_and_named(client_for, coloured, annotation, query, errors):
    found = invalid(client_for(answering(annotation, coloured=coloured)).get(f"/?{query}"))
    assert [(error["in"], error["name"]) for error in found] == [("query", name) for name, _ in errors]
    for error, (_, message) in zip(found, errors, strict=True):
        assert message is None or error["message"] == message


def test_a_record_takes_the_whole_query_string(client_for):
    client = client_for(answering(Query[Page]))
    assert client.get("/").text == repr(Page())
    assert client.get("/?size=5&tag=a&tag=b&color=red&other=1").text == repr(Page(5, ["a", "b"], Color.RED))


@pytest.mark.clause("head.query")
@pytest.mark.parametrize("stray", ["other=%", "other=%G0", "other=%2", "other=%FF", "%C3=1", "other=%ED%A0%80"])
def test_a_stray_field_costs_no_other(client_for, stray):
    response = client_for(answering(int)).get(f"/?{stray}&value=7")
    assert (response.status_code, response.text) == (200, "7")


def test_the_number_of_query_fields_is_bounded(client_for):
    app = App(config=Config(max_query_fields=3))

    @app.get("/")
    def handler(value: Query[list[str]], request: Request) -> int:
        return len(request.query)

    client = client_for(app)
    assert client.get("/?value=1&value=2&value=3&&").status_code == 200
    assert client.get("/?value=1&value=2&value=3&x").status_code == 400
    assert client_for(answering(str)).get("/?" + "&".join(f"k{i}=1" for i in range(8_000))).status_code == 400


# -- headers and cookies -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("annotation", "headers", "value"),
    [
        (Annotated[str, HeaderParam(name="X-Value")], [("x-value", "a")], "a"),
        (Annotated[str, HeaderParam(name="X-Value")], [("X-VALUE", "a"), ("x-value", "b")], "a,b"),
        (Annotated[int, HeaderParam(name="x-value")], [("x-value", "7")], 7),
        (Annotated[list[int], HeaderParam(name="x-value")], [("x-value", "1, 2"), ("x-value", "3")], [1, 2, 3]),
        (Annotated[list[str], HeaderParam(name="x-value")], [("x-value", 'a, "b, c",')], ["a", '"b, c"']),
        (Header[str | None], [], None),
        (Header[str], [("value", "")], ""),
        (Header[str], [("value", "caf\xe9")], ""),
        (Cookie[str], [("cookie", "a=1; value=x y; b=2")], "x y"),
        (Cookie[int], [("cookie", "a=1"), ("cookie", "value=7")], 7),
        (Cookie[str], [("cookie", 'value="quoted"')], "quoted"),
        (Cookie[str | None], [("cookie", "other=1")], None),
    ],
)
def test_headers_and_cookies(client_for, coloured, annotation, headers, value):
    assert client_for(answering(annotation, coloured=coloured)).get("/", headers=headers).text == repr(value)


def test_header_names_come_from_parameter_names(client_for):
    app = App()

    @app.get("/")
    def handler(x_request_id: Header[str], user_agent: Header[str] = "none") -> list[str]:
        return [x_request_id, user_agent]

    client = client_for(app)
    assert client.get("/", headers={"X-Request-Id": "7"}).json() == ["7", "hinge-testing"]


@pytest.mark.clause("head.headers")
@pytest.mark.parametrize("header", ["x_request_id", "X_Request-Id"])
def test_header_names_with_underscores_never_reach_a_handler(client_for, header):
    app = App()

    @app.get("/")
    def handler(request: Request, x_request_id: Header[str] = "none") -> list:
        return [x_request_id, "x-request-id" in request.headers, header.lower() in request.headers]

    assert client_for(app).get("/", headers={header: "forged"}).json() == ["none", False, False]


@pytest.mark.parametrize(
    ("annotation", "headers", "source", "message"),
    [
        (Header[int], {}, "header", "is required"),
        (Header[int], {"value": "x"}, "header", "expected an integer"),
        (Cookie[int], {}, "cookie", "is required"),
        (Cookie[int], {"cookie": "value=x"}, "cookie", "expected an integer"),
    ],
)
def test_invalid_headers_and_cookies(client_for, annotation, headers, source, message):
    found = invalid(client_for(answering(annotation)).get("/", headers=headers))
    assert found == [{"in": source, "name": "value", "message": message}]


# -- the body ----------------------------------------------------------------------------------------------------------


@pytest.mark.clause("body.whole")
@pytest.mark.parametrize(
    ("annotation", "sent", "value"),
    [
        (Item, {"name": "x", "price": 1}, Item("x", 1.0)),
        (Point, {"x": 1}, Point(1)),
        (Label, {"text": "x"}, {"text": "x"}),
        (Body[list[int]], [1, 2], [1, 2]),
        (Body[dict[str, int]], {"a": 1}, {"a": 1}),
        (Body[int], 7, 7),
        (Annotated[list[Item], BodyParam()], [], []),
    ],
)
def test_bodies(client_for, coloured, annotation, sent, value):
    client = client_for(answering(annotation, method="POST", coloured=coloured))
    assert client.post("/", json=sent).text == repr(value)
    packed = client.post("/", content=msgspec.msgpack.encode(sent), headers={"content-type": "application/msgpack"})
    assert packed.text == repr(value)


@pytest.mark.parametrize(
    "media_type", ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.x+json"]
)
def test_json_media_types(client_for, media_type):
    client = client_for(answering(Body[Any], method="POST"))
    assert client.post("/", content=b"[1]", headers={"content-type": media_type}).text == "[1]"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": ""},
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "application/json, text/plain"},
        {"content-type": "application/json", "content-encoding": "gzip"},
        {"content-type": "application/json; charset=latin-1"},
    ],
)
def test_a_body_that_nothing_decodes_is_415(client_for, headers):
    response = client_for(answering(Body[Any], method="POST")).post("/", content=b"{}", headers=headers)
    assert response.status_code == 415
    assert "accept" in response.headers or "accept-encoding" in response.headers


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"nope",
        b"[1,]",
        b"\xff\xfe[\x001\x00]\x00",
        b'"\xff"',
        b'"\\ud800"',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"\0",
    ],
)
def test_malformed_json_is_400(client_for, coloured, content):
    client = client_for(answering(Body[Any], method="POST", coloured=coloured))
    response = client.post("/", content=content, headers={"content-type": "application/json"})
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"


def test_everything_invalid_is_listed_at_once(client_for, coloured):
    app = App()

    @app.post("/{number}")
    @coloured
    def handler(number: int, items: Body[list[Item]], q: int, size: Header[int], session: Cookie[int]) -> None: ...

    found = invalid(
        client_for(app).post(
            "/7?q=x",
            json=[{"name": 1, "price": "y"}, {"price": 1}, 3],
            headers={"size": "big"},
            cookies={"session": "s"},
        )
    )
    assert {(error["in"], error.get("pointer", error.get("name"))) for error in found} == {
        ("body", "/0/name"),
        ("body", "/0/price"),
        ("body", "/1/name"),
        ("body", "/2"),
        ("query", "q"),
        ("header", "size"),
        ("cookie", "session"),
    }
    assert all(error["message"] for error in found)


# -- the rest ----------------------------------------------------------------------------------------------------------


def test_state_and_request_are_injected(client_for, coloured):
    app = App()

    @app.lifespan
    def resources():
        yield {"db": "here"}

    @app.get("/")
    @coloured
    def handler(request: Request, state: State) -> list:
        return [state["db"], request.state is state]

    assert client_for(app).get("/").json() == ["here", True]


def test_keyword_only_positional_and_callable_objects(client_for):
    app = App()

    class Handler:
        def __call__(self, a: int, /, b: int = 2, *, c: int = 3) -> list[int]:
            return [a, b, c]

    app.get("/")(Handler())
    assert client_for(app).get("/?c=9&a=1").json() == [1, 2, 9]
