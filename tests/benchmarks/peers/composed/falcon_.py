"""Falcon, which has middleware with methods before and after, hooks and CORS, and neither dependencies nor sessions.

What its users write: a component that opens and closes for each resource, and itsdangerous for a session in a cookie.
"""

from typing import Any
from uuid import uuid4

import falcon
import falcon.asgi
import falcon.media
import msgspec
from cases import ALLOWED, CONNECTION, KEY, SETTINGS, STACK, Around, Item, passed
from itsdangerous import BadSignature, URLSafeTimedSerializer

Answer = dict[str, Any]
_item = msgspec.json.Decoder(Item)
_AGE = 14 * 24 * 60 * 60


def _named(req: Any, token: str, item: Item | None = None) -> Answer:
    answer = {"user": req.context.connection.name_of(token), "currency": req.context.settings.currency}
    return answer if item is None else {**answer, "name": item.name, "orders": req.context.session["orders"]}


class Borrowing:
    """What requests borrow."""

    def process_resource(self, req: Any, resp: Any, resource: Any, params: Any) -> None:
        """Give it."""
        if getattr(resource, "borrows", False):
            req.context.settings, req.context.connection = SETTINGS, CONNECTION

    def process_response(self, req: Any, resp: Any, resource: Any, req_succeeded: bool) -> None:
        """Take it back."""
        if getattr(resource, "borrows", False):
            passed()

    async def process_resource_async(self, req: Any, resp: Any, resource: Any, params: Any) -> None:
        """Give it."""
        self.process_resource(req, resp, resource, params)

    async def process_response_async(self, req: Any, resp: Any, resource: Any, req_succeeded: bool) -> None:
        """Take it back."""
        self.process_response(req, resp, resource, req_succeeded)


class RequestId:
    """The request's id, or a new one."""

    def process_request(self, req: Any, resp: Any) -> None:
        """Keep it."""
        req.context.request_id = req.get_header("x-request-id") or uuid4().hex

    def process_response(self, req: Any, resp: Any, resource: Any, req_succeeded: bool) -> None:
        """Tell it."""
        resp.set_header("x-request-id", req.context.request_id)

    async def process_request_async(self, req: Any, resp: Any) -> None:
        """Keep it."""
        self.process_request(req, resp)

    async def process_response_async(self, req: Any, resp: Any, resource: Any, req_succeeded: bool) -> None:
        """Tell it."""
        self.process_response(req, resp, resource, req_succeeded)


class Sessions:
    """A session in a signed cookie."""

    def __init__(self) -> None:
        self._serializer = URLSafeTimedSerializer(KEY)

    def process_request(self, req: Any, resp: Any) -> None:
        """Open it."""
        found = req.cookies.get("session")
        try:
            req.context.session = {} if found is None else self._serializer.loads(found, max_age=_AGE)
        except BadSignature:
            req.context.session = {}
        req.context.before = dict(req.context.session)

    def process_response(self, req: Any, resp: Any, resource: Any, req_succeeded: bool) -> None:
        """Keep it, if it is another one now."""
        if req.context.session != req.context.before:
            value = self._serializer.dumps(req.context.session)
            resp.set_cookie("session", value, max_age=_AGE, path="/", same_site="Lax")

    async def process_request_async(self, req: Any, resp: Any) -> None:
        """Open it."""
        self.process_request(req, resp)

    async def process_response_async(self, req: Any, resp: Any, resource: Any, req_succeeded: bool) -> None:
        """Keep it."""
        self.process_response(req, resp, resource, req_succeeded)


def _decoded(body: bytes) -> Item:
    try:
        return _item.decode(body)
    except msgspec.ValidationError as error:
        raise falcon.HTTPUnprocessableEntity(description=str(error)) from error


class Bare:
    """Answer without what is borrowed."""

    def on_get(self, req: Any, resp: Any) -> None:
        """Answer a GET."""
        token = req.get_header("x-token", required=True)
        resp.media = {"user": CONNECTION.name_of(token), "currency": SETTINGS.currency}


class Three:
    """Answer with what is borrowed."""

    borrows = True

    def on_get(self, req: Any, resp: Any) -> None:
        """Answer a GET."""
        resp.media = _named(req, req.get_header("x-token", required=True))


class Login:
    """Begin a session."""

    def on_post(self, req: Any, resp: Any) -> None:
        """Answer a POST."""
        req.context.session.update(token="secret-token", orders=1)
        resp.media = {}


class Check:
    """Answer with what the session holds."""

    borrows = True

    def on_post(self, req: Any, resp: Any) -> None:
        """Answer a POST."""
        resp.media = _named(req, req.context.session["token"], _decoded(req.bounded_stream.read()))


class Cart:
    """Change the session."""

    borrows = True

    def on_post(self, req: Any, resp: Any) -> None:
        """Answer a POST."""
        item = _decoded(req.bounded_stream.read())
        req.context.session["orders"] += 1
        resp.media = _named(req, req.context.session["token"], item)


class AsyncBare(Bare):
    """Answer without what is borrowed."""

    async def on_get(self, req: Any, resp: Any) -> None:
        """Answer a GET."""
        Bare.on_get(self, req, resp)


class AsyncThree(Three):
    """Answer with what is borrowed."""

    async def on_get(self, req: Any, resp: Any) -> None:
        """Answer a GET."""
        Three.on_get(self, req, resp)


class AsyncLogin(Login):
    """Begin a session."""

    async def on_post(self, req: Any, resp: Any) -> None:
        """Answer a POST."""
        Login.on_post(self, req, resp)


class AsyncCheck:
    """Answer with what the session holds."""

    borrows = True

    async def on_post(self, req: Any, resp: Any) -> None:
        """Answer a POST."""
        resp.media = _named(req, req.context.session["token"], _decoded(await req.stream.read()))


class AsyncCart:
    """Change the session."""

    borrows = True

    async def on_post(self, req: Any, resp: Any) -> None:
        """Answer a POST."""
        item = _decoded(await req.stream.read())
        req.context.session["orders"] += 1
        resp.media = _named(req, req.context.session["token"], item)


def _middleware(around: Around) -> list[Any]:
    if around != STACK:
        return [Borrowing()]
    return [
        falcon.CORSMiddleware(allow_origins=ALLOWED, allow_credentials=ALLOWED),
        RequestId(),
        Sessions(),
        Borrowing(),
    ]


def _with_routes(app: Any, *resources: Any) -> Any:
    handler = falcon.media.JSONHandler(dumps=msgspec.json.encode, loads=msgspec.json.decode)
    app.resp_options.media_handlers["application/json"] = handler
    for path, resource in zip(("/bare", "/three", "/login", "/check", "/cart"), resources, strict=True):
        app.add_route(path, resource)
    return app


def wsgi(around: Around) -> Any:
    """Return the WSGI app behind what is asked for."""
    app = falcon.App(middleware=_middleware(around))
    return _with_routes(app, Bare(), Three(), Login(), Check(), Cart())


def asgi(around: Around) -> Any:
    """Return the ASGI app behind what is asked for."""
    app = falcon.asgi.App(middleware=_middleware(around))
    return _with_routes(app, AsyncBare(), AsyncThree(), AsyncLogin(), AsyncCheck(), AsyncCart())
