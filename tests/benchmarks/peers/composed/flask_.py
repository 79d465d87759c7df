"""Flask: its sessions, Flask-CORS, and in place of dependencies `g` for what is borrowed, given back at teardown."""

from typing import Any
from uuid import uuid4

import msgspec
from cases import ALLOWED, CONNECTION, KEY, SETTINGS, STACK, Around, Connection, Item, passed
from flask import Flask, Response, abort, g, request, session
from flask.typing import ResponseReturnValue
from flask_cors import CORS

_item = msgspec.json.Decoder(Item)


def _connection() -> Connection:
    if "connection" not in g:
        g.connection = CONNECTION
    found: Connection = g.connection
    return found


def _give_back(error: BaseException | None) -> None:
    if g.pop("connection", None) is not None:
        passed()


def _start() -> None:
    g.request_id = request.headers.get("x-request-id") or uuid4().hex


def _tell(response: Response) -> Response:
    response.headers["x-request-id"] = g.request_id
    return response


def _body() -> Item:
    try:
        return _item.decode(request.get_data())
    except msgspec.ValidationError:
        abort(422)


def _ordered(item: Item) -> dict[str, Any]:
    user = _connection().name_of(session["token"])
    return {"user": user, "currency": SETTINGS.currency, "name": item.name, "orders": session["orders"]}


def wsgi(around: Around) -> Flask:
    """Return the app behind what is asked for."""
    app = Flask(__name__, static_folder=None)
    app.config.update(SECRET_KEY=KEY, SESSION_COOKIE_SECURE=True, SESSION_COOKIE_SAMESITE="Lax")
    app.teardown_appcontext(_give_back)
    if around == STACK:
        CORS(app, origins=list(ALLOWED), supports_credentials=True)
        app.before_request(_start)
        app.after_request(_tell)

    @app.get("/bare")
    def bare() -> ResponseReturnValue:
        return {"user": CONNECTION.name_of(request.headers["x-token"]), "currency": SETTINGS.currency}

    @app.get("/three")
    def three() -> ResponseReturnValue:
        return {"user": _connection().name_of(request.headers["x-token"]), "currency": SETTINGS.currency}

    @app.get("/other/bare")
    async def other() -> ResponseReturnValue:
        return {"user": CONNECTION.name_of(request.headers["x-token"]), "currency": SETTINGS.currency}

    @app.get("/other/three")
    async def other_three() -> ResponseReturnValue:
        return {"user": _connection().name_of(request.headers["x-token"]), "currency": SETTINGS.currency}

    @app.post("/login")
    def login() -> ResponseReturnValue:
        session.update(token="secret-token", orders=1)
        return {}

    @app.post("/check")
    def check() -> ResponseReturnValue:
        return Response(msgspec.json.encode(_ordered(_body())), mimetype="application/json")

    @app.post("/cart")
    def cart() -> ResponseReturnValue:
        item = _body()
        session["orders"] += 1
        return Response(msgspec.json.encode(_ordered(item)), mimetype="application/json")

    return app
