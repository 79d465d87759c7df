"""Security schemes: who is let in, in which order a request is refused, and what the refusal says."""

import base64
import re
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Any

import msgspec
import pytest

from hinge import (
    App,
    BodyStream,
    Depends,
    HTTPError,
    JSONResponse,
    Request,
    ResponseHeaders,
    Router,
    Security,
    SecurityScopes,
    WebSocket,
)
from hinge.conformance.websockets import PATIENCE, refusal, websockets
from hinge.security import (
    AnyOf,
    APIKeyCookie,
    APIKeyHeader,
    APIKeyQuery,
    HTTPBasic,
    HTTPBasicCredentials,
    HTTPBearer,
    OAuth2PasswordBearer,
    OAuth2PasswordRequestForm,
)
from hinge.testing import Client

pytestmark = pytest.mark.clause("security.refusals")

BEARER = 'Bearer realm="api"'
INVALID = f'{BEARER}, error="invalid_token"'
KEY = 'ApiKey in="header", name="x-key"'
BASIC = 'Basic realm="shop", charset="UTF-8"'
JWT = "eyJhbGciOiJub25lIn0.e30.a-b_c~d+e/f=="


class Item(msgspec.Struct):
    name: str


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def basic(text: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(text.encode()).decode()}


SCHEMES: dict[str, Any] = {
    "bearer": HTTPBearer(),
    "token": HTTPBearer(scheme="Token"),
    "maybe": HTTPBearer(optional=True),
    "basic": HTTPBasic(realm="shop"),
    "key": APIKeyHeader("X-Key"),
    "cookie": APIKeyCookie("session"),
    "query": APIKeyQuery("key"),
    "any": AnyOf(HTTPBasic(realm="shop"), APIKeyHeader("x-key")),
    "any-maybe": AnyOf(HTTPBearer(), APIKeyQuery("key"), optional=True),
}
CASES: list[tuple[str, str, dict[str, str], str | None, list[str]]] = [
    # The scheme, the query, the headers -> the value, or the challenges of a 401.
    ("bearer", "", bearer(JWT), JWT, []),
    ("bearer", "", {"authorization": f"bEARER   {JWT}"}, JWT, []),
    ("bearer", "", {"authorization": f"Bearer   {JWT}"}, JWT, []),
    ("bearer", "", {}, None, [BEARER]),
    ("bearer", "", basic("a:b"), None, [BEARER]),
    ("bearer", "", {"authorization": "Token x"}, None, [BEARER]),
    ("bearer", "", {"authorization": "Bearer"}, None, [INVALID]),
    ("bearer", "", {"authorization": ""}, None, [INVALID]),
    ("bearer", "", bearer("a b"), None, [INVALID]),
    ("bearer", "", bearer("a,Bearer b"), None, [INVALID]),
    ("token", "", {"authorization": f"Token {JWT}"}, JWT, []),
    ("token", "", bearer(JWT), None, ['Token realm="api"']),
    ("maybe", "", {}, "None", []),
    ("maybe", "", basic("a:b"), "None", []),
    ("maybe", "", bearer("a b"), None, [INVALID]),
    ("basic", "", basic("ada:l:o:v"), "ada l:o:v", []),
    ("basic", "", basic("ä:ö"), "ä ö", []),
    ("basic", "", {"authorization": "basic  YTpi"}, "a b", []),
    ("basic", "", {}, None, [BASIC]),
    ("basic", "", basic("ada"), None, [BASIC]),
    ("basic", "", basic("a:b\n"), None, [BASIC]),
    ("basic", "", {"authorization": "Basic YTpi!"}, None, [BASIC]),
    ("basic", "", {"authorization": "Basic /w=="}, None, [BASIC]),
    ("key", "", {"x-key": "a b,c"}, "a b,c", []),
    ("key", "", {"x-key": ""}, None, ['ApiKey in="header", name="X-Key"']),
    ("key", "", {}, None, ['ApiKey in="header", name="X-Key"']),
    ("cookie", "", {"cookie": "a=b; session=s"}, "s", []),
    ("cookie", "", {"cookie": "session="}, None, ['ApiKey in="cookie", name="session"']),
    ("query", "?a=b&key=k%20k", {}, "k k", []),
    ("query", "?key=", {}, None, ['ApiKey in="query", name="key"']),
    ("query", "?key=a&key=b", {}, None, ['ApiKey in="query", name="key"']),
    ("any", "", {"x-key": "k"}, "k", []),
    ("any", "", {"x-key": "k", **basic("a:b")}, "a b", []),
    ("any", "", {}, None, [BASIC, KEY]),
    ("any", "", {"authorization": "Basic !", "x-key": "k"}, None, [BASIC, KEY]),
    ("any-maybe", "?key=k", {}, "k", []),
    ("any-maybe", "", {}, "None", []),
]


