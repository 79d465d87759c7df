"""Sessions, as a visitor and a handler see them: in a signed cookie, and in a store."""

from collections.abc import Callable, Iterator
from typing import Annotated, Any

import msgspec
import pytest

from hinge import App, Depends, HTTPError, RedirectResponse, Request, Response, Session, Sessions, WebSocket
from hinge.backend.contract import Feature
from hinge.sessions import MemoryStore
from hinge.testing import Client

pytestmark = pytest.mark.clause("sessions.kept")

KEY, OTHER = "k" * 32, "o" * 32
NAME = "__Host-session"


class Cart(msgspec.Struct):
    items: list[str] = []
    visits: int = 0


@pytest.fixture(params=["cookie", "memory"])
def declared(request: pytest.FixtureRequest) -> Sessions:
    return Sessions([KEY], store=None if request.param == "cookie" else MemoryStore())


@pytest.fixture
def visitor(client_for: Callable[..., Client]) -> Callable[[App], Client]:
    """Return what opens a browser: cookies that are Secure go over https alone."""
    return lambda app, **options: client_for(app, scheme="https", **options)


def shop(declared: Sessions, coloured: Callable[..., Any] = lambda handler: handler) -> App:
    app = App(sessions=declared)

    @app.get("/")
    @coloured
    def show(session: Session) -> dict[str, Any]:
        return dict(session.items())

    @app.put("/{name}")
    @coloured
    def put(session: Session, name: str, value: str) -> None:
        session[name] = value

    @app.post("/login")
    @coloured
    def login(session: Session, user: str) -> None:
        session.renew()
        session["user"] = user

    @app.post("/logout")
    @coloured
    def logout(session: Session) -> None:
        session.clear()

    @app.get("/public")
    @coloured
    def public() -> str:
        return "public"

    return app


