"""Sessions beyond the kit: ages, keys, sizes, two requests at once, what caches are told, and mistakes."""

import datetime as dt
import gc
import uuid
import weakref
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
import pytest

from hinge import App, ConfigurationError, Depends, Response, Session, Sessions
from hinge.sessions import MemoryStore, keeping
from hinge.testing import Client

KEY, NEW_KEY = "k" * 32, "n" * 32
NAME = "__Host-session"


def app_with(sessions: Sessions | None, **options: Any) -> App:
    app = App(sessions=sessions, **options)

    @app.get("/")
    async def show(session: Session) -> dict[str, Any]:
        return dict(session.items())

    @app.put("/{name}")
    async def put(session: Session, name: str, value: str) -> None:
        session[name] = value

    return app


def shown(client: Client) -> Any:
    return client.get("/").json()


@pytest.fixture(params=["cookie", "memory"])
def store(request: pytest.FixtureRequest) -> MemoryStore | None:
    return None if request.param == "cookie" else MemoryStore()


class Clock:
    """What `time` says to sessions."""

    def __init__(self) -> None:
        self.now = 1_000_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(keeping, "time", clock)
    return clock


# -- ages and keys -----------------------------------------------------------------------------------------------------


def test_it_ends_when_nobody_uses_it_and_at_an_age(client_for: Any, store: Any, clock: Clock) -> None:
    client = client_for(app_with(Sessions([KEY], store=store, idle_timeout=100, lifetime=250)), scheme="https")
    assert "Max-Age=100;" in client.put("/a?value=1").headers["set-cookie"]
    clock.now += 5
    assert "set-cookie" not in client.get("/").headers  # touched a moment ago
    for later, max_age in ((90, 100), (90, 65), (60, 5)):
        clock.now += later
        answer = client.get("/")
        assert answer.json() == {"a": "1"}
        assert f"Max-Age={max_age};" in answer.headers["set-cookie"]
    clock.now += 5
    assert shown(client) == {}
    client.put("/b?value=2")
    assert shown(client) == {"b": "2"}
    clock.now += 100
    assert shown(client) == {}


def test_it_does_not_end_while_each_request_writes_to_it(client_for: Any, store: Any, clock: Clock) -> None:
    client = client_for(app_with(Sessions([KEY], store=store, idle_timeout=100)), scheme="https")
    told = clock.now
    for number in range(20):
        sent = "set-cookie" in client.put(f"/a?value={number}").headers
        told = clock.now if sent else told
        assert clock.now - told <= 10, "the browser would forget a cookie that nobody sends again"
        clock.now += 5


def test_a_clock_that_goes_back_ends_nothing(client_for: Any, store: Any, clock: Clock) -> None:
    client = client_for(app_with(Sessions([KEY], store=store, idle_timeout=100, lifetime=250)), scheme="https")
    client.put("/a?value=1")
    clock.now -= 1000
    client.put("/b?value=2")
    assert shown(client) == {"a": "1", "b": "2"}
    clock.now += 1250
    assert shown(client) == {}


def test_keys_are_rotated(client_for: Any, store: Any) -> None:
    def rotated(*keys: str) -> Any:
        return client_for(app_with(Sessions(keys, store=store)), scheme="https")

    old, both, new = rotated(KEY), rotated(NEW_KEY, KEY), rotated(NEW_KEY)
    old.put("/a?value=1")
    both.cookies.set(NAME, old.cookies[NAME])
    assert shown(both) == {"a": "1"}
    new.cookies.set(NAME, old.cookies[NAME])
    assert shown(new) == {}
    both.put("/b?value=2")
    if store is None:  # what is written is signed anew
        new.cookies.set(NAME, both.cookies[NAME])
        assert shown(new) == {"a": "1", "b": "2"}


def test_an_id_is_no_session_and_a_session_no_id(client_for: Any) -> None:
    """What one kind of cookie says is not taken for the other's."""
    inside, outside = (
        client_for(app_with(Sessions([KEY], store=one)), scheme="https") for one in (None, MemoryStore())
    )
    inside.put("/a?value=1")
    outside.put("/b?value=2")
    cookies = inside.cookies[NAME], outside.cookies[NAME]
    inside.cookies.set(NAME, cookies[1])
    outside.cookies.set(NAME, cookies[0])
    assert (shown(inside), shown(outside)) == ({}, {})


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (
            {},
            "__Host-session=",
        ),
        ({"cookie": "sid"}, "__Host-sid="),
        ({"path": "/shop"}, "__Secure-session="),
        ({"domain": "a.example"}, "__Secure-session="),
        ({"secure": False}, "session="),
    ],
)
def test_the_name_says_what_the_cookie_is(client_for: Any, options: dict[str, Any], line: str) -> None:
    for scheme in ("http", "https"):  # which is the request's word
        client = client_for(app_with(Sessions([KEY], **options)), scheme=scheme)
        told = client.put("/a?value=1").headers["set-cookie"]
        assert told.startswith(line)
        assert ("Secure" in told.split("; ")) is options.get("secure", True)


