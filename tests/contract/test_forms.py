"""Forms on every backend: texts and files as arguments, validated together, read in both colours."""

import os
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
import pytest
from tests.contract.forms import MULTIPART, URLENCODED, closed, cut, file, part, text

from hinge import (
    App,
    BodyStream,
    Config,
    ConfigurationError,
    Form,
    FormData,
    FormParam,
    Middleware,
    Request,
    UploadFile,
)
from hinge.testing import Client

if os.environ.get("CI") != "true":
    pytest.importorskip("multipart")

ClientFor = Callable[..., Client]
Coloured = Callable[[Callable[..., Any]], Callable[..., Any]]


class Person(msgspec.Struct):
    name: str
    age: int
    tags: list[str] = []
    email: str | None = None


class Profile(msgspec.Struct):
    name: str
    photo: UploadFile
    more: list[UploadFile] = []
    banner: UploadFile | None = None


def described(upload: UploadFile | None) -> Any:
    return upload and [upload.name, upload.filename, upload.content_type, upload.size]


@pytest.fixture
def app(coloured: Coloured) -> App:
    app = App(config=Config(max_file_memory=4096))

    @app.post("/person")
    @coloured
    def person(person: Form[Person]) -> Person:
        return person

    @app.post("/fields")
    @coloured
    def fields(name: Form[str], age: Form[int] = 7, tags: Form[list[str]] = []) -> list[Any]:
        return [name, age, tags]

    @app.post("/optional")
    @coloured
    def optional(name: Form[str | None], photo: UploadFile | None = None) -> list[Any]:
        return [name, described(photo)]

    @app.post("/profile")
    @coloured
    def profile(profile: Form[Profile]) -> list[Any]:
        return [profile.name, described(profile.photo), [*map(described, profile.more)], described(profile.banner)]

    @app.post("/files")
    @coloured
    def files(photo: UploadFile, more: list[UploadFile] = []) -> list[Any]:
        return [described(photo), [*map(described, more)]]

    @app.post("/form")
    @coloured
    def form(form: FormData) -> list[Any]:
        return [[name, value if isinstance(value, str) else described(value)] for name, value in form.multi_items()]

    return app


def errors(response: Any) -> list[tuple[str, str, str]]:
    assert response.status_code == 422
    return sorted((error["in"], error["name"], error["message"]) for error in response.json()["errors"])


# -- texts -------------------------------------------------------------------------------------------------------------


def test_a_struct_takes_an_urlencoded_form(client_for: ClientFor, app: App) -> None:
    response = client_for(app).post("/person", content="name=A+B&age=3&tags=x&tags=%C3%A9&other=1", headers=URLENCODED)
    assert response.json() == {"name": "A B", "age": 3, "tags": ["x", "é"], "email": None}


def test_a_struct_takes_a_multipart_form(client_for: ClientFor, app: App) -> None:
    body = closed(text("name", "A B"), text("age", "3"), text("tags", "x"), text("tags", "é"), text("other", "1"))
    response = client_for(app).post("/person", content=body, headers=MULTIPART)
    assert response.json() == {"name": "A B", "age": 3, "tags": ["x", "é"], "email": None}


def test_every_error_of_a_struct_is_told(client_for: ClientFor, app: App) -> None:
    response = client_for(app).post("/person", content="age=x&age=y&email=a&email=b", headers=URLENCODED)
    assert errors(response) == [
        ("form", "age", "must be given once"),
        ("form", "email", "must be given once"),
        ("form", "name", "is required"),
    ]


def test_single_fields_are_parameters(client_for: ClientFor, app: App) -> None:
    client = client_for(app)
    assert client.post("/fields", content="name=n&tags=a&tags=b", headers=URLENCODED).json() == ["n", 7, ["a", "b"]]
    body = closed(text("age", "8"), text("name", "line one\r\nline two"))
    assert client.post("/fields", content=body, headers=MULTIPART).json() == ["line one\r\nline two", 8, []]
    assert errors(client.post("/fields", content="age=x", headers=URLENCODED)) == [
        ("form", "age", "expected an integer"),
        ("form", "name", "is required"),
    ]


def test_a_form_may_be_left_out_where_nothing_of_it_is_required(client_for: ClientFor, app: App) -> None:
    client = client_for(app)
    assert client.post("/optional").json() == [None, None]
    assert client.post("/optional", content=b"name=x").status_code == 415
    assert client.post("/fields").status_code == 415


def test_names_and_constraints_stand_in_the_long_form(client_for: ClientFor) -> None:
    app = App()

    @app.post("/")
    def handler(size: Annotated[int, FormParam(name="page-size"), msgspec.Meta(ge=1)] = 5) -> int:
        return size

    client = client_for(app)
    assert client.post("/", content="page-size=9", headers=URLENCODED).text == "9"
    assert errors(client.post("/", content="page-size=0", headers=URLENCODED)) == [
        ("form", "page-size", "must be at least 1")
    ]