def session_of(client: Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/").json()
    return found


def test_what_is_set_is_there_in_the_next_request(visitor: Any, coloured: Any, declared: Sessions) -> None:
    client = visitor(shop(declared, coloured))
    assert session_of(client) == {}
    assert NAME not in client.cookies
    answer = client.put("/colour?value=blue")
    assert answer.headers["set-cookie"].endswith("; Path=/; Secure; HttpOnly; SameSite=Lax")
    assert answer.headers["cache-control"] == "private"
    client.put("/size?value=xl")
    read = client.get("/")
    assert read.json() == {"colour": "blue", "size": "xl"}
    assert "set-cookie" not in read.headers
    assert "cache-control" not in read.headers
    assert read.headers["vary"] == "Cookie"


def test_a_route_that_takes_none_sends_nothing_of_it(visitor: Any, coloured: Any, declared: Sessions) -> None:
    client = visitor(shop(declared, coloured))
    client.put("/colour?value=blue")
    assert not {"set-cookie", "vary", "cache-control"} & {*client.get("/public").headers}


def test_an_id_is_new_behind_a_login_and_the_old_one_is_over(visitor: Any, coloured: Any, declared: Sessions) -> None:
    client = visitor(shop(declared, coloured))
    client.put("/colour?value=blue")
    planted = client.cookies[NAME]
    client.post("/login?user=ada")
    assert client.cookies[NAME] != planted
    assert session_of(client) == {"colour": "blue", "user": "ada"}
    client.cookies.set(NAME, planted)
    assert session_of(client) == ({"colour": "blue"} if declared.store is None else {})


def test_a_cleared_session_is_over(visitor: Any, coloured: Any, declared: Sessions) -> None:
    client = visitor(shop(declared, coloured))
    client.post("/login?user=ada")
    kept = client.cookies[NAME]
    assert "Max-Age=0" in client.post("/logout").headers["set-cookie"]
    assert NAME not in client.cookies
    assert session_of(client) == {}
    if declared.store is not None:
        client.cookies.set(NAME, kept)
        assert session_of(client) == {}
        client.put("/colour?value=blue")
        assert client.cookies[NAME] != kept


FOREIGN: list[Callable[[str], str]] = [
    lambda cookie: "",
    lambda cookie: "x",
    lambda cookie: cookie[:-1],
    lambda cookie: cookie[1:],
    lambda cookie: cookie.rpartition(".")[0],
    lambda cookie: f"{cookie.rpartition('.')[0]}.{'A' * 43}",
    lambda cookie: f"{cookie}.{cookie}",
    lambda cookie: cookie * 100,
    lambda cookie: f'"{cookie}"x',
    lambda cookie: Sessions([OTHER]).signing.sign(cookie.partition(".")[0].encode()),
]


def test_a_cookie_that_is_not_ours_is_none(visitor: Any, declared: Sessions) -> None:
    client = visitor(shop(declared))
    client.put("/colour?value=blue")
    cookie = client.cookies[NAME]
    for change in FOREIGN:
        client.cookies.clear()
        headers = {"cookie": f"{NAME}={change(cookie)}"}
        answer = client.get("/", headers=headers)
        assert (answer.status_code, answer.json()) == (200, {})
        client.put("/size?value=xl", headers=headers)
        assert session_of(client) == {"size": "xl"}
        assert client.cookies[NAME] not in (cookie, change(cookie))


def test_a_struct_is_the_session(visitor: Any, coloured: Any, declared: Sessions) -> None:
    app = shop(declared, coloured)

    @app.post("/cart/{item}")
    @coloured
    def add(cart: Session[Cart], item: str) -> Cart:
        cart.data.items.append(item)
        cart.data.visits += 1
        return cart.data

    client = visitor(app)
    client.put("/colour?value=blue")
    client.post("/cart/pear")
    assert client.post("/cart/fig").json() == {"items": ["pear", "fig"], "visits": 2}
    assert session_of(client) == {"colour": "blue", "items": ["pear", "fig"], "visits": 2}


@pytest.mark.clause("sessions.answers")
@pytest.mark.parametrize(("status", "is_kept"), [(401, True), (409, True), (500, False), (503, False)])
def test_with_an_error_below_500_it_is_kept(
    visitor: Any, coloured: Any, declared: Sessions, status: int, is_kept: bool
) -> None:
    app = shop(declared, coloured)

    @app.post("/fail")
    @coloured
    def fail(session: Session) -> None:
        session["tried"] = True
        raise HTTPError(status)

    client = visitor(app)
    assert client.post("/fail").status_code == status
    assert session_of(client) == ({"tried": True} if is_kept else {})


@pytest.mark.clause("sessions.answers")
def test_an_error_handler_and_what_is_around_write_to_it(visitor: Any, coloured: Any, declared: Sessions) -> None:
    app = shop(declared, coloured)

    def user(session: Session) -> str:
        if "user" not in session:
            raise LookupError
        return str(session["user"])

    @app.error(LookupError)
    @coloured
    def to_login(request: Request, error: LookupError) -> Response:
        Session.of(request)["next"] = request.path
        return RedirectResponse("/login", status=303)

    @app.get("/account", dependencies=[Depends(user)])
    @coloured
    def account() -> str:
        return "account"

    client = visitor(app)
    assert client.get("/account").headers["location"] == "/login"
    assert session_of(client) == {"next": "/account"}


@pytest.mark.clause("sessions.answers")
def test_a_commit_that_fails_keeps_nothing(visitor: Any, coloured: Any, declared: Sessions) -> None:
    app = shop(declared, coloured)

    def database() -> Iterator[str]:
        yield "rows"
        raise OSError("the commit failed")

    @app.post("/pay")
    @coloured
    def pay(session: Session, rows: Annotated[str, Depends(database)]) -> str:
        session["paid"] = True
        return rows

    client = visitor(app, raise_server_exceptions=False)
    assert client.post("/pay").status_code == 500
    assert session_of(client) == {}


@pytest.mark.clause("sessions.answers")
@pytest.mark.needs(Feature.STREAMING, "the second chunk is made behind the head")
@pytest.mark.parametrize("when", ["before", "behind"])
def test_a_stream_writes_before_its_head(visitor: Any, coloured: Any, declared: Sessions, when: str) -> None:
    app, seen = shop(declared), []

    @app.get("/stream")
    def stream(session: Session) -> Iterator[str]:
        session["first"] = 1
        yield "one"
        if when == "behind":
            try:
                session["second"] = 2
            except RuntimeError as error:
                seen.append(str(error))
        yield "two"

    client = visitor(app)
    assert client.get("/stream").text == "onetwo"
    assert session_of(client) == {"first": 1}
    assert len(seen) == (when == "behind")
    assert all("Fix: set it before" in line for line in seen)


@pytest.mark.needs(Feature.WEBSOCKET, "the handler speaks it")
def test_a_websocket_reads_it(visitor: Any, declared: Sessions) -> None:
    app = shop(declared)

    @app.websocket("/live")
    async def live(ws: WebSocket, session: Session) -> None:
        await ws.accept()
        await ws.send(str(session["user"]))
        for write in (lambda: session.update(user="eve"), session.clear, session.renew):
            try:
                write()
            except RuntimeError as error:
                await ws.send(str(error))

    client = visitor(app)
    client.post("/login?user=ada")
    with client.websocket("/live") as ws:
        assert ws.receive() == "ada"
        assert all("Fix: write to it in an HTTP handler" in ws.receive() for _ in range(3))
    assert session_of(client) == {"user": "ada"}


def test_a_mounted_app_has_that_of_the_one_around_it(visitor: Any, coloured: Any, declared: Sessions) -> None:
    app, inner, own = shop(declared, coloured), App(), App(sessions=Sessions([KEY], cookie="own"))

    @inner.get("/who")
    @own.get("/who")
    @coloured
    def who(session: Session) -> str:
        return str(session.get("user"))

    app.mount("/inner", inner)
    app.mount("/own", own)
    client = visitor(app)
    client.post("/login?user=ada")
    assert [client.get(path).text for path in ("/inner/who", "/own/who")] == ["ada", "None"]


def test_middleware_and_guards_stand_around_it(visitor: Any, coloured: Any, declared: Sessions) -> None:
    app = App(sessions=declared)
    seen: list[str] = []

    @app.middleware
    def around(request: Request) -> Any:
        response = yield
        seen.append(f"{response.status} {'set-cookie' in response.headers} {Session.of(request).get('user')}")

    def check(session: Session) -> None:
        if session.get("user") is None:
            session["user"] = "new"
            raise HTTPError(401)

    @app.post("/", dependencies=[Depends(check)])
    @coloured
    def create(session: Session, item: Cart) -> str:
        return str(session["user"])

    client = visitor(app)
    assert client.post("/", content="[").status_code == 401
    assert client.post("/", json={}).text == "new"
    assert seen == ["401 True new", "200 False new"]
