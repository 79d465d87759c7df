"""The settings of an app and of the process that serves it.

Law: one frozen record, whose fields, defaults and ranges are this one table, and one precedence. Strongest first:
command-line flag, environment `HINGE_*`, `[tool.hinge]` in pyproject.toml, `App(config=Config(...))`, default. A key
that no field has and a value out of its range are errors that say where they came from; nothing is ignored.
"""

import functools
import inspect
import os
from collections.abc import Iterator, Mapping
from stat import S_ISREG
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

import msgspec

from hinge.diagnostics.location import caller
from hinge.diagnostics.misuse import is_from_within, misfit, near, nearest
from hinge.errors import ConfigurationError

PREFIX = "HINGE_"
"""What the name of an environment variable that sets a field starts with."""

MiB = 1024 * 1024

_NO_STORE = (
    "these are Hinge's settings, by attribute. Fix: a dataclass of your own settings, as Depends(settings, scope='app')"
)

_Count = Annotated[int, msgspec.Meta(ge=1, le=65_536)]
_Bytes = Annotated[int, msgspec.Meta(ge=0, le=2**40)]
_Text = Annotated[str, msgspec.Meta(min_length=1)]
_Prefix = Annotated[
    str,
    msgspec.Meta(
        pattern=r"\A(/[A-Za-z0-9._~!$&'()*+,;=:@-]+)*\Z", description="a path such as /shop, with no slash at its end"
    ),
]
_Mode = Annotated[str, msgspec.Meta(pattern=r"\A0?[0-7]{3}\Z", description="a file mode of octal digits, such as 660")]


class _Told(msgspec.StructMeta):
    """Have `Config(max_body=5)` raise a `ConfigurationError` that names the nearest setting."""

    if not TYPE_CHECKING:  # for which a call is what the fields say

        def __call__(cls, *args: Any, **settings: Any) -> Any:  # noqa: N805 - a metaclass
            """Make the record."""
            if args:
                raise ConfigurationError(f"Config(...) ({caller()}) takes names only. Fix: Config(port=8000, ...)")
            try:
                return super().__call__(**settings)
            except TypeError as error:
                if is_from_within(error):
                    raise
                raise misfit("Config", settings, inspect.signature(cls), error, "setting") from None


