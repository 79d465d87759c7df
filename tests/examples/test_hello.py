"""examples/hello.py"""

from tests.examples.harness import Load

from hinge.testing import Client


def test_it_greets(load: Load, backend: str) -> None:
    with Client(load("hello").app, backend) as client:
        assert client.get("/").text == "Hello, world!\n"
        response = client.get("/", params={"name": "Zoë & <b>"})
        assert response.text == "Hello, Zoë & <b>!\n"
        assert response.headers["content-type"] == "text/plain; charset=utf-8", "so that a name is never read as HTML"
