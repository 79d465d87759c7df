"""Another application inside Hinge: `app.mount("/old", other)`, on both backends.

Law: the proofs are about what each package is there for; what any application is owed is in tests/contract.
"""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.neighbours import django_site
from tests.neighbours.rows import row
from tests.neighbours.served import served

from hinge import App, HTTPConnection, Middleware
from hinge.testing import Client

TABLE = "mounted"
OLD = "/old"


def _clients(other: Any, *backends: str, path: str = OLD) -> Iterator[Client]:
    """Mount an application and yield a client for each backend: with nothing around it, and inside a middleware."""
    for backend in backends or ("wsgi", "asgi"):
        for around in ((), (_layer,)):
            app = App(openapi_path=None, middleware=around)
            app.mount(path, other)
            with Client(app, backend) as client:
                yield client


def _layer(request: HTTPConnection) -> Middleware:
    yield


# -- frameworks --------------------------------------------------------------------------------------------------------


@row(TABLE, "flask", "Flask", "both", '`app.mount("/old", flask_app)`')
def flask(folder: Path) -> None:
    from flask import Flask, Response, redirect, request, session, url_for

    old = Flask("old", static_folder=str(folder), static_url_path="/static")
    old.secret_key = "k" * 32
    (folder / "a.txt").write_text("a file")

    @old.get("/visits")
    def visits() -> Any:
        session["visits"] = session.get("visits", 0) + 1
        return str(session["visits"])

    @old.get("/go")
    def go() -> Any:
        return redirect(url_for("visits"))

    @old.get("/stream")
    def stream() -> Any:
        return Response(text for text in ("one ", "two"))

    @old.post("/upload")
    def upload() -> Any:
        return str(len(request.files["file"].read()))

    for client in _clients(old):
        assert [client.get("/old/visits").text for _ in range(2)] == ["1", "2"]
        assert client.get("/old/go").headers["location"] == "/old/visits"
        assert client.get("/old/stream").text == "one two"
        assert client.get("/old/static/a.txt").text == "a file"
        assert client.post("/old/upload", form={"file": ("a", b"x" * 70_000)}).text == "70000"


@row(
    TABLE,
    "django",
    "Django's `wsgi.py`, with its admin",
    "both",
    '`app.mount("/", get_wsgi_application())`',
    alone=True,
)
def django_wsgi(folder: Path) -> None:
    from django.core.wsgi import get_wsgi_application

    _django_admin(folder)
    for client in _clients(get_wsgi_application()):
        _log_in_to_admin(client)


@row(
    TABLE,
    "django",
    "Django's `asgi.py`, with its admin",
    "both",
    '`app.mount("/", get_asgi_application())`',
    alone=True,
)
def django_asgi(folder: Path) -> None:
    from django.core.asgi import get_asgi_application

    _django_admin(folder)
    for client in _clients(get_asgi_application()):
        _log_in_to_admin(client)


def _django_admin(folder: Path) -> None:
    """Set up a project with the admin and somebody who may use it."""
    django_site.configure(
        folder,
        INSTALLED_APPS=[
            f"django.contrib.{name}"
            for name in ("admin", "auth", "contenttypes", "sessions", "messages", "staticfiles")
        ],
        MIDDLEWARE=[
            "django.middleware.security.SecurityMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ]
                },
            }
        ],
        STATIC_URL="static/",
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    )
    from django.contrib import admin
    from django.contrib.auth import get_user_model
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    get_user_model().objects.create_superuser("eve", password="opensesame")
    django_site.route("admin/", admin.site.urls)


def _log_in_to_admin(client: Client) -> None:
    import re

    page = client.get("/old/admin/", follow_redirects=True)
    token = re.search('name="csrfmiddlewaretoken" value="(.+?)"', page.text)
    assert token is not None
    form = {"username": "eve", "password": "opensesame", "next": "/old/admin/", "csrfmiddlewaretoken": token[1]}
    headers = {"origin": "http://testserver"}
    entered = client.post("/old/admin/login/", form=form, headers=headers)
    assert (entered.status_code, entered.headers["location"]) == (302, "/old/admin/")
    assert 'href="/old/admin/auth/user/"' in client.get("/old/admin/").text
    assert "eve" in client.get("/old/admin/auth/user/").text
    refused = client.post("/old/admin/login/", form=form | {"csrfmiddlewaretoken": "x"}, headers=headers)
    assert refused.status_code == 403