class Config(msgspec.Struct, frozen=True, kw_only=True, metaclass=_Told):
    """Hold every setting; each is also a flag of `hinge run`, an environment variable and a key of `[tool.hinge]`.

    Raises:
        ConfigurationError: a value has the wrong type or is out of its range.
    """

    if not TYPE_CHECKING:  # for which there is none of this

        def __getitem__(self, key: str) -> Any:
            raise TypeError(f"config[{key!r}]: {_NO_STORE}")

        def __setitem__(self, key: str, value: Any) -> None:
            raise TypeError(f"config[{key!r}] = ...: {_NO_STORE}")

    backend: _Text = "asgi"
    """The backend that `app.application` and `hinge run` compile for."""
    debug: bool = False
    """Show the cause of a 500 to the client."""
    propagate_exceptions: bool = False
    """Raise what would become a 500 out of the app's callable, for debuggers, error trackers and tests around it."""
    expose_route: bool = False
    """Tell what is around the app the route that matched, in the scope or the environ; native middleware is told."""

    max_body_size: _Bytes = 10 * MiB
    """The largest request body in bytes, forms and their files included; 413 above. Routes may set their own."""
    max_query_fields: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 1000
    """The largest number of fields in a query string; more are answered with 400."""
    max_form_parts: _Count = 1000
    """The largest number of fields and files in a form; more are answered with 413."""
    max_form_files: _Count = 100
    """The largest number of files in a form; more are answered with 413."""
    max_form_text: _Bytes = MiB
    """The bytes of a form's texts, with all names; more are answered with 413."""
    max_file_size: _Bytes | None = None
    """The largest single file of a form in bytes, 413 above; nothing: what fits into `max_body_size`."""
    max_file_memory: _Bytes = MiB
    """The bytes of a form's files that stay in memory; what is more goes to temporary files."""
    max_part_headers: _Count = 16
    """The largest number of headers of a part of a multipart form; more are answered with 413."""
    max_part_header_size: Annotated[int, msgspec.Meta(ge=128, le=65_536)] = 4096
    """The largest header of a part in bytes; a larger one is answered with 413."""
    max_message_size: _Bytes = MiB
    """The largest WebSocket message in bytes; a larger one closes the connection with 1009."""
    allowed_origins: list[str] = []
    """The origins (`https://example.org`) whose pages may open a WebSocket; none: the same origin only; `*`: any."""
    sync_threads: _Count = 64
    """ASGI: the worker threads that run plain `def` handlers, and with them how many run at a time."""
    stream_threads: _Count = 256
    """ASGI: the threads that run plain iterators of streaming responses, and with them how many stream at a time."""

    trusted_proxies: list[str] = []
    """The proxies to believe of client, scheme and host: addresses, networks, `unix` for a peer without an address."""
    proxy_headers: Literal["x-forwarded", "forwarded"] = "x-forwarded"
    """The family of headers that these proxies write: `X-Forwarded-*`, or `Forwarded` (RFC 7239)."""

    host: _Text = "127.0.0.1"
    """The address to listen on."""
    port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 8000
    """The TCP port to listen on; 0: one that is free."""
    uds: _Text | None = None
    """The path of a Unix socket to listen on instead of `host` and `port`."""
    uds_mode: _Mode | None = None
    """The permissions of that socket: who may write to it can connect; nothing: what the umask leaves, so the owner."""
    root_path: _Prefix = ""
    """The prefix under which a proxy offers the app: it is in front of links, and cut off paths that begin with it."""
    workers: Annotated[int, msgspec.Meta(ge=1, le=1024)] = 1
    """How many worker processes serve."""
    threads: _Count = 64
    """WSGI: the server's threads in each worker, and with them how many requests a worker handles at a time."""
    http: Literal["auto", "1", "2"] = "auto"
    """The HTTP versions to speak; `auto`: 1.1, and 2 with prior knowledge or ALPN."""
    backlog: Annotated[int, msgspec.Meta(ge=128, le=1_048_576)] = 8192
    """How many connections the kernel may hold before they are accepted."""
    backpressure: Annotated[int, msgspec.Meta(ge=1, le=1_048_576)] = 8192
    """How many connections a worker may hold open, idle ones included."""
    graceful_timeout: Annotated[float, msgspec.Meta(ge=0.1, le=3600)] = 10.0
    """The seconds after which a stopping worker is gone: requests in flight end, streams are cut, lifespans stop."""
    drain_delay: Annotated[float, msgspec.Meta(ge=0, le=3600)] = 0.0
    """The seconds for which a worker that is told to stop serves on before it does, while its readiness says no."""
    ssl_certificate: _Text | None = None
    """The path of the PEM file with the certificate chain; with `ssl_keyfile` it switches TLS on."""
    ssl_keyfile: _Text | None = None
    """The path of the PEM file with the certificate's private key."""
    skip_unsupported: bool = False
    """Serve the rest of the app when the backend cannot serve a route, which then answers 426 or 501."""
    reload: bool = False
    """Restart the workers when a Python file below the current directory changes (for development)."""
    access_log: bool = False
    """Log every request."""
    log_level: Literal["debug", "info", "warning", "error", "critical"] = "info"
    """The least severe messages that the server logs."""

    metrics_port: Annotated[int, msgspec.Meta(ge=1, le=65_535)] | None = None
    """The TCP port at which the main process shows the metrics of all workers; nothing: where the app shows them."""
    metrics_host: _Text = "127.0.0.1"
    """The address of that port."""
    log_config: _Text | None = None
    """The path of a file that configures logging: JSON, TOML or YAML for dictConfig, .ini or .conf for fileConfig."""
    log_format: Literal["text", "json"] = "text"
    """How what is logged is written, if no file says so: `json` has one object a line, of all loggers."""

    def __post_init__(self) -> None:
        for name, annotation in _types().items():
            _convert(_Setting(name, getattr(self, name), f"Config({name}=...)"), annotation, strict=True)
        if (self.ssl_certificate is None) != (self.ssl_keyfile is None):
            present, absent = ("ssl_certificate", "ssl_keyfile")[:: 1 if self.ssl_certificate else -1]
            raise ConfigurationError(f"{present} is set without {absent}; TLS needs both")
        if self.log_config is not None and self.log_format != "text":
            raise ConfigurationError(
                "log_format is set with log_config, which says how lines are written. Fix: drop one"
            )