# -- two at once, sizes, values ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "other", "expected", "logged"),
    [
        ("/slow/a", "PUT /b?value=2", {"a": "slow", "b": "2"}, None),
        ("/slow/a", "PUT /a?value=2", {"a": "slow"}, "have changed a session's 'a'"),
        ("/slow/a", "POST /clear", {}, "has ended meanwhile"),
        ("/slow/a", "POST /renew", {}, "has ended meanwhile"),
        ("/slow/a?renew=true", "PUT /b?value=2", {"a": "slow", "b": "2"}, None),
        ("/slow/a?renew=true", "POST /clear", {}, "has ended meanwhile"),
        ("/slow/a?renew=true", "POST /renew", {}, "has ended meanwhile"),
    ],
)
def test_two_requests_at_once_in_a_store(
    client_for: Any, caplog: pytest.LogCaptureFixture, path: str, other: str, expected: dict[str, str], logged: str
) -> None:
    app = app_with(Sessions([KEY], store=MemoryStore()))

    @app.post("/slow/{name}")
    def slow(session: Session, name: str, renew: bool = False) -> str:
        before = str(session.get(name))
        second.request(*other.split(" "))
        if renew:
            session.renew()
        session[name] = "slow"
        return before

    @app.post("/clear")
    def clear(session: Session) -> None:
        session.clear()

    @app.post("/renew")
    def renewed(session: Session) -> None:
        session.renew()

    first, second = (client_for(app, scheme="https") for _ in range(2))
    first.put("/a?value=1")
    second.cookies.set(NAME, first.cookies[NAME])
    answer = first.post(path)
    assert (answer.text, "set-cookie" in answer.headers) == ("1", "renew" in path and expected != {})
    assert shown(first) == expected
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == (logged is not None)
    assert all(logged in line for line in said)


def test_a_session_that_no_cookie_holds_is_a_failure(client_for: Any, caplog: pytest.LogCaptureFixture) -> None:
    client = client_for(app_with(Sessions([KEY])), scheme="https", raise_server_exceptions=False)
    client.put("/a?value=1")
    answer = client.put(f"/b?value={'x' * 4000}")
    assert (answer.status_code, "set-cookie" in answer.headers) == (500, False)
    assert "Fix: keep less in it, or Sessions(..., store=...)" in caplog.text
    assert shown(client) == {"a": "1"}


VALUES: list[tuple[Any, bool]] = [
    ({"a": [1, 2.5, None, True, "x", b"y"]}, True),
    (dt.datetime(2026, 1, 2, tzinfo=dt.UTC), True),
    ((1, 2), False),
    ({1}, False),
    (uuid.uuid4(), False),
    (dt.datetime(2026, 1, 2), False),  # noqa: DTZ001 - on purpose
    (object(), False),
]


def test_values_come_back_as_they_are_or_are_refused(client_for: Any, store: Any) -> None:
    app, found = app_with(Sessions([KEY], store=store)), []

    @app.post("/set/{number}")
    def put(session: Session, number: int) -> None:
        session[str(number)] = VALUES[number][0]

    @app.post("/get/{number}")
    def get(session: Session, number: int) -> None:
        found.append(session.get(str(number)))

    client = client_for(app, scheme="https", raise_server_exceptions=False)
    for number, (value, is_kept) in enumerate(VALUES):
        assert client.post(f"/set/{number}").status_code == (204 if is_kept else 500)
        client.post(f"/get/{number}")
        assert found.pop() == (value if is_kept else None)


