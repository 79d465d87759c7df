"""Falcon, on WSGI and on ASGI. Bodies are read as its recipe for msgspec has it."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import falcon
import falcon.asgi
import falcon.media
import msgspec
from cases import CHUNKS, HELLO, TICKS, Item, Page, passed

NAME = "Falcon"
LACKS = {
    "wsgi": {
        "other colour": "responders are plain functions",
        "other colour, inline": "responders are plain functions",
    },
    "asgi": {
        "other colour": "responders are coroutines",
        "other colour, inline": "responders are coroutines",
    },
}

_item = msgspec.json.Decoder(Item)
_CHARSET = "text/plain; charset=utf-8"


def _sizes(req: Any) -> tuple[int, bool]:
    limit = req.get_param_as_int("limit", default=10)
    return limit, req.get_param_as_bool("verbose", default=False)


class Plain:
    """Answer with text."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer a GET."""
        resp.content_type = _CHARSET
        resp.text = HELLO


class Json:
    """Answer with JSON."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer a GET."""
        resp.media = {"message": HELLO}


class Read:
    """Answer with what the path and the query say."""

    def on_get(self, req: falcon.Request, resp: falcon.Response, item_id: int) -> None:
        """Answer a GET."""
        resp.media = Page(item_id, *_sizes(req))


class Create:
    """Answer with the body, validated."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer a POST."""
        resp.media = _item.decode(req.bounded_stream.read())
        resp.status = falcon.HTTP_201


class Session:
    """Answer with one header and one cookie."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer a GET."""
        resp.media = {"request_id": req.get_header("x-request-id", required=True), "session": req.cookies["session"]}


def _chunks() -> Iterator[bytes]:
    yield from CHUNKS


def _ticks() -> Iterator[bytes]:
    for tick in TICKS:
        yield b'data: {"tick":%d}\n\n' % tick


class Stream:
    """Answer with a stream."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer a GET."""
        resp.content_type = "application/octet-stream"
        resp.stream = _chunks()


class Events:
    """Answer with events."""

    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer a GET."""
        resp.content_type = "text/event-stream"
        resp.cache_control = ["no-store"]
        resp.stream = _ticks()


class Passing:
    """Let everything through."""

    def process_request(self, req: falcon.Request, resp: falcon.Response) -> None:
        """See a request."""
        passed()


class AsyncPlain:
    """Answer with text."""

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """Answer a GET."""
        resp.content_type = _CHARSET
        resp.text = HELLO


class AsyncJson:
    """Answer with JSON."""

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """Answer a GET."""
        resp.media = {"message": HELLO}


class AsyncRead:
    """Answer with what the path and the query say."""

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response, item_id: int) -> None:
        """Answer a GET."""
        resp.media = Page(item_id, *_sizes(req))


class AsyncCreate:
    """Answer with the body, validated."""

    async def on_post(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """Answer a POST."""
        resp.media = _item.decode(await req.bounded_stream.read())
        resp.status = falcon.HTTP_201


class AsyncSession:
    """Answer with one header and one cookie."""

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """Answer a GET."""
        resp.media = {"request_id": req.get_header("x-request-id", required=True), "session": req.cookies["session"]}


async def _async_chunks() -> AsyncIterator[bytes]:
    for chunk in CHUNKS:
        yield chunk


async def _async_ticks() -> AsyncIterator[falcon.asgi.SSEvent]:
    for tick in TICKS:
        yield falcon.asgi.SSEvent(json={"tick": tick})


class AsyncStream:
    """Answer with a stream."""

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """Answer a GET."""
        resp.content_type = "application/octet-stream"
        resp.stream = _async_chunks()


class AsyncEvents:
    """Answer with events."""

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """Answer a GET."""
        resp.sse = _async_ticks()


class AsyncPassing:
    """Let everything through."""

    async def process_request(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """See a request."""
        passed()


def _with_routes(app: Any, *resources: Any) -> Any:
    # Falcon's own recipe: msgspec for JSON in place of the standard library.
    handler = falcon.media.JSONHandler(dumps=msgspec.json.encode, loads=msgspec.json.decode)
    app.resp_options.media_handlers["application/json"] = handler
    paths = ["/plain", "/json", "/items/{item_id:int}", "/items", "/session", "/stream", "/events"]
    for path, resource in zip(paths, resources, strict=True):
        app.add_route(path, resource)
    return app


def wsgi(layers: int) -> Any:
    """Return the WSGI app behind so many middlewares."""
    app = falcon.App(middleware=[Passing() for _ in range(layers)])
    return _with_routes(app, Plain(), Json(), Read(), Create(), Session(), Stream(), Events())


def asgi(layers: int) -> Any:
    """Return the ASGI app behind so many middlewares."""
    app = falcon.asgi.App(middleware=[AsyncPassing() for _ in range(layers)])
    resources = AsyncPlain(), AsyncJson(), AsyncRead(), AsyncCreate(), AsyncSession(), AsyncStream(), AsyncEvents()
    return _with_routes(app, *resources)


class Detail:
    """Answer with text."""

    def on_get(self, req: falcon.Request, resp: falcon.Response, number: int) -> None:
        """Answer a GET."""
        resp.content_type = _CHARSET
        resp.text = HELLO


class AsyncDetail:
    """Answer with text."""

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response, number: int) -> None:
        """Answer a GET."""
        resp.content_type = _CHARSET
        resp.text = HELLO


def many(interface: str, count: int) -> Any:
    """Return an app of so many routes."""
    app: Any = falcon.App() if interface == "wsgi" else falcon.asgi.App()
    resource = Detail() if interface == "wsgi" else AsyncDetail()
    for index in range(count):
        app.add_route(f"/r{index}/{{number:int}}/detail", resource)
    return app