class _Setting(NamedTuple):
    key: str
    value: Any
    origin: str
    """Where the user wrote it, as the user would point at it."""
    is_variable: bool = False
    """Whether that is the environment."""


def resolve_config(
    app_config: Config | None,
    *,
    overrides: Mapping[str, Any] = {},
    environ: Mapping[str, str] | None = None,
    directory: str | os.PathLike[str] | None = None,
) -> Config:
    """Return the effective settings; `app_config` is the base, `overrides` are the command line's flags.

    `environ` defaults to the process's, `directory`, where the search for a pyproject.toml begins, to the current one.

    Raises:
        ConfigurationError: an unknown key or a bad value, with the place it came from.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    types = _types()
    directory = os.getcwd() if directory is None else os.fspath(directory)
    sources = (
        _project_settings(directory),
        _environment_settings(os.environ if environ is None else environ),
        (_Setting(key, value, flag(key)) for key, value in overrides.items()),
    )
    for source in sources:
        for setting in source:
            if setting.key in _TARGET:  # not the app's: which app it is
                continue
            if setting.key not in types:
                if _owner(setting, directory) is None:
                    raise _unknown(setting)
                continue
            values[setting.key] = _convert(setting, types[setting.key])
            origins[setting.key] = setting.origin
    config = msgspec.structs.replace(Config() if app_config is None else app_config, **values)
    if "backend" in origins:
        _check_installed(config.backend, origins["backend"])
    return config


def resolve_options(
    name: str,
    kind: Any,
    *,
    environ: Mapping[str, str] | None = None,
    directory: str | os.PathLike[str] | None = None,
) -> Any:
    """Return the options of a backend, of a class `kind` (None: it has none, and None is returned).

    They stand in `[tool.hinge.NAME]`; stronger are those of the environment, `HINGE_NAME_FIELD`.

    Raises:
        ConfigurationError: an unknown option, a bad value or a missing one, with the place it came from.
    """
    types = {} if kind is None else _kinds_of(name, kind)
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    directory = os.getcwd() if directory is None else os.fspath(directory)
    for setting in _options(name, os.environ if environ is None else environ, directory):
        if setting.key not in types:
            what = f"has no option {setting.key!r}. Fix: {nearest(setting.key, types)}"
            what = what if types else "has no options. Fix: leave it out"
            raise ConfigurationError(f"{setting.origin}: backend {name!r} {what}")
        values[setting.key] = _convert(setting, types[setting.key])
        origins[setting.key] = setting.origin
    if kind is None:
        return None
    for key, parameter in inspect.signature(kind).parameters.items():
        if parameter.default is parameter.empty and key not in values:
            how = f"{key} = ... in [tool.hinge.{name}], or {PREFIX}{_spelt(name)}_{key.upper()}"
            raise ConfigurationError(f"backend {name!r} needs the option {key!r}. Fix: {how}")
    try:
        return kind(**values)
    except (ConfigurationError, TypeError, ValueError) as error:  # of its __post_init__
        came = f" ({', '.join(origins.values())})" if origins else ""
        raise ConfigurationError(f"the options of backend {name!r}{came}: {' '.join(str(error).split())}") from error


def named_target(directory: str | os.PathLike[str]) -> tuple[str, bool] | None:
    """Return the TARGET that `HINGE_TARGET` or `[tool.hinge]` names, and whether it is a factory; None: neither does.

    A relative path in the file starts at the file.

    Raises:
        ConfigurationError: it is no text, or `factory` is set without it or is no boolean.
    """
    for source in (_environment_settings(os.environ), _project_settings(os.fspath(directory))):
        found = {one.key: one for one in source if one.key in _TARGET}
        if "target" in found:
            factory = found.get("factory")
            return _convert(found["target"], _Text), factory is not None and _convert(factory, bool)
        if "factory" in found:
            raise ConfigurationError(f"{found['factory'].origin} is set without target")
    return None


def _options(name: str, environ: Mapping[str, str], directory: str) -> Iterator[_Setting]:
    """Yield what was set for a backend, the weakest first."""
    for table in _project_settings(directory):
        if table.key == name and isinstance(table.value, dict):
            for key, value in table.value.items():
                yield _Setting(key, value, f"{table.origin.removesuffix(f'] {name}')}.{name}] {key}")
    start = f"{_spelt(name)}_".lower()
    for setting in _environment_settings(environ):
        is_its = setting.key.startswith(start) and setting.key not in _types()
        if is_its and _owner(setting, directory) in (name, None):
            yield setting._replace(key=setting.key.removeprefix(start))


def _owner(setting: _Setting, directory: str) -> str | None:
    """Return the backend that something which is no setting is an option of, or whose table it is.

    The backend may be installed elsewhere only. Then a table is its, unless the name is nearly one that is known here;
    a variable, which might as well be a mistyped setting, is its option where the project has a table of that name.
    """
    names = _installed()
    if isinstance(setting.value, dict):
        is_mistyped = setting.key not in names and near(setting.key, [*_types(), *names], _LIKELY)
        return None if is_mistyped else setting.key
    if not setting.is_variable:
        return None
    tables = [one.key for one in _project_settings(directory) if isinstance(one.value, dict)]
    owners = [name for name in {*names, *tables} if setting.key.startswith(f"{_spelt(name)}_".lower())]
    return max(owners, key=len, default=None)


_LIKELY = 0.8
"""How alike a table's name and a known one are that are meant to be the same; `wsgi` and `rsgi` are not."""


