"""A Struct from the headers or from the cookies: every field one of them, every error named."""

from typing import Annotated, Any

import msgspec
import pytest

from hinge import App, ConfigurationError, Cookie, Header


class Common(msgspec.Struct, forbid_unknown_fields=True):
    x_page_size: Annotated[int, msgspec.Meta(ge=1)]
    x_tags: list[int] = []
    dnt: bool = False

    def __post_init__(self) -> None:
        if self.x_page_size == 13:
            raise ValueError("no such size")


class Session(msgspec.Struct):
    user: int
    theme: str = "light"


def site() -> App:
    app = App()

    @app.get("/headers")
    def headers(common: Header[Common], x_page_size: Header[str | None] = None) -> list[Any]:
        return [common, x_page_size]

    @app.get("/cookies")
    async def cookies(theme: Cookie[str | None], session: Cookie[Session | None]) -> list[Any]:
        return [session, theme]

    @app.get("/all")
    def everything(common: Header[Common], session: Cookie[Session], limit: int) -> None:
        raise AssertionError

    return app


def errors(answer: Any) -> list[tuple[str, str, str]]:
    assert answer.status_code == 422
    return [(error["in"], error["name"], error["message"]) for error in answer.json()["errors"]]


def test_headers_and_cookies_become_structs(each_backend: Any) -> None:
    with each_backend(site()) as client:
        answer = client.get("/headers", headers={"x-page-size": "5", "x-tags": "1, 2", "dnt": "1", "x-other": "y"})
        assert answer.json() == [{"x_page_size": 5, "x_tags": [1, 2], "dnt": True}, "5"]
        answer = client.get("/cookies", headers={"cookie": 'bad cookie; user="7"; theme=dark; _ga=1'})
        assert answer.json() == [{"user": 7, "theme": "dark"}, "dark"]
        assert client.get("/cookies").json() == [None, None]


def test_all_errors_are_named_as_on_the_wire(each_backend: Any) -> None:
    with each_backend(site()) as client:
        answer = client.get("/headers", headers={"x-page-size": "0", "x-tags": "1,a,b", "dnt": "maybe"})
        *others, (_, dnt, _) = errors(answer)
        assert dnt == "dnt"
        assert others == [
            ("header", "x-page-size", "must be at least 1"),
            ("header", "x-tags.1", "expected an integer"),
            ("header", "x-tags.2", "expected an integer"),
        ]
        assert errors(client.get("/headers")) == [("header", "x-page-size", "is required")]
        assert errors(client.get("/headers", headers={"x-page-size": "13"})) == [("header", "", "no such size")]
        answer = client.get("/all?limit=x", headers={"cookie": "user=u", "x-page-size": "1", "x-tags": "z"})
        assert sorted(errors(answer)) == [
            ("cookie", "user", "expected an integer"),
            ("header", "x-tags.0", "expected an integer"),
            ("query", "limit", "expected an integer"),
        ]


def test_what_no_header_is_named_is_told_by_the_compile(each_backend: Any) -> None:
    class Odd(msgspec.Struct):
        name: str = msgspec.field(name="a b")

    class Nested(msgspec.Struct):
        inner: Session

    for kind, said in ((Odd, "its field 'a b' is no header name"), (Nested, "its field 'inner'")):
        app = App()

        def handler(value: Any) -> None: ...

        handler.__annotations__["value"] = Header[kind]  # type: ignore[valid-type]
        app.get("/")(handler)
        with pytest.raises(ConfigurationError, match=said), each_backend(app):
            pass
