"""The OpenAPI document: made of what is executed, valid, and shown by every backend."""

import os
import re
import time
from collections.abc import AsyncIterator, Iterator
from datetime import date
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import pytest
from openapi_spec_validator import validate

from hinge import (
    App,
    Body,
    BodyStream,
    ConfigurationError,
    Cookie,
    EventSourceResponse,
    FileResponse,
    Header,
    HTMLResponse,
    HTTPError,
    Middleware,
    Query,
    QueryParam,
    RedirectResponse,
    Request,
    Response,
    Router,
    WebSocket,
)
from hinge.backend.contract import Feature
from hinge.openapi import describe


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Part(msgspec.Struct):
    """A part of a thing."""

    name: Annotated[str, msgspec.Meta(min_length=1, examples=["wheel"])]
    count: Annotated[int, msgspec.Meta(ge=1)] = 1


class Thing(msgspec.Struct):
    id: UUID
    parts: list[Part]
    colour: Colour = Colour.RED


class Search(msgspec.Struct):
    q: str
    since: date | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 20


def shop() -> App:
    app = App(
        title="Shop",
        version="2.0",
        description="Sells things.",
        security_schemes={"token": {"type": "http", "scheme": "bearer"}},
        security=[{"token": []}],
    )

    @app.get("/things/{thing_id}", responses={404: "No such thing."})
    def read_thing(thing_id: int, colour: Colour, x_tag: Header[list[str] | None] = None) -> Thing | None:
        """Read a thing.

        It may have parts.
        """

    @app.post("/things", status=201, tags=["things"], deprecated=True, security=[])
    async def create_thing(thing: Thing, session: Cookie[str] = "") -> Thing:
        return thing

    @app.get("/search")
    def search(
        search: Query[Search],
        page: Annotated[int, QueryParam(name="page-no", description="From 1."), msgspec.Meta(ge=1)] = 1,
    ) -> list[Part]:
        return []

    @app.put(
        "/raw",
        responses={
            200: Part,
            202: Part | Thing,
            409: {"description": "Busy", "headers": {"retry-after": {"schema": {"type": "integer"}}}},
        },
    )
    def raw(data: Body[bytes]) -> bytes:
        return data

    @app.post("/stream")
    async def stream(body: BodyStream) -> AsyncIterator[bytes]:
        yield b""

    @app.get("/text")
    def text() -> str:
        return ""

    @app.get("/page")
    def page() -> HTMLResponse:
        return HTMLResponse("")

    @app.get("/events")
    def events() -> EventSourceResponse:
        return EventSourceResponse([])

    @app.get("/file/{path:path}")
    def file(path: str) -> FileResponse:
        raise HTTPError(404)

    @app.get("/away")
    def away() -> RedirectResponse:
        return RedirectResponse("/")

    @app.get("/untyped")
    def untyped(kind: Literal["a", "b"] = "a"):
        return {}

    @app.route("/many", methods=["GET", "DELETE", "PURGE"])
    def many(request: Request) -> Response:
        return Response()

    @app.get("/hidden", include_in_schema=False)
    def hidden() -> str:
        return ""

    @app.get("/chunks")
    def chunks() -> Iterator[str]:
        yield ""

    return app


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(describe(shop())))
    return found


def test_it_is_valid(document: dict[str, Any]) -> None:
    validate(document)
    assert document["openapi"] == "3.1.0"
    assert document["info"] == {"title": "Shop", "version": "2.0", "description": "Sells things."}
    assert document["components"]["securitySchemes"] == {"token": {"type": "http", "scheme": "bearer"}}
    assert document["security"] == [{"token": []}]


def test_texts_tags_and_names(document: dict[str, Any]) -> None:
    read, create = document["paths"]["/things/{thing_id}"]["get"], document["paths"]["/things"]["post"]
    assert (read["operationId"], read["summary"], read["description"]) == (
        "read_thing",
        "Read a thing.",
        "It may have parts.",
    )
    assert (create["tags"], create["deprecated"], create["security"]) == (["things"], True, [])
    assert "security" not in read
    assert sorted(document["paths"]["/many"]) == ["delete", "get"]
    assert [document["paths"]["/many"][method]["operationId"] for method in ("get", "delete")] == [
        "many_get",
        "many_delete",
    ]
    assert "/hidden" not in document["paths"]
    assert "/openapi.json" not in document["paths"]