@row(
    TABLE, "channels", "Channels", "ASGI; HTTP alone on WSGI", '`app.mount("/", ProtocolTypeRouter({...}))`', alone=True
)
def channels(folder: Path) -> None:
    django_site.configure(folder)
    django_site.old()
    from channels.generic.websocket import AsyncWebsocketConsumer
    from channels.routing import ProtocolTypeRouter, URLRouter
    from django.core.asgi import get_asgi_application
    from django.urls import path

    class Echo(AsyncWebsocketConsumer):
        async def receive(self, text_data: Any = None, bytes_data: Any = None) -> None:
            await self.send(text_data=f"{self.scope['url_route']['kwargs']['room']}: {text_data}")

    old = ProtocolTypeRouter(
        {"http": get_asgi_application(), "websocket": URLRouter([path("live/<room>", Echo.as_asgi())])}
    )
    for client in _clients(old, path="/"):
        assert client.get("/old").text == "old"
        if client.backend == "asgi":
            with client.websocket("/live/hall") as ws:
                ws.send("hello")
                assert ws.receive() == "hall: hello"


@row(TABLE, "djangorestframework", "Django REST framework", "both", "with its Django app", alone=True)
def rest_framework(folder: Path) -> None:
    apps = ("django.contrib.auth", "django.contrib.contenttypes", "rest_framework")
    django_site.configure(folder, INSTALLED_APPS=apps, MIDDLEWARE=[], TEMPLATES=[])
    from django.core.wsgi import get_wsgi_application
    from rest_framework.decorators import api_view
    from rest_framework.response import Response

    @api_view(["POST"])
    def echo(request: Any) -> Any:
        return Response({"got": request.data, "url": request.build_absolute_uri()}, status=201)

    django_site.route("echo", echo)
    for client in _clients(get_wsgi_application()):
        answer = client.post("/old/echo", json={"n": 1}, headers={"accept": "application/json"})
        assert answer.status_code == 201
        assert answer.json() == {"got": {"n": 1}, "url": "http://testserver/old/echo"}
        assert client.get("/old/echo", headers={"accept": "application/json"}).status_code == 405


@row(TABLE, "django-ninja", "Django Ninja", "both", "with its Django app", alone=True)
def ninja(folder: Path) -> None:
    django_site.configure(folder, MIDDLEWARE=[])
    from django.core.asgi import get_asgi_application
    from ninja import NinjaAPI

    api = NinjaAPI()

    @api.get("/add")
    async def add(request: Any, a: int, b: int) -> int:
        return a + b

    django_site.route("api/", api.urls)
    for client in _clients(get_asgi_application()):
        assert client.get("/old/api/add?a=1&b=2").json() == 3
        assert client.get("/old/api/add?a=x").status_code == 422
        assert list(client.get("/old/api/openapi.json").json()["paths"]) == ["/old/api/add"]


