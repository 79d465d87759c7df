"""Paths: which handler answers, and with which values."""

import json

import pytest

from hinge import App, Request, Router


def names_app(*templates: str, **options) -> App:
    """Return an app in which each template answers with itself and its values."""
    app = App(**options)
    for template in templates:

        def handler(request: Request, template=template) -> dict:
            return {"template": template, "values": dict(request.path_params)}

        register = app.get(template)
        namespace: dict = {}
        names = [part.split("}")[0].removesuffix(":path") for part in template.split("{")[1:]]
        parameters = "".join(f", {name}: str" for name in names)
        exec(
            f"def answer(request: Request{parameters}):\n    return handler(request)",
            {"Request": Request, "handler": handler},
            namespace,
        )
        register(namespace["answer"])
    return app


def found(client, path: str) -> tuple | None:
    response = client.get(path)
    if response.status_code == 404:
        return None
    assert response.status_code == 200, response
    answer = response.json()
    return answer["template"], *answer["values"].values()


TEMPLATES = (
    "/",
    "/static",
    "/static/deeper",
    "/{one}",
    "/{one}/fixed",
    "/{one}/{two}",
    "/v{version}/x",
    "/files/{rest:path}",
    "/files/known",
    "/reports/{name}.json",
    "/reports/{name}",
    "/straße/{wo}",
)


ANSWERS = [
    ("/", ("/",)),
    ("/static", ("/static",)),
    ("/static/deeper", ("/static/deeper",)),
    ("/other", ("/{one}", "other")),
    ("/Static", ("/{one}", "Static")),
    ("/static/else", ("/{one}/{two}", "static", "else")),
    ("/a/fixed", ("/{one}/fixed", "a")),
    ("/v7/x", ("/v{version}/x", "7")),
    ("/v/x", ("/{one}/{two}", "v", "x")),
    ("/v7/y", ("/{one}/{two}", "v7", "y")),
    ("/files/known", ("/files/known",)),
    ("/files/a", ("/files/{rest:path}", "a")),
    ("/files/a/b//c/", ("/files/{rest:path}", "a/b//c/")),
    ("/files/", ("/files/{rest:path}", "")),
    ("/reports/q1.json", ("/reports/{name}.json", "q1")),
    ("/reports/q1.csv", ("/reports/{name}", "q1.csv")),
    ("/reports/.json", ("/reports/{name}", ".json")),
    ("/a/b/c", None),
    ("/straße/1", ("/straße/{wo}", "1")),
    ("/stra%C3%9Fe/%C3%BC", ("/straße/{wo}", "ü")),
    ("/a%20b", ("/{one}", "a b")),
    ("/a+b", ("/{one}", "a+b")),
    ("/100%25", ("/{one}", "100%")),
    ("/%2e%2E", ("/{one}", "..")),
    ("/a;b=c", ("/{one}", "a;b=c")),
    ("/%E2%80%AE", ("/{one}", "\u202e")),
    ("/static%2Fdeeper", ("/static/deeper",)),  # WSGI servers do not tell %2F from /
    ("//static", None),
    ("/static//deeper", None),
]


def test_the_most_specific_template_answers(client_for):
    client = client_for(names_app(*TEMPLATES))
    assert [(path, found(client, path)) for path, _ in ANSWERS] == ANSWERS


def test_the_order_of_registration_does_not_matter(client_for):
    client = client_for(names_app(*reversed(TEMPLATES)))
    assert found(client, "/static") == ("/static",)
    assert found(client, "/reports/q1.json") == ("/reports/{name}.json", "q1")
    assert found(client, "/files/known") == ("/files/known",)


def test_a_dead_end_is_left_again(client_for):
    client = client_for(names_app("/a/b/c", "/{one}/b/d", "/a/{two}/e", "/{rest:path}"))
    assert found(client, "/a/b/d") == ("/{one}/b/d", "a")
    assert found(client, "/a/b/e") == ("/a/{two}/e", "b")
    assert found(client, "/a/b/f") == ("/{rest:path}", "a/b/f")


def test_a_path_that_is_not_utf_8_is_400(client_for):
    client = client_for(names_app("/{one}", "/{rest:path}"))
    for path in ("/%FF", "/%C3", "/%C3%28", "/%ED%A0%80", "/a/%80b"):
        response = client.get(path)
        assert (path, response.status_code) == (path, 400)
        assert response.headers["content-type"] == "application/problem+json"


