"""An upload with a length that ends early: where pieces are read, the client has left; a whole body is a 400."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.support.wsgi import ask

from hinge import App, Body, BodyStream, ClientDisconnect
from hinge.http.body import cut_off


class Ends:
    """A client that leaves after so many bytes, as gunicorn, Granian and waitress show it."""

    def __init__(self, size: int) -> None:
        self.left = size

    def read(self, size: int) -> bytes:
        piece = b"x" * min(self.left, size)
        self.left -= len(piece)
        return piece


class Breaks(Ends):
    """The same on a server that raises."""

    def read(self, size: int) -> bytes:
        return super().read(size) or self._fail()

    def _fail(self) -> bytes:
        raise ConnectionResetError("the peer has left")


def post(app: App, source: Any) -> tuple[str, bytes]:
    sent = {"CONTENT_TYPE": "application/octet-stream", "CONTENT_LENGTH": "100", "wsgi.input": source}
    status, _, body = ask(app.wsgi, "/", "POST", **sent)
    return status, body


@pytest.mark.parametrize("source", [Ends, Breaks])
@pytest.mark.parametrize("size", [0, 50])
def test_pieces_end_with_a_disconnect(
    source: Callable[[int], Any], size: int, caplog: pytest.LogCaptureFixture
) -> None:
    app = App()
    seen: list[Any] = []

    @app.post("/")
    def upload(body: BodyStream) -> None:
        try:
            for piece in body:
                seen.append(len(piece))
        except ClientDisconnect as error:
            seen.append(str(error))
            raise

    status, answer = post(app, source(size))
    assert seen == [*([size] if size else []), str(cut_off(size, 100))]
    assert status.startswith("400")
    assert f"{size} of 100".encode() in answer
    assert caplog.text == ""


@pytest.mark.parametrize("source", [Ends, Breaks])
def test_a_whole_body_is_a_400_before_the_handler(source: Callable[[int], Any]) -> None:
    app = App()

    @app.post("/")
    def upload(body: Body[bytes]) -> None:
        raise AssertionError("called")

    assert post(app, source(50))[0].startswith("400")
