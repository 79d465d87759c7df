"""Security at compile: what is wrong with schemes and scopes, what is a guard, and what the document says of it."""

import re
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
import pytest

from hinge import App, Body, ConfigurationError, Cookie, Depends, HTTPConnection, HTTPError, Security, SecurityScopes
from hinge.compiling.frozen import Endpoint
from hinge.openapi import describe
from hinge.security import (
    AnyOf,
    APIKeyCookie,
    APIKeyHeader,
    APIKeyQuery,
    HTTPBasic,
    HTTPBasicCredentials,
    HTTPBearer,
    OAuth2AuthorizationCode,
    OAuth2PasswordBearer,
    OAuth2PasswordRequestForm,
    OpenIDConnect,
    same_secret,
)
from hinge.testing import Client

HERE = r"\S*test_security\.py:\d+"
BEARER = HTTPBearer()
OAUTH = OAuth2PasswordBearer("token", scopes={"read": "Read.", "write": "Write."})
Token = Annotated[str, Depends(BEARER)]


class Item(msgspec.Struct):
    name: str


def user(token: Token) -> str:
    return token


def judge(token: Annotated[str, Depends(OAUTH)], scopes: SecurityScopes) -> str:
    scopes.require(token.split(":"))
    return token


def app_with(handler: Callable[..., Any], path: str = "/", app: App | None = None, **options: Any) -> App:
    app = app or App()
    app.post(path, **options)(handler)
    return app


def endpoint_of(app: App) -> Endpoint:
    found = app.parts()[0].judged[0]
    assert found.mistakes == []
    assert found.endpoint is not None
    return found.endpoint


def refused(app: App, *texts: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        app.freeze("wsgi")
    for text in texts:
        assert re.search(text, str(raised.value)), str(raised.value)


# -- what schemes are made with ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: HTTPBearer(auto_error=False), "Fix: optional=True, in place of auto_error=False"),  # type: ignore[call-overload]
        (lambda: HTTPBearer(scheme_name="x"), "Fix: title=, in place of scheme_name="),  # type: ignore[call-overload]
        (lambda: HTTPBearer(bearerFormat="JWT"), "Fix: description="),  # type: ignore[call-overload]
        (lambda: HTTPBearer(titel="x"), "did you mean 'title'"),  # type: ignore[call-overload]
        (lambda: HTTPBearer("x"), "it takes"),  # type: ignore[call-overload]
        (lambda: HTTPBearer(scheme="Basic"), r"Fix: HTTPBasic\(\)"),
        (lambda: OAuth2PasswordBearer(tokenUrl="token"), "Fix: token_url="),  # type: ignore[call-overload]
        (lambda: OpenIDConnect(openIdConnectUrl="x"), r"Fix: OpenIDConnect\(url\)"),  # type: ignore[call-overload]
        (lambda: APIKeyHeader("x_key"), r"Fix: APIKeyHeader\('x-key'\)"),
        (lambda: APIKeyHeader("Authorization"), r"Fix: HTTPBearer\(scheme=...\)"),
        (lambda: APIKeyHeader("Cookie"), r"Fix: APIKeyCookie"),
        (lambda: AnyOf(BEARER), "it is of several schemes"),
        (lambda: AnyOf(BEARER, user), "is no scheme"),  # type: ignore[arg-type]
        (lambda: AnyOf(BEARER, HTTPBasic(optional=True)), r"is optional.*Fix: AnyOf\(..., optional=True\)"),
        (lambda: AnyOf(BEARER, HTTPBasic(), title="x"), "Fix: title= of each"),  # type: ignore[call-overload]
        (lambda: Security(user, use_cache=False), "Fix: cached=False"),  # type: ignore[call-overload]
        (lambda: Security(user, scopes="read"), r"Fix: scopes=\['read'\]"),
        (lambda: Security(user, scopes=["a b"]), "is no scope"),
        (lambda: Security(user, user), "it takes one provider"),  # type: ignore[call-overload]
        (lambda: Depends(user, scopes=["read"]), r"Fix: hinge.Security\(f, scopes="),  # type: ignore[call-overload]
        (lambda: Depends(user, auto_error=False), "optional=True"),  # type: ignore[call-overload]
    ],
)
def test_the_words_of_others(make: Callable[[], Any], text: str) -> None:
    with pytest.raises(ConfigurationError, match=text) as raised:
        make()
    assert re.search(HERE, str(raised.value))


# -- graphs that cannot be ---------------------------------------------------------------------------------------------


def test_scopes_that_nobody_judges() -> None:
    def handler(user: Annotated[str, Security(user, scopes=["read"])]) -> None: ...

    refused(app_with(handler), rf"handler .*{HERE}", "the scopes read, and nothing on it judges them", "Fix: .*require")


def test_a_stand_in_judges_scopes_in_an_app_and_need_not_in_a_test() -> None:
    def handler(user: Annotated[str, Security(judge, scopes=["read"])]) -> str:
        return user

    def stand_in() -> str:
        return "ada"

    with Client(app_with(handler), backend="wsgi", overrides={judge: stand_in}) as client:
        assert client.post("/").text == "ada"
    refused(app_with(handler, app=App(overrides={judge: stand_in})), "the scopes read, and nothing on it judges them")


