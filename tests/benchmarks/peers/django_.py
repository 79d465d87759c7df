"""Django, without the middleware that a new project has. A body of nested values has no form: msgspec validates it.

Its settings, and so its middleware, are one for the process; a handler keeps those that it was made with.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from time import perf_counter
from typing import Any

import django
import msgspec
from cases import ALLOWED, CHUNKS, HELLO, TICKS, Around, Item, framed, middleware_of, passed
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.test.utils import override_settings
from django.urls import path
from django.utils.decorators import async_only_middleware
from django.views.decorators.http import require_GET, require_POST

NAME = "Django"
_NONE = {
    "ready-made middleware": "it has no CORS of its own",
    "100 server-sent events": "it has no events of its own",
}
LACKS = {
    "wsgi": {"other colour, inline": "a coroutine always runs on an event loop", **_NONE},
    "asgi": {"other colour, inline": "a def view always runs in a worker thread", **_NONE},
}

_item = msgspec.json.Decoder(Item)
_TEXT = "text/plain; charset=utf-8"


@require_GET
def plain(request: HttpRequest) -> HttpResponse:
    """Answer with text."""
    return HttpResponse(HELLO, content_type=_TEXT)


@require_GET
def json(request: HttpRequest) -> HttpResponse:
    """Answer with JSON."""
    return JsonResponse({"message": HELLO})


@require_GET
def read(request: HttpRequest, item_id: int) -> HttpResponse:
    """Answer with what the path and the query say."""
    limit = int(request.GET.get("limit", "10"))
    return JsonResponse({"item_id": item_id, "limit": limit, "verbose": request.GET.get("verbose") == "true"})


@require_POST
def create(request: HttpRequest) -> HttpResponse:
    """Answer with the body, validated."""
    return JsonResponse(msgspec.to_builtins(_item.decode(request.body)), status=201)


@require_GET
def session(request: HttpRequest) -> HttpResponse:
    """Answer with one header and one cookie."""
    return JsonResponse({"request_id": request.headers["X-Request-Id"], "session": request.COOKIES["session"]})


@require_POST
def order(request: HttpRequest) -> HttpResponse:
    """Answer the realistic request."""
    try:
        item = _item.decode(request.body)
    except msgspec.ValidationError as error:
        return HttpResponse(str(error), status=422)
    token, cookie = request.headers["x-token"], request.COOKIES["session"]
    answer = {"name": item.name, "token": token, "session": cookie, "parts": len(item.parts)}
    return HttpResponse(msgspec.json.encode(answer), content_type="application/json")


@require_POST
async def async_order(request: HttpRequest) -> HttpResponse:
    """Answer the realistic request."""
    return order(request)


def _chunks() -> Iterator[bytes]:
    yield from CHUNKS


def _ticks() -> Iterator[bytes]:
    for tick in TICKS:
        yield framed(tick)


@require_GET
def stream(request: HttpRequest) -> HttpResponseBase:
    """Answer with a stream."""
    return StreamingHttpResponse(_chunks(), content_type="application/octet-stream")


@require_GET
def events(request: HttpRequest) -> HttpResponseBase:
    """Answer with events."""
    return StreamingHttpResponse(_ticks(), content_type="text/event-stream", headers={"Cache-Control": "no-store"})


@require_GET
async def async_plain(request: HttpRequest) -> HttpResponse:
    """Answer with text."""
    return HttpResponse(HELLO, content_type=_TEXT)


@require_GET
async def async_json(request: HttpRequest) -> HttpResponse:
    """Answer with JSON."""
    return JsonResponse({"message": HELLO})


@require_GET
async def async_read(request: HttpRequest, item_id: int) -> HttpResponse:
    """Answer with what the path and the query say."""
    limit = int(request.GET.get("limit", "10"))
    return JsonResponse({"item_id": item_id, "limit": limit, "verbose": request.GET.get("verbose") == "true"})


@require_POST
async def async_create(request: HttpRequest) -> HttpResponse:
    """Answer with the body, validated."""
    return JsonResponse(msgspec.to_builtins(_item.decode(request.body)), status=201)


@require_GET
async def async_session(request: HttpRequest) -> HttpResponse:
    """Answer with one header and one cookie."""
    return JsonResponse({"request_id": request.headers["X-Request-Id"], "session": request.COOKIES["session"]})


async def _async_chunks() -> AsyncIterator[bytes]:
    for chunk in CHUNKS:
        yield chunk


async def _async_ticks() -> AsyncIterator[bytes]:
    for tick in TICKS:
        yield framed(tick)


@require_GET
async def async_stream(request: HttpRequest) -> HttpResponseBase:
    """Answer with a stream."""
    return StreamingHttpResponse(_async_chunks(), content_type="application/octet-stream")


@require_GET
async def async_events(request: HttpRequest) -> HttpResponseBase:
    """Answer with events."""
    headers = {"Cache-Control": "no-store"}
    return StreamingHttpResponse(_async_ticks(), content_type="text/event-stream", headers=headers)


def passing(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """Let everything through."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        passed()
        return get_response(request)

    return middleware


