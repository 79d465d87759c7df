"""`responses=` of apps, routers and providers: what the document of a route lists of them."""

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
import pytest

from hinge import App, ConfigurationError, Depends, Header, Request, Response, Router
from hinge.openapi import describe


class Taken(msgspec.Struct):
    """Somebody else has it."""

    by: str


def text(name: str = "") -> str:
    return name


def session() -> Iterator[str]:
    yield "session"


Session = Annotated[str, Depends(session, responses={503: "The database does not answer."})]


def user(session: Session, token: Header[str]) -> str:
    return token


User = Annotated[str, Depends(user, responses={401: "Nobody is signed in.", 403: "Not you."})]


def shop(dependencies: Any = ()) -> App:
    app = App(responses={404: "Nothing there.", 418: Taken, 200: "anything"}, dependencies=dependencies)
    outer = Router("/outer", responses={404: "No such shelf.", 410: None})
    inner = Router("/inner", responses={410: "Sold.", 429: {"description": "Later.", "headers": {}}})

    @app.get("/app")
    def of_app() -> str:
        return ""

    @outer.get("/router")
    def of_router(user: User) -> str:
        return user

    @inner.get("/nearest", responses={404: "No such item.", 403: "Not yours."})
    def nearest(user: User) -> str:
        return user

    outer.include(inner)
    app.include(outer)
    app.include(inner, "/again", name="again")
    return app


def listed(app: App, path: str) -> dict[str, str]:
    responses = describe(app)["paths"][path]["get"]["responses"]
    return {status: one["description"] for status, one in responses.items() if status not in ("4XX", "5XX")}


ANY = {"200": "OK", "404": "Nothing there.", "418": "I'm a Teapot"}
OF_USER = {"503": "The database does not answer.", "401": "Nobody is signed in.", "403": "Not you."}
OF_HEAD = {"400": "Bad Request", "422": "Unprocessable Content"}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/app", ANY),
        ("/outer/router", {**ANY, **OF_USER, **OF_HEAD, "404": "No such shelf.", "410": "Gone"}),
        (
            "/outer/inner/nearest",
            {**ANY, **OF_USER, **OF_HEAD, "404": "No such item.", "403": "Not yours.", "410": "Sold.", "429": "Later."},
        ),
        (
            "/again/inner/nearest",
            {**ANY, **OF_USER, **OF_HEAD, "404": "No such item.", "403": "Not yours.", "410": "Sold.", "429": "Later."},
        ),
    ],
)
def test_the_nearest_one_is_told(path: str, expected: dict[str, str]) -> None:
    assert listed(shop(), path) == expected


def test_a_guard_of_the_app_tells_of_every_route() -> None:
    guarded = shop([Depends(user, responses={401: "No token."})])
    assert listed(guarded, "/app")["401"] == "No token."
    assert listed(guarded, "/app")["503"] == "The database does not answer."
    assert listed(guarded, "/outer/router")["401"] == "Nobody is signed in."


def test_one_provider_under_two_notes_tells_both() -> None:
    app = App(dependencies=[Depends(text, responses={409: "Busy."})])

    @app.get("/")
    def index(name: Annotated[str, Depends(text, responses={410: "Gone for good."})]) -> str:
        return name

    assert {"409": "Busy.", "410": "Gone for good."}.items() <= listed(app, "/").items()


def test_their_bodies() -> None:
    app = App(responses={409: Taken, 404: "Nothing there.", 410: None})
    app.get("/")(lambda: "")

    @app.error(Exception)
    def told(request: Request, error: Exception) -> Response:
        return Response()

    responses = describe(app)["paths"]["/"]["get"]["responses"]
    assert responses["409"]["content"] == {"application/json": {"schema": {"$ref": "#/components/schemas/Taken"}}}
    assert "content" not in responses["404"]  # as errors are answered here: nobody knows with what
    assert "content" not in responses["410"]


def test_a_mounted_app_tells_its_own_and_those_of_the_guards_around_it(client_for: Any) -> None:
    inner = App(responses={410: "Sold."})
    inner.get("/")(lambda: "")
    app = App(responses={418: "Tea."}, dependencies=[Depends(text, responses={403: "Not you."})])
    app.mount("/inner", inner)
    (operation,) = client_for(app).get("/inner/openapi.json").json()["paths"].values()
    assert [*operation["get"]["responses"]] == ["200", "400", "422", "410", "403", "4XX", "5XX"]


def test_websockets_and_folders_are_in_no_document(client_for: Any, tmp_path: Any) -> None:
    app = App(responses={404: "Nothing there."}, dependencies=[Depends(text, responses={403: "Not you."})])
    app.static("/files", tmp_path)
    assert client_for(app).get("/openapi.json").json()["paths"] == {}


class Unknown:
    """Nobody can send it."""


@pytest.mark.parametrize(
    ("options", "who"),
    [
        ({"responses": {404: Unknown}}, r"App\(...\)"),
        ({"dependencies": [Depends(text, responses={404: Unknown})]}, r"Depends\(...\)"),
    ],
)
def test_what_no_document_can_say_is_told_once(options: Any, who: str) -> None:
    app = App(**options)
    app.get("/")(text)
    app.get("/other")(text)
    with pytest.raises(ConfigurationError, match=rf"^{who} \(.*test_openapi_responses.py:\d+\): responses=.* Fix: .*$"):
        app.compile("wsgi")


def test_what_is_of_the_worker_answers_nobody() -> None:
    with pytest.raises(ConfigurationError, match=r"Depends\(scope='app', responses=...\) .*: it answers no request"):
        Depends(text, scope="app", responses={404: "x"})