def _unknown(setting: _Setting) -> ConfigurationError:
    """Return the error of what is no setting, and of no backend either."""
    key, known = setting.key.lower().removeprefix("hinge_").replace("-", "_"), [*_types()]
    known += _installed() if isinstance(setting.value, dict) else []
    fix = nearest(key, known)
    owner = key.partition("_")[0]
    if setting.is_variable and owner != key and near(key, known) is None:
        fix = f"unset it; or, for a backend that is not installed here, have [tool.hinge.{owner}] in pyproject.toml"
    return ConfigurationError(f"{setting.origin}: there is no setting {setting.key!r}. Fix: {fix}")


def _installed() -> list[str]:
    from hinge.backend.installed import installed_backends  # noqa: PLC0415 - only a process told its backend pays for the look

    return installed_backends()


def _spelt(name: str) -> str:
    """Return a backend's name as it stands in an environment variable."""
    return name.upper().replace("-", "_").replace(".", "_")


def _kinds_of(name: str, kind: Any) -> dict[str, Any]:
    """Return the types of the options that a class has."""
    try:
        hints = get_type_hints(kind, include_extras=True)
        return {key: hints[key] for key in inspect.signature(kind).parameters}
    except (NameError, TypeError, KeyError) as error:
        raise ConfigurationError(f"the options of backend {name!r} cannot be read: {error}. Fix: update it") from error


def flag(key: str) -> str:
    """Return the command line's flag for a setting."""
    return f"--{key.replace('_', '-')}"


_TYPES: dict[str, Any] = {}


def _types() -> dict[str, Any]:
    if not _TYPES:
        _TYPES.update({field.name: field.type for field in msgspec.structs.fields(Config)})
    return _TYPES


