"""A bound on how many requests somebody may send.

Law: a request is counted once, before anything else is done for it, and in no stretch of time of a limit's length do
more pass than the limit says. Counts are in this process's memory, or, by the library `limits`, in a Redis that all
workers share. A Redis that does not answer is asked again after a while and not by each request, and costs
nobody more than `store_timeout`; what happens meanwhile is said by `when_store_fails`.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from hashlib import sha256
from importlib import import_module
from math import ceil
from time import monotonic, time
from typing import Annotated, Any, Literal, NamedTuple, Self

from hinge.diagnostics.kinds import FUNCTION, TEXT, want, wrong
from hinge.diagnostics.location import caller, locate, qualified_name
from hinge.diagnostics.logger import logger
from hinge.diagnostics.misuse import fits
from hinge.errors import ConfigurationError, HTTPError
from hinge.extras import install
from hinge.inspection.signature import Colour, colour_of
from hinge.middleware.layer import AsyncMiddleware
from hinge.middleware.moving_window import MovingWindow
from hinge.middleware.redis_client import checked_url, pool_of
from hinge.middleware.timeout import SECONDS
from hinge.request import HTTPConnection, Request
from hinge.websocket import WebSocket

Key = Callable[[Any], str]
"""From a request to whose request it is; of a guard, from what the dependency gives."""

MEMORY = "memory"
ASK_AGAIN_SECONDS = 1.0
"""For how long a store that has failed is not asked."""

_LONGEST_KEY = 64
_NETWORK_BITS = 64


def by_client(request: HTTPConnection) -> str:
    """Return whose request it is: the client's address, for IPv6 its /64 network, which is one customer's.

    Those whose address nobody tells count as one. A client of IPv4 that a socket of both families shows as IPv6
    (`::ffff:192.0.2.1`) counts as what it is: in one /64 are all of them.
    """
    client = request.client
    if client is None:
        return "-"
    if ":" not in client.host:
        return client.host
    from ipaddress import IPv6Address, IPv6Network  # noqa: PLC0415 - only IPv6 pays for it

    try:
        address = IPv6Address(client.host)
    except ValueError:
        return client.host
    return str(address.ipv4_mapped or IPv6Network((int(address), _NETWORK_BITS), strict=False))


class RateLimit:
    """Answer with 429 and `Retry-After` who sends more; add an instance to the app, a router or a route.

    As middleware it counts before anybody is known; `by(current_user)` is a guard that counts for a user.

    `limit` is one or more of `100/minute`, `5 per 10 seconds`, `1000/hour`, joined by `;`: no more than that pass in
    any minute, wherever it begins. The counts are the instance's own. `key` says
    whose request it is, a `def` that does not wait; by default it is the client's (`by_client`), and behind a proxy
    `ProxyHeaders` has to tell who that is.

    `store` is `"memory"`, which each worker has for itself, or the URL of a Redis that they share: `redis://`,
    `rediss://` or `redis+unix://`. There two limits with one `name` share their counts. If it fails, or does not answer
    within `store_timeout` seconds, requests are let through or, with `when_store_fails="refuse"`, answered with 503.

    Raises:
        ConfigurationError: the extra is not installed, or an argument is none of its kind.
    """

    @fits
    def __init__(
        self,
        limit: str,
        *,
        key: Key = by_client,
        store: str = MEMORY,
        name: str = "hinge",
        when_store_fails: Literal["allow", "refuse"] = "allow",
        store_timeout: float = 0.5,
    ) -> None:
        want("RateLimit", TEXT, limit=limit, name=name)
        want("RateLimit", FUNCTION, key=key)
        want("RateLimit", SECONDS, store_timeout=store_timeout)
        if when_store_fails not in ("allow", "refuse"):
            raise wrong("RateLimit", "when_store_fails", when_store_fails, "it is neither", "'allow' or 'refuse'")
        if colour_of(key) is not Colour.SYNC:
            raise wrong("RateLimit", "key", key, "nobody awaits it", "a `def` that returns a text")
        self._limits = _parsed(limit)
        self._key = key
        self._name = name
        self._prepare(store, store_timeout, refuses=when_store_fails == "refuse")

    def __new__(cls, *_limit: Any, **options: Any) -> Self:
        """Return one that asks the store without waiting, or one that awaits it."""
        kind: Any = _Shared if options.get("store", MEMORY) != MEMORY else cls
        return object.__new__(kind)  # type: ignore[no-any-return]

    def _prepare(self, _store: str, _store_timeout: float, *, refuses: bool) -> None:
        self._windows = [MovingWindow(limit.amount, limit.get_expiry()) for limit in self._limits]

    def by(self, user: Any) -> Callable[..., Any]:
        """Return a guard that counts for whom a dependency gives: `dependencies=[Depends(limit.by(current_user))]`.

        `user` is a provider, or an `Annotated` with one. `key` is given what that gives, and without one it has to be a
        text. Those for whom it gives None are told apart by their address. Users and clients have counts of their own.

        Raises:
            ConfigurationError: it is no provider, or gives what is no text, and there is no `key`.
        """
        from hinge.dependencies.provided import gives, marked  # noqa: PLC0415 - middleware does without

        where = caller()
        marker, kind = marked(user, "RateLimit.by", where)
        key = None if self._key is by_client else self._key
        if key is None and not gives(marker.provider or kind, str):
            raise ConfigurationError(
                f"RateLimit.by(...) ({where}): {qualified_name(marker.provider or kind)} gives no text. "
                "Fix: RateLimit(..., key=lambda user: user.name)"
            )
        guard: Any = self._guard(key)
        guard.__qualname__, guard.__module__ = "RateLimit.by", "hinge.middleware"
        guard.__declared_at__ = where
        guard.__annotations__["user"] = Annotated[kind, marker]
        return guard  # type: ignore[no-any-return]

    def _guard(self, key: Key | None) -> Callable[..., Any]:
        def count(connection: HTTPConnection, user: Any) -> None:
            self._count(self._whose_user(connection, user, key))

        count.__never_waits__ = True  # type: ignore[attr-defined]
        return count

    def before(self, request: Request | WebSocket) -> None:
        """Count the request.

        Raises:
            HTTPError: 429, it is one too many.
        """
        self._count(self._whose(request, self._key))

    def _count(self, whose: tuple[str, ...]) -> None:
        for window in self._windows:
            seconds = window.wait(whose)
            if seconds:
                raise _too_many(seconds)

    def _whose_user(self, connection: HTTPConnection, user: Any, key: Key | None) -> tuple[str, ...]:
        """Return what is counted for where it is said by user."""
        if user is None:
            return self._whose(connection, by_client, "nobody")
        return self._whose(user, _itself if key is None else key, "user")

    def _whose(self, one: Any, key: Key, kind: str = "client") -> tuple[str, str, str]:
        """Return what is counted for, in a length that any store takes.

        In a Redis they are one text: what a client may choose comes last, so that it is nobody else's.

        Raises:
            ConfigurationError: `key` has returned something else than a text.
        """
        found: Any = key(one)
        if not isinstance(found, str):
            who = f"RateLimit(key={qualified_name(key)}) ({locate(key)})"
            raise ConfigurationError(f"{who}: it returned {type(found).__name__}. Fix: return a text")
        if len(found) > _LONGEST_KEY:
            found = sha256(found.encode("utf-8", "surrogatepass")).hexdigest()
        return self._name, kind, found


class _Shared(RateLimit):
    """One whose counts are in a Redis."""

    before = None  # type: ignore[assignment]  # it awaits: it is a generator

    def _prepare(self, store: str, store_timeout: float, *, refuses: bool) -> None:
        self._url = checked_url("RateLimit", "store", store, "limits", instead="'memory', ")
        self._timeout, self._refuses = store_timeout, refuses
        self._open: dict[asyncio.AbstractEventLoop, _Connected] = {}
        self._ask_at: float | None = None
        for module in ("limits.aio", "redis.asyncio"):  # now, and not in somebody's request
            _needed(module)

    async def __call__(self, request: Request | WebSocket) -> AsyncMiddleware:
        """Count the request.

        Raises:
            HTTPError: 429, it is one too many; 503, the store does not answer, and nobody is let through then.
        """
        await self._acount(self._whose(request, self._key))
        yield

    def _guard(self, key: Key | None) -> Callable[..., Any]:
        async def count(connection: HTTPConnection, user: Any) -> None:
            await self._acount(self._whose_user(connection, user, key))

        return count

    async def _acount(self, whose: tuple[str, ...]) -> None:
        if self._ask_at is None or monotonic() >= self._ask_at:
            await self._ask(whose)
        elif self._refuses:
            raise _unknown()

    async def _ask(self, whose: tuple[str, ...]) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                strategy = await self._strategy_here()
                for limit in self._limits:
                    if not await strategy.hit(limit, *whose):
                        left = (await strategy.get_window_stats(limit, *whose)).reset_time - time()
                        raise _too_many(min(left, limit.get_expiry()))  # another worker's clock may be ahead
        except (OSError, _needed("redis.exceptions").RedisError) as error:  # TimeoutError is an OSError
            if self._ask_at is None:
                how = "refused" if self._refuses else "let through"
                logger.warning("RateLimit: the store does not answer, and requests are %s: %r", how, error)
            self._ask_at = monotonic() + ASK_AGAIN_SECONDS
            if self._refuses:
                raise _unknown() from error
        else:
            self._answers()

    def _answers(self) -> None:
        if self._ask_at is not None:
            logger.warning("RateLimit: the store answers again")
            self._ask_at = None

    async def _strategy_here(self) -> Any:
        """Return what counts on this event loop: connections are a loop's own."""
        loop = asyncio.get_running_loop()
        found = self._open.get(loop)
        if found is None:
            closing = self._connected(loop)
            found = self._open[loop] = _Connected(await anext(closing), closing)
        return found.strategy

    async def _connected(self, loop: asyncio.AbstractEventLoop) -> AsyncGenerator[Any, None]:
        """Yield what counts; the loop closes the generator when it ends, and that closes the connections."""
        pool = pool_of("redis.asyncio", self._url, self._timeout)  # asked again, it may count twice
        storage = _needed("limits.aio").storage.RedisStorage(
            "async+redis://", implementation="redispy", connection_pool=pool
        )
        try:
            yield _needed("limits.aio").strategies.MovingWindowRateLimiter(storage)
        finally:
            self._open.pop(loop, None)
            await pool.disconnect()