def test_it_is_a_mapping(client_for: Any, store: Any) -> None:
    app = App(sessions=Sessions([KEY], store=store))
    seen: list[Any] = []

    @app.post("/")
    def handler(session: Session) -> None:
        session.update(a=1, b=[2])
        session.setdefault("c", {"d": 3})["e"] = 4
        del session["a"]
        seen.append((session.pop("x", None), "b" in session, "a" in session, len(session), list(session)))
        seen.append((session["b"], session.pop("c"), list(session.keys()), list(session.values())))
        for wrong in (lambda: session["a"], lambda: session.pop("c"), lambda: session.data):
            with pytest.raises((KeyError, TypeError)):
                wrong()

    @app.post("/again")
    def again(session: Session) -> None:
        session["b"].append(5)
        seen.append(session.get("b"))

    @app.post("/more")
    def more(session: Session) -> None:
        seen.append(dict(session.items()))
        session.clear()
        session["flash"] = "bye"

    client = client_for(app, scheme="https")
    for path in ("/", "/again", "/more", "/more"):
        client.post(path)
    assert seen == [
        (None, True, False, 2, ["b", "c"]),
        ([2], {"d": 3, "e": 4}, ["b"], [[2]]),
        [2, 5],
        {"b": [2, 5]},
        {"flash": "bye"},
    ]


class Before(msgspec.Struct):
    count: str = ""


class After(msgspec.Struct, rename={"other": "o"}):
    count: int = 0
    other: list[int] = []


def test_what_does_not_fit_the_struct_begins_anew(client_for: Any, store: Any, caplog: Any) -> None:
    app = App(sessions=Sessions([KEY], store=store))

    @app.put("/before")
    def before(session: Session[Before]) -> None:
        session.data = Before("x")

    @app.put("/after")
    def after(session: Session[After]) -> After:
        session.data.count += 1
        session.data.other.append(session.data.count)
        return session.data

    @app.get("/both")
    def both(values: Session, typed: Session[After]) -> dict[str, Any]:
        return {"values": dict(values.items()), "data": typed.data}

    client = client_for(app, scheme="https")
    client.put("/before")
    old = client.cookies[NAME]
    assert client.put("/after").json() == {"count": 1, "o": [1]}
    assert client.cookies[NAME] != old
    assert "does not fit" in caplog.text
    client.put("/after")
    assert client.get("/both").json() == {"values": {"count": 2, "o": [1, 2]}, "data": {"count": 2, "o": [1, 2]}}


@pytest.mark.parametrize("how", ["clear", "renew", "change"])
def test_what_does_not_fit_the_struct_ends_with_the_next_change(client_for: Any, store: Any, how: str) -> None:
    app = app_with(Sessions([KEY], store=store))

    @app.post("/")
    def end(session: Session[After]) -> None:
        session.data.count += how == "change"
        if how != "change":
            getattr(session, how)()

    client = client_for(app, scheme="https")
    client.put("/count", params={"value": "x"})
    old = client.cookies[NAME]
    line = client.post("/").headers["set-cookie"]
    assert ("Max-Age=0" in line) == (how != "change")
    if store is not None:  # a cookie that holds everything cannot be taken back
        client.cookies[NAME] = old
        assert shown(client) == {}


# -- caches ------------------------------------------------------------------------------------------------------------


CACHED: list[tuple[dict[str, str], tuple[str, str]]] = [
    ({}, ("private", "Cookie")),
    ({"cache-control": "public, max-age=60, S-MaxAge=5"}, ("max-age=60, private", "Cookie")),
    ({"cache-control": "no-store", "vary": "*"}, ("no-store", "*")),
    ({"cache-control": "private, max-age=1", "vary": "Accept, cookie"}, ("private, max-age=1", "Accept, cookie")),
    ({"cache-control": "max-age=9, s-maxage=9", "vary": "Accept"}, ("max-age=9, private", "Accept, Cookie")),
]


def test_no_cache_shares_a_cookie(client_for: Any) -> None:
    app = App(sessions=Sessions([KEY]))

    @app.get("/{number}")
    def handler(session: Session, number: int) -> Response:
        session["a"] = number
        return Response("x", headers=CACHED[number][0])

    client = client_for(app, scheme="https")
    for number, (_, sent) in enumerate(CACHED):
        answer = client.get(f"/{number}")
        assert (answer.headers["cache-control"], answer.headers["vary"]) == sent


def test_what_is_not_looked_at_varies_nothing(client_for: Any, store: Any) -> None:
    app = App(sessions=Sessions([KEY], store=store))

    @app.get("/")
    def handler(session: Session, look: bool = False) -> str:
        return str(session.get("a")) if look else "x"

    client = client_for(app, scheme="https")
    assert "vary" not in client.get("/").headers
    assert client.get("/?look=true").headers["vary"] == "Cookie"


