"""Probes: whether a process lives, and whether it is ready for requests.

Law: whoever asks costs no more than one round of checks a moment, and learns no more than a status. A check that is
late has failed, and is not begun anew while it still holds a thread. A process that is about to stop is not ready, and
still serves. Guards of the app are not asked: a probe has no credentials.
"""

from asyncio import AbstractEventLoop, get_running_loop
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from time import monotonic
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import anyio
import anyio.to_thread
from msgspec.structs import replace

from hinge.backend.draining import has_begun
from hinge.dependencies.hops import Hops
from hinge.dependencies.provided import marked
from hinge.dependencies.resolve import Resolved, shared_blocks
from hinge.diagnostics.failures import FAILURES, failure_in_task
from hinge.diagnostics.kinds import FLAG, Wanted, want, wrong
from hinge.diagnostics.location import caller, qualified_name
from hinge.diagnostics.logger import logger
from hinge.diagnostics.misuse import fits
from hinge.responses.response import JSONResponse, Response
from hinge.routing.route import Route
from hinge.routing.router import Router

__all__ = ["Health"]

if TYPE_CHECKING:
    from hinge.binding.notes import Notes
    from hinge.dependencies.graph import Graphs

_SECONDS = Wanted(
    lambda value: isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 3600,
    "number of seconds",
    "a number from 0, below 3600",
)


class Health(Router):
    """The probes of a process: `app.include(Health(checks=[database]))`.

    `live` answers 200 for as long as the process answers at all. `ready` answers 200 if every check passes, and 503 if
    one does not, or once the process is about to stop (`drain_delay`). A path that is None is not served.

    A check is a provider, as `Depends` names it, of either colour: what it takes are dependencies, those of scope "app"
    the worker's own. It fails if it raises, returns or yields False, or takes more than `timeout` seconds. All of
    them run at once, and what they said is kept for `cache` seconds. `details` has the answer name each check.
    `dependencies` guard the probes; those of the app do not. They are not in the OpenAPI document.

    Raises:
        ConfigurationError: an argument is wrong. When the app is compiled: a check takes something of a request.
    """

    @fits
    def __init__(
        self,
        *,
        checks: Iterable[Any] = (),
        live: str | None = "/live",
        ready: str | None = "/ready",
        timeout: float = 1.0,
        cache: float = 1.0,
        details: bool = False,
        dependencies: Iterable[Any] = (),
    ) -> None:
        where = caller()
        want("Health", _SECONDS, timeout=timeout, cache=cache)
        want("Health", FLAG, details=details)
        if isinstance(checks, str) or not isinstance(checks, Iterable):
            raise wrong("Health", "checks", checks, "it is no list", "checks=[database]")
        found = [*checks]
        for one in found:
            marked(one, "Health", where)  # told here, and not at compile, if it is none
        super().__init__(dependencies=dependencies, include_in_schema=False)
        self._who = f"Health(checks=[...]) ({where})"
        self._checks, self._timeout, self._cache, self._details = found, timeout, cache, details
        if live is not None:
            self.get(live, inline=True, name="health_live")(_alive)
        if ready is not None and found:
            self.get(ready, name="health_ready")(_checked)
        elif ready is not None:
            self.get(ready, inline=True, name="health_ready")(_ready)

    def _add(self, route: Route) -> None:
        super()._add(replace(route, probe=self._made if route.handler is _checked else _itself(route.handler)))

    def _made(self, graphs: "Graphs", notes: "Notes") -> Callable[..., Any]:
        """Return what answers with the checks, whose providers are among those of the app."""
        checks = []
        for one in self._checks:
            marker, kind = marked(one, "Health", self._who)
            check = _Check(qualified_name(marker.provider or kind).rpartition(".")[2])
            check.block = shared_blocks(one, graphs, notes, self._who, Hops(check.hop, check.hop, nullcontext))
            checks.append(check)
        return _Rounds(checks, self._timeout, self._cache, details=self._details).answer


def _itself(handler: Callable[..., Any]) -> Callable[..., Any]:
    return lambda graphs, notes: handler


def _alive() -> Response:
    return _answer({"status": "ok"})


def _ready() -> Response:
    return _answer({"status": "ok"}) if not has_begun() else _answer({"status": "stopping"}, 503)


async def _checked() -> Response:
    """Stand for what `Health` makes once the providers are known."""
    raise NotImplementedError


def _answer(content: Any, status: int = 200) -> Response:
    return JSONResponse(content, status=status, headers={"cache-control": "no-store"})


class _Check:
    """One check, and what it said last."""

    block: Callable[[], Resolved]

    def __init__(self, name: str) -> None:
        self.name = name
        self._said = "ok"
        self._is_in_thread = False

    async def hop(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Run plain code in a thread, which is left behind if it is late.

        Raises:
            TimeoutError: there is one already.
        """
        if self._is_in_thread:
            raise TimeoutError("it still waits in its thread")
        self._is_in_thread = True

        def work() -> Any:
            try:
                return function(*arguments)
            finally:
                self._is_in_thread = False

        return await anyio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=anyio.CapacityLimiter(1))

    async def run(self, seconds: float) -> str:
        """Return `ok`, `failed` or `late`; the log has why, once."""
        error: Exception | None = None
        said = "ok"
        with anyio.move_on_after(seconds) as scope:
            try:
                async with self.block() as value:
                    if value is False:
                        said = "failed"
            except FAILURES as raised:
                error, said = failure_in_task(raised), "failed"
        if scope.cancel_called:  # or it has caught that
            error, said = None, "late"
        if said != self._said:
            self._said = said
            if said == "ok":
                logger.info("health check %s passes again", self.name)
            else:
                logger.warning("health check %s: %s", self.name, said, exc_info=error)
        return said


class _Round:
    """What the checks have said on one event loop."""

    def __init__(self) -> None:
        self.lock = anyio.Lock()
        self.said: dict[str, str] = {}
        self.until = 0.0


class _Rounds:
    """The checks of one compiled app: one round at a time, for all who ask meanwhile."""

    def __init__(self, checks: list[_Check], timeout: float, cache: float, *, details: bool) -> None:
        self._checks, self._timeout, self._cache, self._details = checks, timeout, cache, details
        self._rounds: WeakKeyDictionary[AbstractEventLoop, _Round] = WeakKeyDictionary()

    async def answer(self) -> Response:
        """Answer whether this process is ready."""
        if has_begun():
            return _answer({"status": "stopping"}, 503)
        last = self._rounds.setdefault(get_running_loop(), _Round())
        async with last.lock:
            if monotonic() >= last.until:
                last.said = await self._run()
                last.until = monotonic() + self._cache
        is_ready = all(said == "ok" for said in last.said.values())
        content: dict[str, Any] = {"status": "ok" if is_ready else "failed"}
        if self._details:
            content["checks"] = last.said
        return _answer(content, 200 if is_ready else 503)

    async def _run(self) -> dict[str, str]:
        said = dict.fromkeys((one.name for one in self._checks), "ok")

        async def run(check: _Check) -> None:
            found = await check.run(self._timeout)
            if said[check.name] == "ok":  # another one may have the same name
                said[check.name] = found

        async with anyio.create_task_group() as group:
            for one in self._checks:
                group.start_soon(run, one)
        return said
