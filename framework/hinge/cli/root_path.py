"""`root_path` on WSGI: the prefix under which a proxy offers the app.

Law: a path that begins with it loses it, any other stands as it is: proxies cut it off, or leave it. So it is on ASGI.
"""

from collections.abc import Callable
from typing import Any

_Application = Callable[[dict[str, Any], Any], Any]


def below(prefix: str, application: _Application) -> _Application:
    """Return a WSGI application that tells another one of its prefix, which is ASCII without a slash at its end."""
    start, length = f"{prefix}/", len(prefix)

    def serve(environ: dict[str, Any], start_response: Any) -> Any:
        path = environ["PATH_INFO"]
        environ["SCRIPT_NAME"] = prefix
        if path == prefix or path.startswith(start):
            environ["PATH_INFO"] = path[length:] or "/"
        return application(environ, start_response)

    return serve
