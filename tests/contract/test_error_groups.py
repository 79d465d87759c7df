"""Task groups in handlers: the failure of one task is answered as itself."""

import asyncio
from collections.abc import AsyncIterator

import anyio
import pytest

from hinge import App, AsyncMiddleware, Config, HTTPError, JSONResponse, Request, Response


async def failing(error: Exception) -> None:
    raise error


async def of_asyncio(*errors: Exception) -> None:
    async with asyncio.TaskGroup() as group:
        for error in errors:
            group.create_task(failing(error))


async def of_anyio(*errors: Exception) -> None:
    async with anyio.create_task_group() as group:
        for error in errors:
            group.start_soon(failing, error)


async def nested(*errors: Exception) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(of_asyncio, *errors)


@pytest.fixture(params=[of_asyncio, of_anyio, nested])
def group(request: pytest.FixtureRequest):
    return request.param


@pytest.fixture(params=["bare", "layers", "stream"])
def raising(request: pytest.FixtureRequest, group):
    """Return `raising(make_errors, **options)`: an app whose handler's tasks fail."""

    async def passing() -> AsyncMiddleware:
        yield

    def app_of(make, **options) -> App:
        app = App(**options)

        async def chunks() -> AsyncIterator[str]:
            await group(*make())
            yield ""

        if request.param == "stream":
            app.get("/")(chunks)
            return app

        @app.get("/", middleware=[passing] if request.param == "layers" else [])
        async def handler() -> None:
            await group(*make())

        return app

    return app_of


def test_an_http_error_of_a_task_is_the_answer(client_for, raising, caplog):
    error = lambda: [HTTPError(409, "taken", headers={"x-a": "1"})]  # noqa: E731
    response = client_for(raising(error)).get("/")
    assert (response.status_code, response.json()["detail"], response.headers["x-a"]) == (409, "taken", "1")
    assert caplog.text == ""


def test_an_error_handler_gets_the_error_itself(client_for, raising):
    app = raising(lambda: [KeyError("price")])
    seen = []

    @app.error(Exception)
    def any_error(request: Request, error: Exception) -> Response:
        return JSONResponse("any", status=500)

    @app.error(KeyError)
    def answer(request: Request, error: KeyError) -> Response:
        seen.append(error)
        return JSONResponse("key", status=400)

    response = client_for(app).get("/")
    assert (response.status_code, response.json()) == (400, "key")
    assert [type(error) for error in seen] == [KeyError]


def test_a_handler_of_groups_gets_the_group(client_for, raising):
    app = raising(lambda: [KeyError("price")])

    @app.error(ExceptionGroup)
    def answer(request: Request, error: ExceptionGroup) -> Response:
        return JSONResponse(type(error).__name__, status=500)

    assert client_for(app).get("/").json() == "ExceptionGroup"


def test_any_other_failure_is_logged_with_the_way_it_took(client_for, raising, caplog):
    response = client_for(raising(lambda: [KeyError("price")], config=Config(debug=True))).get("/")
    assert (response.status_code, response.json()["detail"]) == (500, "KeyError: 'price'")
    assert "KeyError: 'price'" in caplog.text
    assert "ExceptionGroup" in caplog.text


def test_several_failures_are_a_logged_500_that_names_each(client_for, raising, caplog):
    response = client_for(raising(lambda: [HTTPError(409, "taken"), KeyError("price")])).get("/")
    assert (response.status_code, response.json()["title"]) == (500, "Internal Server Error")
    assert "409 Conflict: taken" in caplog.text
    assert "KeyError: 'price'" in caplog.text