def test_a_scope_that_the_scheme_does_not_declare() -> None:
    def handler(user: Annotated[str, Security(judge, scopes=["raed"])]) -> None: ...

    refused(app_with(handler), rf"'raed', which OAuth2PasswordBearer \({HERE}\) does not declare", "Fix: .*raed")


def test_a_class_in_place_of_a_scheme() -> None:
    def handler(token: Annotated[str, Depends(HTTPBearer)]) -> None: ...

    refused(app_with(handler), r"Depends\(HTTPBearer\) .*Fix: Depends\(HTTPBearer\(...\)\)")


def test_a_scheme_of_the_worker() -> None:
    def handler(token: Annotated[str, Depends(BEARER, scope="app")]) -> None: ...

    refused(app_with(handler), "it reads each request", "Fix: drop scope")


def test_a_type_that_a_scheme_does_not_give() -> None:
    def handler(token: Annotated[HTTPBasicCredentials, Depends(BEARER)]) -> None: ...

    def none(token: Annotated[str, Depends(HTTPBearer(optional=True))]) -> None: ...

    refused(app_with(handler), rf"dependency hinge.security.bearer.HTTPBearer \({HERE}\) gives str")
    refused(app_with(none), r"is annotated str, .* gives str \| None")


def test_a_requirement_that_is_written_by_hand() -> None:
    def handler(token: Token) -> None: ...

    written = {"security_schemes": {"key": {"type": "http", "scheme": "bearer"}}, "security": [{"key": []}]}
    refused(app_with(handler, app=App(**written)), r"App\(security=...\) is written by hand")  # type: ignore[arg-type]
    refused(app_with(handler, security=[{"key": []}], app=App(openapi_path=None)), "security= is written by hand")
    assert app_with(lambda: None, app=App(**written)).freeze("wsgi")  # type: ignore[arg-type]


def test_two_schemes_of_one_title() -> None:
    first, second = HTTPBearer(title="login"), HTTPBasic(title="login")

    def handler(one: Annotated[str, Depends(first)], other: Annotated[Any, Depends(second)]) -> None: ...

    refused(
        app_with(handler), rf"HTTPBasic \({HERE}\): title='login' is that of HTTPBearer \({HERE}\)", "another title"
    )


def test_a_scheme_outside_of_requests() -> None:
    with pytest.raises(ConfigurationError, match="takes the head"), App().resolve(user):
        pass


# -- what is a guard ---------------------------------------------------------------------------------------------------


def names_before_the_body(handler: Callable[..., Any]) -> list[str]:
    composed = endpoint_of(app_with(handler)).plan.composed
    assert composed is not None
    assert composed.is_guarded
    return [node.provider.name.rpartition(".")[2] for node in composed.needs.order[: composed.needs.guards]]


def plain() -> str:
    return ""


def draft(user: Annotated[str, Depends(user)], item: Body[Item]) -> str:
    return item.name


def test_schemes_what_needs_them_and_what_is_named_so() -> None:
    def handler(item: Item, plain: Annotated[str, Depends(plain)], user: Annotated[str, Depends(user)]) -> None: ...

    def secured(item: Item, one: Annotated[str, Security(plain)]) -> None: ...

    def alone(item: Item, token: Token) -> None: ...

    assert names_before_the_body(handler) == ["HTTPBearer", "user"]
    assert names_before_the_body(secured) == ["plain"]
    assert names_before_the_body(alone) == ["HTTPBearer"]


def test_what_takes_the_body_as_well_runs_behind_it() -> None:
    def later(draft: Annotated[str, Depends(draft)]) -> str:
        return draft

    def handler(found: Annotated[str, Depends(later)]) -> str:
        return found

    assert names_before_the_body(handler) == ["HTTPBearer", "user"]
    app = app_with(handler)
    with Client(app, backend="wsgi") as client:
        assert client.post("/", content=b"{").status_code == 401
        assert client.post("/", json={"name": "lamp"}, headers={"authorization": "Bearer x"}).text == "lamp"
    refused(app_with(lambda: None, dependencies=[Depends(draft)]), "takes the body as 'item'")


# -- the document ------------------------------------------------------------------------------------------------------


def security_of(handler: Callable[..., Any], **options: Any) -> Any:
    return describe(app_with(handler, **options))["paths"]["/"]["post"].get("security")


