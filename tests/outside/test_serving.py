# ruff: noqa: E501 - tables of messages
"""How `hinge run` serves a backend: with Granian, with the backend's own server, or not at all; and a backend's options."""

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

from hinge import App, Config, ConfigurationError
from hinge.backend.installed import load_backend
from hinge.cli import main
from hinge.cli.serve import spawner
from hinge.config import resolve_options

SHOP = """\
from hinge import App

app = App(docs_path=None)


@app.get("/")
def index() -> str:
    return "open"
"""
OWN_SERVER = """\
import pickle


def run(load, config, options):
    load = pickle.loads(pickle.dumps(load))  # as for a process of its own
    application = load()
    application.start()
    print("served", type(application).__name__, config.port, options)
    application.stop()
    return 3


Plain.run = staticmethod(run)
"""
OPTIONS = """\

import msgspec
from typing import Annotated


class Options(msgspec.Struct):
    region: str
    retries: Annotated[int, msgspec.Meta(ge=0, le=9)] = 2
    verbose: bool = False
    hosts: list[str] = []
    share: float | None = None


Plain.options = Options
Plain.compile = lambda self, frozen: print("compiled", frozen.options) or Application()
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "shop.py").write_text(SHOP)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Any:
    """Return what runs a command, and gives its exit code, output and errors, those of its processes included."""

    def run(*arguments: str) -> tuple[Any, str, str]:
        capfd.readouterr()
        with pytest.raises(SystemExit) as leaving:
            main(list(arguments))
        return leaving.value.code, *capfd.readouterr()

    return run


def app_of(**options: Any) -> App:
    app = App(docs_path=None, **options)
    app.get("/")(lambda: "open")
    return app


# -- how it is served --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("interface", ["asgi", "asginl", "wsgi", "rsgi"])
def test_granian_serves_its_interfaces(interface: str) -> None:
    from granian.server import Server

    found = spawner(interface)
    assert found is not None
    assert callable(getattr(Server, found))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("", "Granian has no interface 'plain'. Fix: the server that the backend is made for"),
        (
            "\nPlain.deployment = 'Fix: import app.application in plain.conf'",
            "Fix: import app.application in plain.conf",
        ),
    ],
)
def test_what_nobody_serves_says_what_to_do(install: Any, whole: str, run: Any, more: str, said: str) -> None:
    install("plain", whole + more)
    assert run("run", "shop.py", "--backend", "plain") == (
        2,
        "",
        f"Error: hinge run does not serve backend 'plain'. {said}\n",
    )


@pytest.mark.parametrize(
    ("body", "code", "out", "error"),
    [
        (OWN_SERVER, 3, "served Application 8123 None\n", ""),
        (OWN_SERVER.replace("return 3", "return None"), 0, "served Application 8123 None\n", ""),
        (
            OWN_SERVER.replace("application = load()", "raise OSError(98, 'Address already in use')"),
            1,
            "",
            "Error: backend plain could not serve shop.py: [Errno 98] Address already in use\n",
        ),
        (
            "from hinge.backend import ConfigurationError\n"
            + OWN_SERVER.replace("application = load()", "raise ConfigurationError('port: plain has none')"),
            2,
            "",
            "Error: port: plain has none\n",
        ),
        (
            OWN_SERVER.replace("return 3", "return True"),
            1,
            "served Application 8123 None\n",
            "Error: backend plain: run returned True. Fix: return the exit code, or None for 0\n",
        ),
    ],
)
def test_a_backend_with_a_server_of_its_own(
    install: Any, whole: str, run: Any, body: str, code: int, out: str, error: str
) -> None:
    install("plain", f"{whole}\n{body}")
    assert run("run", "shop.py", "--backend", "plain", "--port", "8123") == (code, out, error)


def test_a_server_that_fails_shows_its_own_frames_alone(install: Any, whole: str, run: Any) -> None:
    install("plain", f"{whole}\n" + OWN_SERVER.replace("application = load()", "1 / 0"))
    code, out, error = run("run", "shop.py", "--backend", "plain")
    assert (code, out) == (1, "")
    assert re.findall(r'File ".*?(\w+)\.py", line', error) == ["plain_from_hinge_plain"]
    assert error.endswith("ZeroDivisionError: division by zero\nError: the server of backend plain failed\n")


def test_what_is_wrong_with_the_app_is_said_before_anything_is_served(install: Any, whole: str, run: Any) -> None:
    install("plain", whole + OWN_SERVER)
    Path("shop.py").write_text(SHOP.replace('@app.get("/")', '@app.get("/{item}")'))
    code, out, error = run("run", "shop.py", "--backend", "plain")
    assert (code, out) == (1, "")
    assert error.startswith("Error: backend plain cannot serve shop.py:\n")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("\nPlain.run = 5", r": its run is 5\. Fix: a method"),
        ("\nPlain.deployment = 5", r": its deployment is 5\. Fix: one line of text"),
        ("\nPlain.options = {}", r": its options is {}\. Fix: the class of a msgspec\.Struct or a dataclass"),
        (
            "\nPlain.options = dict",
            r": its options is <class 'dict'>\. Fix: the class of a msgspec\.Struct or a dataclass",
        ),
    ],
)
def test_what_a_backend_may_have_is_looked_at_too(install: Any, whole: str, more: str, said: str) -> None:
    install("plain", whole + more)
    with pytest.raises(ConfigurationError, match=rf"^backend 'plain' \(.*\){said}$"):
        load_backend("plain")


HOOKED = """

