"""The Granian server that `hinge run` starts.

Law: whatever can be wrong with an address, a certificate or the installation is found before a worker is started, and
told in a line. The service ends with exit code 1 if a worker could not start, or failed to stop.
"""

import importlib.util
import logging
import math
import multiprocessing
import ssl
import threading
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import click
from granian.constants import HTTPModes, Interfaces
from granian.errors import FatalError
from granian.log import LogLevels
from granian.server import Server
from msgspec import structs

from hinge.cli.address import claim_address, claim_socket_path
from hinge.cli.errors import UserError
from hinge.cli.log_config import configure_log
from hinge.cli.preflight import Launch
from hinge.cli.signals import leave_to_others, on_stop
from hinge.cli.worker import Worker
from hinge.config import Config
from hinge.extras import install

_HTTP = {"auto": HTTPModes.auto, "1": HTTPModes.http1, "2": HTTPModes.http2}


def serve(launch: Launch) -> int:
    """Serve until a signal stops it and return the exit code.

    Raises:
        UserError: the address, the certificate or the installation does not allow it.
    """
    spawn = spawner(launch.interface)
    if spawn is None:
        raise UserError("this Python or Granian has no worker processes. Fix: run granian itself")
    check_extras(launch.config)
    _check_certificate(launch.config)
    _quieten()
    address, launch, _kept = _placed(launch)
    config = launch.config
    told: dict[str, str] = {}
    receiver, sender = multiprocessing.Pipe(duplex=False)
    server = _server(launch, address)
    configure_log(config)  # over what Granian has just set
    worker = Worker(launch, spawn, None if config.reload else sender)
    watcher = threading.Thread(target=_watch, args=(receiver, server, told), daemon=True)
    watcher.start()
    server.on_startup(lambda: _hear_signals(server))
    server.on_startup(lambda: logging.getLogger("_granian").info(introduction(launch)))
    try:
        server.serve(spawn_target=worker.spawn, target_loader=worker.load, wrap_loader=False)
    except FatalError as error:
        raise UserError(f"Granian refused to start: {error}") from error
    sender.send(None)
    watcher.join()
    if "start" in told:
        click.echo(told["start"], err=True, nl=False)
        click.echo(f"Error: {launch.target} did not start, nothing is served", err=True)
    elif "stop" in told:
        click.echo(f"Error: {launch.target} did not stop as it should", err=True)
    return 1 if told else 0


def is_served(interface: str) -> bool:
    """Tell whether Granian has an interface of that name."""
    return interface in {one.value for one in Interfaces}


def spawner(interface: str) -> str | None:
    """Return the name of Granian's own spawn target of an interface: with the lifespan protocol, where there is one."""
    names = (f"_spawn_{interface}_lifespan_worker", f"_spawn_{interface.removesuffix('nl')}_worker")
    return next((name for name in names if hasattr(Server, name)), None)


def introduction(launch: Launch) -> str:
    """Return the line that says what is served, by which backend, and where."""
    config = launch.config
    port = config.metrics_port
    metrics = "" if port is None else f"metrics at {_http(config.metrics_host, port)}/metrics"
    places = filter(None, (_url(config), launch.docs, metrics))
    return f"Serving {launch.target} with backend {config.backend}: {', '.join(places)}"


def _url(config: Config) -> str:
    """Return where the app is, as it is opened: there is no such form for a Unix socket."""
    if config.uds:
        return f"unix:{config.uds}"
    return _http(config.host, config.port, secure=bool(config.ssl_certificate))


def _http(host: str, port: int, *, secure: bool = False) -> str:
    return f"{'https' if secure else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def _placed(launch: Launch) -> tuple[str, Launch, Any]:
    """Return the numeric address, the launch with the port that is served, and what keeps a port that was chosen here.

    A chosen one is told on a line of its own, for programs that started this one.
    """
    config = launch.config
    if config.uds:
        return "127.0.0.1", launch, None
    address, port, kept = claim_address(config.host, config.port)
    if config.port == 0:
        launch = replace(launch, config=structs.replace(config, port=port))
        print(_url(launch.config), flush=True)
    return address, launch, kept


def _server(launch: Launch, address: str) -> Any:
    config = launch.config
    return Server(
        launch.target,
        address=address,
        port=config.port,
        uds=claim_socket_path(config.uds) if config.uds else None,
        uds_permissions=int(config.uds_mode, 8) if config.uds_mode else None,
        interface=Interfaces(launch.interface),
        workers=config.workers,
        blocking_threads=config.threads if launch.is_wsgi else None,
        http=_HTTP[config.http],
        websockets=launch.has_websockets and config.http != "2",
        backlog=config.backlog,
        backpressure=config.backpressure,
        # On WSGI Granian would cut it off any path, whatever that begins with; the worker does it there.
        url_path_prefix=None if launch.is_wsgi else config.root_path or None,
        log_level=LogLevels(config.log_level),
        log_access=False,  # ours is an observer of the app: hinge.observability.AccessLog
        ssl_cert=_path(config.ssl_certificate),
        ssl_key=_path(config.ssl_keyfile),
        # A worker that the kernel or a panic ends must not end the service.
        respawn_failed_workers=True,
        # The backstop: by then a worker has stopped by itself, see Worker.
        workers_kill_timeout=math.ceil(config.drain_delay + config.graceful_timeout),
        reload=config.reload,
        reload_ignore_worker_failure=config.reload,
        reload_filter=_source_filter() if config.reload else None,
    )


def _source_filter() -> Any:
    """Return what picks Python files: an app that writes its log or database here would restart itself for ever."""
    import watchfiles

    return watchfiles.PythonFilter


def _hear_signals(server: Any) -> None:
    """Put our handlers over those that Granian has just set."""
    on_stop(server.signal_handler_interrupt)
    leave_to_others()


def _watch(receiver: Connection, server: Any, told: dict[str, str]) -> None:
    """Keep what workers tell of themselves, until the service has ended.

    One that could not start stops the service; without this it would be respawned.
    """
    while (news := receiver.recv()) is not None:
        what, text = news
        if told.setdefault(what, text) is text and what == "start":
            server.signal_handler_interrupt()


def check_extras(config: Config) -> None:
    """Refuse what needs a package that is not installed."""
    if config.reload and importlib.util.find_spec("watchfiles") is None:
        raise UserError(f"--reload needs the package watchfiles. Fix: {install('reload')}")


def _check_certificate(config: Config) -> None:
    if not (config.ssl_certificate and config.ssl_keyfile):
        return
    for key in ("ssl_certificate", "ssl_keyfile"):
        path = Path(getattr(config, key))
        try:
            path.read_bytes()
        except OSError as error:
            raise UserError(f"{key} {path}: {error.strerror}") from error
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(config.ssl_certificate, config.ssl_keyfile, password=_no_password)
    except (ssl.SSLError, ValueError) as error:
        raise UserError(
            f"ssl_certificate {config.ssl_certificate} and ssl_keyfile {config.ssl_keyfile} do not fit: {error}"
        ) from error


def _no_password() -> str:
    raise ValueError("the key is encrypted, and there is nobody to ask for its password")


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


def _quieten() -> None:
    """Drop Granian's warning about more threads than twice the processors: ours wait for I/O, and are bounded."""
    logging.getLogger("_granian").addFilter(lambda record: "Python threads" not in record.getMessage())
