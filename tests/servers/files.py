"""An app that answers with files of a folder, and tells what each body is to the server."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hinge import App, FileResponse, Request

FOLDER = Path(os.environ["SERVED_FOLDER"])


def telling(application: Any) -> Any:
    """Add the type of the body to the head."""

    def told(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        head: list[Any] = []
        body = application(environ, lambda *answer: head.extend(answer))
        start_response(head[0], [*head[1], ("x-body", type(body).__name__)])
        return body

    return told


app = App(wsgi_middleware=[telling])
app.static("/static", FOLDER)


@app.get("/after/{name}")
def after(request: Request, name: str) -> FileResponse:
    request.after_response(lambda: None)
    return FileResponse(FOLDER / name)


@app.get("/open")
def opened() -> int:
    """How many files of the folder this process has open."""
    found = 0
    for link in Path("/proc/self/fd").iterdir():
        try:
            found += str(link.readlink()).startswith(str(FOLDER))
        except OSError:
            continue
    return found
