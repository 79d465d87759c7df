"""Sessions in a Redis, which all workers of all machines share.

Law: a session is one hash, each of its values a field. A change is one script, so that what it compares with is what it
changes; run twice it does no more than once, for a connection may end before the answer has come. Connections are a
process's and, where they are awaited, an event loop's own; they are made when needed.
"""

import asyncio
from collections.abc import AsyncGenerator
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from hinge.diagnostics.kinds import TEXT, want
from hinge.diagnostics.misuse import fits
from hinge.middleware.redis_client import checked_url, pool_of
from hinge.middleware.timeout import SECONDS
from hinge.sessions.record import Change, Loaded
from hinge.sessions.store import StoreError, loaded

_CREATED, _TOUCHED, _VALUE = b"created", b"touched", b"value:"
_COMMIT = """
if KEYS[3] then redis.call('DEL', KEYS[3]) end
if ARGV[1] == '0' then
    if redis.call('EXISTS', KEYS[2]) == 1 then
        if KEYS[1] ~= KEYS[2] then redis.call('RENAME', KEYS[2], KEYS[1]) end
    elseif redis.call('EXISTS', KEYS[1]) == 0 then
        return false
    end
end
local found = {}
for index = 5, #ARGV, 5 do
    local action, name, had, before, value = unpack(ARGV, index, index + 4)
    local now, wanted = redis.call('HGET', KEYS[1], name), action == 'set' and value
    if now ~= (had == '1' and before) and now ~= wanted then found[#found + 1] = name end
    if wanted then redis.call('HSET', KEYS[1], name, value) else redis.call('HDEL', KEYS[1], name) end
end
redis.call('HSET', KEYS[1], 'created', ARGV[2], 'touched', ARGV[3])
redis.call('EXPIREAT', KEYS[1], ARGV[4])
return found
"""


class RedisStore:
    """Keep sessions in the Redis at `url`: `redis://`, `rediss://` or `unix://`.

    Each is a hash whose key begins with `prefix`; Redis deletes it when the session is too old. A request waits at most
    `timeout` seconds for each answer, and as long for a connection where all 50 are in use.

    Raises:
        ConfigurationError: the extra is not installed, or an argument is none of its kind.
    """

    waits = True

    @fits
    def __init__(self, url: str, *, prefix: str = "hinge:session:", timeout: float = 1.0) -> None:
        want("RedisStore", TEXT, prefix=prefix)
        want("RedisStore", SECONDS, timeout=timeout)
        self._url = checked_url("RedisStore", "url", url, "redis")
        self._redis = import_module("redis")
        self._prefix = prefix
        self._timeout = timeout
        self._errors = (self._redis.exceptions.RedisError, OSError)
        self._of_loop: dict[asyncio.AbstractEventLoop, tuple[_Client, AsyncGenerator[_Client, None]]] = {}
        self._plain = _Client(self._client_of("redis"))
        parts = urlsplit(self._url)
        self.name = f"the Redis at {parts.hostname or parts.path}"

    def load(self, id: str) -> Loaded | None:  # noqa: A002 - as everywhere in this room
        """Return what is kept under an id; raises StoreError."""
        try:
            return _loaded(self._plain.client.hgetall(self._prefix + id))
        except self._errors as error:
            raise self._failed(error) from error

    def commit(self, change: Change, expires: int) -> list[str] | None:
        """Write a change; see `hinge.sessions.store.Store`. Raises StoreError."""
        try:
            return _found(self._written(self._plain, change, expires))
        except self._errors as error:
            raise self._failed(error) from error

    async def aload(self, id: str) -> Loaded | None:  # noqa: A002
        """Do what `load` does."""
        try:
            return _loaded(await (await self._on_loop()).client.hgetall(self._prefix + id))
        except self._errors as error:
            raise self._failed(error) from error

    async def acommit(self, change: Change, expires: int) -> list[str] | None:
        """Do what `commit` does."""
        try:
            return _found(await self._written(await self._on_loop(), change, expires))
        except self._errors as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Close the connections of threads, until they are used again; those of an event loop end with that."""
        self._plain.client.close()

    def _written(self, on: "_Client", change: Change, expires: int) -> Any:
        """Send a change, and return the answer or what is to be awaited for it."""
        ended = [] if change.ended is None else [self._prefix + change.ended]
        if change.id is None:
            return on.client.delete(*ended)
        keys = [self._prefix + change.id, self._prefix + (change.was or change.id), *ended]
        arguments: list[Any] = [int(change.was is None), change.created, change.touched, expires]
        for name in change.names:
            before = change.before.get(name)
            action = "set" if name in change.values else "remove"
            arguments += [action, _VALUE + name.encode(), int(before is not None), before or b""]
            arguments.append(change.values.get(name, b""))
        return on.commit(keys=keys, args=arguments)

    def _failed(self, error: Exception) -> StoreError:
        return StoreError(f"{self.name}: {error!r}")

    # -- connections ---------------------------------------------------------------------------------------------------

    def _client_of(self, module: str) -> Any:
        timeouts = {"socket_timeout": self._timeout, "socket_connect_timeout": self._timeout}
        return import_module(module).Redis.from_pool(pool_of(module, self._url, self._timeout, **timeouts))

    async def _on_loop(self) -> "_Client":
        """Return the client of this event loop."""
        loop = asyncio.get_running_loop()
        found = self._of_loop.get(loop)
        if found is None:
            closing = self._opened(loop)
            found = self._of_loop[loop] = await anext(closing), closing
        return found[0]

    async def _opened(self, loop: asyncio.AbstractEventLoop) -> AsyncGenerator["_Client", None]:
        """Yield a client; the loop closes the generator when it ends, and that closes the connections."""
        client = self._client_of("redis.asyncio")
        try:
            yield _Client(client)
        finally:
            self._of_loop.pop(loop, None)
            await client.aclose()


class _Client:
    """A client of either colour, and its script."""

    __slots__ = ("client", "commit")

    def __init__(self, client: Any) -> None:
        self.client = client
        self.commit = client.register_script(_COMMIT)


def _loaded(fields: dict[bytes, bytes]) -> Loaded | None:
    if not fields:
        return None
    values = {name.removeprefix(_VALUE): data for name, data in fields.items() if name.startswith(_VALUE)}
    return loaded(fields.get(_CREATED), fields.get(_TOUCHED), values)


def _found(answer: Any) -> list[str] | None:
    """Return what a change has come to, of the script's answer; a number is that of `DEL`."""
    if answer is None:
        return None
    return [] if isinstance(answer, int) else [name.removeprefix(_VALUE).decode() for name in answer]