def text_of(found: Any) -> str:
    return f"{found.username} {found.password}" if isinstance(found, HTTPBasicCredentials) else str(found)


def challenges(answer: Any) -> str:
    """Return all challenges in one line: some platforms make one of several."""
    lines = [value for name, value in answer.headers.multi_items() if name == "www-authenticate"]
    return re.sub(", *", ", ", ", ".join(lines))


def test_what_each_scheme_reads(client_for: Callable[..., Client]) -> None:
    app = App()
    for name, scheme in SCHEMES.items():

        def handler(found: Annotated[Any, Depends(scheme)]) -> str:
            return text_of(found)

        app.get(f"/{name}", name=name)(handler)
    client = client_for(app)
    for name, query, headers, value, lines in CASES:
        answer = client.get(f"/{name}{query}", headers=headers)
        said = (answer.status_code, answer.text if value else None, challenges(answer))
        assert said == (200 if value else 401, value, ", ".join(lines)), (name, headers)


def users() -> Callable[..., str]:
    scheme = OAuth2PasswordBearer("token", scopes={"read": "Read.", "write": "Write."})

    def user(token: Annotated[str, Depends(scheme)], scopes: SecurityScopes) -> str:
        name, _, granted = token.partition(":")
        if name == "nobody":
            raise HTTPError(401)
        if name == "own":
            raise HTTPError(401, headers={"www-authenticate": "Own"})
        scopes.require(granted.replace(":", " "))
        return name

    return user


def shop(coloured: Any) -> App:
    user = users()
    app = App()

    @coloured
    def create(number: int, size: int, item: Item, name: Annotated[str, Security(user, scopes=["write"])]) -> str:
        return f"{item.name} of {name}"

    app.post("/items/{number}", dependencies=[Security(user, scopes=["read"])])(create)

    @coloured
    def me(name: Annotated[str, Depends(user)]) -> str:
        return name

    app.get("/me")(me)
    return app


def test_the_order_in_which_a_request_is_refused(client_for: Callable[..., Client], coloured: Any) -> None:
    client = client_for(shop(coloured))
    granted = bearer("ada:read:write")
    for target, headers, body, status in (
        ("/items/x?size=y", {}, b"{", 404),
        ("/items/3?size=y", {}, b"{", 401),
        ("/items/3?size=y", bearer("a b"), b"{", 401),
        ("/items/3?size=y", bearer("nobody"), b"{", 422),
        ("/items/3?size=1", bearer("nobody"), b"{", 401),
        ("/items/3?size=1", bearer("ada:write"), b"{", 403),
        ("/items/3?size=1", granted, b"{", 400),
        ("/items/3?size=1", granted, b'{"name": 3}', 422),
        ("/items/3?size=1", granted, b'{"name": "lamp"}', 200),
    ):
        answer = client.post(target, content=body, headers={"content-type": "application/json", **headers})
        assert answer.status_code == status, (target, headers, answer.text)
    assert client.post("/items/3?size=1", content=b"x" * 5_000_000).status_code == 401


def test_what_a_refusal_says(client_for: Callable[..., Client], coloured: Any) -> None:
    client = client_for(shop(coloured))
    for token, status, line in (
        ("nobody", 401, INVALID),
        ("own", 401, "Own"),
        ("ada:read", 403, f'{BEARER}, error="insufficient_scope", scope="read write"'),
    ):
        answer = client.post("/items/3?size=1", json={"name": "lamp"}, headers=bearer(token))
        assert (answer.status_code, challenges(answer)) == (status, line)
        assert answer.json()["status"] == status
    assert client.get("/me", headers=bearer("ada")).text == "ada"  # that route wants no scopes


def test_answers_of_the_apps_own_have_the_challenge(client_for: Callable[..., Client], coloured: Any) -> None:
    app = shop(coloured)

    @app.error(HTTPError)
    @coloured
    def tell(request: Request, error: HTTPError) -> JSONResponse:
        return JSONResponse({"own": error.status}, status=error.status)

    client = client_for(app)
    answer = client.get("/me")
    assert (answer.status_code, answer.json(), challenges(answer)) == (401, {"own": 401}, BEARER)
    assert challenges(client.get("/me", headers=bearer("nobody"))) == INVALID
    assert challenges(client.get("/nowhere")) == ""


