"""The settings: one table of ranges, one precedence, and every mistake named with the place it came from."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hinge.config import Config, resolve_config
from hinge.errors import ConfigurationError


@pytest.fixture
def project(tmp_path: Path) -> Any:
    """Write a pyproject.toml and return its directory."""

    def write(text: str) -> Path:
        (tmp_path / "pyproject.toml").write_text(text, "utf-8")
        return tmp_path

    return write


def resolve(app_config: Config | None = None, directory: Path | None = None, **kwargs: Any) -> Config:
    return resolve_config(app_config, environ=kwargs.pop("environ", {}), directory=directory or Path("/"), **kwargs)


def test_defaults() -> None:
    config = resolve()
    assert config == Config()
    assert (config.backend, config.host, config.port, config.debug) == ("asgi", "127.0.0.1", 8000, False)
    assert (config.sync_threads, config.stream_threads, config.threads) == (64, 256, 64)
    assert (config.max_body_size, config.max_query_fields, config.max_message_size) == (10 * 2**20, 1000, 2**20)
    assert (config.backlog, config.backpressure, config.graceful_timeout) == (8192, 8192, 10.0)
    assert config.allowed_origins == []


def test_it_is_frozen_and_takes_keywords_only() -> None:
    with pytest.raises(AttributeError):
        Config().port = 1  # type: ignore[misc]
    with pytest.raises(ConfigurationError, match=r"test_config\.py:\d+\) takes names only"):
        Config("asgi")  # type: ignore[call-arg, misc]


def test_precedence_from_the_weakest_to_the_strongest(project: Any) -> None:
    directory = project("[tool.hinge]\nport = 2\nworkers = 2\nhost = '2.2.2.2'\n")
    app = Config(port=1, workers=1, host="1.1.1.1", threads=1)
    environ = {"HINGE_PORT": "3", "HINGE_WORKERS": "3", "OTHER": "x"}
    config = resolve(app, directory, environ=environ, overrides={"port": 4})
    assert (config.threads, config.host, config.workers, config.port) == (1, "2.2.2.2", 3, 4)
    assert (app.port, app.workers) == (1, 1)


def test_the_nearest_project_file_is_searched_upwards(project: Any) -> None:
    directory = project("[tool.hinge]\nport = 1234\n")
    deep = directory / "a" / "b"
    deep.mkdir(parents=True)
    assert resolve(directory=deep).port == 1234
    (directory / "a" / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert resolve(directory=deep).port == 8000


def test_paths_of_the_project_file_start_at_the_file(project: Any) -> None:
    directory = project("[tool.hinge]\nssl_certificate = 'c.pem'\nssl_keyfile = '/k.pem'\n")
    (directory / "a").mkdir()
    config = resolve(directory=directory / "a")
    assert (config.ssl_certificate, config.ssl_keyfile) == (str(directory / "c.pem"), "/k.pem")


@pytest.mark.parametrize(
    ("name", "text", "key", "value"),
    [
        ("HINGE_DEBUG", "true", "debug", True),
        ("HINGE_DEBUG", "0", "debug", False),
        ("HINGE_GRACEFUL_TIMEOUT", "2.5", "graceful_timeout", 2.5),
        ("HINGE_GRACEFUL_TIMEOUT", "3", "graceful_timeout", 3.0),
        ("HINGE_UDS", "/run/x.sock", "uds", "/run/x.sock"),
        ("HINGE_UDS", "", "uds", None),
        ("HINGE_UDS_MODE", "660", "uds_mode", "660"),
        ("HINGE_UDS_MODE", "0666", "uds_mode", "0666"),
        ("HINGE_UDS_MODE", "", "uds_mode", None),
        ("HINGE_ALLOWED_ORIGINS", "https://a.example, https://b.example", "allowed_origins", ["https://a.example", "https://b.example"]),
        ("HINGE_ALLOWED_ORIGINS", "", "allowed_origins", []),
        ("HINGE_HTTP", "2", "http", "2"),
        ("HINGE_LOG_LEVEL", "debug", "log_level", "debug"),
    ],
)  # fmt: skip
def test_environment_variables_are_converted(name: str, text: str, key: str, value: object) -> None:
    assert getattr(resolve(environ={name: text}), key) == value


BAD_VALUES = [
    ("port", "-1", "an integer from 0 to 65535"),
    ("port", "65536", "an integer from 0 to 65535"),
    ("port", "http", "an integer from 0 to 65535"),
    ("port", "", "an integer from 0 to 65535"),
    ("workers", "-1", "an integer from 1 to 1024"),
    ("threads", "0", "an integer from 1 to 65536"),
    ("graceful_timeout", "nan", "a number from 0.1 to 3600"),
    ("graceful_timeout", "inf", "a number from 0.1 to 3600"),
    ("graceful_timeout", "-1", "a number from 0.1 to 3600"),
    ("debug", "maybe", "true or false"),
    ("http", "3", "one of auto, 1, 2"),
    ("log_level", "loud", "one of debug, info, warning, error, critical"),
    *(
        ("uds_mode", mode, "a file mode of octal digits, such as 660 or nothing")
        for mode in ("66", "0o660", "668", "06660", "-660", "rw-rw----", "660 ", "\N{FULLWIDTH DIGIT SIX}60")
    ),
    ("host", "", "a text that is not empty"),
    ("backend", "", "a text that is not empty"),
]


@pytest.mark.parametrize(("key", "text", "expected"), BAD_VALUES)
def test_a_bad_value_names_key_value_and_origin(key: str, text: str, expected: str, project: Any) -> None:
    name = f"HINGE_{key.upper()}"
    with pytest.raises(ConfigurationError) as caught:
        resolve(environ={name: text})
    assert str(caught.value) == f"environment variable {name}: {key} must be {expected}, not {text!r}"

    with pytest.raises(ConfigurationError) as caught:
        resolve(overrides={key: text})
    assert str(caught.value).startswith(f"--{key.replace('_', '-')}: {key} must be ")

    directory = project(f'[tool.hinge]\n{key} = "{text}"\n')
    with pytest.raises(ConfigurationError) as caught:
        resolve(directory=directory)
    assert str(caught.value).startswith(f"{directory / 'pyproject.toml'} [tool.hinge] {key}: {key} must be ")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("port = true", "port"),
        ("workers = 1.5", "workers"),
        ("allowed_origins = [1]", "allowed_origins"),
        ("uds = 1", "uds"),
        ("uds_mode = 0o660", "uds_mode"),
    ],
)
def test_types_of_the_project_file_are_checked(text: str, key: str, project: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"\[tool\.hinge\] {key}: {key} must be "):
        resolve(directory=project(f"[tool.hinge]\n{text}\n"))


@pytest.mark.parametrize(
    "values",
    [{"port": -1}, {"workers": "2"}, {"debug": 1}, {"graceful_timeout": float("nan")}, {"http": "3"}, {"uds": b"x"}],
)
def test_values_in_code_are_checked_too(values: dict[str, Any]) -> None:
    (key,) = values
    with pytest.raises(ConfigurationError, match=rf"^Config\({key}=\.\.\.\): {key} must be "):
        Config(**values)


@pytest.mark.parametrize("present", ["ssl_certificate", "ssl_keyfile"])
def test_half_of_tls_is_an_error(present: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{present} is set without ssl_"):
        Config(**{present: "x.pem"})  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match=f"^{present} is set without ssl_"):
        resolve(environ={f"HINGE_{present.upper()}": "x.pem"})


def test_an_unknown_name_in_code_suggests_the_nearest_and_names_the_line() -> None:
    where = r"\(.*test_config\.py:\d+\)"
    with pytest.raises(ConfigurationError, match=rf"^Config\(max_body=\.\.\.\) {where}: .*'max_body_size'\?$"):
        Config(max_body=5)  # type: ignore[call-arg]


def test_an_unknown_key_suggests_the_nearest(project: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^environment variable HINGE_PROT: .* did you mean 'port'\?$"):
        resolve(environ={"HINGE_PROT": "1"})
    with pytest.raises(ConfigurationError, match=r"HINGE_port: .* did you mean 'port'\?$"):
        resolve(environ={"HINGE_port": "1"} if sys.platform != "win32" else {"HINGE_PORTS": "1"})
    directory = project("[tool.hinge]\nmax-body-size = 1\n")
    with pytest.raises(ConfigurationError, match=r"pyproject.toml \[tool.hinge\] max-body-size: .*'max_body_size'\?$"):
        resolve(directory=directory)
    with pytest.raises(ConfigurationError, match=r"^--zzz: there is no setting 'zzz'. Fix: use one of backend, "):
        resolve(overrides={"zzz": 1})


@pytest.mark.parametrize("text", ["[tool.hinge\n", "[tool]\nhinge = 1\n", "\udcff"])
def test_a_broken_project_file_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(text, "utf-8", errors="surrogateescape")
    with pytest.raises(ConfigurationError, match=r"pyproject\.toml"):
        resolve(directory=tmp_path)


def test_an_unknown_backend_names_where_it_came_from(project: Any) -> None:
    with pytest.raises(
        ConfigurationError, match=r"^environment variable HINGE_BACKEND: no backend 'wsgo' is installed"
    ):
        resolve(environ={"HINGE_BACKEND": "wsgo"})
    with pytest.raises(ConfigurationError, match=r"^--backend: no backend 'wsgo'"):
        resolve(overrides={"backend": "wsgo"})
    with pytest.raises(ConfigurationError, match=r"\[tool\.hinge\] backend: no backend 'wsgo'"):
        resolve(directory=project("[tool.hinge]\nbackend = 'wsgo'\n"))


def test_the_process_supplies_environment_and_directory(monkeypatch: pytest.MonkeyPatch, project: Any) -> None:
    monkeypatch.chdir(project("[tool.hinge]\nworkers = 3\n"))
    monkeypatch.setenv("HINGE_PORT", "81")
    config = resolve_config(None)
    assert (config.port, config.workers) == (81, 3)


def test_importing_it_imports_neither_a_parser_nor_a_loop() -> None:
    code = (
        "import sys, hinge.config; "
        "print([n for n in ('tomllib', 'difflib', 'asyncio', 'anyio', 'granian', 'click') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