# -- mistakes ----------------------------------------------------------------------------------------------------------


class Required(msgspec.Struct):
    name: str


class Arrays(msgspec.Struct, array_like=True):
    name: str = ""


class Tagged(msgspec.Struct, tag=True):
    name: str = ""


class Odd(msgspec.Struct):
    what: Callable[[], None] | None = None


async def of_worker(session: Session) -> int:
    return 1


def plain(session: Session) -> None: ...


def of_int(session: Session[int]) -> None: ...  # type: ignore[type-var, unused-ignore]


def required(session: Session[Required]) -> None: ...


def arrays(session: Session[Arrays]) -> None: ...


def tagged(session: Session[Tagged]) -> None: ...


def odd(session: Session[Odd]) -> None: ...


def bare(session) -> None: ...  # type: ignore[no-untyped-def]


def of_scope(value: Annotated[int, Depends(of_worker, scope="app")]) -> None: ...


def needs(value: Annotated[None, Depends(plain)]) -> None: ...


@pytest.mark.parametrize(
    ("handler", "has", "said"),
    [
        (
            plain,
            False,
            "parameter 'session' is a session, and the app has none. Fix: App(sessions=Sessions(keys=[...]))",
        ),
        (needs, False, "test_sessions.plain (tests/contract/test_sessions.py:"),
        (of_int, True, "parameter 'session': int is no msgspec.Struct. Fix: Session, a mapping, or"),
        (required, True, "Required.name has no default, and a session begins empty. Fix: name = ..."),
        (arrays, True, "Fix: leave array_like out"),
        (tagged, True, "Fix: leave tag out"),
        (bare, True, "Fix: annotate it: session: Session"),
        (odd, True, "Fix: fields of types that msgspec knows"),
        (of_scope, True, "it is made once for all requests, and the session is one request's"),
    ],
)
def test_mistakes_are_told_at_compile(handler: Any, has: bool, said: str) -> None:
    app = App(sessions=Sessions([KEY]) if has else None)
    app.get("/")(handler)
    with pytest.raises(ConfigurationError) as caught:
        app.compile("wsgi")
    assert said in str(caught.value)
    assert "test_sessions.py:" in str(caught.value)
    assert "Fix: " in str(caught.value)


def test_two_declarations_do_not_share_a_cookie() -> None:
    app, inner, own = (App(sessions=Sessions([KEY], cookie=name)) for name in ("session", "session", "own"))
    app.mount("/own", own)
    app.compile("wsgi")
    app = App(sessions=Sessions([KEY]))
    app.mount("/inner", inner)
    told = r"Sessions\(...\) \(.*test_sessions.py:\d+\): its cookie __Host-session is that .*:\d+\), too. Fix: "
    with pytest.raises(ConfigurationError, match=told):
        app.compile("wsgi")


@pytest.mark.parametrize("keys", [["secret"], "s" * 40, [b"secret"], ["s" * 40, "secret"], {"s" * 40, "s" * 41}])
def test_no_message_shows_a_key(keys: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"Sessions\(keys=.*test_sessions.py:.*Fix: ") as caught:
        Sessions(keys)
    assert "secret'" not in str(caught.value)
    assert "ssss" not in str(caught.value)


def test_memory_has_an_end(client_for: Any) -> None:
    store = MemoryStore(max_sessions=2)
    app = app_with(Sessions([KEY], store=store))
    clients = [client_for(app, scheme="https") for _ in range(3)]
    clients[0].put("/a?value=0")
    clients[1].put("/a?value=1")
    assert shown(clients[0]) == {"a": "0"}
    clients[2].put("/a?value=2")
    assert [shown(client) for client in clients] == [{"a": "0"}, {}, {"a": "2"}]


class Seen(msgspec.Struct, weakref=True):
    """What a session's visitor has seen."""

    pages: dict[str, int] = {}


def test_it_is_let_go_of_with_its_request(client_for: Any, store: Any) -> None:
    app, seen = App(sessions=Sessions([KEY], store=store)), []

    @app.post("/{page}")
    async def see(session: Session[Seen], page: str) -> None:
        session.data.pages[page] = 1
        seen.append(weakref.ref(session.data))

    client = client_for(app, scheme="https")
    gc.collect()
    gc.disable()
    try:
        client.post("/one")
        client.post("/two")  # behind which nothing of the first one is in use
        assert seen[0]() is None
    finally:
        gc.enable()
