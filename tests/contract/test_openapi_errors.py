"""The document shows the errors that are really sent: those of the app's own handlers, as far as these say what."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from hinge import App, HTMLResponse, HTTPError, JSONResponse, Request
from hinge.errors import RequestInvalid
from hinge.testing import Client

ClientFor = Callable[..., Client]
PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
ERROR = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
TEXT = {"text/plain": {"schema": {"type": "string"}}}


class Error(msgspec.Struct):
    code: str


def of_struct(request: Request, error: HTTPError) -> Error:
    return Error("x")


async def of_struct_later(request: Request, error: HTTPError) -> Error:
    return Error("x")


def of_text(request: Request, error: Exception) -> str:
    return "x"


def of_either(request: Request, error: HTTPError) -> Error | str | HTTPError | None:
    return None


def of_page(request: Request, error: HTTPError) -> HTMLResponse:
    return HTMLResponse("x")


def of_json(request: Request, error: HTTPError) -> JSONResponse:
    return JSONResponse("x")


def unannotated(request: Request, error: HTTPError):
    return "x"


@pytest.mark.parametrize(
    ("handlers", "expected"),
    [
        ({}, {"404": PROBLEM, "422": PROBLEM, "409": PROBLEM, "4XX": PROBLEM, "5XX": PROBLEM}),
        ({HTTPError: of_struct}, {"404": ERROR, "422": ERROR, "409": ERROR, "4XX": ERROR, "5XX": ERROR | PROBLEM}),
        ({HTTPError: of_struct_later}, {"404": ERROR, "422": ERROR, "409": ERROR, "4XX": ERROR}),
        ({Exception: of_text}, {"404": TEXT, "422": TEXT, "409": TEXT, "4XX": TEXT, "5XX": TEXT}),
        ({HTTPError: of_struct, Exception: of_text}, {"404": ERROR, "4XX": ERROR, "5XX": ERROR | TEXT}),
        ({HTTPError: of_either}, {"404": ERROR | TEXT | PROBLEM}),
        ({HTTPError: of_page}, {"404": {"text/html": {"schema": {"type": "string"}}}}),
        ({HTTPError: of_json}, {"404": {"application/json": {}}}),
        ({HTTPError: unannotated}, {"404": None, "422": None, "4XX": None, "5XX": None}),
        ({404: of_text}, {"404": TEXT, "422": PROBLEM, "409": PROBLEM, "4XX": PROBLEM | TEXT, "5XX": PROBLEM}),
        ({404: of_text, HTTPError: of_struct}, {"404": TEXT, "422": ERROR, "4XX": ERROR | TEXT}),
        ({422: of_text, RequestInvalid: of_struct}, {"404": PROBLEM, "422": ERROR}),
        ({500: of_text}, {"404": PROBLEM, "4XX": PROBLEM, "5XX": PROBLEM | TEXT}),
        ({500: of_text, Exception: of_struct}, {"404": ERROR, "5XX": ERROR | TEXT}),
        ({LookupError: of_text}, {"404": PROBLEM, "4XX": PROBLEM, "5XX": PROBLEM}),
    ],
)
def test_error_responses(client_for: ClientFor, handlers: dict[Any, Any], expected: dict[str, Any]) -> None:
    app = App()
    for kind, handler in handlers.items():
        app.error(kind)(handler)

    @app.get("/{number}", responses={409: "Taken"})
    def read(number: int, size: int = 1) -> None:
        raise NotImplementedError

    client = client_for(app)
    document = client.get("/openapi.json").json()
    responses = document["paths"]["/{number}"]["get"]["responses"]
    assert {status: responses[status].get("content") for status in expected} == expected
    assert ("Problem" in document.get("components", {}).get("schemas", {})) == ("Problem" in str(responses))
    sent = client.get("/x").headers.get("content-type", "").partition(";")[0]
    assert responses["404"].get("content") is None or sent in {"", *responses["404"]["content"]}
