"""One value in several formats: bodies by Content-Type, results by Accept, on every backend."""

import json
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import msgspec
import pytest

from hinge import App, Body, ConfigurationError, HTTPError, Response, Router
from hinge.codecs import JSON, MSGPACK, TOML, YAML, Codec
from hinge.middleware import CORS, Middleware

yaml = pytest.importorskip("yaml")


class Item(msgspec.Struct):
    name: str
    price: float = 0.0
    tags: list[str] = []


ITEM = Item("lämp", 19.5, ["a: b", "yes"])


def _csv(value: Any) -> bytes:
    if not isinstance(value, list):
        raise ValueError("rows only")
    return "".join(f"{one.name};{one.price}\r\n" for one in value).encode()


CSV = Codec("text/csv", encode=_csv)

FORMATS: dict[str, tuple[Callable[[Any], bytes], Callable[[bytes], Any]]] = {
    "application/json": (msgspec.json.encode, msgspec.json.decode),
    "application/msgpack": (msgspec.msgpack.encode, msgspec.msgpack.decode),
    "application/x-msgpack": (msgspec.msgpack.encode, msgspec.msgpack.decode),
    "application/yaml": (lambda value: yaml.safe_dump(msgspec.to_builtins(value)).encode(), yaml.safe_load),
    "application/vnd.shop+yaml": (lambda value: yaml.safe_dump(msgspec.to_builtins(value)).encode(), yaml.safe_load),
}


def shop(**options: Any) -> App:
    app = App(**{"codecs": [JSON, MSGPACK, YAML, CSV], **options})
    app.calls = []  # type: ignore[attr-defined]

    @app.post("/items", status=201)
    def create(item: Item) -> Item:
        app.calls.append(item)  # type: ignore[attr-defined]
        return item

    @app.get("/items")
    async def every() -> list[Item]:
        return [ITEM]

    @app.get("/one/{key}", inline=True)
    def one(key: int) -> Item | None:
        return ITEM if key else None

    @app.get("/free")
    def free(kind: str, accept: str = "mine") -> Any:
        return {"text": "x", "response": Response(b"{}", media_type="image/png"), "value": {"accept": accept}}[kind]

    @app.get("/broken")
    def broken() -> Item:
        raise HTTPError(409)

    return app


@pytest.mark.parametrize("media_type", FORMATS)
def test_a_value_goes_both_ways(each_backend: Any, media_type: str) -> None:
    encode, decode = FORMATS[media_type]
    accepted = media_type if "vnd" not in media_type else "application/yaml"
    with each_backend(shop()) as client:
        answer = client.post("/items", content=encode(ITEM), headers={"content-type": media_type, "accept": accepted})
        assert (answer.status_code, answer.headers["content-type"]) == (201, accepted)
        assert answer.headers["vary"] == "accept"
        assert decode(answer.content) == {"name": "lämp", "price": 19.5, "tags": ["a: b", "yes"]}
        body = encode({"name": 1, "tags": ["a", 2]})
        answer = client.post("/items", content=body, headers={"content-type": media_type})
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
        assert [error["pointer"] for error in answer.json()["errors"]] == ["/name", "/tags/1"]


@pytest.mark.skipif(find_spec("tomli_w") is None, reason="needs hinge-web[toml]")
def test_toml_goes_both_ways(each_backend: Any) -> None:
    import tomllib

    with each_backend(shop(codecs=[JSON, TOML])) as client:
        headers = {"content-type": "application/toml", "accept": "application/toml"}
        answer = client.post("/items", content=b'name = "x"\ntags = ["a"]', headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (201, "application/toml")
        assert tomllib.loads(answer.text) == {"name": "x", "price": 0.0, "tags": ["a"]}
        answer = client.post("/items", content=b"name = 1\ntags = 2024-01-01", headers=headers)
        assert [error["pointer"] for error in answer.json()["errors"]] == ["/name", "/tags"]
        assert client.post("/items", content=b"name =", headers=headers).status_code == 400
        # An array is no TOML document.
        assert client.get("/items", headers={"accept": "application/toml"}).status_code == 406
        answer = client.get("/items", headers={"accept": "application/toml, */*;q=0.1"})
        assert answer.headers["content-type"] == "application/json"
        answer = client.get("/free?kind=value", headers=headers)
        assert answer.text == 'accept = "mine"\n'


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, "application/json"),
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/html, application/xhtml+xml, */*;q=0.8", "application/json"),
        ("application/json;q=0.5, application/yaml", "application/yaml"),
        ("application/*;q=0.1, application/msgpack", "application/msgpack"),
        ("*/*, application/json;q=0", "application/msgpack"),
        ("text/*", "text/csv; charset=utf-8"),
        ("APPLICATION/JSON; charset=utf-8", "application/json"),
        ("text/yaml", "text/yaml; charset=utf-8"),
        ("nonsense, ;;, application/yaml", "application/yaml"),
        ("nonsense", "application/json"),
        ("text/html", None),
        ("application/json;version=2", None),
        ("*/*;q=0", None),
    ],
)
def test_accept_chooses(each_backend: Any, accept: str | None, media_type: str | None) -> None:
    with each_backend(shop()) as client:
        answer = client.get("/items", headers={} if accept is None else {"accept": accept})
        assert answer.headers["vary"] == "accept"
        if media_type is not None:
            assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
            assert client.head("/items", headers={"accept": accept or ""}).headers["content-type"] == media_type
            return
        assert (answer.status_code, answer.headers["content-type"]) == (406, "application/problem+json")
        offered = "application/json, application/msgpack, application/yaml, text/csv"
        assert answer.json()["detail"] == f"Accept names none of the media types of this answer: {offered}."


