"""`hinge run`: serve the app, with Granian or with the server that the backend brings.

Law: every setting of `Config` is a flag, and no flag is anything else. Nothing is served before the app has been
loaded, configured and compiled once, in a process of its own: workers then load it afresh, so that none shares a
connection, thread or loop made while importing, and a reload sees the new code.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn, get_args, get_origin

import click
import msgspec

from hinge.cli.errors import CheckFailed, UserCodeError, UserError
from hinge.cli.target import targeted
from hinge.config import Config, flag
from hinge.diagnostics.kinds import shown
from hinge.errors import ConfigurationError

if TYPE_CHECKING:
    from hinge.cli.preflight import Launch

_HELP = {
    "backend": "The backend to compile for.",
    "host": "The address to listen on.",
    "port": "The TCP port to listen on; 0: a free one, told on a line of its own.",
    "uds": "The Unix socket to listen on instead.",
    "uds_mode": "The permissions of the Unix socket in octal digits, such as 660.",
    "root_path": "The prefix under which a proxy offers the app, as /shop, cut off or not.",
    "trusted_proxies": "Proxies whose headers are believed: addresses, networks, unix; separated by commas.",
    "proxy_headers": "The headers that these proxies write.",
    "workers": "Worker processes.",
    "threads": "WSGI: threads of each worker, one for each request in progress.",
    "sync_threads": "ASGI: threads of each worker for plain def handlers.",
    "stream_threads": "ASGI: threads of each worker for plain iterators of streaming responses.",
    "http": "HTTP versions: auto is 1.1, and 2 with prior knowledge or ALPN.",
    "ssl_certificate": "The PEM file of the certificate chain; switches TLS on.",
    "ssl_keyfile": "The PEM file of the private key.",
    "reload": "Restart the workers when a Python file changes.",
    "access_log": "Log every request.",
    "log_level": "The least severe messages to log.",
    "metrics_port": "The TCP port at which the main process shows the metrics of all workers.",
    "metrics_host": "The address of that port.",
    "log_config": "The file that configures logging: JSON, TOML, YAML, or .ini.",
    "log_format": "How what is logged is written: text, or an object of JSON a line.",
    "debug": "Show the cause of a 500 to the client.",
    "propagate_exceptions": "Raise what would become a 500 out of the app, for debuggers and error trackers around it.",
    "expose_route": "Tell what is around the app, besides its native middleware, which route matched.",
    "skip_unsupported": "Serve the rest of the app when the backend cannot serve a route.",
    "graceful_timeout": "Seconds after which a stopping worker is gone.",
    "drain_delay": "Seconds for which a worker told to stop serves on before, not ready.",
    "max_body_size": "The largest request body in bytes.",
    "max_query_fields": "The largest number of query fields.",
    "max_form_parts": "The largest number of fields and files in a form.",
    "max_form_files": "The largest number of files in a form.",
    "max_form_text": "The bytes of a form's texts.",
    "max_file_size": "The largest single file of a form in bytes.",
    "max_file_memory": "The bytes of a form's files that stay in memory.",
    "max_part_headers": "The largest number of headers of a form's part.",
    "max_part_header_size": "The largest header of a form's part in bytes.",
    "max_message_size": "The largest WebSocket message in bytes.",
    "allowed_origins": "Origins that may open a WebSocket, separated by commas; * for any.",
    "backlog": "Connections that the kernel may hold before they are accepted.",
    "backpressure": "Connections that a worker may hold open.",
}
"""The help of each flag, in the order of `--help`."""


def settings(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command one option for each field of `Config`; those that were not used are passed as None."""
    types = {field.name: field.type for field in msgspec.structs.fields(Config)}
    defaults = Config()
    for key in reversed(_HELP):
        default = getattr(defaults, key)
        if types[key] is bool:
            names = f"{flag(key)}/{flag(f'no_{key}')}"
            option = click.option(names, key, default=None, help=_HELP[key])
        else:
            shown = "" if default in (None, [], "") else f"  [default: {default}]"
            option = click.option(flag(key), key, metavar=_metavar(types[key]), help=_HELP[key] + shown)
        command = option(command)
    return command


def _metavar(annotation: Any) -> str:
    arguments = get_args(annotation)
    if arguments and all(isinstance(one, str) for one in arguments):
        return "|".join(arguments)
    if get_origin(annotation) is list:
        return "A,B"
    return "NUMBER" if {int, float}.intersection(arguments) else "TEXT"


def _refuse_rust(ctx: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value not in (None, "asyncio"):
        raise UserError(f"--task-impl {value}: tasks that are not asyncio's break worker threads. Fix: leave it out")


@click.command("run")
@targeted
@settings
@click.option("--task-impl", hidden=True, expose_value=False, callback=_refuse_rust)
def command(target: str, *, factory: bool, **given: Any) -> None:
    """Serve TARGET, with Granian unless the backend has a server of its own.

    Each flag can also be set as environment variable HINGE_NAME or in [tool.hinge] of pyproject.toml; the flag is
    strongest.
    """
    launch_and_serve(target, {key: value for key, value in given.items() if value is not None}, factory=factory)


def launch_and_serve(target: str, flags: Mapping[str, Any], *, factory: bool) -> NoReturn:
    """Serve a target with settings that are stronger than all others, and exit."""
    from hinge.cli.metrics import shared_metrics
    from hinge.cli.preflight import preflight
    from hinge.cli.signals import unheard

    try:
        launch = preflight(target, flags, factory=factory)
        with shared_metrics(launch):
            code = _serve(launch)
    finally:
        unheard()
    raise SystemExit(code)


def _serve(launch: "Launch") -> int:
    """Serve as the backend says that it is served, and return the exit code.

    Raises:
        UserError: nobody serves it here.
        ConfigurationError: its server cannot obey a setting.
    """
    from hinge.backend.installed import load_backend, options_of

    backend: Any = load_backend(launch.config.backend)
    if getattr(backend, "run", None) is not None:
        return _serve_itself(backend, launch, options_of(backend))
    from hinge.cli.serve import is_served, serve

    if is_served(backend.interface):
        return serve(launch)
    instead = f"Granian has no interface {backend.interface!r}. Fix: the server that the backend is made for"
    raise UserError(
        f"hinge run does not serve backend {backend.name!r}. {getattr(backend, 'deployment', None) or instead}"
    )


def _serve_itself(backend: Any, launch: "Launch", options: Any) -> int:
    """Run a backend's own server, and return the exit code."""
    from hinge.cli.signals import unheard

    unheard()  # it has its own way to stop
    try:
        code = backend.run(launch.application, launch.config, options)
    except (click.ClickException, ConfigurationError):
        raise
    except OSError as error:
        raise CheckFailed(f"backend {backend.name} could not serve {launch.target}: {error}") from error
    except Exception as error:
        frames = error.__traceback__ and error.__traceback__.tb_next
        what = f"the server of backend {backend.name} failed"
        raise UserCodeError(what, error.with_traceback(frames)) from error
    if code is None:
        return 0
    if not isinstance(code, int) or isinstance(code, bool):
        raise CheckFailed(
            f"backend {backend.name}: run returned {shown(code)}. Fix: return the exit code, or None for 0"
        )
    return code