def test_parameters(document: dict[str, Any]) -> None:
    read, search = document["paths"]["/things/{thing_id}"]["get"], document["paths"]["/search"]["get"]
    assert [(one["name"], one["in"], one["required"]) for one in read["parameters"]] == [
        ("thing_id", "path", True),
        ("colour", "query", True),
        ("x-tag", "header", False),
    ]
    assert read["parameters"][1]["schema"] == {"$ref": "#/components/schemas/Colour"}
    fields = {one["name"]: one for one in search["parameters"]}
    assert list(fields) == ["q", "since", "limit", "page-no"]
    assert [fields[name]["required"] for name in fields] == [True, False, False, False]
    assert fields["limit"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}
    assert fields["page-no"]["description"] == "From 1."
    assert document["paths"]["/file/{path}"]["get"]["parameters"][0]["name"] == "path"
    assert document["paths"]["/things"]["post"]["parameters"][0]["in"] == "cookie"
    assert document["paths"]["/untyped"]["get"]["parameters"][0]["schema"] == {"enum": ["a", "b"], "default": "a"}


def test_bodies(document: dict[str, Any]) -> None:
    body = document["paths"]["/things"]["post"]["requestBody"]
    assert body["required"] is True
    assert body["content"] == {
        media_type: {"schema": {"$ref": "#/components/schemas/Thing"}}
        for media_type in ("application/json", "application/msgpack")
    }
    part = document["components"]["schemas"]["Part"]
    assert part["properties"]["name"] == {"type": "string", "minLength": 1, "examples": ["wheel"]}
    assert (part["required"], part["description"]) == (["name"], "A part of a thing.")
    assert "*/*" in document["paths"]["/raw"]["put"]["requestBody"]["content"]


@pytest.mark.parametrize(
    ("path", "method", "status", "media_type"),
    [
        ("/things/{thing_id}", "get", "200", "application/json"),
        ("/things/{thing_id}", "get", "204", None),
        ("/things", "post", "201", "application/json"),
        ("/stream", "post", "200", "application/octet-stream"),
        ("/chunks", "get", "200", "text/plain"),
        ("/text", "get", "200", "text/plain"),
        ("/page", "get", "2XX", "text/html"),
        ("/events", "get", "2XX", "text/event-stream"),
        ("/file/{path}", "get", "2XX", "*/*"),
        ("/file/{path}", "get", "304", None),
        ("/away", "get", "3XX", None),
        ("/untyped", "get", "200", "application/json"),
        ("/raw", "put", "200", "application/json"),
        ("/raw", "put", "202", "application/json"),
        ("/raw", "put", "409", None),
        ("/many", "get", "2XX", None),
        ("/many", "get", "3XX", None),
        ("/things/{thing_id}", "get", "404", "application/problem+json"),
        ("/things/{thing_id}", "get", "422", "application/problem+json"),
        ("/things", "post", "415", "application/problem+json"),
        ("/text", "get", "4XX", "application/problem+json"),
        ("/text", "get", "5XX", "application/problem+json"),
    ],
)
def test_responses(document: dict[str, Any], path: str, method: str, status: str, media_type: str | None) -> None:
    response = document["paths"][path][method]["responses"][status]
    assert list(response.get("content", {})) == ([] if media_type is None else [media_type])
    assert response["description"]


def test_what_an_html_form_may_leave_empty(each_backend: Any) -> None:
    app = App()

    class Fields(msgspec.Struct):
        number: int = 1
        words: list[str] = []
        needed: int | None = None

    @app.get("/")
    def read(
        fields: Query[Fields],
        size: int = 1,
        text: str = "",
        ids: Query[list[int]] = [],
        kind: Literal["a", "b"] = "a",
        either: int | str = 5,
        page: Header[int] = 1,
    ) -> None: ...

    @app.get("/required")
    def required(size: int, ids: Query[list[int]]) -> None: ...

    document = describe(app)
    validate(document)
    with each_backend(app) as client:
        for path, others in (("/", ""), ("/required", "size=1&ids=1&")):
            for one in document["paths"][path]["get"]["parameters"]:
                if one["in"] == "query":
                    emptied = others.replace(f"{one['name']}=1", f"{one['name']}=") or f"{one['name']}="
                    is_taken = client.get(f"{path}?{emptied}").status_code == 204
                    is_text = one["name"] in ("text", "words", "either")
                    assert (is_text or one.get("allowEmptyValue", False)) == is_taken, one
                assert "allowEmptyValue" not in one or one["in"] == "query"


STATUSES: dict[str, tuple[Any, set[str]]] = {
    "redirect": (RedirectResponse, {"3XX"}),
    "redirect-or-item": (Part | RedirectResponse, {"200", "3XX"}),
    "redirect-or-none": (RedirectResponse | None, {"3XX", "204"}),
    "response": (Response, {"2XX", "3XX"}),
    "html": (HTMLResponse, {"2XX"}),
    "file": (FileResponse, {"2XX", "304"}),
    "file-or-redirect": (FileResponse | RedirectResponse, {"2XX", "304", "3XX"}),
    "two-kinds": (HTMLResponse | Response, {"2XX", "3XX"}),
    "item-or-html": (Part | HTMLResponse, {"200", "2XX"}),
    "text": (str, {"200"}),
}


