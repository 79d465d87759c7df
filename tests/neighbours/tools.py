"""Tools that take an application, given the app itself.

Law: a tool finds what it is there to find: a proof has something for it.
"""

from pathlib import Path
from typing import Annotated, Any

import msgspec
from tests.neighbours.rows import row

from hinge import App

TABLE = "tools"


class Item(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=20)]
    amount: Annotated[int, msgspec.Meta(ge=0, le=100)] = 1


@row(
    TABLE,
    "schemathesis",
    "`openapi.from_asgi`",
    "ASGI",
    '`schema = schemathesis.openapi.from_asgi("/openapi.json", app)`; see below for `1.0`',
)
def schemathesis_asgi(folder: Path) -> None:
    import schemathesis

    _finds(lambda app: schemathesis.openapi.from_asgi("/openapi.json", app))


@row(
    TABLE,
    "schemathesis",
    "`openapi.from_wsgi`",
    "WSGI",
    '`schema = schemathesis.openapi.from_wsgi("/openapi.json", app.wsgi)`; see below for `1.0`',
)
def schemathesis_wsgi(folder: Path) -> None:
    import schemathesis

    _finds(lambda app: schemathesis.openapi.from_wsgi("/openapi.json", app.wsgi))


def _finds(schema_of: Any) -> None:
    from hypothesis import HealthCheck, Phase, given, settings
    from schemathesis.specs.openapi.checks import positive_data_acceptance

    app = App()

    @app.get("/items/{item_id}")
    def read(item_id: int, verbose: bool = False) -> Item:
        return Item("lamp", item_id % 100)

    @app.post("/items", status=201)
    async def add(item: Item) -> Item:
        return item

    @app.get("/broken")
    def broken(number: int) -> int:
        if abs(number) > 1000:
            raise OverflowError(number)
        return number

    schema = schema_of(app)
    failed = {}
    for name in ("/items/{item_id}", "/items", "/broken"):
        for operation in schema[name].values():

            @settings(
                max_examples=15,
                phases=[Phase.generate],
                database=None,
                suppress_health_check=list(HealthCheck),
                deadline=None,
                derandomize=True,
            )
            @given(case=operation.as_strategy())
            def check(case: Any) -> None:
                case.call_and_validate(excluded_checks=[positive_data_acceptance])

            try:
                check()
            except BaseException as error:
                failed[name] = repr(error)
    assert list(failed) == ["/broken"], failed