def test_errors_of_a_form_stand_beside_those_of_other_sources(client_for: ClientFor) -> None:
    app = App()

    @app.post("/{number}")
    def handler(number: int, name: Form[int], size: int) -> None: ...

    client = client_for(app)
    response = client.post("/1?size=x", content="name=y", headers=URLENCODED)
    assert [where for where, _, _ in errors(response)] == ["form", "query"]
    assert client.post("/x?size=x", content="name=y", headers=URLENCODED).status_code == 404


# -- files -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 7, 1000, 10**6])
def test_files_come_in_whatever_pieces(client_for: ClientFor, app: App, size: int) -> None:
    photo = bytes(range(256)) * 17  # on the disk, as the app is configured
    body = closed(file("photo", "a.png", photo, "image/png"), file("more", "b", b"\r\n--"), file("more", "c", b""))
    response = client_for(app).post("/files", content=cut(body, size), headers=MULTIPART)
    kind = "application/octet-stream"
    assert response.json() == [["photo", "a.png", "image/png", 4352], [["more", "b", kind, 4], ["more", "c", kind, 0]]]


def test_a_struct_has_texts_and_files(client_for: ClientFor, app: App) -> None:
    body = closed(text("name", "n"), file("photo", "a.png", b"abc", "image/png"), file("more", "b", b"x", "text/plain"))
    assert client_for(app).post("/profile", content=body, headers=MULTIPART).json() == [
        "n",
        ["photo", "a.png", "image/png", 3],
        [["more", "b", "text/plain", 1]],
        None,
    ]


def test_a_text_is_no_file_and_a_file_no_text(client_for: ClientFor, app: App) -> None:
    client = client_for(app)
    body = closed(
        file("name", "a", b"x"), text("photo", "b"), text("more", "c"), file("banner", "d", b""), text("z", "")
    )
    assert errors(client.post("/profile", content=body, headers=MULTIPART)) == [
        ("form", "more.0", "must be a file, not a text"),
        ("form", "name", "must be a text, not a file"),
        ("form", "photo", "must be a file, not a text"),
    ]
    two = closed(file("photo", "a", b"x"), file("photo", "b", b"y"))
    assert errors(client.post("/files", content=two, headers=MULTIPART)) == [("form", "photo", "must be given once")]
    urlencoded = client.post("/files", content="photo=x", headers=URLENCODED)
    assert errors(urlencoded) == [("form", "photo", "must be a file, not a text")]


def test_a_file_input_without_a_choice_is_absent(client_for: ClientFor, app: App) -> None:
    client = client_for(app)
    unchosen = file("photo", "", b"")
    assert client.post("/optional", content=closed(unchosen), headers=MULTIPART).json() == [None, None]
    assert errors(client.post("/files", content=closed(unchosen), headers=MULTIPART)) == [
        ("form", "photo", "is required")
    ]


def test_the_whole_form_is_a_multi_dict(client_for: ClientFor, app: App) -> None:
    body = closed(text("a", "1"), file("f", "x", b"abc", "text/csv"), text("a", "2"), text("é", "ü"))
    assert client_for(app).post("/form", content=body, headers=MULTIPART).json() == [
        ["a", "1"],
        ["f", ["f", "x", "text/csv", 3]],
        ["a", "2"],
        ["é", "ü"],
    ]
    assert client_for(app).post("/form", content=closed(), headers=MULTIPART).json() == []
    assert client_for(app).post("/form", content="", headers=URLENCODED).json() == []


def test_a_part_has_its_headers(client_for: ClientFor) -> None:
    app = App()

    @app.post("/")
    def handler(f: UploadFile) -> list[Any]:
        return [f.headers["X-Own"], f.headers.get("content-disposition"), f.content_type]

    body = closed(part('name="f"; filename="../a"', b"", "X-Own: yes"))
    answer = client_for(app).post("/", content=body, headers=MULTIPART).json()
    assert answer == ["yes", 'form-data; name="f"; filename="../a"', ""]


# -- around it ---------------------------------------------------------------------------------------------------------


def test_a_handler_may_take_the_request_beside_its_form(client_for: ClientFor, coloured: Coloured) -> None:
    app = App()

    @app.post("/")
    @coloured
    def handler(request: Request, name: Form[str]) -> str:
        with pytest.raises(RuntimeError, match="form"):
            _ = request.body
        return f"{request.method} {name}"

    assert client_for(app).post("/", content="name=x", headers=URLENCODED).text == "POST x"


