"""Context variables: one context a request, carried into threads and onto the loop and back, and to nobody else."""

import asyncio
import functools
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import ContextVar
from queue import SimpleQueue
from typing import Any

import anyio
import pytest

from hinge import App, AsyncMiddleware, EventSourceResponse, Middleware, Request, StreamingResponse
from hinge.backend.contract import Feature
from hinge.testing import Client

pytestmark = pytest.mark.clause("context.request")

PATIENCE = 10

user: ContextVar[str] = ContextVar("user", default="nobody")
steps: ContextVar[tuple[str, ...]] = ContextVar("steps", default=())


def add(step: str) -> None:
    steps.set((*steps.get(), step))


def awaiting(source: Callable[..., Iterator[str]]) -> Callable[..., AsyncIterator[str]]:
    """Return what does the steps of a generator function, and waits between them."""

    @functools.wraps(source)
    async def coroutine(*args: Any, **kwargs: Any) -> AsyncIterator[str]:
        chunks = source(*args, **kwargs)
        try:
            for chunk in chunks:
                await asyncio.sleep(0)
                yield chunk
        finally:
            await asyncio.sleep(0)
            chunks.close()  # type: ignore[attr-defined]

    return coroutine


def in_both_colours(app: App, path: str, source: Callable[..., Iterator[str]]) -> None:
    """Have a generator function answer GET /def..., and one that waits GET /async..."""
    app.get(f"/def{path}")(source)
    app.get(f"/async{path}")(awaiting(source))


def sync_user(request: Request) -> Middleware:
    user.set(request.headers["x-user"])
    response = yield
    response.headers["x-seen"] = user.get()


async def async_user(request: Request) -> AsyncMiddleware:
    await asyncio.sleep(0)
    user.set(request.headers["x-user"])
    response = yield
    await asyncio.sleep(0)
    response.headers["x-seen"] = user.get()


LAYERS = pytest.mark.parametrize("layer", [sync_user, async_user], ids=["sync", "async"])


@LAYERS
def test_what_middleware_sets_every_handler_sees(client_for: Callable[..., Client], layer: Any) -> None:
    app = App(middleware=[layer])

    @app.get("/def")
    def plain() -> str:
        return user.get()

    @app.get("/async")
    async def coroutine() -> str:
        await asyncio.sleep(0)
        return user.get()

    @app.get("/inline/def", inline=True)
    def inline_plain() -> str:
        return user.get()

    @app.get("/inline/async", inline=True)
    async def inline_coroutine() -> str:
        return user.get()

    @app.get("/stream/def")
    def stream() -> Iterator[str]:
        yield user.get()

    @app.get("/stream/async")
    async def async_stream() -> AsyncIterator[str]:
        await asyncio.sleep(0)
        yield user.get()

    @app.get("/stream/response")
    async def response() -> StreamingResponse:
        return StreamingResponse(user.get() for _ in range(1))

    client = client_for(app)
    for path in ("/def", "/async", "/inline/def", "/inline/async", "/stream/def", "/stream/async", "/stream/response"):
        for name in ("ada", "bob"):
            answer = client.get(path, headers={"x-user": name})
            assert (path, answer.text, answer.headers["x-seen"]) == (path, name, name)
    assert user.get() == "nobody"


@LAYERS
@pytest.mark.parametrize("fails", [False, True], ids=["answers", "fails"])
def test_what_a_handler_sets_its_middleware_sees(
    client_for: Callable[..., Client], coloured: Any, layer: Any, *, fails: bool
) -> None:
    app = App(middleware=[layer])

    @app.get("/")
    @coloured
    def handler() -> str:
        user.set("the handler's")
        if fails:
            raise ValueError
        return "ok"

    answer = client_for(app).get("/", headers={"x-user": "ada"})
    assert answer.headers["x-seen"] == "the handler's"