def test_unknown_paths_are_404_and_not_repeated(client_for):
    client = client_for(names_app("/static"))
    long = ("/a/" + "b" * 100_000, "/" + "a/" * 20_000)
    for path in ("/nothing/here", "/%3Cscript%3E/x", "/a/b\r\nX-Evil: 1", *long):
        response = client.get(path)
        assert (path, response.status_code) == (path, 404)
        assert response.json() == {"type": "about:blank", "title": "Not Found", "status": 404}
        assert "x-evil" not in response.headers


def test_absolute_form_and_empty_targets(client_for):
    client = client_for(names_app("/", "/static"))
    for target, name in (("http://elsewhere.example/static", "/static"), ("HTTPS://elsewhere.example", "/")):
        # As a proxy sends it: of an absolute URL the client itself sends the path.
        reply = client._connected().request("GET", target, [("host", "testserver")], b"")
        assert json.loads(b"".join(reply.chunks))["template"] == name
    assert found(client, "") == ("/",)
    assert client.get("evil.example").status_code == 400
    assert client.get("@evil").status_code == 400


def test_methods_of_one_path(client_for):
    app = App()

    @app.get("/item")
    def read() -> str:
        return "read"

    @app.put("/item")
    async def write() -> str:
        return "write"

    @app.route("/item", methods=["PATCH", "PROPFIND"])
    def other(request: Request) -> str:
        return request.method

    client = client_for(app)
    assert [client.request(method, "/item").text for method in ("GET", "PUT", "PATCH", "PROPFIND")] == [
        "read",
        "write",
        "PATCH",
        "PROPFIND",
    ]
    allowed = "GET, HEAD, OPTIONS, PATCH, PROPFIND, PUT"
    assert client.options("/item").headers["allow"] == allowed
    for method in ("DELETE", "get", "__class__", "CONNECT"):
        response = client.request(method, "/item")
        assert (response.status_code, response.headers["allow"]) == (405, allowed)


@pytest.mark.parametrize("special", ["/a/b", "/a/{name}.json", "/{first}/b"])
def test_the_path_alone_chooses_the_route_and_then_the_method(client_for, special):
    """A method that the most specific template lacks is not looked for at wider ones: 405, and Allow says so."""
    app = App()

    @app.get("/{one}/{two}")
    def two(one: str, two: str) -> str:
        return "two"

    app.delete(special)(eval(f"lambda {special.partition('{')[2].partition('}')[0]}: 'special'"))
    client = client_for(app)
    path = "/a/x.json" if "json" in special else "/a/b"
    assert client.delete(path).text == "special"
    for method in ("GET", "HEAD", "PUT"):
        response = client.request(method, path)
        assert (response.status_code, response.headers["allow"]) == (405, "DELETE, OPTIONS")
    assert client.get("/a/c").text == "two"
    assert client.delete("/a/c").status_code == 405


def test_methods_of_one_path_may_name_its_parameters_differently(client_for):
    app = App()

    @app.get("/{name}")
    def read(name: str) -> str:
        return f"read {name}"

    @app.delete("/{number}")
    def delete(number: int) -> str:
        return f"delete {number}"

    client = client_for(app)
    assert client.get("/7").text == "read 7"
    assert client.delete("/7").text == "delete 7"


def test_routers_have_prefixes_and_nest(client_for):
    app, outer, inner = App(), Router("/outer"), Router("/inner/{place}")

    @inner.get("/{name}")
    def read(place: str, name: str) -> list[str]:
        return [place, name]

    @outer.get("")
    def root() -> str:
        return "outer"

    outer.include(inner, prefix="/v1")
    app.include(outer, prefix="/api")
    client = client_for(app)
    assert client.get("/api/outer").text == "outer"
    assert client.get("/api/outer/v1/inner/here/x").json() == ["here", "x"]


# -- slashes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "path", "location"),
    [
        ("/items", "/items/", "/items"),
        ("/items/", "/items", "/items/"),
        ("/items", "/items/?a=1&b=%20", "/items?a=1&b=%20"),
        ("/items/{name}", "/items/a%20b%2525/", "/items/a%20b%2525"),
        ("/straße", "/stra%C3%9Fe/", "/stra%C3%9Fe"),
        ("/items/{name}", "/items/%3Cb%3E/", "/items/%3Cb%3E"),
        ("/items", "/items/?<script>\"'", "/items?%3Cscript%3E%22'"),
        ("/items", "/items/?a%0d%0ab", "/items?a%0d%0ab"),
    ],
)
def test_the_other_spelling_of_a_path_redirects(client_for, template, path, location):
    response = client_for(names_app(template)).get(path)
    assert (response.status_code, response.headers["location"]) == (308, location)
    assert response.content == b""