def _project_settings(directory: str) -> Iterator[_Setting]:
    path = _find_project(directory)
    if path is None:
        return
    try:
        with open(path, encoding="utf-8") as file:
            document = _document(file.read())
    except (OSError, ValueError) as error:  # TOMLDecodeError and UnicodeDecodeError are ValueErrors
        raise ConfigurationError(f"{path} cannot be read for [tool.hinge]: {error}") from error
    tool = document.get("tool", {})
    table = tool.get("hinge", {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        raise ConfigurationError(f"{path}: tool.hinge is not a table")
    for key, value in table.items():
        if isinstance(value, str) and value and (key in _PATHS or (key == "target" and _is_file_above(value, path))):
            value = os.path.join(os.path.dirname(path), value)  # noqa: PLW2901 - a file's relative paths start at the file
        yield _Setting(key, value, f"{path} [tool.hinge] {key}")


def _is_file_above(target: str, project: str) -> bool:
    """Tell whether a target is a file that is named from another folder than this one."""
    return target.endswith(".py") | (".py:" in target) and os.path.dirname(project) != os.getcwd()


@functools.lru_cache(maxsize=4)
def _document(text: str) -> Mapping[str, Any]:
    """Return what a pyproject.toml says; parsed once, though each test of a suite compiles its app anew."""
    import tomllib  # noqa: PLC0415 - only a project with a pyproject.toml pays for it

    return tomllib.loads(text)


_TARGET = frozenset({"target", "factory"})
"""The keys that say what the command line serves where nothing is named."""
_PATHS = frozenset({"uds", "ssl_certificate", "ssl_keyfile", "log_config"})


def project_folder() -> str | None:
    """Return the folder of the pyproject.toml that settings are read from, None if there is none."""
    path = _find_project(os.getcwd())
    return None if path is None else os.path.dirname(path)


def _find_project(directory: str) -> str | None:
    directory = os.path.join(os.getcwd(), directory)
    while True:
        path = os.path.join(directory, "pyproject.toml")
        try:
            if S_ISREG(os.stat(path).st_mode):
                return path
        except (FileNotFoundError, NotADirectoryError):
            pass
        except OSError:  # a directory that may not be searched holds no settings for us
            return None
        directory, below = os.path.dirname(directory), directory
        if directory == below:
            return None


def _environment_settings(environ: Mapping[str, str]) -> Iterator[_Setting]:
    for name, text in environ.items():
        if name.startswith(PREFIX):
            key = name.removeprefix(PREFIX)
            # HINGE_port is no spelling of HINGE_PORT: one spelling for each thing.
            key = key.lower() if key.isupper() else name
            yield _Setting(key, text, f"environment variable {name}", is_variable=True)


def _convert(setting: _Setting, annotation: Any, *, strict: bool = False) -> Any:
    """Return the value as the annotation wants it; a text may spell another type unless `strict`."""
    value = setting.value
    text = isinstance(value, str) and not strict
    if text and get_origin(annotation) is list:
        value = [part for item in value.split(",") if (part := item.strip())]
    elif text and not value and type(None) in get_args(annotation):
        value = None
    try:
        converted = msgspec.convert(value, annotation, strict=not text)
    except msgspec.ValidationError:
        converted = value = float("nan")
    if converted != converted:  # noqa: PLR0124 - NaN passes every range check
        raise ConfigurationError(
            f"{setting.origin}: {setting.key} must be {_expected(annotation)}, not {setting.value!r}"
        ) from None
    if setting.key == "trusted_proxies" and converted:
        _check_proxies(setting, converted)
    return converted


def _check_proxies(setting: _Setting, entries: Any) -> None:
    from hinge.http.networks import UNIX, network  # noqa: PLC0415 - only who stands behind a proxy pays for it

    for entry in entries:
        try:
            if entry != UNIX:
                network(entry)
        except ValueError as error:
            fix = "addresses or networks, as in 10.0.0.0/8, or unix"
            raise ConfigurationError(f"{setting.origin}: trusted_proxies has {entry!r}: {error}. Fix: {fix}") from None


def _expected(annotation: Any) -> str:
    """Return a phrase for what a field takes, from its annotation alone."""
    arguments = get_args(annotation)
    origin = get_origin(annotation)
    if origin is Literal:
        return "one of " + ", ".join(map(str, arguments))
    if origin is list:
        return "a list of texts"
    if type(None) in arguments:
        return _expected(arguments[0]) + " or nothing"
    if origin is Annotated:
        return _bounded(_expected(arguments[0]), arguments[1])
    names = {bool: "true or false", int: "an integer", float: "a number", str: "a text", dict: "a table"}
    return names.get(origin or annotation, f"a {getattr(annotation, '__name__', annotation)}")


def _bounded(kind: str, meta: Any) -> str:
    """Return a phrase for a kind within what its note says."""
    if not isinstance(meta, msgspec.Meta):
        return kind
    if meta.description is not None:
        return meta.description
    if meta.ge is not None and meta.le is not None:
        return f"{kind} from {meta.ge} to {meta.le}"
    return f"{kind} that is not empty" if meta.min_length == 1 else kind


def _check_installed(name: str, origin: str) -> None:
    known = _installed()
    if name not in known:
        raise ConfigurationError(f"{origin}: no backend {name!r} is installed; installed: {', '.join(known) or 'none'}")
