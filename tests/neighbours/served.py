"""An application behind a real server, for as long as a block lasts: in a thread, on a free port of loopback."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.ports import free_port
from tests.support.waiting import until


@contextmanager
def served(application: Any, interface: str) -> Iterator[str]:
    """Serve a WSGI or ASGI application and yield its URL, without a slash at the end."""
    with _SERVERS[interface](application) as port:
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _cheroot(application: Any) -> Iterator[int]:
    from cheroot.wsgi import Server

    server = Server(("127.0.0.1", 0), application, numthreads=4, shutdown_timeout=2)
    server.prepare()
    with _in_thread(server.serve, server.stop):
        yield server.bind_addr[1]


@contextmanager
def _uvicorn(application: Any) -> Iterator[int]:
    import uvicorn

    server = uvicorn.Server(
        uvicorn.Config(
            application,
            port=0,
            log_level="warning",
            interface="asgi3",
            ws="websockets-sansio",
            timeout_graceful_shutdown=1,  # clients that poll leave a request behind
        )
    )

    def stop() -> None:
        server.should_exit = True

    with _in_thread(server.run, stop) as thread:
        until(lambda: server.started or not thread.is_alive(), "uvicorn")
        assert server.started, "the application did not start: the log says why"
        yield server.servers[0].sockets[0].getsockname()[1]


async def _open_aiohttp(application: Any, port: int) -> Callable[[], Awaitable[None]]:
    from aiohttp import web

    runner = web.AppRunner(application, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    return runner.cleanup


async def _open_tornado(application: Any, port: int) -> Callable[[], Awaitable[None]]:
    server = application.listen(port, "127.0.0.1")

    async def close() -> None:
        server.stop()
        await server.close_all_connections()

    return close


def _on_loop(open_it: Callable[[Any, int], Awaitable[Callable[[], Awaitable[None]]]]) -> Any:
    @contextmanager
    def serving(application: Any) -> Iterator[int]:
        async def run() -> None:
            close = await open_it(application, port)
            started.set()
            await stopping.wait()
            await close()

        port, started, stopping = free_port(), threading.Event(), asyncio.Event()
        with asyncio.Runner() as runner:
            loop = runner.get_loop()
            with _in_thread(lambda: runner.run(run()), lambda: loop.call_soon_threadsafe(stopping.set)):
                assert started.wait(10)
                yield port

    return serving


@contextmanager
def _in_thread(run: Callable[[], None], stop: Callable[[], None]) -> Iterator[threading.Thread]:
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield thread
    finally:
        stop()
        thread.join(10)
    assert not thread.is_alive(), "the server did not stop"


_SERVERS = {"wsgi": _cheroot, "asgi": _uvicorn, "aiohttp": _on_loop(_open_aiohttp), "tornado": _on_loop(_open_tornado)}
"""Interface, or framework that is a server of its own -> what serves its applications."""