@async_only_middleware
def async_passing(get_response: Callable[[HttpRequest], Awaitable[HttpResponseBase]]) -> Any:
    """Let everything through."""

    async def middleware(request: HttpRequest) -> HttpResponseBase:
        passed()
        return await get_response(request)

    return middleware


def _tell(name: str, value: Callable[[HttpRequest, float], str | None]) -> tuple[Any, Any]:
    """Return middleware of both colours that sets a header of every answer."""

    def plain(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Any:
        def middleware(request: HttpRequest) -> HttpResponseBase:
            started = perf_counter()
            response = get_response(request)
            found = value(request, started)
            if found is not None:
                response[name] = found
            return response

        return middleware

    def coroutine(get_response: Callable[[HttpRequest], Awaitable[HttpResponseBase]]) -> Any:
        async def middleware(request: HttpRequest) -> HttpResponseBase:
            started = perf_counter()
            response = await get_response(request)
            found = value(request, started)
            if found is not None:
                response[name] = found
            return response

        return middleware

    return plain, async_only_middleware(coroutine)


request_id, async_request_id = _tell("x-request-id", lambda request, _: request.headers.get("x-request-id") or "none")
timing, async_timing = _tell("server-timing", lambda _, started: f"app;dur={(perf_counter() - started) * 1e3:.1f}")
origin, async_origin = _tell(
    "access-control-allow-origin",
    lambda request, _: request.headers["origin"] if request.headers.get("origin") in ALLOWED else None,
)


class _Wsgi(WSGIHandler):
    def __init__(self, urls: type) -> None:
        super().__init__()
        self._urls = urls

    def resolve_request(self, request: HttpRequest) -> Any:
        # The settings are one for the process, which serves several apps here.
        request.urlconf = self._urls
        return super().resolve_request(request)


class _Asgi(ASGIHandler):
    def __init__(self, urls: type) -> None:
        super().__init__()
        self._urls = urls

    def resolve_request(self, request: HttpRequest) -> Any:
        request.urlconf = self._urls
        return super().resolve_request(request)


class WsgiUrls:
    """The routes on WSGI."""

    urlpatterns = (
        path("plain", plain),
        path("json", json),
        path("items/<int:item_id>", read),
        path("items", create),
        path("session", session),
        path("request", session),
        path("orders", order),
        path("other", async_plain),
        path("stream", stream),
        path("events", events),
        path("values", events),
    )


class AsgiUrls:
    """The routes on ASGI."""

    urlpatterns = (
        path("plain", async_plain),
        path("json", async_json),
        path("items/<int:item_id>", async_read),
        path("items", async_create),
        path("session", async_session),
        path("request", async_session),
        path("orders", async_order),
        path("other", plain),
        path("stream", async_stream),
        path("events", async_events),
        path("values", async_events),
    )


def wsgi(around: Around) -> WSGIHandler:
    """Return the WSGI handler behind what is asked for."""
    return _made(_Wsgi, WsgiUrls, middleware_of(around, "passing", ["request_id", "timing", "origin"], []))


def asgi(around: Around) -> ASGIHandler:
    """Return the ASGI handler behind what is asked for."""
    names = middleware_of(around, "passing", ["request_id", "timing", "origin"], [])
    return _made(_Asgi, AsgiUrls, [f"async_{name}" for name in names])


def _made(handler: Callable[[type], Any], urls: type, middleware: list[str]) -> Any:
    if not settings.configured:
        settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, LOGGING_CONFIG=None, USE_I18N=False)
        django.setup()
        logging.getLogger("django.request").setLevel(logging.ERROR)  # a 404 is no news
    with override_settings(MIDDLEWARE=[f"{__name__}.{name}" for name in middleware]):
        return handler(urls)


@require_GET
def detail(request: HttpRequest, number: int) -> HttpResponse:
    """Answer with text."""
    return HttpResponse(HELLO, content_type=_TEXT)


@require_GET
async def async_detail(request: HttpRequest, number: int) -> HttpResponse:
    """Answer with text."""
    return HttpResponse(HELLO, content_type=_TEXT)


def many(interface: str, count: int) -> Any:
    """Return a handler of so many routes."""
    view = detail if interface == "wsgi" else async_detail
    patterns = tuple(path(f"r{index}/<int:number>/detail", view) for index in range(count))
    urls = type("Urls", (), {"urlpatterns": patterns})
    return _made(_Wsgi if interface == "wsgi" else _Asgi, urls, [])


urlpatterns = WsgiUrls.urlpatterns
