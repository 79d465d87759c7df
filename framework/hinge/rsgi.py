"""What Granian's default interface finds: an installed backend that speaks RSGI, or an explanation.

Law: a bare `granian MODULE:app` serves if such a backend is installed. If none is, or it cannot serve the app, that is
said once, before the first request, and the server ends with exit code 1: without it Granian starts, and answers
every request with an empty 500.
"""

import sys
from typing import Any, NoReturn

from hinge.backend import installed_backends, load_backend
from hinge.errors import ConfigurationError

INTERFACE = "rsgi"


def refuse_rsgi(loop: Any) -> NoReturn:
    """Explain and end the worker; Granian calls this as `__rsgi_init__`.

    Raises:
        SystemExit: always, with 1.

    """
    _end(
        "this is a WSGI and ASGI application, and granian's default interface is RSGI. "
        "Fix: granian --interface asgi MODULE:app, granian --interface wsgi MODULE:app, or hinge run MODULE:app"
    )


def _end(reason: str) -> NoReturn:
    # Written here rather than given to SystemExit, which a worker that is a thread would swallow.
    sys.stderr.write(f"Error: {reason}\n")
    sys.stderr.flush()
    raise SystemExit(1)


class BareGranian:
    """What an app has for `granian MODULE:app`; `compile` is the app's."""

    @property
    def __rsgi__(self) -> Any:
        """The callable of the backend that speaks RSGI.

        Raises:
            AttributeError: there is none, or it cannot serve the app; `__rsgi_init__` says so.

        """
        try:
            return self.__speaker()
        except (LookupError, ConfigurationError) as error:
            raise AttributeError(str(error)) from error

    def __rsgi_init__(self, loop: Any) -> None:
        """Start the app's lifespans, or explain."""
        try:
            speaker = self.__speaker()
        except LookupError:
            refuse_rsgi(loop)
        except ConfigurationError as error:
            _end(str(error))
        speaker.__rsgi_init__(loop)

    def __rsgi_del__(self, loop: Any) -> None:
        """Stop them."""
        self.__speaker().__rsgi_del__(loop)

    def __speaker(self) -> Any:
        for name in installed_backends():
            if load_backend(name).interface == INTERFACE:
                return self.compile(name)  # type: ignore[attr-defined]
        raise LookupError("no installed backend speaks RSGI")
