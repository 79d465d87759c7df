"""examples/upload.py: the form, what it refuses, and what is given back."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.examples.harness import Load

from hinge.testing import Client

PAGE = {"accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}


@pytest.fixture
def uploads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UPLOADS", str(tmp_path / "kept"))
    return tmp_path / "kept"


@pytest.fixture
def client(load: Load, backend: str, uploads: Path) -> Iterator[Client]:
    with Client(load("upload").app, backend=backend) as client:
        yield client


def links(client: Client) -> list[str]:
    return re.findall(r'href="(/files/[^"]+)"', client.get("/").text)


def test_what_was_sent_comes_back(client: Client) -> None:
    name, content = "naïve 日本.txt", bytes(range(256)) * 8000
    sent = client.post("/", form={"note": "a note", "files": [(name, content, "text/html"), ("b", b"")]})
    assert (sent.status_code, sent.headers["location"]) == (303, "/")
    page = client.get("/").text
    assert (name in page, "2,048,000 bytes" in page, "a note" in page) == (True, True, True)
    answers = [client.get(link) for link in links(client)]
    assert sorted(len(answer.content) for answer in answers) == [0, 2_048_000]
    (answer,) = (answer for answer in answers if answer.content)
    assert answer.content == content
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment; ")
    assert "filename*=UTF-8''na%C3%AFve%20%E6%97%A5%E6%9C%AC.txt" in answer.headers["content-disposition"]


def test_nothing_that_a_client_says_is_a_path_or_markup(client: Client, uploads: Path) -> None:
    for name in ("../../../evil.txt", "/etc/passwd", "..\\up.txt", "<script>alert(1)</script>.txt", ".."):
        assert client.post("/", form={"files": [(name, "x")], "note": "<b>&"}).status_code == 303
    page = client.get("/").text
    assert "<script>alert" not in page
    assert "<b>&" not in page
    assert len(links(client)) == 5
    assert {path.parent for path in uploads.parent.rglob("*") if path.is_file()} == {uploads}
    assert all(re.fullmatch(r"[0-9a-f]{32}(\.json)?", path.name) for path in uploads.iterdir())
    assert client.get("/files/..%2f..%2fetc%2fpasswd").status_code == 404


@pytest.mark.parametrize(
    ("form", "status", "told"),
    [
        ({"note": "alone"}, 422, "files: is required"),
        ({"note": "nothing chosen", "files": [("", b"")]}, 422, "files: is required"),
        ({"note": "n" * 201, "files": [("a", b"")]}, 422, "note: must have at most 200 characters"),
        ({"files": [("a", bytes(5 * 2**20 + 1))]}, 413, "A file of the form is larger than the 5242880 bytes"),
        ({"files": [("a", b"")] * 11}, 413, "The form has more than 10 files"),
    ],
    ids=["no file", "nothing chosen", "long note", "large file", "many files"],
)
def test_what_does_not_fit_is_told_to_browsers_and_programs(
    client: Client, uploads: Path, form: dict[str, object], status: int, told: str
) -> None:
    page = client.post("/", form=form, headers=PAGE)
    assert (page.status_code, page.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert told in re.findall(r'role="alert"><p>(.*?)</p>', page.text)[0]
    document = client.post("/", form=form)
    assert (document.status_code, document.headers["content-type"]) == (status, "application/problem+json")
    assert told.rpartition(": ")[2] in document.text
    assert [*uploads.iterdir()] == []


def test_the_newest_is_first_and_everything_outlives_the_process(load: Load, backend: str, uploads: Path) -> None:
    app = load("upload").app
    for name in ("first", "second"):
        with Client(app, backend=backend) as client:
            client.post("/", form={"files": [(name, name)]})
    with Client(app, backend=backend) as client:
        assert [client.get(link).text for link in links(client)] == ["second", "first"]
