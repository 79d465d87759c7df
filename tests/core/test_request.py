"""The request as a handler sees it: each part read once and only when asked for, over a reader of the test's own."""

import copy
import pickle
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from hinge import Address, ConfigurationError, Headers, HTTPError, Request, State
from hinge.request import HTTPConnection, quote_path


class Reader:
    """A HeadReader over a plain namespace, which counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def _ask(self, head: Any, name: str) -> Any:
        self.asked.append(name)
        value = getattr(head, name)
        if isinstance(value, Exception):
            raise value
        return value

    def method(self, head: Any) -> str:
        return str(self._ask(head, "method"))

    def path(self, head: Any) -> str:
        return str(self._ask(head, "path"))

    def prefix(self, head: Any) -> str:
        return str(self._ask(head, "prefix"))

    def query_string(self, head: Any) -> str:
        return str(self._ask(head, "query"))

    def header(self, name: str) -> Callable[[Any], str | None]:
        return lambda head: self._ask(head, "headers").get(name)

    def headers(self, head: Any) -> Headers:
        return Headers(self._ask(head, "headers").items())

    def scheme(self, head: Any) -> str:
        return str(self._ask(head, "scheme"))

    def http_version(self, head: Any) -> str:
        return str(self._ask(head, "http_version"))

    def client(self, head: Any) -> Address | None:
        found: Address | None = self._ask(head, "client")
        return found


def request(
    *, names: tuple[str, ...] = (), values: tuple[str, ...] = (), state: dict[str, Any] | None = None, **head: Any
) -> Request:
    defaults = {
        "method": "GET",
        "path": "/",
        "prefix": "",
        "query": "",
        "headers": {},
        "scheme": "http",
        "http_version": "1.1",
        "client": None,
    }
    endpoint = SimpleNamespace(
        config=SimpleNamespace(max_query_fields=3),
        plan=SimpleNamespace(streams_body=False, reads_form=False),
        path_names=names,
        route=None,
        url_for=lambda name, **params: f"/{name}" + "".join(f"/{value}" for value in params.values()),
    )
    reader: Any = Reader()
    return Request(reader, SimpleNamespace(**defaults | head), endpoint, values, state or {})  # type: ignore[arg-type]


# -- the head ----------------------------------------------------------------------------------------------------------


def test_what_the_reader_tells() -> None:
    found = request(method="PATCH", path="/a b", scheme="https", http_version="2", client=Address("::1", None))
    assert (found.method, found.path, found.scheme, found.http_version) == ("PATCH", "/a b", "https", "2")
    assert found.client == ("::1", None)
    assert found.route is None


def test_nothing_is_read_before_it_is_asked_for_and_then_once() -> None:
    found = request(query="a=1", headers={"cookie": "b=2"})
    reader: Any = found._reader
    assert reader.asked == []
    for _ in range(3):
        assert (found.query["a"], found.cookies["b"], found.headers["cookie"], found.path) == ("1", "2", "b=2", "/")
    assert reader.asked == ["query", "headers", "headers", "path"]


def test_the_host_is_judged_where_it_is_used() -> None:
    assert request(headers={"host": "Shop.example:8000"}).host == "shop.example:8000"
    for headers in ({}, {"host": "a,b"}, {"host": "a/b"}, {"host": ""}, {"host": "a:99999"}):
        with pytest.raises(HTTPError) as caught:
            _ = request(headers=headers).host
        assert caught.value.status == 400


def test_the_query_is_judged_where_it_is_used() -> None:
    assert request(query="a=1&a=2&b=").query.multi_items() == [("a", "1"), ("a", "2"), ("b", "")]
    with pytest.raises(HTTPError) as caught:
        _ = request(query="a&b&c&d").query
    assert caught.value.status == 400


def test_path_parameters_are_texts_by_name() -> None:
    found = request(names=("a", "b"), values=("1", "x/y"))
    assert found.path_params == {"a": "1", "b": "x/y"}
    assert request().path_params == {}


# -- url_for -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("", "/items/7"),
        ("/shop", "/shop/items/7"),
        ("/straße", "/stra%C3%9Fe/items/7"),
        ("/a b?c#d%2F", "/a%20b%3Fc%23d%252F/items/7"),
        ("//evil.example", "/evil.example/items/7"),
        ("/\\evil.example", "/%5Cevil.example/items/7"),
    ],
)
def test_url_for_is_quoted_below_the_mount_prefix(prefix: str, expected: str) -> None:
    """A prefix that a proxy's header brought must not become another host."""
    assert request(prefix=prefix).url_for("items", item_id=7) == expected


