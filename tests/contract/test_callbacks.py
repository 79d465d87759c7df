"""Middleware, error handlers and lifespans get what they are called with: what else they ask for is refused."""

import dataclasses
import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import Annotated, Any

import pytest
from msgspec import Meta

from hinge import App, ConfigurationError, Header, Middleware, Query, QueryParam, Request, Router, State
from hinge.backend.contract import Backend
from hinge.testing import Client


@dataclasses.dataclass(frozen=True)
class Depends:
    """As another framework's."""

    dependency: Callable[..., Any]


class Mark:
    """A note of somebody else."""


class Foreign:
    """Another framework's request."""


Foreign.__name__ = Foreign.__qualname__ = "Request"


def current_user() -> str:
    return "ada"


MISTAKES = {
    "a dependency for a default": (str | None, Depends(current_user), "user = current_user(...) in the {}"),
    "one without annotation": (None, Depends(current_user), "user = current_user(...) in the {}"),
    "an object for a default": (str, Mark(), "plain value"),
    "a list of them": (list[str], [Mark()], "plain value"),
    "a function for a default": (str, current_user, "user = current_user(...) in the {}"),
    "a class for a default": (Any, Mark, "plain value"),
    "`...` for a default": (str, ..., "plain value"),
    "a call of Query for a default": (str, Query("x"), "{reads}"),
    "a marker for a default": (str, QueryParam(), "{reads}"),
    "a dependency for a note": (Annotated[str, Depends(current_user)], "x", "user = current_user(...) in the {}"),
    "a note deeper": (list[Annotated[str, Mark()]], (), "App(ignore_notes=[Mark])"),
    "a note that is a class": (Annotated[str, Mark], "x", "App(ignore_notes=[Mark])"),
    "a marker": (Query[str], "x", "{reads}"),
    "a marker in a union": (Header[str] | None, None, "{reads}"),
    "Query alone": (Query, "x", "{reads}"),
    "the request, left to its default": (Request | None, None, "leave the default out"),
    "the state": (State, None, "or the parameter"),
    "another framework's request": (Foreign, None, "from hinge import Request"),
    "a text of nothing": ("Annotated[str, nothing]", "x", "define or import it"),
}
READS = {"middleware": "request", "error handler": "request", "lifespan": "open it in the lifespan"}


class Call:
    """An object whose call is the generator."""

    def __call__(self, request: Request, user: Any) -> Middleware:
        yield


def declared(annotation: Any, default: Any, function: Any) -> Any:
    plain = getattr(function, "__func__", function)
    plain.__defaults__ = (default,)
    plain.__annotations__["user"] = annotation
    if annotation is None:
        del plain.__annotations__["user"]
    return function


def on_app(annotation: Any, default: Any) -> tuple[App, str]:
    def guard(request: Request, user: Any) -> Middleware:
        yield

    app = App()
    app.middleware(declared(annotation, default, guard))
    return app, "middleware"


def on_app_async(annotation: Any, default: Any) -> tuple[App, str]:
    async def guard(user: Any) -> Any:
        yield

    app = App()
    app.middleware(declared(annotation, default, guard))
    return app, "middleware"


def on_object(annotation: Any, default: Any) -> tuple[App, str]:
    class Guard(Call):
        def __call__(self, request: Request, user: Any) -> Middleware:
            yield

    declared(annotation, default, Guard.__call__)
    app = App()
    app.middleware(Guard())
    return app, "middleware"


def on_router(annotation: Any, default: Any) -> tuple[App, str]:
    def guard(request: Request, user: Any) -> Middleware:
        yield

    app, router = App(), Router()
    router.middleware(declared(annotation, default, guard))
    router.get("/x")(lambda: "x")
    app.include(router)
    return app, "middleware"


def on_route(annotation: Any, default: Any) -> tuple[App, str]:
    def guard(request: Request, user: Any) -> Middleware:
        yield

    app = App()
    app.get("/x", middleware=[declared(annotation, default, guard)])(lambda: "x")
    return app, "middleware"


def on_mounted(annotation: Any, default: Any) -> tuple[App, str]:
    app = App()
    inner, what = on_app(annotation, default)
    app.mount("/inner", inner)
    return app, what


def on_error(annotation: Any, default: Any) -> tuple[App, str]:
    def told(request: Request, error: KeyError, user: Any) -> str:
        return "x"

    app = App()
    app.error(KeyError)(declared(annotation, default, told))
    return app, "error handler"


