"""A large body is decoded where it stops nobody else: never on an event loop."""

import asyncio
import contextvars
from collections.abc import AsyncIterator, Callable, Iterator
from importlib.util import find_spec
from typing import Any

import msgspec
import pytest

from hinge import App, Body, Header, Request
from hinge.codecs import JSON, MSGPACK, YAML
from hinge.codecs.reading import AT_ONCE, AT_ONCE_SLOWLY

needs_yaml = pytest.mark.skipif(find_spec("yaml") is None, reason="needs the extra yaml")

where: list[bool] = []
seen: contextvars.ContextVar[str] = contextvars.ContextVar("seen", default="none")


def _on_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class Text(msgspec.Struct):
    text: str

    def __post_init__(self) -> None:
        where.append(_on_a_loop())
        if self.text[:1] == "!":
            raise ValueError("is loud")


async def coroutine(body: Text, by: Header[str] = "") -> str:
    return f"{len(body.text)} {_on_a_loop()}"


async def keyword(*, body: Text) -> str:
    return f"{len(body.text)} {_on_a_loop()}"


async def with_request(request: Request, body: Text) -> str:
    return f"{len(body.text)} {len(request.body) > len(body.text)}"


def plain(body: Text) -> str:
    return f"{len(body.text)} True"


def generator(body: Text) -> Iterator[str]:
    yield f"{len(body.text)} True"


async def async_generator(body: Text) -> AsyncIterator[str]:
    yield f"{len(body.text)} {_on_a_loop()}"


HANDLERS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "coroutine": (coroutine, {}),
    "keyword": (keyword, {}),
    "with a request": (with_request, {}),
    "inline coroutine": (coroutine, {"inline": True}),
    "inline": (plain, {"inline": True}),
    "plain": (plain, {}),
    "generator": (generator, {}),
    "coroutine of a thread": (coroutine, {"loop": "thread"}),
    "async generator": (async_generator, {}),
}
JSON_TYPE = {"content-type": "application/json"}


@pytest.mark.parametrize("what", HANDLERS)
@pytest.mark.parametrize("layered", [False, True], ids=["bare", "middleware"])
def test_a_large_body_is_not_decoded_on_a_loop(each_backend: Any, what: str, layered: bool) -> None:
    handler, options = HANDLERS[what]
    app = App()
    app.post("/", **options)(handler)
    if layered:

        @app.middleware
        def around(request: Request) -> Any:
            yield

    small, large = (msgspec.json.encode({"text": "x" * size}) for size in (10, AT_ONCE))
    with each_backend(app) as client:
        where.clear()
        answer = client.post("/", content=small, headers=JSON_TYPE)
        assert answer.text in ("10 True", "10 False")
        on_loop = answer.text
        if where != [False] * len(where):
            assert what != "plain"
        where.clear()
        assert client.post("/", content=large, headers=JSON_TYPE).text == on_loop.replace("10", str(AT_ONCE))
        assert where
        assert not any(where)
        loud = client.post("/", content=large.replace(b"xx", b"!x", 1), headers=JSON_TYPE)
        assert (loud.status_code, loud.json()["errors"][0]["message"]) == (422, "is loud")


def test_a_small_body_is_decoded_on_the_loop_of_a_coroutine(each_backend: Any) -> None:
    app = App()
    app.post("/")(coroutine)
    with each_backend(app) as client:
        where.clear()
        assert client.post("/", content=b'{"text":"x"}', headers=JSON_TYPE).status_code == 200
        # A Lambda has one event at a time: nobody else waits for its loop.
        assert [client.backend in ("asgi", "rsgi")] == where


def test_context_variables_travel_along(each_backend: Any) -> None:
    app = App()

    @app.middleware
    async def around(request: Request) -> Any:
        seen.set("middleware")
        yield

    class Told(msgspec.Struct):
        text: str

        def __post_init__(self) -> None:
            self.text = seen.get()

    @app.post("/")
    async def tell(body: Told) -> str:
        return f"{body.text} {seen.get()}"

    with each_backend(app) as client:
        large = msgspec.json.encode({"text": "x" * AT_ONCE})
        assert client.post("/", content=large, headers=JSON_TYPE).text == "middleware middleware"


@needs_yaml
def test_of_slow_formats_less_is_decoded_at_once(each_backend: Any) -> None:
    app = App(codecs=[JSON, MSGPACK, YAML])
    app.post("/")(coroutine)
    with each_backend(app) as client:
        where.clear()
        text = b"text: " + b"x" * AT_ONCE_SLOWLY
        assert client.post("/", content=text, headers={"content-type": "application/yaml"}).status_code == 200
        assert where == [False]


def test_a_body_that_nobody_decodes_is_not_sent_around(each_backend: Any) -> None:
    app = App()

    @app.post("/")
    async def take(body: Body[bytes]) -> int:
        return len(body)

    with each_backend(app) as client:
        assert client.post("/", content=b"x" * AT_ONCE * 2).json() == AT_ONCE * 2
