"""What a type checker makes of an app: decorators keep the types of what they decorate. Checked, never run."""

from collections.abc import AsyncIterator, Callable, Generator, Iterator
from http import HTTPMethod
from typing import Annotated, Any, assert_type

import msgspec

from hinge import (
    App,
    AsyncMiddleware,
    Config,
    CustomType,
    Depends,
    HTMLResponse,
    HTTPError,
    JSONResponse,
    Middleware,
    Request,
    Response,
    ResponseHeaders,
    Router,
    Security,
    SecurityScopes,
    Sessions,
    Templates,
    WebSocket,
)
from hinge.security import (
    AnyOf,
    APIKeyHeader,
    HTTPBasic,
    HTTPBasicCredentials,
    HTTPBearer,
    OAuth2PasswordBearer,
    OpenIDConnect,
)
from hinge.sessions import MemoryStore
from hinge.sessions import Session as CurrentSession

app = App(title="Shop", config=Config(backend="wsgi", debug=True), slashes="strict")
router = Router("/items", tags=["items"])


class Item(msgspec.Struct):
    name: str


# -- routes ------------------------------------------------------------------------------------------------------------


@app.get("/items/{item_id}", status=200, inline=True, tags=("a",), responses={404: None}, max_body_size=5)
def read_item(item_id: int, size: int = 1) -> Item:
    return Item("x" * size)


assert_type(read_item(1, size=2), Item)


@router.post("", name="create")
async def create_item(item: Item) -> Item:
    return item


async def awaits_it() -> None:
    assert_type(await create_item(Item("x")), Item)


@app.route("/either", methods=["GET", HTTPMethod.PUT])
def either() -> dict[str, int]:
    return {}


assert_type(either(), dict[str, int])


@app.put("/stream")
@app.patch("/stream")
@app.delete("/stream")
@app.head("/stream")
@app.options("/stream")
async def stream(request: Request) -> AsyncIterator[str]:
    yield request.path


@router.websocket("/live/{room}", name="live", tags=["live"])
async def live(ws: WebSocket, room: str) -> None:
    await ws.accept()
    assert_type(await ws.receive(), str | bytes)
    assert_type(await ws.receive_json(Item), Item)
    assert_type(await ws.receive_json(), Any)
    async for message in ws:
        assert_type(message, str | bytes)
        await ws.send(message)
    await ws.deny(HTTPError(404))
    await ws.deny(JSONResponse({}, status=404))


@app.error(404)
def nowhere(request: Request, error: HTTPError) -> Response | HTTPError:
    assert_type(request.url_with(page=2), str)
    assert_type(request.accepts("text/html"), str | None)
    return error


def as_argument(decorate: Callable[[Callable[[], str]], Callable[[], str]]) -> None: ...


as_argument(app.get("/argument"))


class Shop:
    def read(self, item_id: int) -> str:
        return str(item_id)


assert_type(app.get("/bound/{item_id}")(Shop().read)(1), str)

# -- middleware --------------------------------------------------------------------------------------------------------


@app.middleware
def timing(request: Request) -> Middleware:
    response = yield
    assert_type(response, Response)
    response.headers["x-timing"] = "1"


@app.middleware
def replacing(request: Request) -> Middleware:
    if request.path == "/early":
        return Response("early")
    response = yield
    return Response(response.body or b"", status=response.status)


assert_type(timing(Request.__new__(Request)), Middleware)


@app.middleware(needs_body=True)
async def signed(request: Request) -> AsyncMiddleware:
    response = yield
    assert_type(response, Response)
    yield Response("other")


@router.middleware()
def nothing_taken() -> Generator[None, Response, None]:
    yield


class CORS:
    def __init__(self, origins: list[str]) -> None:
        self.origins = origins

    def __call__(self, request: Request) -> Middleware:
        response = yield
        response.headers.vary("origin")


assert_type(app.middleware(CORS(origins=["*"])), CORS)
app.get("/around", middleware=[timing, CORS([]), signed])(either)
App(middleware=[timing, CORS([])])
Router(middleware=(signed,))

# -- errors, lifespan --------------------------------------------------------------------------------------------------


@app.error(KeyError)
def missing(request: Request, error: KeyError) -> Response:
    return JSONResponse({}, status=404)


@app.error(LookupError)
async def lost(request: Request, error: LookupError) -> dict[str, str]:
    return {}


