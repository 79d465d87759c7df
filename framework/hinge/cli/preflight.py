"""What must be right before a worker is started: the target loads, its settings are valid, the backend compiles it.

Law: it is found out in a process of its own, which ends with it. The parent never imports the app.
"""

import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click

from hinge.app import App
from hinge.backend.contract import Application, Feature
from hinge.backend.installed import load_backend
from hinge.cli.access import open_access_log
from hinge.cli.errors import CheckFailed, UserCodeError, UserError
from hinge.cli.log_config import configure_log
from hinge.cli.signals import forget, on_stop
from hinge.cli.target import load_target
from hinge.config import Config, resolve_config
from hinge.errors import ConfigurationError
from hinge.extras import install
from hinge.openapi.pages import assets
from hinge.wrapped import Wrapped


@dataclass(frozen=True, slots=True)
class Launch:
    """What a worker is told: the app to load, and the settings that are already resolved."""

    target: str
    factory: bool
    config: Config
    interface: str
    """The protocol of what the backend compiles to."""
    has_websockets: bool
    """Whether the backend serves them; otherwise a handshake is a request like any other, and answered as one."""
    docs: str = ""
    """Where the page about the API is, for the line that says what is served."""
    has_metrics: bool = False
    """Whether the app counts for Prometheus, so that workers have to share what they count."""

    def load(self) -> App | Wrapped:
        """Return the app, or what wraps it, loaded and configured, with the log that was asked for."""
        configure_log(self.config)
        found = load_target(self.target, factory=self.factory)
        _configure(_app_of(found), self.config)
        return found

    def compiled(self, found: App | Wrapped) -> Application:
        """Return what the app is compiled to, inside what wraps it."""
        application = _app_of(found).compile(self.config.backend, skip_unsupported=self.config.skip_unsupported)
        if not isinstance(found, Wrapped):
            return application
        found.reach(application)
        return found.around(application)  # type: ignore[no-any-return]

    def application(self) -> Application:
        """Return the app compiled: what a backend's own server serves."""
        application = self.compiled(self.load())
        open_access_log(self.config)
        return application

    @property
    def is_wsgi(self) -> bool:
        """Whether Granian gives each request a thread, and leaves the lifespans to us."""
        return self.interface == "wsgi"


def start_method() -> str:
    """Return the way Granian starts its processes: a forkserver does not share sockets well."""
    method = multiprocessing.get_start_method()
    return method if method in ("fork", "spawn") else "spawn"


def preflight(target: str, flags: Mapping[str, Any], *, factory: bool) -> Launch:
    """Load, configure and compile the app in another process and return what to launch.

    Exits with that process's code if it fails; it has then said why.
    """
    resolve_config(None, overrides=flags)  # a mistyped flag is told without loading anything
    context: Any = multiprocessing.get_context(start_method())
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_try, args=(target, dict(flags), factory, sender), name="hinge-preflight")
    starting = threading.Lock()

    def leave() -> None:
        with starting:  # until it can be killed
            process.kill()
        os._exit(0)

    with starting:
        on_stop(leave)  # until a server hears of it: process 1 of a container would not by itself
        process.start()
    sender.close()
    try:
        launch: Launch = receiver.recv()
    except EOFError:
        process.join()
        code = process.exitcode
        if code < 0:
            raise CheckFailed(f"{target}: {signal.Signals(-code).name} ended the process that loaded it") from None
        sys.exit(code or 1)
    process.join()
    return launch


def _try(target: str, flags: dict[str, Any], factory: bool, sender: multiprocessing.connection.Connection) -> None:  # noqa: FBT001
    forget()  # a stop ends it without a traceback
    try:
        sender.send(_load(target, flags, factory=factory))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except ConfigurationError as error:
        UserError(str(error)).show()
        sys.exit(UserError.exit_code)
    except Exception as error:  # noqa: BLE001 - native middleware may raise anything while it is compiled in
        UserCodeError(f"{target} could not be compiled", error).show()
        sys.exit(UserCodeError.exit_code)


def _load(target: str, flags: dict[str, Any], *, factory: bool) -> Launch:
    before = resolve_config(None, overrides=flags)
    configure_log(before)
    found = load_target(target, factory=factory)
    app = _app_of(found)
    # Resolved twice, the weaker sources change nothing; only the flags are new.
    config = resolve_config(app.config, overrides=flags)
    backend = load_backend(config.backend)
    if (config.log_config, config.log_format) != (before.log_config, before.log_format):  # the app's own word
        configure_log(config)
    if config.root_path and Feature.PREFIX not in backend.features:
        why = f"with backend {backend.name!r} {Feature.PREFIX.without}"
        raise UserError(f"root_path {config.root_path!r}: {why}. Fix: --backend asgi or wsgi")
    if isinstance(found, Wrapped):
        found.check(f"target {target!r}", backend)
    _configure(app, config)
    try:
        app.compile(config.backend, skip_unsupported=config.skip_unsupported)
    except ConfigurationError as error:
        raise CheckFailed(f"backend {config.backend} cannot serve {target}:\n{error}") from error
    has_websockets = Feature.WEBSOCKET in backend.features
    has_metrics = any(hasattr(one, "exposition") for one in app.observers)
    return Launch(target, factory, config, backend.interface, has_websockets, docs_note(app), has_metrics)


def _app_of(found: App | Wrapped) -> App:
    return found.app if isinstance(found, Wrapped) else found


def docs_note(app: App) -> str:
    """Return where the page about the API is, or what it lacks; empty if the app wants none."""
    if app.openapi_path is None or app.docs_path is None:
        return ""
    if assets() is None and not any(route.template.text == app.docs_path for route in app.routes):
        return f"{app.docs_path} needs a package: {install('openapi')}"
    return f"API documentation at {app.docs_path}"


_COMPILED_IN = (
    "access_log", "debug", "propagate_exceptions", "expose_route",
    "max_body_size", "max_query_fields", "max_message_size", "allowed_origins",
    "max_form_parts", "max_form_files", "max_form_text", "max_file_size", "max_file_memory", "max_part_headers",
    "max_part_header_size", "sync_threads", "stream_threads", "trusted_proxies", "proxy_headers",
)  # fmt: skip
"""The settings that an application depends on; the others concern the server alone."""


def _configure(app: App, config: Config) -> None:
    """Give the app its settings; a module that compiled it already is fine if they would change nothing."""
    present = app.config
    try:
        app.configure(config)
    except ConfigurationError:
        changed = [key for key in _COMPILED_IN if getattr(present, key) != getattr(config, key)]
        if changed:
            raise