class _Connected(NamedTuple):
    """What counts on one event loop, and what the loop closes."""

    strategy: Any
    closing: AsyncGenerator[Any, None]


def _itself(user: Any) -> Any:
    return user


def _too_many(seconds: float) -> HTTPError:
    return HTTPError(429, "Too many requests.", headers={"retry-after": str(max(1, ceil(seconds)))})


def _unknown() -> HTTPError:
    return HTTPError(503, "Requests cannot be counted.", headers={"retry-after": str(ceil(ASK_AGAIN_SECONDS))})


def _parsed(limit: str) -> list[Any]:
    parse = _needed("limits").parse
    found = []
    for one in limit.split(";"):
        try:
            found.append(parse(one.strip()))
        except ValueError:
            fix = "limit='100/minute', several joined by ';'"
            raise wrong("RateLimit", "limit", limit, f"{one.strip()!r} is no limit", fix) from None
    if not all(one.amount for one in found):
        raise wrong("RateLimit", "limit", limit, "nobody could ask for anything", "at least 1")
    return sorted(found, key=lambda one: one.get_expiry())  # what the shortest refuses is not counted by the others


def _needed(module: str) -> Any:
    """Return a module of the extra.

    Raises:
        ConfigurationError: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise ConfigurationError(f"RateLimit ({caller()}) needs {error.name}. Fix: {install('limits')}") from error
