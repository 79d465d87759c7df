"""Files of forms: parsed as they arrive, readable in both colours, not kept behind the response.

They need hinge-web[forms]; without it these checks are not collected.
"""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from hinge import App, Config, Form, FormData, Request, UploadFile
from hinge.backend.contract import Backend, Feature
from hinge.conformance.layers import LAYERS
from hinge.testing import Client
from hinge.testing.forms import form_body

pytestmark = pytest.mark.clause("body.form")

ClientFor = Callable[..., Client]


@pytest.fixture(params=list(LAYERS))
def layers(request: pytest.FixtureRequest) -> list[Any]:
    return LAYERS[request.param]


class Letter(msgspec.Struct):
    subject: str
    copies: int = 1
    attachments: list[UploadFile] = []


CONTENT = bytes(range(256)) * 200


def test_texts_and_files_are_arguments(client_for: ClientFor, coloured: Any, layers: list[Any]) -> None:
    app = App(config=Config(max_file_memory=1000))

    @app.post("/", middleware=layers)
    @coloured
    def handler(letter: Form[Letter]) -> list[Any]:
        return [letter.subject, letter.copies, [(file.filename, file.size) for file in letter.attachments]]

    client = client_for(app)
    assert client.post("/", form={"subject": "é", "copies": 2}).json() == ["é", 2, []]
    form = {"subject": "x", "attachments": [("a", CONTENT), ("b", b"")]}
    assert client.post("/", form=form).json() == ["x", 1, [["a", len(CONTENT)], ["b", 0]]]
    errors = client.post("/", form={"copies": "many"}).json()["errors"]
    assert sorted((error["in"], error["name"]) for error in errors) == [("form", "copies"), ("form", "subject")]


@pytest.mark.parametrize("memory", [0, 10**6], ids=["on the disk", "in memory"])
def test_a_file_is_read_in_both_colours(client_for: ClientFor, layers: list[Any], memory: int) -> None:
    app = App(config=Config(max_file_memory=memory))

    @app.post("/def", middleware=layers)
    def plain(f: UploadFile) -> list[bool]:
        whole = f.read()
        assert (f.read(), f.tell()) == (b"", len(CONTENT))
        f.seek(-10, 2)
        end = f.read(100)
        f.seek(0)
        return [whole == CONTENT, end == CONTENT[-10:], b"".join(f.chunks(999)) == CONTENT]

    @app.post("/async", middleware=layers)
    async def coroutine(f: UploadFile) -> list[bool]:
        with pytest.raises(RuntimeError, match="aread"):
            f.read()
        with pytest.raises(RuntimeError, match="aread"):
            next(iter(f.chunks()))
        with pytest.raises(ValueError, match="position -1"):
            f.seek(-1)
        whole = await f.aread()
        assert (await f.aread(), f.tell()) == (b"", len(CONTENT))
        f.seek(-10, 2)
        end = await f.aread(100)
        f.seek(0)
        return [whole == CONTENT, end == CONTENT[-10:], b"".join([chunk async for chunk in f.chunks(999)]) == CONTENT]

    client = client_for(app)
    for path in ("/def", "/async"):
        assert client.post(path, form={"f": ("x", CONTENT)}).json() == [True, True, True]


@pytest.mark.parametrize("memory", [0, 10**7], ids=["on the disk", "in memory"])
def test_reads_of_all_lengths_from_all_places(client_for: ClientFor, memory: int) -> None:
    """Also where the backend brings more from the disk than was asked for."""
    app = App(config=Config(max_file_memory=memory))
    content = b"".join(number.to_bytes(4, "big") for number in range(700_000))
    reads = [(0, 10), (10, 65536), (5, 10), (2**20 - 3, 10), (0, 2**20), (1, 2**20), (0, 2**20 + 1), (2_799_990, 100),
             (2_800_000, 10), (3_000_000, 10), (2_000_000, -1), (7, 0), (2**21, 65536), (2**20 - 1, 2)]  # fmt: skip

    @app.post("/def")
    def plain(f: UploadFile) -> list[Any]:
        found = []
        for position, size in reads:
            f.seek(position)
            found.append([f.read(size) == content[position:][: None if size < 0 else size], f.tell()])
        return found

    @app.post("/async")
    async def coroutine(f: UploadFile) -> list[Any]:
        found = []
        for position, size in reads:
            f.seek(position)
            found.append([await f.aread(size) == content[position:][: None if size < 0 else size], f.tell()])
        return found

    ends = [
        position + len(content[position:][: None if size < 0 else size]) if position < len(content) else position
        for position, size in reads
    ]
    client = client_for(app)
    for path in ("/def", "/async"):
        assert client.post(path, form={"f": ("x", content)}).json() == [[True, end] for end in ends]


def test_a_coroutine_reads_nothing_of_a_file_that_is_gone(client_for: ClientFor) -> None:
    app = App(config=Config(max_file_memory=0))
    kept: list[UploadFile] = []
    gone: list[str] = []

    @app.post("/")
    async def keep(f: UploadFile) -> None:
        kept.append(f)
        assert await f.aread(10) == CONTENT[:10]

    @app.get("/")
    async def read() -> None:
        try:
            await kept[0].aread(10)
        except ValueError as error:
            gone.append(str(error))

    client = client_for(app)
    client.post("/", form={"f": ("x", CONTENT)})
    client.get("/")
    assert "has been answered" in gone[0]


@pytest.mark.parametrize("memory", [0, 10**6], ids=["on the disk", "in memory"])
def test_a_file_is_there_until_the_work_after_the_response(client_for: ClientFor, coloured: Any, memory: int) -> None:
    app = App(config=Config(max_file_memory=memory))
    seen: list[Any] = []

    @app.post("/")
    @coloured
    def handler(request: Request, f: UploadFile) -> None:
        request.after_response(lambda: seen.append((f, f.read())))

    client_for(app).post("/", form={"f": ("x", CONTENT)})
    ((file, content),) = seen
    assert content == CONTENT
    file.seek(0)
    with pytest.raises(ValueError, match="has been answered"):
        file.read()


def test_a_form_is_parsed_while_it_arrives(
    backend: Backend, client_for: ClientFor, coloured: Any, layers: list[Any]
) -> None:
    """What is wrong with its beginning is told before its end has come."""
    app = App(config=Config(max_body_size=10**6, max_file_size=1000))

    @app.post("/", middleware=layers)
    @coloured
    def handler(form: FormData) -> None: ...

    body, content_type = form_body({"f": ("x", b"1" * 900_000)})
    pulled = 0

    def pieces() -> Iterator[bytes]:
        nonlocal pulled
        for start in range(0, len(body), 10_000):
            pulled += 1
            yield body[start : start + 10_000]

    response = client_for(app).post("/", content=pieces(), headers={"content-type": content_type})
    assert (response.status_code, response.json()["limit"]) == (413, 1000)
    assert pulled < 20 or Feature.DUPLEX not in backend.features


def test_a_client_that_leaves_in_the_middle_calls_no_handler(
    client_for: ClientFor, coloured: Any, layers: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    app = App(config=Config(max_file_memory=0))
    called: list[str] = []

    @app.post("/", middleware=layers)
    @coloured
    def handler(f: UploadFile) -> None:
        called.append(f.filename)

    body, content_type = form_body({"f": ("x", CONTENT)})

    def leaving() -> Iterator[bytes]:
        yield body[:-100]
        raise ConnectionError

    headers = {"content-type": content_type, "content-length": str(len(body))}
    with pytest.raises(ConnectionError):
        client_for(app).post("/", content=leaving(), headers=headers)
    assert called == []
    assert caplog.text == ""
