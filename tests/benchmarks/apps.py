"""The app on Hinge, its handlers in one colour and those of the other colour in the other."""

from collections.abc import AsyncIterator

from cases import CHUNKS, HELLO, TICKS, Item, Page, passed

from hinge import App, Cookie, Event, EventSourceResponse, Header, Middleware, Request, StreamingResponse


def passing(request: Request) -> Middleware:
    """Let everything through."""
    passed()
    yield


def wsgi_app(layers: int = 0) -> App:
    """Return the app with plain handlers, behind so many middlewares."""
    app = App(middleware=[passing] * layers)

    @app.get("/plain")
    def plain() -> str:
        return HELLO

    @app.get("/json")
    def json() -> dict[str, str]:
        return {"message": HELLO}

    @app.get("/items/{item_id}")
    def read(item_id: int, limit: int = 10, verbose: bool = False) -> Page:
        return Page(item_id, limit, verbose)

    @app.post("/items", status=201)
    def create(item: Item) -> Item:
        return item

    @app.get("/session")
    def session(x_request_id: Header[str], session: Cookie[str]) -> dict[str, str]:
        return {"request_id": x_request_id, "session": session}

    @app.get("/other")
    async def other() -> str:
        return HELLO

    @app.get("/inline", inline=True)
    async def inline() -> str:
        return HELLO

    @app.get("/thread", loop="thread")
    async def thread() -> str:
        return HELLO

    @app.get("/stream")
    def stream() -> StreamingResponse:
        return StreamingResponse((chunk for chunk in CHUNKS), media_type="application/octet-stream")

    @app.get("/events")
    def events() -> EventSourceResponse:
        return EventSourceResponse(Event(data={"tick": tick}) for tick in TICKS)

    return app


async def _chunks() -> AsyncIterator[bytes]:
    for chunk in CHUNKS:
        yield chunk


async def _ticks() -> AsyncIterator[Event]:
    for tick in TICKS:
        yield Event(data={"tick": tick})


def asgi_app(layers: int = 0) -> App:
    """Return the app with coroutines, behind so many middlewares."""
    app = App(middleware=[passing] * layers)

    @app.get("/plain")
    async def plain() -> str:
        return HELLO

    @app.get("/json")
    async def json() -> dict[str, str]:
        return {"message": HELLO}

    @app.get("/items/{item_id}")
    async def read(item_id: int, limit: int = 10, verbose: bool = False) -> Page:
        return Page(item_id, limit, verbose)

    @app.post("/items", status=201)
    async def create(item: Item) -> Item:
        return item

    @app.get("/session")
    async def session(x_request_id: Header[str], session: Cookie[str]) -> dict[str, str]:
        return {"request_id": x_request_id, "session": session}

    @app.get("/other")
    def other() -> str:
        return HELLO

    @app.get("/inline", inline=True)
    def inline() -> str:
        return HELLO

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(_chunks(), media_type="application/octet-stream")

    @app.get("/events")
    async def events() -> EventSourceResponse:
        return EventSourceResponse(_ticks())

    return app


def many(interface: str, count: int) -> App:
    """Return an app of so many routes, its handlers in the colour that the backend calls directly."""
    app = App()

    def plain(number: int) -> str:
        return HELLO

    async def coroutine(number: int) -> str:
        return HELLO

    handler = plain if interface == "wsgi" else coroutine
    for index in range(count):
        app.get(f"/r{index}/{{number}}/detail", name=f"r{index}")(handler)
    return app
