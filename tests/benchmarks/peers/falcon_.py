"""Falcon, on WSGI and on ASGI. Bodies are read as its recipe for msgspec has it."""

from collections.abc import AsyncIterator, Iterator
from time import perf_counter
from typing import Any

import falcon
import falcon.asgi
import falcon.media
import msgspec
from cases import ALLOWED, CHUNKS, HELLO, TICKS, Around, Item, Page, framed, middleware_of, passed

NAME = "Falcon"
LACKS = {
    "wsgi": {
        "other colour": "responders are plain functions",
        "other colour in three middlewares": "responders are plain functions",
        "other colour, no dependencies": "responders are plain functions",
        "other colour, three dependencies": "responders are plain functions",
        "other colour, inline": "responders are plain functions",
        "100 server-sent events": "it has no events of its own",
    },
    "asgi": {
        "other colour": "responders are coroutines",
        "other colour in three middlewares": "responders are coroutines",
        "other colour, no dependencies": "responders are coroutines",
        "other colour, three dependencies": "responders are coroutines",
        "other colour, inline": "responders are coroutines",
        "100 values as events": "events are objects",
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
        yield framed(tick)


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


def _refused(error: msgspec.ValidationError) -> falcon.HTTPUnprocessableEntity:
    return falcon.HTTPUnprocessableEntity(description=str(error))


def _ordered(item: Item, req: Any, resp: Any) -> None:
    resp.content_type = "application/json"
    token, cookie = req.get_header("x-token"), req.cookies["session"]
    resp.data = msgspec.json.encode({"name": item.name, "token": token, "session": cookie, "parts": len(item.parts)})


class Order:
    """Answer the realistic request."""

    def on_post(self, req: falcon.Request, resp: falcon.Response) -> None:
        """Answer a POST."""
        try:
            item = _item.decode(req.bounded_stream.read())
        except msgspec.ValidationError as error:
            raise _refused(error) from error
        _ordered(item, req, resp)


class AsyncOrder:
    """Answer the realistic request."""

    async def on_post(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        """Answer a POST."""
        try:
            item = _item.decode(await req.stream.read())
        except msgspec.ValidationError as error:
            raise _refused(error) from error
        _ordered(item, req, resp)


class RequestId:
    """Answer with the request's id."""

    def process_response(self, req: Any, resp: Any, resource: Any, req_succeeded: bool) -> None:
        """See an answer."""
        resp.set_header("x-request-id", req.get_header("x-request-id") or "none")

    async def process_response_async(self, req: Any, resp: Any, resource: Any, req_succeeded: bool) -> None:
        """See an answer."""
        resp.set_header("x-request-id", req.get_header("x-request-id") or "none")


class Timing:
    """Answer with the time that it took."""

    def process_request(self, req: Any, resp: Any) -> None:
        """See a request."""
        req.context.started = perf_counter()

    def process_response(self, req: Any, resp: Any, resource: Any, req_succeeded: bool) -> None:
        """See an answer."""
        resp.set_header("server-timing", f"app;dur={(perf_counter() - req.context.started) * 1e3:.1f}")

    async def process_request_async(self, req: Any, resp: Any) -> None:
        """See a request."""
        req.context.started = perf_counter()

    async def process_response_async(self, req: Any, resp: Any, resource: Any, req_succeeded: bool) -> None:
        """See an answer."""
        resp.set_header("server-timing", f"app;dur={(perf_counter() - req.context.started) * 1e3:.1f}")


class Origin:
    """Let pages of some origins read the answer."""

    def process_response(self, req: Any, resp: Any, resource: Any, req_succeeded: bool) -> None:
        """See an answer."""
        origin = req.get_header("origin")
        if origin in ALLOWED:
            resp.set_header("access-control-allow-origin", origin)

    async def process_response_async(self, req: Any, resp: Any, resource: Any, req_succeeded: bool) -> None:
        """See an answer."""
        origin = req.get_header("origin")
        if origin in ALLOWED:
            resp.set_header("access-control-allow-origin", origin)


def _middleware(around: Around, passing: Any) -> list[Any]:
    ready = [falcon.CORSMiddleware(allow_origins=ALLOWED), RequestId()]
    return middleware_of(around, passing, [RequestId(), Timing(), Origin()], ready)


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
    paths = ["/plain", "/json", "/items/{item_id:int}", "/items", "/session", "/orders", "/stream", "/events"]
    for path, resource in zip(paths, resources, strict=True):
        app.add_route(path, resource)
    app.add_route("/request", resources[paths.index("/session")])
    app.add_route("/values", resources[paths.index("/events")])
    return app


def wsgi(around: Around) -> Any:
    """Return the WSGI app behind what is asked for."""
    app = falcon.App(middleware=_middleware(around, Passing()))
    return _with_routes(app, Plain(), Json(), Read(), Create(), Session(), Order(), Stream(), Events())


def asgi(around: Around) -> Any:
    """Return the ASGI app behind what is asked for."""
    app = falcon.asgi.App(middleware=_middleware(around, AsyncPassing()))
    first = AsyncPlain(), AsyncJson(), AsyncRead(), AsyncCreate(), AsyncSession()
    return _with_routes(app, *first, AsyncOrder(), AsyncStream(), AsyncEvents())


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