def test_all_schemes_of_a_graph_are_wanted(client_for: Callable[..., Client]) -> None:
    app = App(dependencies=[Depends(APIKeyHeader("x-key"))])

    @app.get("/")
    def both(token: Annotated[str, Depends(HTTPBearer())]) -> str:
        if token == "bad":
            raise HTTPError(401)
        return token

    client = client_for(app)
    key = {"x-key": "k"}
    assert client.get("/", headers=key | bearer("t")).text == "t"
    # Of two that were sent nobody knows which is meant, and where one is missing it is that one.
    for headers in ({}, key, bearer("t"), key | bearer("bad")):
        answer = client.get("/", headers=headers)
        assert (answer.status_code, challenges(answer)) == (401, f"{KEY}, {BEARER}")


def test_a_form_for_a_token(client_for: Callable[..., Client]) -> None:
    app = App()

    @app.post("/token")
    def token(form: Annotated[OAuth2PasswordRequestForm, Depends()]) -> dict[str, Any]:
        return {"name": form.username, "scopes": form.scopes}

    client = client_for(app)
    form = {"username": "ada", "password": "x", "scope": "a b", "grant_type": "password"}
    assert client.post("/token", form=form).json() == {"name": "ada", "scopes": ["a", "b"]}
    assert client.post("/token", form=form | {"grant_type": "code"}).status_code == 422
    assert client.post("/token?username=ada&password=x").status_code in (415, 422)


def handlers() -> App:
    """Return an app whose handlers have nothing in common but the scheme that they take."""
    app, scheme = App(), HTTPBearer()
    token = Annotated[str, Depends(scheme)]

    async def later(text: str) -> str:
        return text

    @app.post("/awaitable")
    def awaitable(token: token) -> Any:
        return later(token)

    @app.post("/plain-stream")
    def plain_stream(token: token) -> Iterator[str]:
        yield from token

    @app.post("/async-stream")
    async def async_stream(token: token) -> AsyncIterator[str]:
        yield token

    @app.post("/pieces")
    async def pieces(token: token, body: BodyStream) -> str:
        return b"".join([piece async for piece in body]).decode() + token

    @app.post("/plain-pieces")
    def plain_pieces(token: token, body: BodyStream) -> str:
        return b"".join(body).decode() + token

    @app.post("/request")
    def request(token: token, request: Request) -> str:
        return request.body.decode() + token

    @app.post("/inline", inline=True)
    async def inline(token: token) -> str:
        return token

    @app.post("/plain-inline", inline=True)
    def plain_inline(token: token) -> str:
        return token

    @app.post("/thread", loop="thread")
    async def thread(token: token) -> str:
        return token

    @app.post("/keyword/{number}")
    def keyword(number: int, *, token: token, query: int = 1) -> str:
        return token

    @app.post("/headers", status=201)
    async def headers(token: token, headers: ResponseHeaders) -> str:
        headers["x-own"] = "1"
        return token

    router = Router("/router", dependencies=[Depends(scheme)])
    router.post("/closed")(lambda: "token")
    router.post("/open", without=[scheme])(lambda: "token")
    app.include(router)
    return app


def test_whatever_the_handler_is(client_for: Callable[..., Client]) -> None:
    app = handlers()
    client = client_for(app)
    for route in app.routes:
        path = route.template.text.replace("{number}", "4")
        answer = client.post(path, content=b"body ")
        assert (answer.status_code, challenges(answer)) == ((200, "") if "open" in path else (401, BEARER)), path
        answer = client.post(path, content=b"body ", headers=bearer("token"))
        assert answer.text.removeprefix("body ") == "token", path


@websockets
def test_a_handshake(client_for: Callable[..., Client]) -> None:
    app = App()
    keys = AnyOf(APIKeyCookie("session"), APIKeyQuery("key"))

    async def user(key: Annotated[str, Depends(keys)]) -> str:
        if key == "bad":
            raise HTTPError(401)
        return key

    @app.websocket("/")
    async def handler(ws: WebSocket, user: Annotated[str, Depends(user)]) -> None:
        await ws.accept()
        await ws.send(user)

    client = client_for(app)
    for target, headers in (("/?key=k", {}), ("/", {"cookie": "session=k"})):
        with client.websocket(target, headers=headers) as ws:
            assert ws.receive(PATIENCE) == "k"
    for target in ("/", "/?key=bad"):
        answer = refusal(client, target)
        assert answer.status_code in (401, 403)  # servers that cannot send a response answer 403
        assert (answer.status_code == 401) is ("ApiKey" in challenges(answer))