def test_what_nothing_can_satisfy_is_refused_before_the_handler_runs(each_backend: Any) -> None:
    app = shop()
    with each_backend(app) as client:
        assert client.post("/items", json={"name": "x"}, headers={"accept": "image/png"}).status_code == 406
        assert client.post("/items", json={"name": 1}, headers={"accept": "image/png"}).status_code == 422
    assert app.calls == []  # type: ignore[attr-defined]


def test_only_encoded_results_are_negotiated(each_backend: Any) -> None:
    with each_backend(shop()) as client:
        yes = {"accept": "application/yaml"}
        assert client.get("/one/0", headers=yes).status_code == 204
        assert client.get("/one/1", headers=yes).headers["content-type"] == "application/yaml"
        assert client.get("/one/x", headers=yes).status_code == 404
        for kind, media_type in (("text", "text/plain; charset=utf-8"), ("response", "image/png")):
            answer = client.get(f"/free?kind={kind}", headers={"accept": "application/yaml"})
            assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
            assert "vary" not in answer.headers
        assert yaml.safe_load(client.get("/free?kind=value&accept=own", headers=yes).text) == {"accept": "own"}
        assert client.get("/broken", headers=yes).headers["content-type"] == "application/problem+json"
        # What a format cannot express goes out in the next one that is acceptable.
        answer = client.get("/one/1", headers={"accept": "text/csv, application/json;q=0.1"})
        assert (answer.status_code, answer.json()["price"]) == (200, 19.5)
        assert client.get("/one/1", headers={"accept": "text/csv"}).status_code == 406


@pytest.mark.parametrize(
    ("content", "sent_as", "accept", "answer"),
    [
        (b"%d" % 2**64, "application/json", "application/msgpack, application/json;q=0.5", (200, "application/json")),
        (b"%d" % 2**64, "application/json", "application/msgpack", (406, "application/problem+json")),
        (b"%d" % (2**64 - 1), "application/json", "application/msgpack", (200, "application/msgpack")),
        (b"a=0x" + b"f" * 3000, "application/toml", "application/msgpack, */*;q=0.1", (200, "application/json")),
        (b"a=0x" + b"f" * 4000, "application/toml", "*/*", (400, "application/problem+json")),
        (b"a=[{b=0b" + b"1" * 15_000 + b"}]", "application/toml", "*/*", (400, "application/problem+json")),
    ],
)
def test_a_number_that_a_format_cannot_say_goes_out_in_another(
    each_backend: Any, content: bytes, sent_as: str, accept: str, answer: Any
) -> None:
    app = App(codecs=[JSON, MSGPACK, TOML])

    @app.post("/")
    def echo(value: Body[Any]) -> Any:
        return value

    with each_backend(app) as client:
        response = client.post("/", content=content, headers={"content-type": sent_as, "accept": accept})
        assert (response.status_code, response.headers["content-type"]) == answer


def test_middleware_sees_the_chosen_format(each_backend: Any) -> None:
    app = shop(middleware=[CORS(origins=["https://shop.example"])])
    router = Router(prefix="/in")

    @router.middleware
    def mark(request: Any) -> Middleware:
        response = yield
        response.headers["x-kind"] = response.media_type or ""
        return response

    @router.get("/x")
    def inside() -> Item:
        return ITEM

    app.include(router)
    with each_backend(app) as client:
        for _ in range(2):
            answer = client.get("/in/x", headers={"accept": "application/yaml", "origin": "https://shop.example"})
            assert answer.headers["x-kind"] == "application/yaml"
            assert sorted(answer.headers["vary"].lower().split(", ")) == ["accept", "origin"]


@pytest.mark.parametrize(
    "body", [b"- &a [1]\n- *a", b"[" * 500, b"? [a]\n: 1", b"!!python/none x", b"a: [", b"a\n---\nb"]
)
def test_hostile_yaml_is_refused(each_backend: Any, body: bytes) -> None:
    with each_backend(shop()) as client:
        answer = client.post("/items", content=body, headers={"content-type": "application/yaml"})
        assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
        answer = client.post("/items", content=b"#" * 200_000, headers={"content-type": "application/yaml"})
        assert (answer.status_code, answer.json()["limit"]) == (413, 131072)