@row(TABLE, "fastapi", "FastAPI", "both; WebSockets on ASGI", '`app.mount("/old", fastapi_app)`')
def fastapi(folder: Path) -> None:
    from fastapi import BackgroundTasks, FastAPI, Request, UploadFile, WebSocket
    from fastapi.responses import StreamingResponse

    events: list[str] = []

    @asynccontextmanager
    async def lifespan(old: FastAPI) -> AsyncIterator[dict[str, str]]:
        events.append("started")
        yield {"pool": "open"}
        events.append("stopped")

    old = FastAPI(lifespan=lifespan)

    @old.get("/pool/{item_id}", name="pool")
    def pool(request: Request, item_id: int) -> list[str]:
        return [request.state.pool, str(request.url_for("pool", item_id=2))]

    @old.post("/upload")
    async def upload(file: UploadFile, background: BackgroundTasks) -> int:
        background.add_task(events.append, "worked")
        return len(await file.read())

    @old.get("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(iter(["one ", "two"]))

    @old.websocket("/live")
    async def live(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send_text(await ws.receive_text())

    for client in _clients(old):
        assert client.get("/old/pool/1").json() == ["open", "http://testserver/old/pool/2"]
        assert client.get("/old/pool/x").status_code == 422
        assert client.post("/old/upload", form={"file": ("a", b"x" * 70_000)}).json() == 70_000
        assert client.get("/old/stream").text == "one two"
        assert client.get("/old/openapi.json").json()["servers"] == [{"url": "/old"}]
        assert "/old/openapi.json" in client.get("/old/docs").text
        if client.backend == "asgi":
            with client.websocket("/old/live") as ws:
                ws.send("hello")
                assert ws.receive() == "hello"
    assert events == ["started", "worked", "stopped"] * 4


@row(
    TABLE,
    "starlette",
    "`StaticFiles`",
    "both",
    '`app.mount("/files", StaticFiles(directory="files"))`; Hinge has `app.static`',
)
def static_files(folder: Path) -> None:
    from starlette.staticfiles import StaticFiles

    (folder / "a.txt").write_text("a file")
    for client in _clients(StaticFiles(directory=folder)):
        answer = client.get("/old/a.txt")
        assert answer.text == "a file"
        assert client.get("/old/a.txt", headers={"if-none-match": answer.headers["etag"]}).status_code == 304
        assert client.get("/old/a.txt", headers={"range": "bytes=2-3"}).text == "fi"
        absent = client.get("/old/b.txt")
        assert (absent.status_code, absent.json()["detail"]) == (404, "Not Found")
        assert client.get("/old/../etc/passwd").status_code == 404
        refused = client.post("/old/a.txt")
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")


@row(
    TABLE, "sse-starlette", "`EventSourceResponse`", "both", "with its Starlette app; Hinge has [its own](streaming.md)"
)
def server_sent_events(folder: Path) -> None:
    from sse_starlette import EventSourceResponse
    from starlette.applications import Starlette
    from starlette.routing import Route

    async def events(request: Any) -> EventSourceResponse:
        async def source() -> AsyncIterator[dict[str, str]]:
            while True:
                yield {"event": "tick", "data": "1"}

        return EventSourceResponse(source())

    for client in _clients(Starlette(routes=[Route("/events", events)])):
        with client.stream("GET", "/old/events") as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            assert next(iter(response.iter_bytes())).startswith(b"event: tick")


@row(
    TABLE,
    "falcon",
    "Falcon, `falcon.App` and `falcon.asgi.App`",
    "both",
    '`app.mount("/old", falcon_app)`, `app.mount("/", falcon_asgi_app)`',
)
def falcon(folder: Path) -> None:
    import falcon
    import falcon.asgi

    class Plain:
        def on_post(self, request: Any, response: Any, number: int) -> None:
            response.media = {"got": request.media, "number": number, "prefix": request.prefix}

    class Async:
        async def on_post(self, request: Any, response: Any, number: int) -> None:
            got = await request.get_media()
            response.media = {"got": got, "number": number, "prefix": request.prefix}

    for old, resource, path in ((falcon.App(), Plain(), OLD), (falcon.asgi.App(), Async(), "/")):
        old.add_route("/items/{number:int}", resource)
        prefix = path.rstrip("/")
        for client in _clients(old, path=path):
            answer = client.post(f"{prefix}/items/3", json={"a": 1})
            assert answer.json() == {"got": {"a": 1}, "number": 3, "prefix": f"http://testserver{prefix}"}
            assert client.get(f"{prefix}/items/3").status_code == 405
            assert client.get(f"{prefix}/nothing").status_code == 404


@row(TABLE, "litestar", "Litestar", "both; WebSockets on ASGI", '`app.mount("/old", litestar_app)`')
def litestar(folder: Path) -> None:
    from litestar import Litestar, get, post, websocket
    from litestar.datastructures import State

    events: list[str] = []

    @get("/items/{number:int}")
    async def read(number: int, state: State) -> dict[str, Any]:
        return {"number": number, "opened": state.opened}

    @post("/items")
    async def add(data: dict[str, int]) -> dict[str, int]:
        return data

    @websocket("/live")
    async def live(socket: Any) -> None:
        await socket.accept()
        await socket.send_text(await socket.receive_text())

    def opened(old: Litestar) -> None:
        old.state.opened = True
        events.append("started")

    old = Litestar([read, add, live], on_startup=[opened], on_shutdown=[lambda: events.append("stopped")])
    for client in _clients(old):
        assert client.get("/old/items/3").json() == {"number": 3, "opened": True}
        assert client.post("/old/items", json={"a": 1}).json() == {"a": 1}
        assert client.get("/old/items/x").status_code == 404
        if client.backend == "asgi":
            with client.websocket("/old/live") as ws:
                ws.send("hello")
                assert ws.receive() == "hello"
    assert events == ["started", "stopped"] * 4


@row(TABLE, "quart", "Quart", "both; WebSockets on ASGI", '`app.mount("/old", quart_app)`')
def quart(folder: Path) -> None:
    from quart import Quart, session, url_for, websocket

    old = Quart("old")
    old.secret_key = "k" * 32

    @old.get("/visits")
    async def visits() -> Any:
        session["visits"] = session.get("visits", 0) + 1
        return {"visits": session["visits"], "url": url_for("visits")}

    @old.websocket("/live")
    async def live() -> None:
        await websocket.send(await websocket.receive())

    for client in _clients(old):
        assert client.get("/old/visits").json() == {"visits": 1, "url": "/old/visits"}
        assert client.get("/old/visits").json()["visits"] == 2
        if client.backend == "asgi":
            with client.websocket("/old/live") as ws:
                ws.send("hello")
                assert ws.receive() == "hello"


@row(TABLE, "pyramid", "Pyramid", "both", '`app.mount("/old", config.make_wsgi_app())`')
def pyramid(folder: Path) -> None:
    from pyramid.config import Configurator
    from pyramid.response import Response

    with Configurator() as config:
        config.add_route("item", "/items/{number}")
        config.add_view(lambda request: Response(request.route_url("item", number=4)), route_name="item")
        old = config.make_wsgi_app()
    for client in _clients(old):
        assert client.get("/old/items/3").text == "http://testserver/old/items/4"
        assert client.get("/old/nothing").status_code == 404


@row(TABLE, "bottle", "Bottle", "both", '`app.mount("/old", bottle_app)`')
def bottle(folder: Path) -> None:
    from bottle import Bottle, request

    old = Bottle()
    old.get("/g\u00e4ste/<name>", name="guest")(lambda name: f"{name} {request.script_name}")
    old.post("/form", callback=lambda: request.forms.get("a"))
    for client in _clients(old):
        assert client.get("/old/g%C3%A4ste/Zo%C3%AB").text == "Zo\u00eb /old/"
        assert client.post("/old/form", form={"a": "1"}).text == "1"


@row(TABLE, "blacksheep", "BlackSheep", "both", '`app.mount("/old", blacksheep_app)`')
def blacksheep(folder: Path) -> None:
    from blacksheep import Application, FromJSON, Router

    old, events = Application(router=Router()), []

    @old.router.post("/items/{number}")
    async def add(number: int, data: FromJSON[dict[str, Any]]) -> Any:
        return {"number": number, "got": data.value}

    @old.on_start
    async def started(application: Application) -> None:
        events.append("started")

    @old.on_stop
    async def stopped(application: Application) -> None:
        events.append("stopped")

    for client in _clients(old):
        assert client.post("/old/items/3", json={"a": 1}).json() == {"number": 3, "got": {"a": 1}}
        assert client.get("/old/nothing").status_code == 404
    assert events == ["started", "stopped"] * 4


@row(TABLE, "cherrypy", "CherryPy", "both", '`app.mount("/old", cherrypy.Application(root, None))`', alone=True)
def cherrypy(folder: Path) -> None:
    import cherrypy

    class Old:
        @cherrypy.expose
        @cherrypy.tools.json_out()
        def hello(self, name: str) -> list[str]:
            return [name, cherrypy.url("/hello")]

    cherrypy.config.update({"environment": "embedded"})
    for client in _clients(cherrypy.Application(Old(), None)):
        assert client.get("/old/hello?name=eve").json() == ["eve", "http://testserver/old/hello"]
        assert client.get("/old/nothing").status_code == 404


@row(TABLE, "connexion", "Connexion", "both", '`app.mount("/old", connexion_app)`')
def connexion(folder: Path) -> None:
    import connexion

    operation = {
        "operationId": "tests.neighbours.mounted.add_in_connexion",
        "parameters": [
            {"name": name, "in": "query", "required": True, "schema": {"type": "integer"}} for name in ("a", "b")
        ],
        "responses": {"200": {"description": "the sum"}},
    }
    info = {"title": "old", "version": "1"}
    old = connexion.AsyncApp("old")
    old.add_api({"openapi": "3.0.0", "info": info, "paths": {"/add": {"get": operation}}})
    for client in _clients(old):
        assert client.get("/old/add?a=1&b=2").json() == {"sum": 3}
        assert client.get("/old/add?a=x&b=2").status_code == 400


async def add_in_connexion(a: int, b: int) -> dict[str, int]:
    return {"sum": a + b}


# -- what is mounted beside an app -------------------------------------------------------------------------------------


@row(
    TABLE,
    "strawberry-graphql",
    "`strawberry.asgi.GraphQL`",
    "both; subscriptions on ASGI",
    '`app.mount("/graphql", GraphQL(schema))`',
)
def strawberry(folder: Path) -> None:
    import strawberry
    from strawberry.asgi import GraphQL

    class Query:
        @strawberry.field
        def hello(self, name: str) -> str:
            return f"hello {name}"

    class Subscription:
        @strawberry.subscription
        async def count(self, target: int) -> AsyncIterator[int]:
            for number in range(target):
                yield number

    schema = strawberry.Schema(strawberry.type(Query), subscription=strawberry.type(Subscription))
    for client in _clients(GraphQL(schema)):
        asked = client.post("/old/", json={"query": '{ hello(name: "eve") }'})
        assert asked.json() == {"data": {"hello": "hello eve"}}
        assert "graphiql" in client.get("/old/", headers={"accept": "text/html"}).text.lower()
        if client.backend == "asgi":
            with client.websocket("/old/", subprotocols=["graphql-transport-ws"]) as ws:
                ws.send(json.dumps({"type": "connection_init"}))
                assert ws.receive_json()["type"] == "connection_ack"
                query = {"query": "subscription { count(target: 2) }"}
                ws.send(json.dumps({"id": "1", "type": "subscribe", "payload": query}))
                found = [ws.receive_json() for _ in range(3)]
                assert [one.get("payload") for one in found] == [{"data": {"count": n}} for n in (0, 1)] + [None]


@row(
    TABLE,
    "ariadne",
    "`ariadne.asgi.GraphQL`, `ariadne.wsgi.GraphQL`",
    "both",
    '`app.mount("/graphql", GraphQL(schema))`',
)
def ariadne(folder: Path) -> None:
    import ariadne.asgi
    import ariadne.wsgi

    query = ariadne.QueryType()
    query.set_field("hello", lambda root, info, name: f"hello {name}")
    schema = ariadne.make_executable_schema("type Query { hello(name: String!): String! }", query)
    for old in (ariadne.asgi.GraphQL(schema), ariadne.wsgi.GraphQL(schema)):
        for client in _clients(old):
            asked = client.post("/old/", json={"query": '{ hello(name: "eve") }'})
            assert asked.json() == {"data": {"hello": "hello eve"}}


@row(TABLE, "fastmcp", "`FastMCP.http_app`", "both", '`app.mount("/", mcp.http_app(path="/mcp"))`', alone=True)
def fastmcp(folder: Path) -> None:
    from fastmcp import FastMCP

    for backend in ("wsgi", "asgi"):
        mcp = FastMCP("tools")

        @mcp.tool
        def add(a: int, b: int) -> int:
            return a + b

        app = App(openapi_path=None)
        app.mount("/old", mcp.http_app(path="/mcp", stateless_http=True, json_response=True))
        with Client(app, backend) as client:
            accept = {"accept": "application/json, text/event-stream"}
            call = {"name": "add", "arguments": {"a": 1, "b": 2}}
            asked = client.post(
                "/old/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}, headers=accept
            )
            assert asked.json()["result"]["structuredContent"] == {"result": 3}, asked.text


@row(
    TABLE,
    "python-socketio",
    "`socketio.ASGIApp`",
    "ASGI",
    '`app.mount("/", socketio.ASGIApp(server))`',
)
def socketio_asgi(folder: Path) -> None:
    import asyncio

    import socketio

    server = socketio.AsyncServer(async_mode="asgi")
    server.on("ping", lambda sid, data: f"pong {data}")
    app = App(openapi_path=None)
    app.mount("/", socketio.ASGIApp(server))

    async def talk(url: str) -> Any:
        async with socketio.AsyncSimpleClient() as client:
            await client.connect(url)  # which begins by polling
            return await client.call("ping", "eve", timeout=5), client.transport

    with served(app, "asgi") as url:
        assert asyncio.run(talk(url)) == ("pong eve", "websocket")


@row(TABLE, "python-socketio", "`socketio.WSGIApp`", "WSGI; polling", '`app.mount("/", socketio.WSGIApp(server))`')
def socketio_wsgi(folder: Path) -> None:
    import socketio

    server = socketio.Server(async_mode="threading", transports=["polling"])
    server.on("ping", lambda sid, data: f"pong {data}")
    app = App(openapi_path=None)
    app.mount("/", socketio.WSGIApp(server))
    with served(app.wsgi, "wsgi") as url, socketio.SimpleClient() as client:
        client.connect(url, transports=["polling"])
        assert client.call("ping", "eve", timeout=5) == "pong eve"


@row(TABLE, "sqladmin", "sqladmin", "both", '`Admin(starlette_app, engine)`, `app.mount("/", starlette_app)`')
def sqladmin(folder: Path) -> None:
    from sqladmin import Admin, ModelView
    from starlette.applications import Starlette

    engine, user = _users(folder)
    old = Starlette()
    admin = Admin(old, engine)

    class Users(ModelView, model=user):
        column_list = ("id", "name")

    admin.add_view(Users)
    for client in _clients(old):
        page = client.get("/old/admin/user/list")
        assert page.status_code == 200
        assert "eve" in page.text
        assert client.get("/old/admin/statics/css/main.css").status_code == 200
        made = client.post("/old/admin/user/create", form={"name": client.backend, "save": "Save"})
        assert (made.status_code, "/old/admin/user/list" in made.headers["location"]) == (302, True)
        assert client.backend in client.get("/old/admin/user/list").text


@row(
    TABLE,
    "starlette-admin",
    "starlette-admin",
    "both",
    '`Admin(engine).mount_to(starlette_app)`, `app.mount("/", starlette_app)`',
)
def starlette_admin(folder: Path) -> None:
    from starlette.applications import Starlette
    from starlette_admin.contrib.sqla import Admin, ModelView

    engine, user = _users(folder)
    old = Starlette()
    admin = Admin(engine)
    admin.add_view(ModelView(user))
    admin.mount_to(old)
    for client in _clients(old):
        assert "/old/admin/user/list" in client.get("/old/admin/").text
        listed = client.get("/old/admin/user/list").text
        assert "eve" in listed
        assert "/old/admin/user/edit?pk=1" in listed


@row(TABLE, "flask-admin", "Flask-Admin", "both", "with its Flask app")
def flask_admin(folder: Path) -> None:
    from flask import Flask
    from flask_admin import Admin, BaseView, expose

    class Report(BaseView):
        @expose("/")
        def index(self) -> Any:
            return self.get_url("report.index")

    old = Flask("old")
    old.secret_key = "k"
    admin = Admin(old, name="shop")
    admin.add_view(Report(name="Report", endpoint="report"))
    for client in _clients(old):
        page = client.get("/old/admin/")
        assert 'href="/old/admin/report/"' in page.text
        assert client.get("/old/admin/report/").text == "/old/admin/report/"


def _users(folder: Path) -> tuple[Any, Any]:
    """Return an engine of a database with one user, and its model."""
    from sqlalchemy import create_engine
    from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

    class Base(DeclarativeBase):
        pass

    class User(Base):
        __tablename__ = "users"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str]

    engine = create_engine(f"sqlite:///{folder}/users.db", connect_args={"check_same_thread": False})
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(User(name="eve"))
        session.commit()
    return engine, User


@row(
    TABLE,
    "prometheus-client",
    "`make_wsgi_app`, `make_asgi_app`",
    "both",
    '`app.mount("/metrics", make_wsgi_app())`; Hinge has [`Metrics`](observability.md)',
)
def prometheus(folder: Path) -> None:
    from prometheus_client import CollectorRegistry, Counter, make_asgi_app, make_wsgi_app

    registry = CollectorRegistry()
    Counter("sold", "Lamps", registry=registry).inc(3)
    for old in (make_wsgi_app(registry), make_asgi_app(registry)):
        for client in _clients(old, path="/metrics"):
            assert "sold_total 3.0" in client.get("/metrics").text
            assert "sold_total 3.0" in client.get("/metrics/").text


@row(
    TABLE,
    "wsgidav",
    "WsgiDAV",
    "both",
    '`app.mount("/dav", WsgiDAVApp(config))`, with `"mount_path": "/dav"` in its config',
)
def webdav(folder: Path) -> None:
    from wsgidav.wsgidav_app import WsgiDAVApp

    config = {
        "provider_mapping": {"/": str(folder)},
        "mount_path": OLD,
        "simple_dc": {"user_mapping": {"*": True}},
        "http_authenticator": {"domain_controller": None},
        "logging": {"enable": False},
        "verbose": 0,
    }
    for client in _clients(WsgiDAVApp(config)):
        assert client.put("/old/a.txt", content=b"a file").status_code in (201, 204)
        assert client.request("PROPFIND", "/old/", headers={"depth": "1"}).status_code == 207
        moved = {"destination": "http://testserver/old/b.txt"}
        assert client.request("MOVE", "/old/a.txt", headers=moved).status_code in (201, 204)
        assert (folder / "b.txt").read_text() == "a file"
        assert client.get("/old/b.txt").text == "a file"


@row(TABLE, "asgiref", "`WsgiToAsgi`", "both", '`app.mount("/old", WsgiToAsgi(flask_app))`; Hinge needs no adapter')
def asgiref(folder: Path) -> None:
    from asgiref.wsgi import WsgiToAsgi

    _adapted(WsgiToAsgi)


@row(
    TABLE,
    "a2wsgi",
    "`WSGIMiddleware`",
    "both",
    '`app.mount("/old", WSGIMiddleware(flask_app))`; Hinge needs no adapter',
)
def a2wsgi(folder: Path) -> None:
    from a2wsgi import WSGIMiddleware

    _adapted(WSGIMiddleware)


def _adapted(adapter: Any) -> None:
    def old(environ: Any, start_response: Any) -> list[bytes]:
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"] or 0))
        start_response("200 OK", [("x-path", environ["SCRIPT_NAME"] + " " + environ["PATH_INFO"])])
        return [body]

    for client in _clients(adapter(old)):
        answer = client.post("/old/a", content=b"body")
        assert (answer.content, answer.headers["x-path"]) == (b"body", "/old /a")


@row(
    TABLE,
    "whitenoise",
    "`WhiteNoise` around a mounted app",
    "both",
    '`app.mount("/old", WhiteNoise(flask_app, root=...))`',
)
def whitenoise(folder: Path) -> None:
    from flask import Flask
    from whitenoise import WhiteNoise

    (folder / "a.css").write_text("a {}")
    old = Flask("old")
    old.get("/")(lambda: "old")
    for client in _clients(WhiteNoise(old, root=folder)):
        assert (client.get("/old/").text, client.get("/old/a.css").text) == ("old", "a {}")


@row(
    TABLE,
    "starlette",
    "its middleware around a mounted app",
    "both",
    '`app.mount("/old", GZipMiddleware(fastapi_app))`',
)
def starlette_wrapped(folder: Path) -> None:
    import gzip

    from starlette.applications import Starlette
    from starlette.middleware.gzip import GZipMiddleware
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    old = Starlette(routes=[Route("/", lambda request: PlainTextResponse("x" * 5000))])
    for client in _clients(GZipMiddleware(old)):
        answer = client.get("/old/", headers={"accept-encoding": "gzip"})
        assert gzip.decompress(answer.content) == b"x" * 5000
