"""What leaves is what the return annotation names; streams of values go out as JSON lines."""

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any

import msgspec
import pytest

from hinge import App, HTTPError, JSONLinesResponse, Request
from hinge.codecs import JSON, MSGPACK
from hinge.middleware import Middleware


class PublicUser(msgspec.Struct):
    name: str


class User(PublicUser):
    password: str = "secret"


class Row:
    """As an object-relational mapper makes them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.password = "secret"


def site(coloured: Any) -> App:
    app = App()

    @app.get("/one")
    @coloured
    def one(kind: str) -> PublicUser:
        return {"user": User("a"), "public": PublicUser("a"), "row": Row("a"), "dict": {"name": "a", "password": "s"}}[
            kind
        ]  # type: ignore[return-value]

    @app.get("/many")
    @coloured
    def many() -> list[PublicUser]:
        return [User("a"), PublicUser("b"), Row("c")]  # type: ignore[list-item]

    @app.get("/maybe")
    @coloured
    def maybe() -> dict[str, PublicUser | None] | None:
        return {"a": User("a"), "b": None}

    @app.get("/all")
    @coloured
    def everything() -> User:
        return User("a")

    @app.get("/list")
    @coloured
    def wrong() -> PublicUser:
        return [User("a")]  # type: ignore[return-value]

    return app


def test_fields_beyond_the_annotation_stay_behind(each_backend: Any, coloured: Any) -> None:
    app = site(coloured)
    with each_backend(app) as client:
        for _ in range(2):
            for kind in ("user", "public", "row", "dict"):
                assert client.get(f"/one?kind={kind}").json() == {"name": "a"}, kind
            assert client.get("/many").json() == [{"name": "a"}, {"name": "b"}, {"name": "c"}]
            assert client.get("/maybe").json() == {"a": {"name": "a"}, "b": None}
            assert client.get("/all").json() == {"name": "a", "password": "secret"}


def test_what_the_annotation_has_no_place_for_fails_closed(
    each_backend: Any, coloured: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with each_backend(site(coloured)) as client:
        answer = client.get("/list")
        assert (answer.status_code, b"secret" in answer.content) == (500, False)
    assert "annotation does not say what may be sent" in caplog.text
    caplog.clear()


def test_other_formats_and_middleware_are_no_way_round(each_backend: Any) -> None:
    app = App(codecs=[JSON, MSGPACK])

    @app.middleware
    def mark(request: Request) -> Middleware:
        response = yield
        response.headers["x-seen"] = "yes"
        return response

    @app.get("/many")
    async def many() -> list[PublicUser]:
        return [User("a")]

    with each_backend(app) as client:
        assert client.get("/many").json() == [{"name": "a"}]
        answer = client.get("/many", headers={"accept": "application/msgpack"})
        assert msgspec.msgpack.decode(answer.content) == [{"name": "a"}]


def test_what_holds_a_record_in_any_way_is_looked_into(each_backend: Any) -> None:
    app = App(codecs=[JSON, MSGPACK])

    class Page(msgspec.Struct):
        owner: PublicUser

    @app.get("/iterable")
    def iterable() -> Iterable[PublicUser]:
        return [User("a")]

    @app.get("/iterator")
    def iterator() -> AsyncIterator[PublicUser]:
        return [User("a")]  # type: ignore[return-value]

    @app.get("/page")
    def page() -> Page:
        return Page(kinds[-1]("a"))

    kinds = [PublicUser]
    codecs = (("application/json", msgspec.json.decode), ("application/msgpack", msgspec.msgpack.decode))
    with each_backend(app) as client:
        assert client.get("/iterator").json() == [{"name": "a"}]
        for accept, decode in codecs:
            assert decode(client.get("/iterable", headers={"accept": accept}).content) == [{"name": "a"}]
            assert decode(client.get("/page", headers={"accept": accept}).content) == {"owner": {"name": "a"}}

        class Late(PublicUser):
            password: str = "secret"

        kinds.append(Late)
        for accept, decode in codecs:
            assert decode(client.get("/page", headers={"accept": accept}).content) == {"owner": {"name": "a"}}


def test_error_handlers_send_no_more_either(each_backend: Any, coloured: Any) -> None:
    app = App()

    @app.error(KeyError)
    @coloured
    def key(request: Request, error: KeyError) -> PublicUser:
        return User("a")

    @app.error(HTTPError)
    @coloured
    def every(request: Request, error: HTTPError) -> Iterable[PublicUser]:
        return [User("a")]

    @app.error(ValueError)
    @coloured
    def unsaid(request: Request, error: ValueError):  # type: ignore[no-untyped-def]
        return User("a")

    @app.get("/{kind}")
    def fail(kind: str) -> None:
        raise {"key": KeyError, "value": ValueError}[kind]

    with each_backend(app) as client:
        for path, status, sent in (
            ("/key", 500, {"name": "a"}),
            ("/a/b", 404, [{"name": "a"}]),
            ("/value", 500, {"name": "a", "password": "secret"}),
        ):
            answer = client.get(path)
            assert (answer.status_code, answer.json()) == (status, sent)


# -- JSON Lines --------------------------------------------------------------------------------------------------------


def test_values_are_streamed_as_lines(each_backend: Any) -> None:
    app = App()
    closed = []

    @app.get("/def")
    def plain() -> Iterator[PublicUser]:
        try:
            yield User("a\n")
            yield PublicUser("b")
        finally:
            closed.append("def")

    @app.get("/async")
    async def asynchronous() -> AsyncIterator[PublicUser | None]:
        try:
            yield User("a\n")
            yield None
        finally:
            closed.append("async")

    @app.get("/response")
    def response() -> JSONLinesResponse:
        raw = msgspec.Raw(b'{"x":\n 1}')
        return JSONLinesResponse(iter(["text", raw]), status=203, headers={"x-a": "b"})

    @app.get("/bad")
    def bad() -> Iterator[PublicUser]:
        yield object()  # type: ignore[misc]

    with each_backend(app) as client:
        for path, body in (
            ("/def", '{"name":"a\\n"}\n{"name":"b"}\n'),
            ("/async", '{"name":"a\\n"}\nnull\n'),
            ("/response", '"text"\n{"x":1}\n'),
        ):
            answer = client.get(path)
            assert (answer.headers["content-type"], answer.text) == ("application/jsonl", body)
        assert (answer.status_code, answer.headers["x-a"]) == (203, "b")
        with client.stream("GET", "/def") as streamed:
            assert next(iter(streamed.iter_bytes())) == b'{"name":"a\\n"}\n'
        assert client.get("/bad").status_code == 500
    assert set(closed) == {"def", "async"}