def test_the_objects_of_schemes() -> None:
    schemes = {
        "bearer": (HTTPBearer(description="A token."), {"type": "http", "scheme": "bearer", "description": "A token."}),
        "token": (HTTPBearer(scheme="Token"), {"type": "http", "scheme": "Token"}),
        "basic": (HTTPBasic(), {"type": "http", "scheme": "basic"}),
        "key": (APIKeyHeader("X-Key"), {"type": "apiKey", "in": "header", "name": "X-Key"}),
        "cookie": (APIKeyCookie("session"), {"type": "apiKey", "in": "cookie", "name": "session"}),
        "query": (APIKeyQuery("key"), {"type": "apiKey", "in": "query", "name": "key"}),
        "oidc": (OpenIDConnect("/oidc"), {"type": "openIdConnect", "openIdConnectUrl": "/oidc"}),
        "password": (
            OAuth2PasswordBearer("token", scopes={"a": "A"}, refresh_url="again"),
            {
                "type": "oauth2",
                "flows": {"password": {"tokenUrl": "token", "refreshUrl": "again", "scopes": {"a": "A"}}},
            },
        ),
        "code": (
            OAuth2AuthorizationCode("/authorize", "/token"),
            {
                "type": "oauth2",
                "flows": {"authorizationCode": {"authorizationUrl": "/authorize", "tokenUrl": "/token", "scopes": {}}},
            },
        ),
    }
    app = App()
    for name, (scheme, _) in schemes.items():
        scheme.title = name
        app.post(f"/{name}", dependencies=[Depends(scheme)])(plain)
    assert describe(app)["components"]["securitySchemes"] == {name: one for name, (_, one) in schemes.items()}


def test_requirements() -> None:
    key, basic, maybe = APIKeyHeader("x-key"), HTTPBasic(), APIKeyQuery("k", optional=True)

    def both(token: Token, key: Annotated[str, Depends(key)]) -> None: ...

    def either(token: Token, any_of: Annotated[Any, Depends(AnyOf(key, basic))]) -> None: ...

    def optional(key: Annotated[str | None, Depends(maybe)]) -> None: ...

    def added(token: Token, key: Annotated[str | None, Depends(maybe)]) -> None: ...

    def scoped(user: Annotated[str, Security(judge, scopes=["write"])]) -> None: ...

    assert security_of(both) == [{"HTTPBearer": [], "APIKeyHeader": []}]
    assert security_of(either) == [{"HTTPBearer": [], "APIKeyHeader": []}, {"HTTPBearer": [], "HTTPBasic": []}]
    assert security_of(optional) == [{"APIKeyQuery": []}, {}]
    assert security_of(added) == [{"HTTPBearer": [], "APIKeyQuery": []}, {"HTTPBearer": []}]
    guards = [Security(judge, scopes=["read", "write"])]
    assert security_of(scoped, dependencies=guards) == [{"OAuth2PasswordBearer": ["read", "write"]}]
    assert security_of(plain) is None
    assert security_of(plain, security=[{"own": []}]) == [{"own": []}]


def test_names_and_statuses() -> None:
    app = App(security_schemes={"HTTPBearer": {"type": "mutualTLS"}})
    app.get("/a", dependencies=[Depends(HTTPBearer()), Depends(HTTPBearer())])(plain)
    app.get("/b", dependencies=[Depends(HTTPBearer(scheme="Token"))])(plain)
    document = describe(app)
    assert list(document["components"]["securitySchemes"]) == ["HTTPBearer", "HTTPBearer_2", "HTTPBearer_3"]
    operation = document["paths"]["/a"]["get"]
    assert operation["security"] == [{"HTTPBearer_2": []}]
    assert "401" in operation["responses"]
    assert "parameters" not in operation


def test_overrides_are_not_described() -> None:
    def fake(name: Cookie[str] = "fake") -> str:
        return name

    app = app_with(user)
    with Client(app, backend="wsgi", overrides={BEARER: fake}) as client:
        assert client.post("/").text == "fake"
        assert client.get("/openapi.json").json()["paths"]["/"]["post"]["security"] == [{"HTTPBearer": []}]
    with Client(app, backend="wsgi", overrides={BEARER: APIKeyHeader("x-key")}) as client:
        assert client.post("/").status_code == 401
        assert client.post("/", headers={"x-key": "k"}).text == "k"


# -- without a server --------------------------------------------------------------------------------------------------


def test_scopes_as_a_value() -> None:
    scopes = SecurityScopes(("read", "write"), "Bearer x")
    scopes.require("write read other")
    scopes.require(iter(["read", "write"]))
    assert scopes.missing("write") == ["read"]
    assert scopes.text == "read write"
    with pytest.raises(HTTPError) as raised:
        scopes.require("readwrite")
    assert (raised.value.status, raised.value.headers) == (403, {"www-authenticate": "Bearer x"})
    SecurityScopes().require([])


def test_a_scheme_that_is_called() -> None:
    app = App()

    @app.get("/")
    def handler(connection: HTTPConnection) -> str:
        return HTTPBearer()(connection)

    with Client(app, backend="wsgi") as client:
        answer = client.get("/")
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="api"')
        assert client.get("/", headers={"authorization": "Bearer x"}).text == "x"


def test_secrets() -> None:
    assert same_secret("ä", "ä".encode())
    assert not same_secret("\udcff", "a")
    assert not same_secret("", "a")
    with pytest.raises(TypeError, match="not NoneType"):
        same_secret("a", None)  # type: ignore[arg-type]
    assert "pw" not in repr(HTTPBasicCredentials("ada", "pw"))
    assert OAuth2PasswordRequestForm("ada", "pw", "a b").scopes == ["a", "b"]
