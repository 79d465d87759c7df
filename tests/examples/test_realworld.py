"""examples/realworld, in process: what its API answers, what it refuses, and that no connection stays behind."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.examples.realworld_support import ARTICLE, Modules, Pools, Someone

from hinge.testing import Client, ClientResponse

pytestmark = pytest.mark.gate

TAGS = ["dragons", "training"]
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
SUMMARY = {
    "slug", "title", "description", "tagList", "createdAt", "updatedAt", "favorited", "favoritesCount", "author",
}  # fmt: skip
PROFILE = {"username", "bio", "image", "following"}
TOKEN = "Token eyJhbGciOiJIUzI1NiJ9.e30.XmNK3GpH3Ys_7wsYBfq4C3M6goz71I7dTgUkuIa5lyQ"
"""Well formed, signed by somebody else."""


@pytest.fixture
def pools() -> Pools:
    return Pools()


@pytest.fixture
def client(realworld: Modules, settings: Any, pools: Pools, backend: str) -> Iterator[Client]:
    database = realworld("database")

    def engine() -> Iterator[Any]:
        yield from map(pools.watched, database.engine(settings))

    async def async_engine() -> Any:
        async for made in database.async_engine(settings):
            yield pools.watched(made)

    overrides = {database.engine: engine, database.async_engine: async_engine}
    app = realworld("app").create_app(settings)
    with Client(app, backend, overrides=overrides, raise_server_exceptions=True) as client:
        yield client
        assert pools.lent() == 0, "every connection was given back"


@pytest.fixture
def nobody(client: Client) -> Someone:
    return Someone(client)


@pytest.fixture
def ann(nobody: Someone) -> Someone:
    return nobody.registered("ann")


@pytest.fixture
def ben(nobody: Someone) -> Someone:
    return nobody.registered("ben")


def errors(response: ClientResponse) -> set[str]:
    """Return the fields that are wrong; `body` tells them in words and is always there."""
    document = response.json()
    assert response.headers["content-type"] == "application/json"
    assert set(document) == {"errors"}
    assert all(isinstance(one, str) for messages in document["errors"].values() for one in messages)
    assert document["errors"]["body"]
    return set(document["errors"])


# -- users and profiles ------------------------------------------------------------------------------------------------


def test_somebody_registers_and_logs_in(nobody: Someone, ann: Someone) -> None:
    assert ann.user == {
        "username": "ann",
        "email": "ann@example.org",
        "bio": "",
        "image": "",
        "token": ann.user["token"],
    }
    login = nobody.send("POST", "/users/login", user={"email": "ann@example.org", "password": "ann's password"})
    assert set(login) == {"user"}
    assert Someone(nobody.client, login["user"]).send("GET", "/user")["user"]["username"] == "ann"


@pytest.mark.parametrize(("email", "password"), [("ann@example.org", "wrong"), ("nobody@example.org", "x")])
def test_wrong_credentials(client: Client, ann: Someone, email: str, password: str) -> None:
    response = client.post("/api/users/login", json={"user": {"email": email, "password": password}})
    assert (response.status_code, errors(response)) == (401, {"body", "credentials"})
    assert response.headers["www-authenticate"].startswith("Token ")


def test_somebody_changes_themselves(nobody: Someone, ann: Someone) -> None:
    changed = ann.send("PUT", "/user", user={"bio": "I write.", "image": "https://i.example/a.png", "email": "a@b.c"})
    assert changed["user"]["bio"] == "I write."
    assert ann.send("GET", "/user")["user"] | {"token": ""} == {
        "username": "ann", "email": "a@b.c", "bio": "I write.", "image": "https://i.example/a.png", "token": "",
    }  # fmt: skip
    assert ann.send("PUT", "/user", user={"image": None})["user"]["image"] == ""
    ann.send("PUT", "/user", user={"password": "another"})
    nobody.send("POST", "/users/login", 401, user={"email": "a@b.c", "password": "ann's password"})
    nobody.send("POST", "/users/login", user={"email": "a@b.c", "password": "another"})


def test_names_are_one_s_own(client: Client, ann: Someone, ben: Someone) -> None:
    response = client.post(
        "/api/users", json={"user": {"username": "ann", "email": "ben@example.org", "password": "x"}}
    )
    assert (response.status_code, errors(response)) == (422, {"body", "username", "email"})
    ben.send("PUT", "/user", 422, user={"username": "ann"})
    ben.send("PUT", "/user", 422, user={"email": "ann@example.org"})
    ben.send("PUT", "/user", user={"username": "ben", "email": "ben@example.org"})


@pytest.mark.parametrize("name", ["ann ", "\u00a0ann", "ann\n", "\uff41nn", "ann\u200b", "\u202eann", "\u3000"])
def test_nobody_has_a_name_that_looks_like_another_s(client: Client, ann: Someone, ben: Someone, name: str) -> None:
    user = {"username": name, "email": "eve@example.org", "password": "x"}
    response = client.post("/api/users", json={"user": user})
    assert (response.status_code, errors(response)) == (422, {"body", "username"})
    ben.send("PUT", "/user", 422, user={"username": name})


def test_a_name_is_one_however_its_accents_are_typed(ben: Someone) -> None:
    assert ben.send("PUT", "/user", user={"username": "Rene\u0301"})["user"]["username"] == "Ren\u00e9"
    assert ben.send("GET", "/profiles/Ren%C3%A9")["profile"]["username"] == "Ren\u00e9"


def test_of_many_who_register_at_once_one_gets_the_name(nobody: Someone) -> None:
    def register(number: int) -> int:
        user = {"username": "eve", "email": f"eve{number}@example.org", "password": "x"}
        return nobody.client.post("/api/users", json={"user": user}).status_code

    with ThreadPoolExecutor(8) as threads:
        assert sorted(threads.map(register, range(8))) == [201, *[422] * 7]


def test_profiles_and_who_follows_whom(nobody: Someone, ann: Someone, ben: Someone) -> None:
    assert nobody.send("GET", "/profiles/ann") == {
        "profile": {"username": "ann", "bio": "", "image": "", "following": False},
    }  # fmt: skip
    for _ in range(2):
        assert ben.send("POST", "/profiles/ann/follow")["profile"]["following"] is True
    assert ben.send("GET", "/profiles/ann")["profile"]["following"] is True
    assert ann.send("GET", "/profiles/ben")["profile"]["following"] is False
    for _ in range(2):
        assert ben.send("DELETE", "/profiles/ann/follow")["profile"]["following"] is False
    assert ben.send("GET", "/profiles/ann")["profile"]["following"] is False


# -- articles ----------------------------------------------------------------------------------------------------------


def test_an_article_is_written_changed_and_deleted(nobody: Someone, ann: Someone) -> None:
    article = ann.write(tagList=TAGS[::-1])
    assert set(article) == SUMMARY | {"body"}
    assert set(article["author"]) == PROFILE
    assert article["slug"] == "how-to-train-your-dragon"
    assert (article["tagList"], article["favorited"], article["favoritesCount"]) == (TAGS, False, 0)
    assert MOMENT.fullmatch(article["createdAt"])
    assert article["createdAt"] == article["updatedAt"]
    path = f"/articles/{article['slug']}"
    assert nobody.send("GET", path)["article"] == article
    changed = ann.send("PUT", path, article={"body": "With care."})["article"]
    assert changed == article | {"body": "With care.", "updatedAt": changed["updatedAt"]}
    assert changed["updatedAt"] > article["updatedAt"]
    renamed = ann.send("PUT", path, article={"title": "Dragons", "tagList": ["training", "fire"]})["article"]
    assert (renamed["slug"], renamed["tagList"]) == ("dragons", ["fire", "training"])
    nobody.send("GET", path, 404)
    assert ann.send("DELETE", "/articles/dragons", 204) is None
    nobody.send("GET", "/articles/dragons", 404)


def test_what_belongs_to_an_article_goes_with_it(ann: Someone, ben: Someone) -> None:
    ann.write(tagList=TAGS)
    path = "/articles/how-to-train-your-dragon"
    ben.send("POST", f"{path}/favorite")
    ben.send("POST", f"{path}/comments", comment={"body": "Nice."})
    ann.send("DELETE", path, 204)
    assert ann.send("GET", "/tags") == {"tags": []}
    assert ann.write()["favoritesCount"] == 0
    assert ann.send("GET", f"{path}/comments") == {"comments": []}


def test_slugs_come_from_titles_and_stay_unique(ann: Someone) -> None:
    first, second = ann.write(title="Ünïcode, & more!"), ann.write(title="Unicode more")
    assert first["slug"] == "unicode-more"
    assert second["slug"].startswith("unicode-more-")
    assert ann.write(title="Feed")["slug"] != "feed", "that is a path of its own"
    assert ann.write(title="!?")["slug"] == "article"
    assert ann.send("PUT", "/articles/unicode-more", article={"title": "Ünïcode, & more!"})["article"] == first | {
        "updatedAt": ann.send("GET", "/articles/unicode-more")["article"]["updatedAt"],
    }  # fmt: skip


def test_lists_are_filtered_and_in_pages_the_newest_first(nobody: Someone, ann: Someone, ben: Someone) -> None:
    for number in range(3):
        ann.write(title=f"a{number}", tagList=TAGS[: number + 1])
    ben.write(title="b0", tagList=["fire"])
    ben.send("POST", "/articles/a1/favorite")
    found = nobody.send("GET", "/articles")
    assert found["articlesCount"] == 4
    assert all(set(article) == SUMMARY for article in found["articles"]), "lists have no bodies"
    for query, expected in {
        "": ["b0", "a2", "a1", "a0"],
        "?limit=2": ["b0", "a2"],
        "?limit=2&offset=3": ["a0"],
        "?offset=4": [],
        "?author=ann": ["a2", "a1", "a0"],
        "?author=nobody": [],
        "?tag=training": ["a2", "a1"],
        "?tag=training&favorited=ben": ["a1"],
        "?favorited=ann": [],
        "?author=ann&tag=dragons&limit=1&offset=1": ["a1"],
    }.items():
        assert nobody.slugs(query) == expected, query
    assert nobody.send("GET", "/articles?author=ann&limit=1")["articlesCount"] == 3
    assert nobody.send("GET", "/tags") == {"tags": ["dragons", "training", "fire"]}


def test_the_feed_has_what_those_write_whom_one_follows(ann: Someone, ben: Someone) -> None:
    assert ann.send("GET", "/articles/feed") == {"articles": [], "articlesCount": 0}
    ben.write(title="b0")
    ben.write(title="b1")
    ann.write(title="a0")
    ann.send("POST", "/profiles/ben/follow")
    feed = ann.send("GET", "/articles/feed?limit=1")
    assert ([article["slug"] for article in feed["articles"]], feed["articlesCount"]) == (["b1"], 2)
    assert feed["articles"][0]["author"]["following"] is True
    assert set(feed["articles"][0]) == SUMMARY


def test_favorites(nobody: Someone, ann: Someone, ben: Someone) -> None:
    path = f"/articles/{ann.write()['slug']}"
    for who, count in ((ben, 1), (ben, 1), (ann, 2)):
        article = who.send("POST", f"{path}/favorite")["article"]
        assert (article["favorited"], article["favoritesCount"]) == (True, count)
    assert nobody.send("GET", path)["article"]["favorited"] is False
    assert ben.send("GET", "/articles")["articles"][0]["favorited"] is True
    for _ in range(2):
        article = ben.send("DELETE", f"{path}/favorite")["article"]
        assert (article["favorited"], article["favoritesCount"]) == (False, 1)


def test_comments(nobody: Someone, ann: Someone, ben: Someone) -> None:
    path = f"/articles/{ann.write()['slug']}/comments"
    ben.send("POST", "/profiles/ann/follow")
    comment = ann.send("POST", path, comment={"body": "First."})["comment"]
    assert set(comment) == {"id", "createdAt", "updatedAt", "body", "author"}
    assert MOMENT.fullmatch(comment["createdAt"])
    assert comment["author"] == {"username": "ann", "bio": "", "image": "", "following": False}
    second = ben.send("POST", path, comment={"body": "Second."})["comment"]
    assert [one["body"] for one in nobody.send("GET", path)["comments"]] == ["Second.", "First."]
    assert [one["author"]["following"] for one in ben.send("GET", path)["comments"]] == [False, True]
    ann.send("DELETE", f"{path}/{second['id']}", 403)
    ann.write(title="another")
    ben.send("DELETE", f"/articles/another/comments/{second['id']}", 404)
    assert ben.send("DELETE", f"{path}/{second['id']}", 204) is None
    ben.send("DELETE", f"{path}/{second['id']}", 404)
    assert len(nobody.send("GET", path)["comments"]) == 1


# -- who may -----------------------------------------------------------------------------------------------------------

NEEDS_SOMEBODY = [
    ("GET", "/user"), ("PUT", "/user"), ("POST", "/profiles/ann/follow"), ("DELETE", "/profiles/ann/follow"),
    ("GET", "/articles/feed"), ("POST", "/articles"), ("PUT", "/articles/x"), ("DELETE", "/articles/x"),
    ("POST", "/articles/x/comments"), ("DELETE", "/articles/x/comments/1"),
    ("POST", "/articles/x/favorite"), ("DELETE", "/articles/x/favorite"),
]  # fmt: skip
FOR_EVERYBODY = [
    ("GET", "/profiles/ann"),
    ("GET", "/articles"),
    ("GET", "/articles/x"),
    ("GET", "/articles/x/comments"),
]


def test_nobody_gets_in_without_a_token(client: Client, ann: Someone) -> None:
    ann.write(title="x")
    refused = [None, TOKEN, "Token", "Token ", "Token x", "Token a b", TOKEN.replace("Token", "Bearer"), "Basic YTpi"]
    for method, path in NEEDS_SOMEBODY:
        for authorization in refused:
            headers = {"authorization": authorization} if authorization is not None else {}
            response = client.request(method, f"/api{path}", headers=headers, content=b"?" * 1000)
            assert (response.status_code, errors(response)) == (401, {"body", "token"}), (method, path, authorization)
    assert ann.send("GET", "/articles/x")["article"]["favoritesCount"] == 0


def test_a_wrong_token_is_refused_where_none_is_needed(client: Client, ann: Someone) -> None:
    ann.write(title="x")
    for method, path in FOR_EVERYBODY:
        assert client.request(method, f"/api{path}").status_code == 200
        assert client.request(method, f"/api{path}", headers={"authorization": TOKEN}).status_code == 401


def test_a_token_of_somebody_who_is_gone(pools: Pools, ann: Someone) -> None:
    ann.write(title="x")
    with pools.plain().begin() as db:
        db.exec_driver_sql("DELETE FROM users")
    for method, path in NEEDS_SOMEBODY:
        ann.send(method, path, 401)
    eve = ann.registered("eve")
    assert eve.send("GET", "/user")["user"]["username"] == "eve"
    ann.send("GET", "/user", 401)  # and not as eve


NOT_THERE = [
    ("PUT", "/articles/nothing"), ("DELETE", "/articles/nothing"), ("GET", "/articles/nothing"),
    ("POST", "/articles/nothing/favorite"), ("DELETE", "/articles/nothing/favorite"),
    ("GET", "/articles/nothing/comments"), ("POST", "/articles/nothing/comments"),
    ("DELETE", "/articles/nothing/comments/1"), ("DELETE", "/articles/x/comments/1"),
    ("DELETE", "/articles/x/comments/one"), ("DELETE", f"/articles/x/comments/{2**63}"),
    ("GET", "/profiles/nobody"), ("POST", "/profiles/nobody/follow"), ("DELETE", "/profiles/nobody/follow"),
    ("GET", "/nothing"),
]  # fmt: skip


def test_what_is_not_there(ann: Someone) -> None:
    ann.write(title="x")
    for method, path in NOT_THERE:
        body = {"article": {"title": "t"}, "comment": {"body": "b"}} if method in ("PUT", "POST") else {}
        assert ann.send(method, path, 404, **body)["errors"]["body"], (method, path)


def test_articles_and_comments_are_their_author_s(ann: Someone, ben: Someone) -> None:
    ann.write(title="x")
    comment = ann.send("POST", "/articles/x/comments", comment={"body": "b"})["comment"]
    ben.send("PUT", "/articles/x", 403, article={"title": "mine"})
    ben.send("DELETE", "/articles/x", 403)
    ben.send("DELETE", f"/articles/x/comments/{comment['id']}", 403)


# -- what is refused ---------------------------------------------------------------------------------------------------

LONG = "x" * 100_001


WRONG: list[tuple[str, str, Any, set[str]]] = [
    ("POST", "/users", {}, {"user"}),
    ("POST", "/users", {"user": {}}, {"username", "email", "password"}),
    ("POST", "/users", {"user": {"username": "", "email": " ", "password": ""}}, {"username", "email", "password"}),
    ("POST", "/users", {"user": {"username": None, "email": 5, "password": []}}, {"username", "email", "password"}),
    ("POST", "/users", {"user": {"username": "x" * 101, "email": "e", "password": "p"}}, {"username"}),
    ("POST", "/users/login", {"user": {"email": ""}}, {"email", "password"}),
    ("PUT", "/user", {"user": {}}, {"user"}),
    ("PUT", "/user", {"user": {"email": "", "username": None, "password": ""}}, {"email", "username", "password"}),
    ("POST", "/articles", {"article": {}}, {"title", "description"}),
    ("POST", "/articles", {"article": {"title": "", "description": "\t", "body": "b"}}, {"title", "description"}),
    ("POST", "/articles", {"article": ARTICLE | {"tagList": ["", 5]}}, {"tagList"}),
    ("POST", "/articles", {"article": ARTICLE | {"title": "x" * 301}}, {"title"}),
    ("POST", "/articles", {"article": ARTICLE | {"description": LONG}}, {"description"}),
    ("PUT", "/articles/x", {"article": {"title": ""}}, {"title"}),
    ("PUT", "/articles/x", {"article": {"body": None}}, set()),
    ("POST", "/articles/x/comments", {"comment": {"body": " "}}, set()),
    ("POST", "/articles/x/comments", {"comment": {}}, set()),
    ("GET", "/articles?limit=0", None, {"limit"}),
    ("GET", "/articles?limit=101&offset=-1", None, {"limit", "offset"}),
    ("GET", f"/articles?limit=x&offset={2**63}", None, {"limit", "offset"}),
    ("GET", "/articles/feed?limit=0", None, {"limit"}),
    ("GET", "/articles?tag=a&tag=b", None, {"tag"}),
]


def test_what_is_wrong_is_told_by_field(ann: Someone) -> None:
    ann.write(title="x")
    for method, path, body, fields in WRONG:
        response = ann.ask(method, path, body)
        assert (response.status_code, errors(response)) == (422, fields | {"body"}), (method, path, body, response.text)


def test_a_missing_text_is_blank(client: Client) -> None:
    document = client.post("/api/users", json={"user": {"username": " ", "email": "", "password": "p"}}).json()
    assert document["errors"] == {
        "email": ["can't be blank"],
        "username": ["can't be blank"],
        "body": ["email can't be blank", "username can't be blank"],
    }


OTHERS = [
    ("POST", "/users", b'{"user": ', "application/json", 400),
    ("POST", "/users", b"user=x", "text/plain", 415),
    ("POST", "/users", b'{"user": "' + b"x" * 20_000_000 + b'"}', "application/json", 413),
    ("PATCH", "/users", b"", "", 405),
    ("GET", "/profiles/%FF", b"", "", 400),
]


def test_other_refusals_have_the_envelope(client: Client) -> None:
    for method, path, content, media_type, status in OTHERS:
        headers = {"content-type": media_type} if content else {}
        response = client.request(method, f"/api{path}", content=content or None, headers=headers)
        assert (response.status_code, errors(response)) == (status, {"body"})
        assert ("allow" in response.headers) == (status == 405)
        assert ("accept" in response.headers) == (status == 415)


TEXTS = ["'); DROP TABLE users; --", "%_\\", "\u202edlrow", "🎈", "a/b?c#d", "feed", "."]


def test_any_text_is_only_text(ann: Someone) -> None:
    for text in TEXTS:
        article = ann.write(title=text, description=text, body=text, tagList=[text])
        assert ann.send("GET", f"/articles/{quote(article['slug'], safe='')}")["article"]["body"] == text
        assert ann.slugs(f"?tag={quote(text, safe='')}") == [article["slug"]]
        if not text.isprintable():
            continue  # that is no name
        ann.send("PUT", "/user", user={"username": text})
        if "/" not in text and text != ".":  # these cannot be a part of a path
            assert ann.send("GET", f"/profiles/{quote(text, safe='')}")["profile"]["username"] == text


# -- around it ---------------------------------------------------------------------------------------------------------


def test_an_upload_holds_no_connection(client: Client, pools: Pools, ann: Someone, ben: Someone) -> None:
    """Who is asking was looked up before; the handler's own session comes after the last byte."""
    lent: list[int] = []

    def body() -> Iterator[bytes]:
        yield b'{"comment": {"body": "'
        lent.append(pools.lent())
        yield b'late"}, "article": {"title": "late", "description": "d", "body": "b"}}'

    ann.write(title="x")
    for path in ("/articles/x/comments", "/articles"):
        headers = {**ben.headers, "content-type": "application/json"}
        assert client.post(f"/api{path}", content=body(), headers=headers).status_code in (200, 201)
    assert lent == [0, 0]


