"""A header that is asked for by its name is read alone; it reads as it does when all of them are."""

import sys

import pytest

from hinge import App, Request

LINES = [
    ("X-Plain", "one"),
    ("X-Twice", "a"),
    ("X-Twice", "b, c"),
    ("x_under", "no"),
    ("X-Bytes", "\u00e9"),
    ("X-Empty", ""),
    ("Content-Type", ""),
    ("Accept", "text/html"),
    ("Accept", "*/*"),
    ("Cookie", "a=1"),
    ("Cookie", "b=\u00e9"),
]
NAMES = [
    "X-Plain", "x-plain", "X-TWICE", "x_under", "x-under", "X_Plain", "x-bytes", "x-empty", "content-type",
    "Content_Type", "content-length", "accept", "cookie", "host", "x-none", "", " ", "a b", "\u00df", "\u212a",
    "x-plain ", "HTTP_X_PLAIN",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_alone_as_among_all(client_for, name):
    app = App()

    @app.get("/")
    def handler(request: Request) -> dict[str, object]:
        alone = request.headers.get(name), request.headers.get(name, "-"), name in request.headers
        try:
            item = request.headers[name]
        except KeyError:
            item = None
        everything, lowered = dict(request.headers.items()), name.lower()
        found = everything.get(lowered), everything.get(lowered, "-"), lowered in everything
        return {"alone": [*alone, item], "all": found}

    found = client_for(app).get("/", headers=LINES).json()
    assert found["alone"] == [*found["all"], found["all"][0]]


def test_names_that_a_client_chooses_are_not_kept_for_ever(client_for):
    app = App()

    @app.get("/")
    def handler(request: Request, start: int) -> int:
        names = (f"x-{number}" for number in range(start, start + 2000))
        assert all(request.headers.get(name) is None for name in names)
        reads = sys.modules[type(request.headers).__module__]
        return len(getattr(reads, "_known", ()))

    client = client_for(app)
    assert all(int(client.get(f"/?start={start}").text) <= 512 for start in (0, 2000))


def test_a_name_is_a_text(client_for):
    app = App()

    @app.get("/")
    def handler(request: Request) -> str:
        with pytest.raises(AttributeError):
            request.headers.get(5)
        assert 5 not in request.headers
        return "ok"

    assert client_for(app).get("/").text == "ok"