def test_only_enabled_codecs_are_read(each_backend: Any) -> None:
    with each_backend(shop(codecs=[MSGPACK])) as client:
        answer = client.post("/items", json={"name": "x"})
        assert (answer.status_code, answer.headers["accept"]) == (415, "application/msgpack")
        assert msgspec.msgpack.decode(client.get("/items").content)[0]["name"] == "lämp"
    with each_backend(shop(codecs=None)) as client:
        assert (
            client.post("/items", content=b"name: x", headers={"content-type": "application/yaml"}).status_code == 415
        )
        answer = client.get("/items", headers={"accept": "application/yaml"})
        assert (answer.headers["content-type"], "vary" in answer.headers) == ("application/json", False)


def test_a_codec_of_ones_own_is_read(each_backend: Any) -> None:
    def decoder(target: Any) -> Callable[[bytes], Any]:
        return lambda body: msgspec.convert(dict(line.split("=", 1) for line in body.decode().split()), target)

    lines = Codec("application/x-lines", decoder, lambda value: b"name=" + value.name.encode(), suffix="+lines")
    headers = {"content-type": "application/a+lines", "accept": "application/x-lines"}
    with each_backend(shop(codecs=[JSON, lines])) as client:
        assert client.post("/items", content=b"name=x", headers=headers).content == b"name=x"
        answer = client.post("/items", content=b"other=x", headers=headers)
        assert (answer.status_code, answer.json()["errors"]) == (
            422, [{"in": "body", "pointer": "/name", "message": "is required"}],
        )  # fmt: skip
        answer = client.post("/items", content=b"x", headers=headers)
        assert (answer.status_code, answer.json()["detail"]) == (
            400,
            "The body is not well-formed application/x-lines.",
        )


def test_json_lines_and_streams_are_not_negotiated(each_backend: Any) -> None:
    app = shop()

    @app.get("/lines")
    def lines() -> Iterator[Item]:
        yield ITEM

    with each_backend(app) as client:
        answer = client.get("/lines", headers={"accept": "application/yaml"})
        assert (answer.headers["content-type"], json.loads(answer.text)["name"]) == ("application/jsonl", "lämp")


def test_the_openapi_document_names_the_formats() -> None:
    from hinge.openapi import describe

    paths = describe(shop())["paths"]
    both = ["application/json", "application/msgpack", "application/yaml"]
    create = paths["/items"]["post"]
    assert list(create["requestBody"]["content"]) == both
    assert list(create["responses"]["201"]["content"]) == [*both, "text/csv"]
    assert "406" in create["responses"]
    assert "parameters" not in paths["/items"]["get"]
    assert [one["in"] for one in paths["/free"]["get"]["parameters"]] == ["query", "query"]
    paths = describe(shop(codecs=None))["paths"]
    assert list(paths["/items"]["post"]["requestBody"]["content"]) == both[:2]
    assert list(paths["/items"]["get"]["responses"]["200"]["content"]) == both[:1]
    assert "406" not in paths["/items"]["get"]["responses"]


# -- mistakes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("codecs", "said"),
    [
        ([], "is empty"),
        ("yaml", "is no list"),
        (YAML, "is no list"),
        (["yaml"], "'yaml' is no Codec"),
        ([JSON, Codec("application/json", encode=_csv)], "two codecs claim 'application/json'"),
    ],
)
def test_wrong_codecs(codecs: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"App\(codecs=\.\.\.\) \(.*test_codecs\.py:\d+\).*{said}.*Fix: "):
        App(codecs=codecs)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"media_type": "json", "encode": _csv}, "is no media type"),
        ({"media_type": "text/*", "encode": _csv}, "is no media type"),
        ({"media_type": "text/csv; header=present", "encode": _csv}, "is no media type"),
        ({"media_type": "text/csv", "encode": _csv, "suffix": "+ x"}, "suffix"),
        ({"media_type": "text/csv"}, "neither reads nor writes"),
    ],
)
def test_a_wrong_codec(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Codec(**options)


def test_a_missing_extra_is_told_by_the_compile(each_backend: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    for module, codec, extra in (("yaml", YAML, "yaml"), ("tomli_w", TOML, "toml")):
        monkeypatch.setitem(sys.modules, module, None)
        with (
            pytest.raises(ConfigurationError, match=rf"\A[^\n]*pip install 'hinge-web\[{extra}\]'\Z"),
            each_backend(App(codecs=[JSON, codec])),
        ):
            pass


def test_routes_that_no_codec_serves_are_told_by_the_compile(each_backend: Any) -> None:
    with (
        pytest.raises(ConfigurationError, match=r"none of App\(codecs=\.\.\.\) reads bodies"),
        each_backend(shop(codecs=[CSV])),
    ):
        pass
    app = App(codecs=[Codec("text/x", lambda target: bytes.decode)])

    @app.get("/")
    def items() -> list[int]:
        return []

    with pytest.raises(ConfigurationError, match=r"items.*none of App\(codecs=\.\.\.\) can encode"), each_backend(app):
        pass
