"""An app whose native middleware is a generator: its status comes when its body is asked for."""

from collections.abc import Iterator
from typing import Any

from hinge import App, HTTPError


class Late:
    """Calls the app when its own body is iterated."""

    def __init__(self, application: Any) -> None:
        self.application = application

    def __call__(self, environ: Any, start_response: Any) -> Iterator[bytes]:
        yield from self.application(environ, start_response)


app = App(wsgi_middleware=[Late])


@app.get("/secret")
def secret() -> None:
    raise HTTPError(401, headers={"www-authenticate": "Bearer"})


@app.get("/stream")
def stream() -> Iterator[str]:
    yield "one "
    yield "two"
