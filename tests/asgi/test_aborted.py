"""A stream that fails after its status was sent, and what the server is told."""

from collections.abc import AsyncIterator

import pytest
from tests.support.asgi import Peer, run, scope

from hinge import App
from hinge.responses.streaming import StreamAborted


def failing() -> App:
    app = App()

    @app.get("/")
    async def handler() -> AsyncIterator[str]:
        yield "one"
        raise ValueError

    return app


def serve(address: object) -> tuple[Peer, BaseException | None]:
    peer = Peer()
    try:
        run(lambda: failing().asgi(scope(server=address), peer.receive, peer.send))
    except StreamAborted as error:
        return peer, error
    return peer, None


@pytest.mark.parametrize(
    ("address", "raised"),
    [
        (("127.0.0.1", 80), StreamAborted),
        (["127.0.0.1", 80], type(None)),  # daphne: it would end the task in which it looks after its connections
    ],
)
def test_servers_get_an_exception_and_daphne_an_unfinished_answer(address: object, raised: type) -> None:
    peer, error = serve(address)
    assert type(error) is raised
    assert [message["type"] for message in peer.sent] == ["http.response.start", "http.response.body"]
    assert (peer.body, peer.sent[-1]["more_body"]) == (b"one", True)
