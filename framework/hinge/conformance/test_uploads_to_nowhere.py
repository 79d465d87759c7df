"""The framework's own answers do not depend on a request's body, and do not wait for it."""

from collections.abc import Callable
from typing import Any

import pytest

from hinge import App, Request
from hinge.testing import Client

pytestmark = pytest.mark.clause("body.unread")


def shop(*middleware: Any) -> App:
    app = App(middleware=middleware)

    @app.get("/items")
    async def items() -> str:
        return "items"

    return app


@pytest.mark.parametrize(("path", "status"), [("/nowhere", 404), ("/items", 405), ("/items/", 308)])
def test_a_body_changes_nothing(client_for: Callable[..., Client], path: str, status: int) -> None:
    assert client_for(shop()).post(path, json={"name": "lamp"}).status_code == status


@pytest.mark.clause("body.whole")
@pytest.mark.parametrize(("path", "status"), [("/nowhere", 404), ("/items", 405), ("/items/", 308)])
def test_a_middleware_that_asks_for_the_body_gets_it(client_for: Callable[..., Client], path: str, status: int) -> None:
    seen = []

    def audit(request: Request) -> Any:
        seen.append(request.body)
        yield

    app = shop()
    app.middleware(audit, needs_body=True)
    assert client_for(app).post(path, content=b"abc").status_code == status
    assert seen == [b"abc"]