def test_quoting_a_path() -> None:
    assert quote_path("") == ""
    assert quote_path("/") == "/"
    assert quote_path("///a//b/") == "/a//b/"


# -- the body ----------------------------------------------------------------------------------------------------------


def test_a_body_that_was_not_read_is_an_error_with_its_remedy() -> None:
    for use in (lambda found: found.body, lambda found: found.json()):
        with pytest.raises(RuntimeError, match="needs_body=True"):
            use(request())


def with_body(body: bytes) -> Request:
    found = request()
    found._body = body
    return found


def test_the_body_and_its_json() -> None:
    assert with_body(b"").body == b""
    assert with_body(b'{"a": [1]}').json() == {"a": [1]}


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b'"\xff"', b"NaN", b"[" * 150 + b"]" * 150, b"[" * 5000 + b"]" * 5000, b"1 2"]
)
def test_what_is_no_json_is_a_400(body: bytes) -> None:
    with pytest.raises(HTTPError) as caught:
        with_body(body).json()
    assert caught.value.status == 400


# -- after the response ------------------------------------------------------------------------------------------------


def test_what_is_to_run_afterwards_is_kept_in_order() -> None:
    found = request()
    assert found._after is None
    found.after_response(print, 1, end="")
    found.after_response(len, "x")
    assert found._after == [(print, (1,), {"end": ""}), (len, ("x",), {})]


# -- state -------------------------------------------------------------------------------------------------------------


def test_each_request_has_a_state_of_its_own() -> None:
    shared = {"db": "connection"}
    first, second = request(state=shared), request(state=shared)
    first.state.user = "me"
    first.state["db"] = "other"
    assert first.state == {"db": "other", "user": "me"}
    assert second.state == {"db": "connection"}
    assert shared == {"db": "connection"}
    assert first.state is first.state


def test_keys_are_attributes() -> None:
    state = State(a=1)
    state.b = 2
    assert (state.a, state["b"]) == (1, 2)
    del state.a
    assert state == {"b": 2}
    with pytest.raises(AttributeError, match="the state has no 'a'; it has b"):
        _ = state.a
    with pytest.raises(AttributeError, match="it has nothing"):
        _ = State().a
    with pytest.raises(AttributeError, match="the state has no 'a'"):
        del state.a
    assert getattr(state, "a", None) is None


@pytest.mark.parametrize("name", ["items", "get", "keys", "update", "pop", "__class__"])
def test_a_name_that_could_not_be_read_back_is_refused(name: str) -> None:
    """`state.items = [...]` would be set, and `state.items` still be the method."""
    state = State()
    with pytest.raises(AttributeError, match=r"Fix: state\['"):
        setattr(state, name, [])
    state[name] = []
    assert state[name] == []


def test_a_state_is_copied_like_a_mapping() -> None:
    state = State(a=[1])
    for copied in (copy.copy(state), copy.deepcopy(state), pickle.loads(pickle.dumps(state))):
        assert type(copied) is State
        assert copied == state


def test_a_connection_is_all_that_a_request_and_a_websocket_share() -> None:
    assert issubclass(Request, HTTPConnection)
    assert not hasattr(HTTPConnection, "body")
    with pytest.raises(ConfigurationError):
        raise ConfigurationError


@pytest.mark.parametrize(
    ("port", "told"),
    [
        (80, 80),
        ("80", 80),
        (0, 0),
        (65535, 65535),
        (65536, None),
        (-1, None),
        (True, None),
        (80.0, None),
        (b"80", None),
        ("9" * 5000, None),
        ("-1", None),
        (" 80", None),
        ("\N{ARABIC-INDIC DIGIT THREE}", None),
        ("", None),
        (None, None),
        ([80], None),
    ],
)
def test_the_port_of_a_peer_is_what_a_server_makes_of_it(port: object, told: int | None) -> None:
    assert Address.told("::1", port) == Address("::1", told)


@pytest.mark.parametrize("host", ["", None, 0, b"::1", ("::1", 80)])
def test_what_is_no_host_is_no_peer(host: object) -> None:
    assert Address.told(host, 80) is None