class Application(Application):
    def __rsgi_init__(self, loop): ...


Plain.interface = "rsgi"
"""


def test_an_app_passes_on_what_granian_looks_for_by_interface(
    install: Any, whole: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install("plain", whole + HOOKED)
    monkeypatch.setattr("hinge.backend.installed.usable_backends", lambda: {"plain": load_backend("plain")})
    app: Any = app_of()
    assert app.__rsgi__ is app.compile("plain"), "it is what serves, whatever attributes it has"
    assert app.__rsgi_init__.__self__ is app.compile("plain")
    assert not hasattr(app, "__rsgi_del__")
    broken: Any = App()
    broken.get("/{item}")(lambda: "never")
    assert not hasattr(broken, "__rsgi__")
    with pytest.raises(SystemExit):
        broken.__rsgi_init__(None)
    assert "no parameter takes it" in capsys.readouterr().err


# -- options -----------------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Limits:
    size: int = 5
    names: list[str] = dataclasses.field(default_factory=list)
    share: float | None = None


@pytest.mark.parametrize(
    ("table", "environ", "expected"),
    [
        ("", {}, Limits()),
        ("size = 7", {}, Limits(size=7)),
        ("size = 7", {"HINGE_MY_CGI_SIZE": "8"}, Limits(size=8)),
        ('names = ["a", "b"]', {"HINGE_MY_CGI_SHARE": "0.5"}, Limits(names=["a", "b"], share=0.5)),
        ("share = 0.5", {"HINGE_MY_CGI_NAMES": "a, b", "HINGE_MY_CGI_SHARE": ""}, Limits(names=["a", "b"])),
    ],
)
def test_options_come_from_the_project_and_the_environment(
    folder: Path, table: str, environ: dict[str, str], expected: Limits
) -> None:
    (folder / "pyproject.toml").write_text(f"[tool.hinge.my-cgi]\n{table}\n")
    assert resolve_options("my-cgi", Limits, environ=environ, directory=folder) == expected


@pytest.mark.parametrize(
    ("table", "environ", "said"),
    [
        ("", {}, "backend 'plain' needs the option 'region'. Fix: region = ... in [tool.hinge.plain], or HINGE_PLAIN_REGION"),
        ("region = 5", {}, "{file} [tool.hinge.plain] region: region must be a text, not 5"),
        ("", {"HINGE_PLAIN_RETRIES": "ten"}, "environment variable HINGE_PLAIN_RETRIES: retries must be an integer from 0 to 9, not 'ten'"),
        ("retries = 10", {}, "{file} [tool.hinge.plain] retries: retries must be an integer from 0 to 9, not 10"),
        ("share = 'x'", {}, "{file} [tool.hinge.plain] share: share must be a number or nothing, not 'x'"),
        ("regoin = 'x'", {}, "{file} [tool.hinge.plain] regoin: backend 'plain' has no option 'regoin'. Fix: did you mean 'region'?"),
        ("", {"HINGE_PLAIN_REGOIN": "x"}, "environment variable HINGE_PLAIN_REGOIN: backend 'plain' has no option 'regoin'. Fix: did you mean 'region'?"),
    ],
)  # fmt: skip
def test_a_mistake_in_an_option_is_a_line_with_its_place(
    install: Any,
    whole: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    run: Any,
    table: str,
    environ: Any,
    said: str,
) -> None:
    install("plain", whole + OPTIONS + OWN_SERVER)
    (folder / "pyproject.toml").write_text(f"[tool.hinge.plain]\n{table}\n")
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    said = said.replace("{file}", str(folder / "pyproject.toml"))
    for ask in (app_of().compile, app_of().unmet):
        with pytest.raises(ConfigurationError, match=f"^{re.escape(said)}$"):
            ask("plain")
    assert app_of().compile("wsgi"), "whoever does not ask for it hears nothing"
    assert run("check", "shop.py", "--backend", "plain") == (2, "", f"Error: {said}\n")
    assert run("run", "shop.py", "--backend", "plain")[::2] == (
        1,
        f"Error: backend plain cannot serve shop.py:\n{said}\n",
    )


def test_options_are_given_to_compile_and_run(install: Any, whole: str, folder: Path, run: Any) -> None:
    install("plain", whole + OPTIONS + OWN_SERVER)
    (folder / "pyproject.toml").write_text("[tool.hinge.plain]\nregion = 'north'\nhosts = ['a']\n")
    code, out, error = run("run", "shop.py", "--backend", "plain", "--port", "8123")
    shown = "Options(region='north', retries=2, verbose=False, hosts=['a'], share=None)"
    assert (code, error) == (3, "")
    assert out.splitlines()[-2:] == [f"compiled {shown}", f"served Application 8123 {shown}"]


@pytest.mark.parametrize(
    ("table", "environ", "said"),
    [
        ("[tool.hinge.asgi]\nsize = 1", {}, "{file} [tool.hinge.asgi] size: backend 'asgi' has no options. Fix: leave it out"),
        ("", {"HINGE_ASGI_SIZE": "1"}, "environment variable HINGE_ASGI_SIZE: backend 'asgi' has no options. Fix: leave it out"),
        ("[tool.hinge.cgi]\nsize = 1", {}, ""),
        ("[tool.hinge.cgi]", {"HINGE_CGI_SIZE": "1"}, ""),
        ("[tool.hinge.xsgi]", {"HINGE_XSGI_SIZE": "1"}, ""),
        ("", {"HINGE_CGI_SIZE": "1"}, "environment variable HINGE_CGI_SIZE: there is no setting 'cgi_size'. Fix: unset it; or, for a backend that is not installed here, have [tool.hinge.cgi] in pyproject.toml"),
        ("[tool.hinge.cgi]", {"HINGE_CGISIZE": "1"}, "environment variable HINGE_CGISIZE: there is no setting 'cgisize'. Fix: use one of"),
        ("[tool.hinge.cgi]", {"HINGE_MAX_BODY": "1"}, "environment variable HINGE_MAX_BODY: there is no setting 'max_body'. Fix: did you mean 'max_body_size'?"),
        ("[tool.hinge]\ncgi = 1", {}, "{file} [tool.hinge] cgi: there is no setting 'cgi'. Fix: "),
        ("[tool.hinge]\nplain_size = 1", {}, "{file} [tool.hinge] plain_size: there is no setting 'plain_size'. Fix: "),
        ("[tool.hinge.worker]", {}, "{file} [tool.hinge] worker: there is no setting 'worker'. Fix: did you mean 'workers'?"),
        ("[tool.hinge.plian]\nsize = 1", {}, "{file} [tool.hinge] plian: there is no setting 'plian'. Fix: did you mean 'plain'?"),
        ("[tool.hinge]\nbackend = 'cgi'\ncgi.size = 1", {}, "{file} [tool.hinge] backend: no backend 'cgi' is installed; installed: asgi"),
        ("[tool.hinge.plain]\nsize = 1", {}, ""),
        ("", {"HINGE_PLAIN_SIZE": "1"}, ""),
        ("", {"HINGE_PLAIN_PLUS_SIZE": "1"}, ""),
    ],
)  # fmt: skip
def test_options_of_no_backend_are_refused_and_those_of_another_one_left_alone(
    install: Any, whole: str, folder: Path, monkeypatch: pytest.MonkeyPatch, table: str, environ: Any, said: str
) -> None:
    install("plain", whole)
    install("plain-plus", "raise SystemExit")
    (folder / "pyproject.toml").write_text(table)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    if said:
        with pytest.raises(
            ConfigurationError, match=f"^{re.escape(said.replace('{file}', str(folder / 'pyproject.toml')))}"
        ):
            app_of().compile("asgi")
    else:
        app_of().compile("asgi")
    if "PLUS" in str(environ):
        app_of().compile("plain")  # the longer name has it


def test_a_setting_is_no_option_of_a_backend_whose_name_it_begins_with(
    install: Any, whole: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("max", whole.replace('"plain"', '"max"'))
    monkeypatch.setenv("HINGE_MAX_BODY_SIZE", "7")
    app = app_of()
    app.compile("max")
    assert app.config == Config(max_body_size=7)


def test_options_that_fail_when_they_are_made_are_a_line(
    install: Any, whole: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    checking = "\n    def __post_init__(self):\n        raise ValueError('region and retries\\ndo not fit')\n"
    install(
        "plain",
        whole + OPTIONS.replace("region: str", "region: str = ''").replace("\n\n\nPlain.op", checking + "\nPlain.op"),
    )
    with pytest.raises(ConfigurationError, match=r"^the options of backend 'plain': region and retries do not fit$"):
        app_of().compile("plain")
    monkeypatch.setenv("HINGE_PLAIN_RETRIES", "3")
    with pytest.raises(ConfigurationError, match=r"'plain' \(environment variable HINGE_PLAIN_RETRIES\): region and"):
        app_of().compile("plain")
