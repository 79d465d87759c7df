"""What all who ask a Redis share: the URL that says where it is, and the connections to it.

Law: no message shows a URL, for there may be a password in it. A URL that nobody can read is an error where it is
written, and not in somebody's request. Connections are bounded and waited for: a pool that refuses where all are in use
would be a store that fails whenever many ask.
"""

from importlib import import_module
from typing import Any

from hinge.diagnostics.location import caller
from hinge.errors import ConfigurationError
from hinge.extras import install


def checked_url(what: str, parameter: str, url: Any, extra: str, *, instead: str = "") -> str:
    """Return the URL of a Redis as the library `redis` takes it; `instead` is what might be written in its place.

    Raises:
        ConfigurationError: the library is not installed, or cannot read it.
    """
    where = caller()
    try:
        parse = import_module("redis.connection").parse_url
    except ImportError as error:
        raise ConfigurationError(f"{what}(...) ({where}): it needs redis. Fix: {install(extra)}") from error
    plain = url.replace("redis+unix://", "unix://", 1) if isinstance(url, str) else ""
    try:
        told = parse(plain)  # which takes redis://, rediss:// and unix://
    except ValueError:
        told = None
    if told is None or "decode_responses" in told:  # what is kept is bytes
        raise ConfigurationError(
            f"{what}({parameter}=...) ({where}): it is no URL of a Redis. "
            f"Fix: {instead}redis://host:6379/0, rediss://..., redis+unix:///path"
        )
    return plain


def pool_of(module: str, url: str, timeout: float, **options: Any) -> Any:
    """Return the connections of `redis` or `redis.asyncio`; who finds all of them in use waits so many seconds for one.

    Where Redis has closed a connection it is asked once more; where it does not answer, it is not.
    """
    closed = [import_module("redis.exceptions").ConnectionError]
    again = import_module(f"{module}.retry").Retry(import_module("redis.backoff").NoBackoff(), 1, (*closed,))
    pool = import_module(module).BlockingConnectionPool
    return pool.from_url(url, timeout=timeout, retry=again, retry_on_error=closed, **options)