@pytest.mark.parametrize("case", STATUSES)
@pytest.mark.parametrize("status", [None, 201, 303])
def test_statuses_are_those_that_may_be_sent(case: str, status: int | None) -> None:
    kind, expected = STATUSES[case]
    app = App()

    def handler() -> None: ...

    handler.__annotations__["return"] = kind
    app.get("/", status=status)(handler)
    if status is not None:  # it is that of plain results alone
        expected = {str(status) if one in ("200", "204") else one for one in expected}
    document = describe(app)
    validate(document)
    assert {*document["paths"]["/"]["get"]["responses"]} == expected | {"4XX", "5XX"}


def test_no_status_is_undocumented(each_backend: Any, tmp_path: Path) -> None:
    app = App()
    (tmp_path / "a.txt").write_text("text")
    os.utime(tmp_path / "a.txt", (1_700_000_000, 1_700_000_000))  # the fixture makes one for each backend

    @app.get("/file")
    def file() -> FileResponse:
        return FileResponse(tmp_path / "a.txt")

    @app.get("/away/{status}")
    def away(status: int) -> RedirectResponse:
        return RedirectResponse("/", status=status)

    @app.get("/fails")
    def fails() -> str:
        raise RuntimeError

    paths = describe(app)["paths"]
    with each_backend(app) as client:
        tag = client.get("/file").headers["etag"]
        for path, answer in (
            ("/file", client.get("/file")),
            ("/file", client.get("/file", headers={"range": "bytes=0-1"})),
            ("/file", client.get("/file", headers={"range": "bytes=9-"})),
            ("/file", client.get("/file", headers={"if-none-match": tag})),
            ("/file", client.get("/file", headers={"if-match": '"x"'})),
            ("/away/{status}", client.get("/away/303", follow_redirects=False)),
            ("/away/{status}", client.get("/away/308", follow_redirects=False)),
            ("/away/{status}", client.get("/away/x")),
            ("/fails", client.get("/fails")),
        ):
            known = paths[path]["get"]["responses"]
            described = known.get(str(answer.status_code)) or known[f"{answer.status_code // 100}XX"]
            media_types = [*described.get("content", {answer.headers.get("content-type", ""): {}})]
            assert answer.headers.get("content-type", "") in media_types or media_types == ["*/*"]


def test_the_error_schema_is_the_real_one(each_backend: Any, document: dict[str, Any]) -> None:
    from jsonschema import Draft202012Validator

    schema = {"$ref": "#/components/schemas/Problem", "components": document["components"]}
    with each_backend(shop()) as client:
        for answer in (
            client.get("/nothing"),
            client.get("/things/1?colour=green"),
            client.get("/search?limit=0"),
            client.post("/things", json={"id": 5, "parts": [{"count": 0}]}),
            client.post("/things", content=b"{", headers={"content-type": "application/json"}),
            client.put("/text"),
        ):
            assert answer.headers["content-type"] == "application/problem+json"
            Draft202012Validator(schema).validate(answer.json())


# -- shown -------------------------------------------------------------------------------------------------------------


def test_the_document_and_its_page_are_shown(each_backend: Any) -> None:
    with each_backend(shop()) as client:
        answer = client.get("/openapi.json")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
        assert answer.json()["info"]["title"] == "Shop"
        page = client.get("/docs")
        assert page.headers["content-security-policy"].startswith("default-src 'self'")
        for name in ("swagger-ui.css", "swagger-ui-bundle.js", "start.js", "favicon-32x32.png"):
            assert f"docs/{name}" in page.text
            assert client.get(f"/docs/{name}").status_code == 200
        assert "http" not in page.text.replace("https://json-schema", "")  # nothing from elsewhere
        assert client.get("/docs/index.css").status_code == 404


def test_it_is_made_once(each_backend: Any) -> None:
    app = shop()
    with each_backend(app) as client:
        first = client.get("/openapi.json")
        app.title = "Another"
        assert client.get("/openapi.json").content == first.content
    assert describe(app)["info"]["title"] == "Another"


def test_renamed_and_switched_off(each_backend: Any) -> None:
    with each_backend(App(openapi_path="/v1/schema.json", docs_path="/v1/help/api")) as client:
        assert client.get("/v1/schema.json").json()["paths"] == {}
        assert 'src="api/start.js"' in client.get("/v1/help/api").text
        assert "../../v1/schema.json" in client.get("/v1/help/api/start.js").text
        assert client.get("/openapi.json").status_code == 404
    with each_backend(App(docs_path=None)) as client:
        assert client.get("/openapi.json").status_code == 200
        assert client.get("/docs").status_code == 404
    with each_backend(App(openapi_path=None)) as client:
        assert client.get("/openapi.json").status_code == 404
        assert client.get("/docs").status_code == 404