def test_layers_of_both_colours_see_one_context(client_for: Callable[..., Client], coloured: Any) -> None:
    def outer() -> Middleware:
        add("outer in")
        response = yield
        add("outer out")
        response.headers["x-steps"] = ",".join(steps.get())

    async def middle() -> AsyncMiddleware:
        add("middle in")
        yield
        add("middle out")

    def inner() -> Middleware:
        add("inner in")
        yield
        add("inner out")

    app = App(middleware=[outer, middle, inner])

    @app.get("/")
    @coloured
    def handler() -> None:
        add("handler")

    answer = client_for(app).get("/")
    assert answer.headers["x-steps"] == "outer in,middle in,inner in,handler,inner out,middle out,outer out"


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_a_middleware_may_reset_what_it_set(client_for: Callable[..., Client], coloured: Any, colour: str) -> None:
    """A token is of use only in the context that it was made in."""
    seen: list[str] = []

    def layer() -> Middleware:
        token = user.set("inside")
        yield
        user.reset(token)
        seen.append(user.get())

    async def async_layer() -> AsyncMiddleware:
        token = user.set("inside")
        yield
        user.reset(token)
        seen.append(user.get())

    app = App(middleware=[layer if colour == "sync" else async_layer])

    @app.get("/")
    @coloured
    def handler() -> str:
        found = user.get()
        user.set("changed")
        return found

    client = client_for(app)
    assert [client.get("/").text for _ in range(2)] == ["inside", "inside"]
    assert seen == ["nobody", "nobody"]


# -- nothing leaks -----------------------------------------------------------------------------------------------------


@pytest.mark.clause("context.isolated")
def test_nothing_is_left_for_the_next_request(client_for: Callable[..., Client], coloured: Any) -> None:
    app = App()

    @app.get("/{name}")
    @coloured
    def handler(name: str) -> str:
        found = user.get()
        user.set(name)
        return found

    @app.get("/inline/{name}", inline=True)
    @coloured
    def inline(name: str) -> str:
        found = user.get()
        user.set(name)
        return found

    client = client_for(app)
    assert {client.get(f"/{number}").text for number in range(10)} == {"nobody"}
    assert {client.get(f"/inline/{number}").text for number in range(10)} == {"nobody"}


@pytest.mark.clause("context.isolated")
def test_a_stream_leaves_nothing_behind(client_for: Callable[..., Client]) -> None:
    app = App()

    def stream(name: str) -> Iterator[str]:
        yield user.get()
        user.set(name)
        yield user.get()

    in_both_colours(app, "/{name}", stream)
    client = client_for(app)
    for name in ("ada", "bob"):
        assert client.get(f"/def/{name}").text == f"nobody{name}"
        assert client.get(f"/async/{name}").text == f"nobody{name}"


