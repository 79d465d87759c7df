"""What a type checker must refuse: each line with `E:` fails with that mypy code, and no other line does."""

import msgspec

from hinge import (
    App,
    Config,
    Depends,
    HTTPError,
    Middleware,
    Query,
    Request,
    Response,
    Router,
    Security,
    Session,
    Sessions,
    WebSocket,
)
from hinge.security import HTTPBearer, OAuth2PasswordBearer
from hinge.testing import AsyncClient, Client

app = App(slashes="keep")  # E: arg-type
App("x", "y")  # E: call-arg
Config(prot=80)  # E: call-arg


@app.get("/a", stauts=201)  # E: call-arg
def misspelt() -> str:
    return ""


@app.get("/b", status="201")  # E: arg-type
def wrong_type() -> str:
    return ""


@app.websocket("/c", status=201)  # E: call-arg
async def no_status(ws: WebSocket) -> None: ...


@app.get  # E: arg-type
def no_path() -> str:
    return ""


@app.route("/d")  # E: call-arg
def no_methods() -> str:
    return ""


@app.middleware  # E: type-var
def no_generator(request: Request) -> None: ...


@app.middleware
def second_type(request: Request) -> Middleware:
    response = yield
    response.headers["x"] = 5  # E: arg-type


@app.error(KeyError)  # E: type-var
def one_parameter(error: KeyError) -> Response:
    return Response()


@app.error("404")  # E: arg-type
def no_class(request: Request, error: Exception) -> Response:
    return Response()


@app.lifespan  # E: type-var
def no_yield() -> None: ...


@app.get("/e")
def kept(size: Query[int]) -> str:
    size.upper()  # E: attr-defined
    return str(size)


kept("1")  # E: arg-type
kept()  # E: call-arg
app.include(App())  # E: arg-type
Router(5)  # E: arg-type
HTTPError("404")  # E: arg-type
Response(status="200")  # E: arg-type
app.get("/f", middleware=kept)  # E: arg-type


def page() -> str:
    return ""


@app.get("/g")
def other_type(
    number: int = Depends(page),  # E: assignment
) -> str:
    return ""


Depends(page, scope="session")  # E: call-overload
HTTPBearer(auto_error=False)  # E: call-overload
OAuth2PasswordBearer(tokenUrl="token")  # E: call-overload
Security(page, scopes=5)  # E: call-overload


class Cart(msgspec.Struct):
    items: list[str] = []


@app.get("/h")
def cart(session: Session[Cart]) -> str:
    session["items"] = []  # E: misc
    session.data.itms.append("x")  # E: attr-defined
    return ""


Sessions()  # E: call-arg


@app.get("/i")
def other_credential(
    token: int = Depends(HTTPBearer()),  # E: assignment
) -> str:
    return ""


def client() -> None:
    Client(app, base="http://x")  # E: call-arg
    Client(app).get("/", parms={})  # E: call-arg


async def async_client() -> None:
    async with AsyncClient(app, base="http://x") as client:  # E: call-arg
        await client.get("/", parms={})  # E: call-arg