def test_the_apps_own_routes_win(each_backend: Any) -> None:
    app = App()

    @app.get("/docs")
    def docs() -> str:
        return "mine"

    with each_backend(app) as client:
        assert client.get("/docs").text == "mine"
        assert client.get("/openapi.json").status_code == 200


def test_below_a_prefix(each_backend: Any) -> None:
    if Feature.PREFIX not in each_backend.features:
        pytest.skip(f"{each_backend.name} lacks {Feature.PREFIX.value} (Feature.PREFIX)")
    with each_backend(shop(), prefix="/api") as client:
        assert client.get("/openapi.json").json()["servers"] == [{"url": "/api"}]
    with each_backend(shop()) as client:
        assert "servers" not in client.get("/openapi.json").json()


def test_middleware_is_around_it(each_backend: Any) -> None:
    app = App()

    @app.middleware
    def closed(request: Request) -> Middleware:
        raise HTTPError(401)
        yield

    with each_backend(app) as client:
        assert [client.get(path).status_code for path in ("/openapi.json", "/docs", "/docs/start.js")] == [401] * 3


def test_routers_and_websockets(each_backend: Any) -> None:
    app = App()
    router = Router("/v1", tags=["v1"])

    @router.get("/a")
    def a() -> str:
        return ""

    @router.websocket("/ws")
    async def ws(ws: WebSocket) -> None:
        await ws.accept()

    app.include(router)
    assert describe(app)["paths"] == {"/v1/a": describe(app)["paths"]["/v1/a"]}
    assert describe(app)["paths"]["/v1/a"]["get"]["tags"] == ["v1"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"openapi_path": "docs"}, "openapi_path"),
        ({"docs_path": "/docs/"}, "docs_path"),
        ({"docs_path": 5}, "docs_path"),
    ],
)
def test_paths_that_are_none(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        App(**options)


@pytest.mark.parametrize(
    "responses",
    [
        {99: "x"},
        {"200": "x"},
        {True: "x"},
        {200: 5},
        {200: object()},
        {200: object},
        {200: {"description": object()}},
        {200: {"content": {"application/json": {"schema": Part}}}},
        {200: {"description": float}},
        ["x"],
    ],
    ids=["status", "text", "bool", "number", "object", "class", "description", "struct", "type", "list"],
)
def test_responses_that_are_none(each_backend: Any, responses: Any) -> None:
    app = App()

    @app.get("/", responses=responses)
    def index() -> str:
        return ""

    expected = r"handler .*index \(.*test_openapi.py:\d+\): responses=.* Fix: "
    (line,) = app.unmet(each_backend.name)
    assert re.match(expected, line)
    with pytest.raises(ConfigurationError, match=expected):
        app.compile(each_backend.name)
    with pytest.raises(ConfigurationError, match=expected):
        describe(app)


@pytest.mark.parametrize(
    "options",
    [
        {"title": 5},
        {"version": 1.0},
        {"description": None},
        {"security_schemes": {"a": object()}},
        {"security": [{"a": object()}]},
        {"security_schemes": 5},
        {"security": ["a"]},
    ],
    ids=["title", "version", "description", "scheme", "requirement", "no-schemes", "no-requirement"],
)
def test_an_app_s_words_that_are_none(options: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"App\(\w+=.*test_openapi.py:\d+.* Fix: "):
        App(**options)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("summary", 5),
        ("description", b"x"),
        ("deprecated", "no"),
        ("include_in_schema", None),
        ("tags", [5]),
        ("tags", 5),
        ("security", [{"a": object}]),
        ("security", {"a": []}),
    ],
)
def test_a_route_s_words_that_are_none(option: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"(?s)handler .*test_openapi.py:\d+\): {option}=.* Fix: "):

        @App().get("/", **{option: value})
        def index() -> str:
            return ""


def test_without_the_package(each_backend: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from hinge.openapi import pages

    monkeypatch.setattr(pages, "ASSETS", ("no-such-file",))
    with each_backend(App()) as client:
        answer = client.get("/docs")
        assert (answer.status_code, "hinge-web[openapi]" in answer.json()["detail"]) == (404, True)


def test_five_hundred_routes_are_described_in_time() -> None:
    app = App()
    for number in range(500):

        def handler(item_id: int, search: Query[Search], thing: Thing) -> Thing:
            """Do it."""
            return thing

        app.post(f"/r{number}/{{item_id}}", name=f"r{number}")(handler)
    app.parts()  # what a compile has done before
    began = time.process_time()
    found = describe(app)
    assert len(found["paths"]) == 500
    assert time.process_time() - began < 3  # it takes a tenth of that where nothing else runs
