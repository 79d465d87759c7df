"""What runs once around a worker's life: generators that yield what requests find in their state.

Law: started in the order of registration, stopped in reverse, each exactly once; a start that fails stops those before
it and is raised. What is raised is an `Exception`, whatever a lifespan raises. No event loop is named here: the backend
awaits `start` and `stop`, in one and the same task.
"""

from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple, NoReturn

import msgspec

from hinge.binding.callbacks import Callback
from hinge.binding.params import Dependency, dependency_of
from hinge.diagnostics.failures import is_cancellation
from hinge.diagnostics.location import caller, locate, qualified_name
from hinge.diagnostics.logger import logger
from hinge.errors import ConfigurationError
from hinge.inspection.signature import Colour, colour_of, parameters_of, takes_one
from hinge.state import MOUNTED


class Lifespan(msgspec.Struct, frozen=True):
    """One registered generator function."""

    start: Callable[..., Any]
    is_async: bool
    name: str
    location: str
    mounted: str | None = None
    """Under which key its mounted app's state is kept (hinge.state.MOUNTED); None: it is the outermost app's."""
    written: Callback | None = None
    """The function as it was registered."""
    needs: "tuple[Need, ...]" = ()
    """Its parameters that are dependencies; `start` takes them by keyword."""
    takes_state: bool = False
    """Whether `start` takes what the lifespans before it have yielded as well."""

    def misuse(self, what: str) -> ConfigurationError:
        """Return an error that names this lifespan."""
        return ConfigurationError(f"lifespan {self.name} ({self.location}): {what}")

    def failure_of(self, error: BaseException) -> Exception:
        """Return the failure that an exception in this lifespan is: one that is no `Exception` would not be told."""
        if isinstance(error, Exception):
            return error
        what = f"called sys.exit({error.code!r})" if isinstance(error, SystemExit) else f"raised {error!r}"
        failure = RuntimeError(f"lifespan {self.name} ({self.location}): it {what}")
        failure.__cause__ = error
        return failure


def lifespan_of(function: Callable[..., Any]) -> Lifespan:
    """Return the lifespan of a generator function that takes the app or nothing.

    Raises:
        ConfigurationError: it is not one.
    """
    name, location = qualified_name(function), locate(function)
    if not callable(function):
        raise ConfigurationError(f"lifespan {function!r} ({caller()}): it cannot be called. Fix: decorate a generator")
    who, colour = f"lifespan {name} ({location})", colour_of(function)
    if colour not in (Colour.SYNC_GENERATOR, Colour.ASYNC_GENERATOR):
        raise ConfigurationError(
            f"{who}: it has no yield. Fix: a generator without @asynccontextmanager, yielding once"
        )
    needs = tuple(_needs(function, who))
    takes_app = takes_one(partial(function, **{need.name: None for need in needs}), who, "the app")
    start: Callable[..., Any] = function if takes_app else (lambda app, **given: function(**given))
    written = Callback(function, who, "lifespan", "the app", int(takes_app), "open it in the lifespan")
    return Lifespan(start, colour is Colour.ASYNC_GENERATOR, name, location, written=written, needs=needs)


class Need(NamedTuple):
    """A parameter of a lifespan that is a dependency."""

    name: str
    annotation: Any
    marker: Dependency


def _needs(function: Callable[..., Any], who: str) -> Iterator[Need]:
    """Yield the parameters that are dependencies; those of which nothing can be told yet are judged at compile."""
    try:
        found = list(parameters_of(function, who))
    except ConfigurationError:
        return
    for parameter, annotation in found:
        if (marker := dependency_of(parameter, annotation)) is not None:
            yield Need(parameter.name, annotation, marker)


class LifespanStack:
    """The running lifespans of one process."""

    def __init__(self, app: Any, lifespans: tuple[Lifespan, ...]) -> None:
        self._app = app
        self._lifespans = lifespans
        self._running: list[tuple[Lifespan, Any]] = []
        self.state: dict[str, Any] = {}

    async def start(self) -> None:
        """Start all; afterwards `state` holds what they yielded.

        Raises the failure of a start, after the earlier ones were stopped.
        """
        for lifespan in self._lifespans:
            try:
                given = (self._app, self.state) if lifespan.takes_state else (self._app,)
                generator = lifespan.start(*given)
                yielded = await _begin(lifespan, generator)
                self._running.append((lifespan, generator))
                self._merge(lifespan, yielded)
            except BaseException as error:  # noqa: BLE001 - it is told in `_raise`
                _raise([(lifespan, error), *await self._stop_all()])

    def _merge(self, lifespan: Lifespan, yielded: Any) -> None:
        if yielded is None:
            return
        if not isinstance(yielded, Mapping):
            raise lifespan.misuse(f"it yielded {type(yielded).__name__}. Fix: yield a mapping, or nothing")
        state = self.state
        if lifespan.mounted is not None:
            state = state.setdefault(MOUNTED, {}).setdefault(lifespan.mounted, {})
        clash = state.keys() & yielded.keys()
        if clash:
            raise lifespan.misuse(f"it yields {min(clash)!r}, which another lifespan yields too. Fix: rename one")
        state.update(yielded)

    async def stop(self) -> None:
        """Stop all in reverse order; raises the first failure after the last one has ended."""
        failures = await self._stop_all()
        if failures:
            _raise(failures)

    async def _stop_all(self) -> "list[_Failure]":
        failures = []
        while self._running:
            lifespan, generator = self._running.pop()
            try:
                await _end(lifespan, generator)
            except BaseException as error:  # noqa: BLE001 - the others must still end
                failures.append((lifespan, error))
        self.state.clear()
        return failures


_Failure = tuple[Lifespan, BaseException]


def _raise(failures: list[_Failure]) -> NoReturn:
    """Raise the first failure, noting those that followed; a task that has failed, before what its group cancelled."""
    causes = [(lifespan, error) for lifespan, error in failures if not is_cancellation(error)] or failures[:1]
    (lifespan, first), *others = causes
    failure = lifespan.failure_of(first)
    for lifespan, error in others:
        what = f"and then lifespan {lifespan.name} ({lifespan.location}) failed while it was stopped"
        try:
            failure.add_note(f"{what}: {error!r}")
        except Exception:  # noqa: BLE001 - the one takes no notes (a frozen dataclass), or the other has no text
            logger.error("%s", what, exc_info=error)
    raise failure


async def _begin(lifespan: Lifespan, generator: AsyncGenerator[Any, None] | Generator[Any, None, Any]) -> Any:
    try:
        if isinstance(generator, Generator):
            return next(generator)
        return await anext(generator)
    except (StopIteration, StopAsyncIteration):
        raise lifespan.misuse("it ended without a yield. Fix: yield once") from None


async def _end(lifespan: Lifespan, generator: AsyncGenerator[Any, None] | Generator[Any, None, Any]) -> None:
    try:
        if isinstance(generator, Generator):
            next(generator)
            generator.close()
        else:
            await anext(generator)
            await generator.aclose()
    except (StopIteration, StopAsyncIteration):
        return
    raise lifespan.misuse("it yielded a second time. Fix: yield once")