def test_a_redirect_keeps_method_and_body(client_for):
    app = App()

    @app.post("/items")
    def create(request: Request) -> bytes:
        return request.body

    assert client_for(app, follow_redirects=True).post("/items/", content="x").text == "x"


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example/",
        "///evil.example/",
        "/%2Fevil.example/",
        "/%5C%5Cevil.example/",
        "/%5Cevil.example/",
        "//%09evil.example/",
    ],
)
def test_a_slash_redirect_never_leaves_the_host(client_for, path):
    for app in (names_app("/{rest:path}"), names_app("/{one}", "/{one}/{two}"), names_app("/", "/evil.example")):
        location = client_for(app).get(path).headers.get("location", "/")
        assert location.startswith("/")
        assert not location.startswith(("//", "/\\", "/\t"))


def test_strict_slashes(client_for):
    client = client_for(names_app("/items", "/list/", slashes="strict"))
    assert found(client, "/items") == ("/items",)
    assert found(client, "/items/") is None
    assert found(client, "/list") is None


def test_both_spellings_can_be_routes(client_for):
    client = client_for(names_app("/items", "/items/"))
    assert found(client, "/items") == ("/items",)
    assert found(client, "/items/") == ("/items/",)


def test_nothing_redirects_where_neither_spelling_is_known(client_for):
    client = client_for(names_app("/{one}/fixed"))
    assert client.get("/x/fixed/").status_code == 308
    assert client.get("/x/other/").status_code == 404
    assert client.get("/").status_code == 404


def test_below_a_prefix(client_for):
    client = client_for(names_app("/items", "/{one}"), prefix="/mount")
    assert found(client, "/items") == ("/items",)
    assert found(client, "/mount") == ("/{one}", "mount")
    assert client.get("/items/").headers["location"] == "/mount/items"


UTF_8 = {
    # Two texts that servers confuse: the UTF-8 bytes of the one are the Latin-1 bytes of the other.
    "/%C3%A9": "e",
    "/%C3%83%C2%A9": "A-c",
    "/caf%C3%A9/x": "e x",
    "/caf%C3%83%C2%A9/x": "A-c x",
    "/in/%C3%A9": "e in",
    "/in/%C3%83%C2%A9": 404,
    "/folder/%C3%A9.txt": "e.txt",
    "/folder/%C3%83%C2%A9.txt": 404,
    # A replacement character that was sent, and those that stand for what is no text.
    "/%EF%BF%BD": "replaced",
    **{f"{where}/{bad}": 400 for where in ("", "/caf%C3%A9", "/in", "/folder")
       for bad in ("%E9", "%FF", "%C3", "%C0%AF", "%ED%A0%80", "%F5%80%80%80", "%EF%BF%BD%FF")},
    "/%E9/unknown": 400,
    "/unknown/%E9": 400,
}  # fmt: skip


def test_a_path_is_utf_8_wherever_it_leads(client_for, backend, tmp_path):
    (tmp_path / "é.txt").write_text("e.txt")
    inner = App()
    inner.get("/é")(lambda: "e in")
    app = App()
    for path, text in {"/é": "e", "/Ã©": "A-c", "/\N{REPLACEMENT CHARACTER}": "replaced"}.items():
        app.get(path)(lambda text=text: text)
    app.get("/café/{x}")(lambda x: f"e {x}")
    app.get("/cafÃ©/{x}")(lambda x: f"A-c {x}")
    app.mount("/in", inner)
    app.static("/folder", tmp_path)
    client = client_for(app)
    answers = {target: client.get(target) for target in UTF_8}
    # RSGI and Lambda show what is not UTF-8 as a replacement character, too, and have no raw path.
    other = {"/%EF%BF%BD": 400} if backend.interface in {"rsgi", "lambda"} else {}
    found = {target: it.status_code if it.status_code >= 400 else it.text for target, it in answers.items()}
    assert found == UTF_8 | other
