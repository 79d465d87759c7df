"""The lifespan of an ASGI application (lifespan protocol 2.0), as one of Hinge's.

Law: it is run in a task of its own, started and stopped with the worker. An application that does not know the protocol
has none, which the protocol allows; one that says that its start has failed fails the worker's.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from hinge.diagnostics.logger import logger
from hinge.lifespan import Lifespan
from hinge.mounted.asgi import Tasks
from hinge.state import MOUNTED

_ASGI = {"version": "3.0", "spec_version": "2.0"}


class MountedLifespanError(RuntimeError):
    """Report that a mounted application has not started or stopped, in its own words."""


def lifespan_for(
    app: Callable[..., Any], name: str, location: str, key: str, around: str | None, tasks: Tasks
) -> Lifespan:
    """Return the lifespan of an application; `around` is the key of the state of the app that it is mounted in."""

    async def run(outermost: Any, state: Mapping[str, Any]) -> AsyncIterator[dict[str, Any]]:
        seen = {**state, **(state.get(MOUNTED, {}).get(around) or {})}
        seen.pop(MOUNTED, None)
        running = _Running(app, f"mounted application {name} ({location})", dict(seen))
        try:
            await running.start()
            yield {one: value for one, value in running.state.items() if seen.get(one, seen) is not value}
        finally:
            await tasks.end()
            await running.stop()

    return Lifespan(run, True, name, location, mounted=key, takes_state=True)


class _Running:
    """The application's side of one lifespan, and ours."""

    def __init__(self, app: Callable[..., Any], who: str, state: dict[str, Any]) -> None:
        self.state = state
        self._who = who
        self._app = app
        self._messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._said: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self._has_started = False

    async def start(self) -> None:
        """Start it.

        Raises:
            MountedLifespanError: it says so.
        """
        scope = {"type": "lifespan", "asgi": _ASGI, "state": self.state}
        self._task = asyncio.create_task(self._run(scope))
        self._task.add_done_callback(lambda _: self._said.put_nowait(None))
        self._messages.put_nowait({"type": "lifespan.startup"})
        said = await self._said.get()
        if said is None:
            error = self._failure()
            logger.info("%s runs without a lifespan%s", self._who, f": {error!r}" if error is not None else "")
        elif said["type"] == "lifespan.startup.failed":
            await self._end()
            raise MountedLifespanError(f"{self._who} failed to start: {said.get('message', '')}") from self._failure()
        else:
            self._has_started = True
            self._task.add_done_callback(self._ended_early)

    async def _run(self, scope: dict[str, Any]) -> None:
        await self._app(scope, self._messages.get, self._say)

    async def _say(self, message: dict[str, Any]) -> None:
        self._said.put_nowait(message)

    def _ended_early(self, task: "asyncio.Task[None]") -> None:
        if self._has_started and not task.cancelled() and (error := task.exception()) is not None:
            logger.error("the lifespan of %s has failed; the worker goes on", self._who, exc_info=error)

    async def stop(self) -> None:
        """Stop it, if it has started.

        Raises:
            MountedLifespanError: it says so.
        """
        if self._task is None:
            return
        if self._has_started and not self._task.done():
            self._has_started = False
            self._messages.put_nowait({"type": "lifespan.shutdown"})
            said = await self._said.get()
            await self._end(is_over=said is not None)
            if said is not None and said["type"] == "lifespan.shutdown.failed":
                raise MountedLifespanError(
                    f"{self._who} failed to stop: {said.get('message', '')}"
                ) from self._failure()
            if said is None and (error := self._failure()) is not None:
                raise MountedLifespanError(f"{self._who} failed to stop: {error!r}") from error
        else:
            await self._end()

    async def _end(self, *, is_over: bool = False) -> None:
        """Have its task end: one that has said its last word does so by itself."""
        if self._task is None or self._task.done():
            return
        if is_over:
            await asyncio.wait((self._task,), timeout=1)
        self._task.cancel()
        await asyncio.wait((self._task,))

    def _failure(self) -> BaseException | None:
        if self._task is None or not self._task.done() or self._task.cancelled():
            return None
        return self._task.exception()