@pytest.mark.clause("context.isolated")
def test_requests_at_the_same_time_see_their_own(client_for: Callable[..., Client], coloured: Any) -> None:
    together = threading.Barrier(4)
    app = App(middleware=[sync_user])

    @app.get("/def")
    def plain() -> str:
        together.wait(PATIENCE)
        return user.get()

    waiting: list[int] = []
    everybody = asyncio.Event()

    @app.get("/async")
    async def coroutine() -> str:
        waiting.append(1)
        if len(waiting) == 4:
            everybody.set()
        await everybody.wait()
        return user.get()

    client = client_for(app)
    for path in ("/def", "/async"):
        answers: dict[str, str] = {}

        def ask(name: str, path: str = path, answers: dict[str, str] = answers) -> None:
            answers[name] = client.get(path, headers={"x-user": name}).text

        threads = [threading.Thread(target=ask, args=(name,)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert answers == {name: name for name in "abcd"}


@pytest.mark.needs(Feature.STREAMING, "the client reads while the response is made")
@pytest.mark.clause("context.isolated")
def test_streams_at_the_same_time_keep_their_own(client_for: Callable[..., Client]) -> None:
    app = App()

    def stream(name: str) -> Iterator[str]:
        user.set(name)
        for _ in range(3):
            yield user.get()

    in_both_colours(app, "/{name}", stream)
    client = client_for(app)
    for path in ("/def", "/async"):
        with client.stream("GET", f"{path}/a") as one, client.stream("GET", f"{path}/b") as two:
            pairs = list(zip(one.iter_bytes(), two.iter_bytes(), strict=True))
        assert pairs == [(b"a", b"b")] * 3


# -- streams -----------------------------------------------------------------------------------------------------------


@pytest.mark.needs(Feature.STREAMING, "the client reads while the response is made")
@pytest.mark.clause("context.stream")
def test_each_step_of_a_stream_sees_the_one_before(client_for: Callable[..., Client]) -> None:
    """And a token of one step is good in the next: all of them run in one context."""
    app = App()

    def counted() -> Iterator[str]:
        token = steps.set(("one",))
        yield ",".join(steps.get())
        add("two")
        yield ",".join(steps.get())
        steps.reset(token)
        yield ",".join(steps.get())

    async def async_counted() -> AsyncIterator[str]:
        for chunk in counted():
            yield chunk or "-"

    async def awaiting() -> AsyncIterator[str]:
        token = steps.set(("one",))
        yield ",".join(steps.get())
        await asyncio.sleep(0)
        add("two")
        yield ",".join(steps.get())
        await asyncio.sleep(0)
        steps.reset(token)
        yield ",".join(steps.get()) or "-"

    def layer() -> Middleware:
        yield

    async def async_layer() -> AsyncMiddleware:
        yield

    for name, layers in (("bare", []), ("layer", [layer]), ("async-layer", [async_layer])):
        app.get(f"/{name}/def", middleware=layers)(lambda: (chunk or "-" for chunk in counted()))
        app.get(f"/{name}/async", middleware=layers)(async_counted)
        app.get(f"/{name}/awaiting", middleware=layers)(awaiting)
        app.get(f"/{name}/events", middleware=layers)(lambda: EventSourceResponse(awaiting()))
    client = client_for(app)
    for name in ("bare", "layer", "async-layer"):
        for path in ("def", "async", "awaiting"):
            with client.stream("GET", f"/{name}/{path}") as response:
                assert (path, list(response.iter_text())) == (path, ["one", "one,two", "-"])
        with client.stream("GET", f"/{name}/events") as response:
            assert [event.data for event in response.events()] == ["one", "one,two", "-"]


@pytest.mark.clause("context.stream")
def test_the_end_of_a_stream_sees_its_context(client_for: Callable[..., Client]) -> None:
    app = App(middleware=[sync_user])
    closed: list[str] = []

    def stream() -> Iterator[str]:
        try:
            yield "a"
            yield "b"
        finally:
            closed.append(user.get())

    in_both_colours(app, "", stream)
    client = client_for(app)
    for path in ("/def", "/async"):
        assert client.get(path, headers={"x-user": "ada"}).text == "ab"
        with client.stream("GET", path, headers={"x-user": "bob"}) as response:
            next(response.iter_bytes())
    assert closed == ["ada", "bob", "ada", "bob"]


def passive() -> Middleware:
    yield


def resetting() -> Middleware:
    token = user.set("inner")
    yield
    user.reset(token)


async def async_resetting() -> AsyncMiddleware:
    token = user.set("inner")
    yield
    user.reset(token)


def outer() -> Middleware:
    user.set("outer")
    yield


def set_later() -> Iterator[str]:
    yield user.get()
    user.set("own")
    try:
        yield user.get()
        yield user.get()
    finally:
        user.set(f"closed {user.get()}")


def set_at_once() -> Iterator[str]:
    found = user.get()
    user.set("own")
    try:
        yield found
        yield user.get()
        yield user.get()
    finally:
        user.set(f"closed {user.get()}")


def taken_back() -> Iterator[str]:
    """What a span around the yields does."""
    found = user.get()
    token = user.set("own")
    try:
        yield found
        yield user.get()
    finally:
        user.reset(token)
    yield user.get()


@pytest.mark.needs(Feature.STREAMING, "the client reads while the response is made")
@pytest.mark.clause("context.stream")
@pytest.mark.parametrize(
    ("layers", "before", "after"),
    [
        ([], "nobody", "nobody"),
        ([passive], "nobody", "nobody"),
        ([resetting], "inner", "nobody"),
        ([async_resetting], "inner", "nobody"),
        ([outer], "outer", "outer"),
        ([outer, resetting], "inner", "outer"),
        ([outer, async_resetting], "inner", "outer"),
        ([async_resetting, outer, passive], "outer", "nobody"),
    ],
    ids=lambda it: "+".join(layer.__name__ for layer in it) or "bare" if isinstance(it, list) else None,
)
@pytest.mark.parametrize("kind", ["def", "iterator", "async", "events", "async events"])
def test_what_a_stream_sets_it_keeps_whatever_its_middleware_resets(
    client_for: Callable[..., Client], layers: list[Any], before: str, after: str, kind: str
) -> None:
    seen: SimpleQueue[str] = SimpleQueue()
    app = App()

    def register(path: str, source: Callable[[], Iterator[str]]) -> None:
        @app.get(path, middleware=layers)
        def handler(request: Request) -> Any:
            request.after_response(lambda: seen.put(user.get()))
            chunks: Any = awaiting(source)() if "async" in kind else source()
            if kind == "iterator":
                chunks = Wrapped(chunks)
            return EventSourceResponse(chunks) if "events" in kind else StreamingResponse(chunks)

    register("/late", set_later)
    register("/own", set_at_once)
    register("/span", taken_back)
    client = client_for(app)
    if "events" in kind:
        before = after  # their head does not wait for the first one, which is made when the middleware has been left
    for path, chunks, left in (
        ("/late", [before, "own", "own"], "closed own"),
        ("/own", [before, "own", "own"], "closed own"),
        ("/span", [before, "own", before], after),
    ):
        with client.stream("GET", path) as response:
            found = [event.data for event in response.events()] if "events" in kind else [*response.iter_text()]
        assert (path, found) == (path, chunks)
        assert (path, seen.get(timeout=PATIENCE)) == (path, left)


class Wrapped:
    """An iterator that is no generator."""

    def __init__(self, chunks: Any) -> None:
        self.chunks = chunks

    def __iter__(self) -> "Wrapped":
        return self

    def __next__(self) -> str:
        chunk: str = next(self.chunks)
        return chunk

    def close(self) -> None:
        """Be closed."""
        self.chunks.close()


@pytest.mark.clause("context.stream")
def test_what_runs_after_the_response_sees_what_everybody_set(client_for: Callable[..., Client]) -> None:
    seen: list[tuple[str, ...]] = []
    late: ContextVar[str] = ContextVar("late", default="never")

    def layer() -> Middleware:
        add("layer")
        yield
        add("layer out")
        late.set("set")

    app = App(middleware=[layer])

    async def after() -> None:
        await asyncio.sleep(0)
        seen.append(steps.get())
        add("after")

    def last() -> None:
        seen.append(steps.get()[-1:])

    def register(request: Request) -> None:
        request.after_response(after)
        request.after_response(last)

    @app.get("/def")
    def plain(request: Request) -> None:
        register(request)
        add("handler")

    @app.get("/async")
    async def coroutine(request: Request) -> None:
        register(request)
        add("handler")

    def stream(request: Request) -> Iterator[str]:
        register(request)
        add("stream")
        yield "a"
        add(f"stream end, late {late.get()}")

    in_both_colours(app, "/stream", stream)
    client = client_for(app)
    for path in ("/def", "/async", "/def/stream", "/async/stream"):
        seen.clear()
        assert client.get(path).status_code in (200, 204)
        first, second = seen
        if path in ("/def", "/async"):
            assert first == ("layer", "handler", "layer out")
        else:
            assert first == ("layer", "stream", "stream end, late set")  # the stream's own, and of others what it left
        assert second == ("after",)


# -- what handlers start -----------------------------------------------------------------------------------------------


def test_tasks_and_threads_of_a_coroutine_inherit_its_context(client_for: Callable[..., Client]) -> None:
    app = App(middleware=[async_user])

    @app.get("/")
    async def handler() -> list[str]:
        async def inside() -> str:
            return user.get()

        return [await asyncio.create_task(inside()), await anyio.to_thread.run_sync(user.get)]

    assert client_for(app).get("/", headers={"x-user": "ada"}).json() == ["ada", "ada"]


@pytest.mark.clause("context.isolated")
def test_what_the_test_itself_set_is_not_seen(client_for: Callable[..., Client], coloured: Any) -> None:
    app = App()

    @app.get("/")
    @coloured
    def handler() -> str:
        return user.get()

    client = client_for(app)
    token = user.set("the test's")
    try:
        assert client.get("/").text == "nobody"
    finally:
        user.reset(token)


@pytest.mark.clause("lifespan.task")
def test_what_a_lifespan_set_is_not_seen_by_requests(client_for: Callable[..., Client], coloured: Any) -> None:
    app = App()

    @app.lifespan
    async def life() -> AsyncIterator[None]:
        user.set("the lifespan's")
        yield
        assert user.get() == "the lifespan's"

    @app.get("/")
    @coloured
    def handler() -> str:
        return user.get()

    assert client_for(app).get("/").text == "nobody"
