"""What all who ask a Redis share: the URL that says where it is, and when it is asked once more.

Law: no message shows a URL, for there may be a password in it. A URL that nobody can read is an error where it is
written, and not in somebody's request.
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
        parse(plain)  # which takes redis://, rediss:// and unix://
    except ValueError:
        raise ConfigurationError(
            f"{what}({parameter}=...) ({where}): it is no URL of a Redis. "
            f"Fix: {instead}redis://host:6379/0, rediss://..., redis+unix:///path"
        ) from None
    return plain


def asking_again(retry: Any) -> dict[str, Any]:
    """Return a client's options, of the module `redis.retry` or that of its other colour.

    Where Redis has closed the connection it is asked once more; where it does not answer, it is not.
    """
    closed = [import_module("redis.exceptions").ConnectionError]
    once = retry.Retry(import_module("redis.backoff").NoBackoff(), 1, supported_errors=(*closed,))
    return {"retry": once, "retry_on_error": closed}