assert_type(missing(Request.__new__(Request), KeyError()), Response)


@app.lifespan
async def database(app: App) -> AsyncIterator[dict[str, object]]:
    yield {"db": object()}


@app.lifespan
def settings() -> Iterator[None]:
    yield


assert_type(settings(), Iterator[None])

# -- dependencies ------------------------------------------------------------------------------------------------------


class Session:
    def __init__(self, size: int = 1) -> None: ...


def session() -> Iterator[Session]:
    yield Session()


async def asession() -> AsyncIterator[Session]:
    yield Session()


async def count() -> int:
    return 1


def page(number: int = 1) -> str:
    return str(number)


assert_type(Depends(session), Session)
assert_type(Depends(asession, scope="app"), Session)
assert_type(Depends(count, cached=False), int)
assert_type(Depends(page), str)
assert_type(Depends(Session), Session)
assert_type(Depends(page, responses={404: "none", 409: Session}), str)
App(responses={404: "none"})
Router(responses={404: {"description": "none"}})


@app.get("/depends", dependencies=[Depends(page)], without=[page])
def depends(
    headers: ResponseHeaders,
    one: Annotated[Session, Depends(session)],
    two: Annotated[Session, Depends()],
    number: int = Depends(count),
) -> str:
    headers.set_cookie("a", "b", max_age=1)
    return ""


# -- security ----------------------------------------------------------------------------------------------------------

assert_type(Depends(HTTPBearer()), str)
assert_type(Depends(HTTPBearer(scheme="Token", optional=True)), str | None)
assert_type(Depends(HTTPBasic(title="login")), HTTPBasicCredentials)
assert_type(Depends(APIKeyHeader("x-key", optional=True)), str | None)
assert_type(Depends(OAuth2PasswordBearer("token", scopes={"a": "A"})), str)
assert_type(Depends(OpenIDConnect("/oidc")), str)
assert_type(Depends(AnyOf(HTTPBearer(), HTTPBasic())), str | HTTPBasicCredentials)
assert_type(Security(count, scopes=["a"]), int)


def judged(token: Annotated[str, Depends(HTTPBearer())], scopes: SecurityScopes) -> str:
    scopes.require(["a"])
    return token


@app.get("/secured", dependencies=[Security(judged, scopes=["a"])])
def secured(user: Annotated[str, Security(judged, scopes=["a"])], same: str = Security(judged)) -> str:
    return user


with app.resolve(page) as resolved:
    str(resolved)
with app.resolver(page, session) as resolve, resolve(page) as resolved:
    str(resolved)


# -- sessions ----------------------------------------------------------------------------------------------------------


class Cart(msgspec.Struct):
    items: list[str] = []


sessions = Sessions(["k" * 32], store=MemoryStore(max_sessions=10), idle_timeout=60, samesite="strict")


@App(sessions=sessions).get("/cart")
async def cart(values: CurrentSession, typed: CurrentSession[Cart], request: Request) -> str:
    values["a"] = [1]
    assert_type(values["a"], Any)
    assert_type(typed.data, Cart)
    typed.data = Cart(["x"])
    values.renew()
    typed.clear()
    return str(CurrentSession.of(request).pop("a", None)) + ", ".join(values.keys())


# -- native middleware, compiling --------------------------------------------------------------------------------------


def native(application: Any, level: int = 1) -> Any:
    return application


class Id:
    def __init__(self, text: str) -> None:
        self.text = text


def make_id(value: Any) -> Id:
    return Id(value)


App(types=[CustomType(Id, encode=str, decode=Id, schema={"type": "string"}), CustomType(Id, str, decode=make_id)])


def paged(request: Request) -> HTMLResponse:
    templates = Templates("templates", context_processors=[lambda request: {"a": 1}], trim_blocks=True)
    assert_type(templates.render("mail.txt", request, name="ada"), str)
    return templates["page.html"](request, {"status": 1}, status=201, name="ada")


App(wsgi_middleware=[native, (native, {"level": 2})], asgi_middleware=[native])
app.include(router, "/v1")
app.include(router, "/v2", name="v2")
assert_type(app.url_for("live", room="x"), str)
assert_type(app.unmet("wsgi"), list[str])
app.compile("asgi", skip_unsupported=True).drain(1.0)
