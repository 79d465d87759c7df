"""Hinge inside another application: mounted, or dispatched to beside it.

Law: `/old` is the other one's, `/new` is Hinge's; the rest is what `is_as_alone` asks for.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.neighbours import django_site
from tests.neighbours.inner import PREFIX, Outer, is_as_alone
from tests.neighbours.rows import row

from hinge import App

TABLE = "inside"
DISPATCHED = '`DispatcherMiddleware(old, {"/new": app.wsgi})` of werkzeug'
ROUTED = '`Starlette(routes=[Mount("/new", app), Mount("/", old)], lifespan=...)`'


def _below(old: Any) -> Outer:
    """What WSGI applications without mounts of their own take."""
    from werkzeug.middleware.dispatcher import DispatcherMiddleware

    return lambda app: DispatcherMiddleware(old, {PREFIX: app.wsgi})


def _beside(old: Any) -> Outer:
    """The same for ASGI, with the lifespan of the new app."""
    from asgi_lifespan import LifespanManager
    from starlette.applications import Starlette
    from starlette.routing import Mount

    def outer(app: App) -> Any:
        @asynccontextmanager
        async def lifespan(outermost: Starlette) -> AsyncIterator[Any]:
            async with LifespanManager(app):
                yield

        return Starlette(routes=[Mount(PREFIX, app), Mount("/", old)], lifespan=lifespan)

    return outer


# -- WSGI --------------------------------------------------------------------------------------------------------------


@row(TABLE, "flask werkzeug", "Flask", "WSGI", DISPATCHED)
def flask(folder: Path) -> None:
    from flask import Flask

    old = Flask("old")
    old.add_url_rule("/old", view_func=lambda: "old")
    is_as_alone(_below(old), "wsgi", lifespan="first request")


@row(TABLE, "django werkzeug", "Django's `wsgi.py`", "WSGI", DISPATCHED, alone=True)
def django_wsgi(folder: Path) -> None:
    django_site.configure(folder)
    django_site.old()
    from django.core.wsgi import get_wsgi_application

    is_as_alone(_below(get_wsgi_application()), "wsgi", lifespan="first request")


@row(TABLE, "falcon werkzeug", "Falcon, `falcon.App`", "WSGI", DISPATCHED)
def falcon_wsgi(folder: Path) -> None:
    import falcon

    class Old:
        def on_get(self, request: Any, response: Any) -> None:
            response.text = "old"

    old = falcon.App()
    old.add_route("/old", Old())
    is_as_alone(_below(old), "wsgi", lifespan="first request")


@row(
    TABLE,
    "pyramid",
    "Pyramid",
    "WSGI",
    '`config.add_view(wsgiapp2(app.wsgi), route_name="new")` for `/new*subpath`; WebOb makes `Location` absolute',
)
def pyramid(folder: Path) -> None:
    from pyramid.config import Configurator
    from pyramid.response import Response
    from pyramid.wsgi import wsgiapp2

    def outer(app: App) -> Any:
        with Configurator() as config:
            config.add_route("old", "/old")
            config.add_view(lambda request: Response("old"), route_name="old")
            config.add_route("new", "/new*subpath")
            config.add_view(wsgiapp2(app.wsgi), route_name="new")
            return config.make_wsgi_app()

    is_as_alone(outer, "wsgi", lifespan="first request", rewrites=("location",))


@row(TABLE, "bottle werkzeug", "Bottle", "WSGI", DISPATCHED + "; its own mount breaks paths that are not ASCII")
def bottle(folder: Path) -> None:
    from bottle import Bottle

    old = Bottle()
    old.route("/old", callback=lambda: "old")
    is_as_alone(_below(old), "wsgi", lifespan="first request")


@row(TABLE, "cheroot", "cheroot's `PathInfoDispatcher`", "WSGI", '`PathInfoDispatcher({"/": old, "/new": app.wsgi})`')
def cheroot(folder: Path) -> None:
    from cheroot.wsgi import PathInfoDispatcher

    is_as_alone(lambda app: PathInfoDispatcher({"/": _old_wsgi, PREFIX: app.wsgi}), "wsgi", lifespan="first request")


@row(TABLE, "cherrypy", "CherryPy", "WSGI", '`cherrypy.tree.graft(app.wsgi, "/new")`', alone=True)
def cherrypy(folder: Path) -> None:
    import cherrypy

    class Old:
        @cherrypy.expose
        def old(self) -> str:
            return "old"

    cherrypy.config.update({"environment": "embedded"})

    def outer(app: App) -> Any:
        cherrypy.tree.mount(Old(), "/")
        cherrypy.tree.graft(app.wsgi, PREFIX)
        return cherrypy.tree

    is_as_alone(outer, "wsgi", lifespan="first request")


@row(TABLE, "paste", "Paste's `URLMap`", "WSGI", '`URLMap()["/new"] = app.wsgi`')
def paste(folder: Path) -> None:
    from paste.urlmap import URLMap

    def outer(app: App) -> Any:
        urls = URLMap()
        urls["/"], urls[PREFIX] = _old_wsgi, app.wsgi
        return urls

    is_as_alone(outer, "wsgi", lifespan="first request")


@row(
    TABLE,
    "tornado",
    "Tornado's `WSGIContainer`",
    "WSGI",
    '`(r"/new/.*", FallbackHandler, {"fallback": WSGIContainer(outer)})`; it collects streams',
)
def tornado(folder: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from tornado.web import Application, FallbackHandler, RequestHandler
    from tornado.wsgi import WSGIContainer
    from werkzeug.middleware.dispatcher import DispatcherMiddleware

    class Old(RequestHandler):
        def get(self) -> None:
            self.write("old")

    def outer(app: App) -> Any:
        below = DispatcherMiddleware(_old_wsgi, {PREFIX: app.wsgi})
        container = WSGIContainer(below, ThreadPoolExecutor(4))
        return Application([("/old", Old), ("/new/.*", FallbackHandler, {"fallback": container})])

    is_as_alone(
        outer,
        "wsgi",
        lifespan="first request",
        rewrites=("content-type", "content-length"),
        server="tornado",
        streams=False,
    )


def _old_wsgi(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("content-length", "3")])
    return [b"old"]


# -- ASGI --------------------------------------------------------------------------------------------------------------


@row(TABLE, "starlette", "Starlette", "ASGI", '`Mount("/new", app)`; the lifespan starts with the first request')
def starlette(folder: Path) -> None:
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Mount, Route

    def outer(app: App) -> Any:
        return Starlette(routes=[Route("/old", lambda request: PlainTextResponse("old")), Mount(PREFIX, app)])

    is_as_alone(outer, "asgi", lifespan="first request", websockets=True)


@row(
    TABLE,
    "fastapi asgi-lifespan",
    "FastAPI",
    "ASGI",
    '`old.mount("/new", app)`, `LifespanManager(app)` in its lifespan',
)
def fastapi(folder: Path) -> None:
    from asgi_lifespan import LifespanManager
    from fastapi import FastAPI
    from fastapi.responses import PlainTextResponse

    def outer(app: App) -> Any:
        @asynccontextmanager
        async def lifespan(old: FastAPI) -> AsyncIterator[None]:
            async with LifespanManager(app):
                yield

        old = FastAPI(lifespan=lifespan)
        old.get("/old", response_class=PlainTextResponse)(lambda: "old")
        old.mount(PREFIX, app)
        return old

    is_as_alone(outer, "asgi", lifespan="server", websockets=True)


@row(TABLE, "django starlette asgi-lifespan", "Django's `asgi.py`", "ASGI", ROUTED, alone=True)
def django_asgi(folder: Path) -> None:
    django_site.configure(folder)
    django_site.old()
    from django.core.asgi import get_asgi_application

    is_as_alone(_beside(get_asgi_application()), "asgi", lifespan="server", websockets=True)


@row(
    TABLE,
    "channels starlette asgi-lifespan",
    "Channels' `ProtocolTypeRouter`",
    "ASGI",
    ROUTED + "; its own `URLRouter` tells no prefix",
    alone=True,
)
def channels(folder: Path) -> None:
    django_site.configure(folder)
    django_site.old()
    from channels.generic.websocket import WebsocketConsumer
    from channels.routing import ProtocolTypeRouter, URLRouter
    from django.core.asgi import get_asgi_application
    from django.urls import path

    class Old(WebsocketConsumer):
        def receive(self, text_data: Any = None, bytes_data: Any = None) -> None:
            self.send(text_data=f"old {text_data}")

    old = ProtocolTypeRouter({"http": get_asgi_application(), "websocket": URLRouter([path("old/ws", Old.as_asgi())])})
    is_as_alone(_beside(old), "asgi", lifespan="server", websockets=True)


@row(TABLE, "falcon starlette asgi-lifespan", "Falcon, `falcon.asgi.App`", "ASGI", ROUTED)
def falcon_asgi(folder: Path) -> None:
    import falcon.asgi

    class Old:
        async def on_get(self, request: Any, response: Any) -> None:
            response.text = "old"

    old = falcon.asgi.App()
    old.add_route("/old", Old())
    is_as_alone(_beside(old), "asgi", lifespan="server", websockets=True)


@row(TABLE, "litestar starlette asgi-lifespan", "Litestar", "ASGI", ROUTED + "; its own mounts tell no prefix")
def litestar(folder: Path) -> None:
    from litestar import Litestar, MediaType, get

    @get("/old", media_type=MediaType.TEXT)
    async def old() -> str:
        return "old"

    is_as_alone(_beside(Litestar([old])), "asgi", lifespan="server", websockets=True)


@row(TABLE, "quart hypercorn", "Quart", "ASGI", '`DispatcherMiddleware({"/new": app, "/": quart_app})` of hypercorn')
def quart(folder: Path) -> None:
    from hypercorn.middleware import DispatcherMiddleware
    from quart import Quart

    old = Quart("old")

    @old.get("/old")
    async def _() -> str:
        return "old"

    is_as_alone(lambda app: DispatcherMiddleware({PREFIX: app, "": old}), "asgi", lifespan="server", websockets=True)


@row(TABLE, "aiohttp-asgi", "aiohttp, `ASGIResource`", "ASGI", '`ASGIResource(app, root_path="/new")`')
def aiohttp_asgi(folder: Path) -> None:
    from aiohttp import web
    from aiohttp_asgi import ASGIResource

    async def answer(request: Any) -> Any:
        return web.Response(text="old")

    def outer(app: App) -> Any:
        old = web.Application()
        old.router.add_get("/old", answer)
        resource = ASGIResource(app, root_path="/new")
        old.router.register_resource(resource)
        resource.lifespan_mount(old)
        return old

    is_as_alone(outer, "asgi", lifespan="server", websockets=True, server="aiohttp")


@row(TABLE, "blacksheep", "BlackSheep", "ASGI", '`old.mount("/new", app)`; the lifespan starts with the first request')
def blacksheep(folder: Path) -> None:
    from blacksheep import Application, Router

    def outer(app: App) -> Any:
        old = Application(router=Router())
        old.router.add_get("/old", lambda: "old")
        old.mount(PREFIX, app)
        return old

    is_as_alone(outer, "asgi", lifespan="first request", websockets=True)