def test_comparing_passwords_holds_no_connection(
    realworld: Modules, nobody: Someone, pools: Pools, ann: Someone, monkeypatch: pytest.MonkeyPatch
) -> None:
    hasher, lent = realworld("auth").HASHER, []

    class Hasher:
        def verify(self, *arguments: str) -> bool:
            lent.append(pools.lent())
            return bool(hasher.verify(*arguments))

        def hash(self, password: str) -> str:
            lent.append(pools.lent())
            return str(hasher.hash(password))

    monkeypatch.setattr(realworld("auth"), "HASHER", Hasher())
    nobody.send("POST", "/users/login", user={"email": "ann@example.org", "password": "ann's password"})
    nobody.registered("ben")
    ann.send("PUT", "/user", user={"password": "another"})
    assert lent == [0, 0, 0]


def test_what_was_deleted_meanwhile_is_a_conflict(
    realworld: Modules, pools: Pools, ann: Someone, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def deleted(*_: Any) -> str:
        with pools.plain().begin() as db:
            db.exec_driver_sql("DELETE FROM articles")
        return "too-late"

    ann.write(title="x")
    monkeypatch.setattr(realworld("articles.routes"), "free_slug", deleted)
    answer = ann.ask("PUT", "/articles/x", {"article": {"title": "Too late"}})
    assert (answer.status_code, errors(answer)) == (422, {"body"})
    ann.send("GET", "/articles/x", 404)


def test_a_nul_is_stored_or_refused(ann: Someone, settings: Any) -> None:
    is_refused = settings.database_url.startswith("postgresql")
    article = {**ARTICLE, "body": "a\0b"}
    answer = ann.ask("POST", "/articles", {"article": article})
    assert answer.status_code == (422 if is_refused else 201)
    assert ann.ask("GET", "/profiles/a%00b").status_code == (422 if is_refused else 404)


def test_a_failure_rolls_back_and_gives_its_connection_back(
    realworld: Modules, client: Client, pools: Pools, ann: Someone, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Breakdown(Exception):
        pass

    def fail(*_: Any) -> None:
        raise Breakdown

    monkeypatch.setattr(realworld("articles.routes"), "answer", fail)
    monkeypatch.setattr(realworld("users"), "answer", fail)
    with pytest.raises(Breakdown):
        ann.write(title="lost")
    with pytest.raises(Breakdown):
        ann.send("PUT", "/user", user={"bio": "lost"})
    monkeypatch.undo()
    assert pools.lent() == 0
    ann.send("GET", "/articles/lost", 404)
    assert ann.send("GET", "/user")["user"]["bio"] == ""


def test_pages_of_the_sites_that_are_named_may_call_it(client: Client) -> None:
    headers = {
        "origin": "https://ui.example",
        "access-control-request-method": "PUT",
        "access-control-request-headers": "authorization,content-type",
    }
    assert client.options("/api/user", headers=headers).headers["access-control-allow-origin"] == "https://ui.example"
    refused = client.get("/api/user", headers={"origin": "https://ui.example"})
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, "https://ui.example")
    other = client.get("/api/tags", headers={"origin": "https://other.example"})
    assert "access-control-allow-origin" not in other.headers


OPERATIONS = {
    "/api/users": {"post": "CreateUser"},
    "/api/users/login": {"post": "Login"},
    "/api/user": {"get": "GetCurrentUser", "put": "UpdateCurrentUser"},
    "/api/profiles/{username}": {"get": "GetProfileByUsername"},
    "/api/profiles/{username}/follow": {"post": "FollowUserByUsername", "delete": "UnfollowUserByUsername"},
    "/api/articles": {"get": "GetArticles", "post": "CreateArticle"},
    "/api/articles/feed": {"get": "GetArticlesFeed"},
    "/api/articles/{slug}": {"get": "GetArticle", "put": "UpdateArticle", "delete": "DeleteArticle"},
    "/api/articles/{slug}/comments": {"get": "GetArticleComments", "post": "CreateArticleComment"},
    "/api/articles/{slug}/comments/{id}": {"delete": "DeleteArticleComment"},
    "/api/articles/{slug}/favorite": {"post": "CreateArticleFavorite", "delete": "DeleteArticleFavorite"},
    "/api/tags": {"get": "GetTags"},
}


def test_the_document_has_every_operation_of_the_api(client: Client) -> None:
    document = client.get("/openapi.json").json()
    found = {
        path: {method: operation["operationId"] for method, operation in item.items() if method != "parameters"}
        for path, item in document["paths"].items()
    }
    assert found == OPERATIONS
    created = document["paths"]["/api/articles"]["post"]
    assert "201" in created["responses"]
    assert document["components"]["schemas"]["Envelope"]["required"] == ["errors"]


# -- settings and migrations -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "is_refused"),
    [
        ({}, True),
        ({"REALWORLD_SECRET": "short"}, True),
        ({"REALWORLD_SECRET": "s" * 32}, False),
        ({"REALWORLD_ENVIRONMENT": "development"}, False),
        ({"REALWORLD_ENVIRONMENT": "development", "REALWORLD_SECRET": "short"}, True),
        ({"REALWORLD_ENVIRONMENT": "staging", "REALWORLD_SECRET": "s" * 32}, True),
        ({"REALWORLD_SECRET": "s" * 32, "REALWORLD_POOL_SIZE": "0"}, True),
    ],
)
@pytest.mark.parametrize("where", ["environment", ".env"])
def test_nothing_starts_without_a_secret(
    realworld: Modules,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    environ: dict[str, str],
    is_refused: bool,
    where: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    if where == ".env":
        (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in environ.items()))
    else:
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
    Settings = realworld("settings").Settings
    if is_refused:
        with pytest.raises(ValueError, match=r"REALWORLD_SECRET|environment|pool_size"):
            Settings()
    else:
        assert Settings().signing_key


def test_the_migrations_make_what_the_models_say(realworld: Modules, settings: Any) -> None:
    from alembic import command
    from alembic.config import Config

    database = realworld("database")
    database.migrate(settings)
    database.migrate(settings)
    config = Config(Path(database.__file__).with_name("alembic.ini"))
    config.attributes["settings"] = settings
    command.check(config)
    command.downgrade(config, "base")
    database.migrate(settings)