def on_error_async(annotation: Any, default: Any) -> tuple[App, str]:
    async def told(request: Request, error: KeyError, user: Any) -> str:
        return "x"

    app = App()
    app.error(KeyError)(declared(annotation, default, told))
    return app, "error handler"


def on_lifespan(annotation: Any, default: Any) -> tuple[App, str]:
    def life(user: Any) -> Iterator[None]:
        yield

    app = App()
    app.lifespan(declared(annotation, default, life))
    return app, "lifespan"


def on_mounted_lifespan(annotation: Any, default: Any) -> tuple[App, str]:
    async def life(app: App, user: Any) -> Any:
        yield

    app, inner = App(), App()
    inner.lifespan(declared(annotation, default, life))
    app.mount("/inner", inner)
    return app, "lifespan"


PLACES = (
    *(on_app, on_app_async, on_object, on_router, on_route, on_mounted),
    *(on_error, on_error_async, on_lifespan, on_mounted_lifespan),
)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", MISTAKES)
def test_nobody_gives_it(backend: Backend, place: Callable[..., tuple[App, str]], name: str) -> None:
    annotation, default, fix = MISTAKES[name]
    if default == ():
        default = "x"
    app, what = place(annotation, default)
    with pytest.raises(ConfigurationError) as found:
        app.compile(backend.name)
    (line,) = str(found.value).splitlines()
    assert line.startswith(f"{what} ")
    assert "test_callbacks.py:" in line.partition(": parameter 'user'")[0]
    said, _, told = line.partition(". Fix: ")
    assert "parameter 'user'" in said
    assert fix.format(what, reads=READS[what]) in told


@pytest.mark.parametrize("kind", [Annotated[Request, Depends(current_user)], Annotated[Any, Mark()], Query[Any]])
@pytest.mark.parametrize("what", ["middleware", "error handler", "lifespan"])
def test_nor_is_a_note_beside_what_is_given_read(backend: Backend, what: str, kind: Any) -> None:
    def generator(given: Any) -> Iterator[None]:
        yield

    def told(given: Any, error: Any) -> None: ...

    generator.__annotations__["given"] = told.__annotations__["given"] = kind
    app = App()
    if what == "error handler":
        app.error(KeyError)(told)
    else:
        getattr(app, what)(generator)
    with pytest.raises(ConfigurationError, match=rf"^{what} .*test_callbacks.py:\d+\): parameter 'given'.*Fix: "):
        app.compile(backend.name)


def test_each_mistake_is_told(backend: Backend) -> None:
    app = App()

    def guard(request: Request, user: str = Depends(current_user)) -> Middleware:  # type: ignore[assignment]
        yield

    def told(request: Request, error: KeyError, user: Annotated[str, Mark()] = "x") -> None: ...

    def life(db: str = Depends(current_user)) -> Iterator[None]:  # type: ignore[assignment]
        yield

    app.middleware(guard)
    app.error(KeyError)(told)
    app.lifespan(life)
    with pytest.raises(ConfigurationError) as found:
        app.compile(backend.name)
    assert len(str(found.value).splitlines()) == 3


@dataclasses.dataclass
class Shown(Exception):
    """Its fields are the program's own."""

    why: Annotated[str, Mark()]


def test_plain_defaults_and_notes_that_say_nothing_pass(backend: Backend) -> None:
    app = App(ignore_notes=[Mark])
    seen: list[Any] = []

    def guard(
        request: Annotated[Request, "the request"],
        limit: Annotated[int, Meta(ge=1)] = 5,
        log: logging.Logger = logging.getLogger("x"),
        names: Annotated[tuple[str, ...], Mark()] = ("a",),
        **others: Any,
    ) -> Middleware:
        seen.append((limit, log.name, names))
        yield

    def bound(request: Request, now: Any) -> Middleware:
        seen.append(now())
        yield

    def life(app: App, name: str = "x") -> Iterator[dict[str, str]]:
        yield {"name": name}

    app.middleware(guard)
    app.middleware(partial(bound, now=current_user))
    app.lifespan(life)

    @app.error(Shown)
    def told(request: Any, error: Shown, status: int = 418) -> str:
        return f"{error.why} {status}"

    @app.get("/x")
    def x() -> None:
        raise Shown("because")

    with Client(app, backend=backend.name) as client:
        assert client.get("/x").text == "because 418"
    assert seen == [(5, "x", ("a",)), "ada"]