def test_a_middleware_may_have_read_the_body_before(client_for: ClientFor, coloured: Coloured) -> None:
    app = App()

    def counting(request: Request) -> Middleware:
        size = len(request.body)
        response = yield
        response.headers["x-size"] = f"{size} {len(request.body)}"

    counting.__name__ = "counting"
    app.middleware(needs_body=True)(counting)

    @app.post("/")
    @coloured
    def handler(name: Form[str], f: UploadFile) -> str:
        return f"{name} {f.size}"

    body = closed(text("name", "x"), file("f", "y", b"abc"))
    response = client_for(app).post("/", content=body, headers=MULTIPART)
    assert (response.text, response.headers["x-size"]) == ("x 3", f"{len(body)} {len(body)}")


def test_a_stream_reads_the_file_while_it_is_sent(client_for: ClientFor) -> None:
    app = App(config=Config(max_file_memory=0))

    @app.post("/def")
    def plain(f: UploadFile) -> Any:
        return (piece.upper() for piece in f.chunks(10))

    @app.post("/async")
    async def coroutine(f: UploadFile) -> Any:
        async def upper() -> Any:
            async for piece in f.chunks(10):
                yield piece.upper()

        return upper()

    client = client_for(app)
    for path in ("/def", "/async"):
        assert client.post(path, content=closed(file("f", "x", b"abc" * 10)), headers=MULTIPART).text == "ABC" * 10


# -- declarations ------------------------------------------------------------------------------------------------------


def refused(handler: Any, **options: Any) -> str:
    app = App()
    app.post("/", **options)(handler)
    with pytest.raises(ConfigurationError) as caught:
        app.compile("wsgi")
    assert "\n" not in str(caught.value)
    assert "test_forms.py:" in str(caught.value)
    return str(caught.value)


def test_a_form_is_the_body() -> None:
    def with_body(person: Person, name: Form[str]) -> None: ...

    def with_stream(body: BodyStream, f: UploadFile) -> None: ...

    assert "parameters 'person' and 'name' both take the body" in refused(with_body)
    assert "parameters 'body' and 'f' both take the body" in refused(with_stream)


def test_what_cannot_be_in_a_form_is_told() -> None:
    def texts(when: Form[dict[str, int]]) -> None: ...

    def body(profile: Profile) -> None: ...

    def never_waits(f: UploadFile) -> None: ...

    assert "form parameter 'when'" in refused(texts)
    assert "Fix: mark it with Form[...]" in refused(body)
    assert "inline=True never waits" in refused(never_waits, inline=True)


def test_files_need_the_extra_and_texts_do_not(monkeypatch: pytest.MonkeyPatch, client_for: ClientFor) -> None:
    monkeypatch.setitem(__import__("sys").modules, "multipart", None)

    def takes_file(f: UploadFile) -> None: ...

    def takes_record(profile: Form[Profile]) -> None: ...

    def takes_all(form: FormData) -> None: ...

    for handler in (takes_file, takes_record, takes_all):
        assert refused(handler).endswith("Fix: pip install 'hinge-web[forms]'")
    app = App()

    @app.post("/")
    def takes_text(name: Form[str]) -> str:
        return name

    client = client_for(app)
    assert client.post("/", content="name=x", headers=URLENCODED).text == "x"
    response = client.post("/", content=closed(text("name", "x")), headers=MULTIPART)
    assert (response.status_code, response.headers["accept"]) == (415, "application/x-www-form-urlencoded")


# -- the client's own forms --------------------------------------------------------------------------------------------


def test_the_client_writes_forms(client_for: ClientFor, app: App) -> None:
    client = client_for(app)
    fields = {'a "b"': ["1\r\n2", 3, True], "é&=": "ü;+ %"}
    expected = [['a "b"', "1\r\n2"], ['a "b"', "3"], ['a "b"', "true"], ["é&=", "ü;+ %"]]
    assert client.post("/form", form=fields).json() == expected
    hostile = b"\r\n------hinge-testing--\r\n"
    files = [*fields.items(), ("f", ('x"y.png', hostile, "image/png")), ("f", ("z", "text"))]
    answer = client.post("/form", form=files).json()
    kind = "application/octet-stream"
    assert answer == [*expected, ["f", ["f", 'x"y.png', "image/png", len(hostile)]], ["f", ["f", "z", kind, 4]]]
    with client.stream("POST", "/form", form={"a": "1"}) as response:
        assert response.status_code == 200


def test_a_request_of_the_client_has_one_body_and_a_form_no_bare_bytes(client_for: ClientFor, app: App) -> None:
    client = client_for(app)
    with pytest.raises(TypeError, match="one body"):
        client.post("/form", form={}, content=b"")
    with pytest.raises(TypeError, match=r"Fix: \(filename, content\) for a file"):
        client.post("/form", form={"f": b"x"})
