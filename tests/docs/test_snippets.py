"""Every snippet of README.md, docs/*.md and docs/howto/*.md does what the page says it does.

Law: a page is one test. Its blocks run from top to bottom in one folder, as a reader would follow it: `python` blocks
are executed, in `console` blocks each `$ ` line is run and what is shown below it is compared with what it printed. A
comment above a block (which no reader sees) says what is special about it:

    <!-- file: shop.py -->     it is that file, written before it is used; python files are executed as well
    <!-- append: shop.py -->   it goes to the end of that file
    <!-- continue -->          python: it goes on in the names of the block before
    <!-- output -->            it is what the python block before has printed (JSON is compared as JSON)
    <!-- raises: ValueError --> python: it ends with that exception; a following output block is its text
    <!-- exit: 1 -->           console: its last command ends with that code, not with 0
    <!-- not run: why -->      it is not run, for that reason
    <!-- elsewhere: file.py -->  it is another framework's: test_coming_from runs it

A line `...` of shown output stands for any lines, `...` within a line for any text. A command that serves runs until
the next one does or the page ends; the ports 8000 and 8080 of a page stand for a free one. Its commands find
the backends that come with Hinge and no others, whatever else is installed here.
"""

import contextlib
import http.client
import importlib.util
import io
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import types
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from tests.docs.pages import ROOT, Block, blocks_of
from tests.support.postgres import postgres
from tests.support.redis import redis

from hinge.backend.installed import GROUP
from hinge.extras import DISTRIBUTION

__all__ = ["postgres", "redis"]

PAGES = [
    ROOT / "README.md",
    *(page for folder in ("docs", "docs/howto", "docs/deploy") for page in sorted((ROOT / folder).glob("*.md"))),
]
PATIENCE = 60.0
"""Seconds after which a command or the start of a server is taken for hanging."""

_SERVERS = {
    "hinge": ["--port", "{port}"],
    "granian": ["--port", "{port}"],
    "uvicorn": ["--port", "{port}"],
    "hypercorn": ["--bind", "127.0.0.1:{port}"],
    "gunicorn": ["--bind", "127.0.0.1:{port}"],
    "daphne": ["-p", "{port}"],
    "waitress-serve": ["--listen", "127.0.0.1:{port}"],
    "cheroot": ["--bind", "127.0.0.1:{port}"],
    "peregrine": ["--port", "{port}"],
    "fastpysgi": ["--host", "127.0.0.1", "--port", "{port}"],
    "uwsgi": [],
}
"""The commands that serve, and what tells each its port."""
_TOOLS = ("curl", "openssl", "nginx")
"""What console blocks call that pip does not install."""
_EXTRAS = {
    "authentication.md": ["jwt", "argon2"],
    "forms.md": ["jinja2", "multipart"],
    "observability.md": ["prometheus_client", "opentelemetry.sdk"],
    "ratelimits.md": ["limits"],
    "howto/error-pages.md": ["jinja2"],
    "howto/htmx.md": ["jinja2"],
}
"""The packages without which a page cannot be followed."""


_LONG = (
    "README.md",
    "cli.md",
    "deployment.md",
    "testing.md",
    "tutorial.md",
    "howto/settings.md",
    "deploy/gunicorn.md",
    "deploy/asgi-servers.md",
    "deploy/wsgi-servers.md",
    "deploy/uwsgi.md",
    "deploy/nginx.md",
    "deploy/apache.md",
)
"""The pages that start many processes: they are the gate's."""
_GATES = {
    "migrating.md": ["asgi_lifespan", "django", "falcon", "fastapi", "flask", "starlette"],
    "native-middleware.md": ["authlib", "itsdangerous", "opentelemetry.sdk", "starlette", "werkzeug"],
    "neighbours.md": ["starlette", "werkzeug"],
    "deploy/gunicorn.md": ["gevent", "uvicorn"],
    "deploy/wsgi-servers.md": ["cheroot", "peregrine", "fastpysgi"],
    "deploy/uwsgi.md": ["pyuwsgi"],
    "howto/databases.md": ["sqlalchemy", "aiosqlite"],
    "howto/jobs.md": ["arq", "celery", "taskiq"],
    "howto/logging.md": ["structlog"],
    "howto/login-elsewhere.md": ["authlib", "itsdangerous"],
    "howto/testing.md": ["sqlalchemy"],
    "mounting.md": ["flask", "starlette"],
    "howto/postgresql.md": ["sqlalchemy", "psycopg", "psycopg_pool", "asyncpg"],
}
"""The pages that need packages of the extra `howto`, which the gate installs, and these packages."""
_SERVICES = {"howto/jobs.md": "redis", "howto/postgresql.md": "postgres"}
"""The fixtures of what pages find by an address in the environment."""
_GATE = {*_LONG, *_GATES}


def _name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix().removeprefix("docs/")


class Reader:
    """Someone who follows a page in an empty folder."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.monkeypatch = monkeypatch
        self.names: dict[str, Any] = {}
        self.printed = ""
        self.missing: list[str] = []
        self.server: subprocess.Popen[bytes] | None = None
        self.port = 8000
        self.environ = {name: value for name, value in os.environ.items() if not name.startswith(("HINGE_", "PYTEST_"))}
        self.environ |= {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
            "PYTEST_ADDOPTS": "-p no:asyncio",  # the gate has it, and it warns in every run
            "COLUMNS": "160",
            "CURL_HOME": str(folder),
            "PYTHONPATH": str(_without_other_backends(folder / ".without")),
        }
        (folder / ".curlrc").write_text("silent\nshow-error\n")  # as on a terminal: no meter

    def follow(self, block: Block) -> None:
        if "elsewhere" in block.notes:
            return
        if "not run" in block.notes:
            assert block.notes["not run"], f"{block.place}: say why it is not run"
            return
        for key, mode in (("file", "w"), ("append", "a")):
            if key in block.notes:
                path = self.folder / block.notes[key]
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open(mode, encoding="utf-8") as file:
                    file.write(block.text)
        if "output" in block.notes:
            self.compare(block, block.text, self.printed)
        elif block.language == "python" and not block.notes.get("file", "").endswith(".conf.py"):
            self.execute(block)  # the settings of a server are for a process of its own: gevent would patch this one
        elif block.language == "console":
            self.type(block)
        else:
            known = block.language in {"sh", "text"} or block.notes.keys() & {"file", "append"}
            assert known, f"{block.place}: a {block.language or 'nameless'} block that nothing checks"

    def has(self, service: str, request: pytest.FixtureRequest) -> None:
        """Start a service, and let the page's code find it."""
        server = request.getfixturevalue(service)
        name, url = ("REDIS_URL", server.url) if service == "redis" else ("DATABASE_URL", server.database())
        self.environ[name] = url
        self.monkeypatch.setenv(name, url)

    # -- python --------------------------------------------------------------------------------------------------------

    def execute(self, block: Block) -> None:
        file = block.notes.get("file") or block.notes.get("append")
        source, filename = block.text, block.place
        if file is not None:
            filename = str(self.folder / file)
            source = Path(filename).read_text("utf-8")
        if "continue" not in block.notes:
            module = types.ModuleType(Path(file).stem if file else f"snippet_{block.line}")
            module.__file__ = filename
            self.monkeypatch.setitem(sys.modules, module.__name__, module)
            self.names = module.__dict__
        printed = io.StringIO()
        # The asserts of a snippet are executed under `python -O` as well.
        code = compile("\n" * (0 if file else block.line) + source, filename, "exec", dont_inherit=True, optimize=0)
        expected = block.notes.get("raises")
        try:
            with contextlib.redirect_stdout(printed):
                exec(code, self.names)
        except Exception as error:
            if type(error).__name__ != expected:
                error.add_note(f"in the snippet at {block.place}")
                raise
            printed.write(f"{error}\n")
        else:
            assert expected is None, f"{block.place}: it does not raise {expected}"
        self.printed = printed.getvalue()

    # -- console -------------------------------------------------------------------------------------------------------

    def type(self, block: Block) -> None:
        turns = list(_turns(block))
        for index, (command, shown) in enumerate(turns):
            missing = [tool for tool in _TOOLS if tool in shlex.split(command) and shutil.which(tool) is None]
            if missing:
                self.missing += missing
                return
            last = index == len(turns) - 1
            code = int(block.notes.get("exit", "0")) if last else 0
            if self.serves(command) and not code:
                assert not shown, f"{block.place}: what a server logs is not compared"
                self.start(block, command)
                continue
            done = subprocess.run(
                ["/bin/sh", "-c", self.with_port(command)],
                cwd=self.folder,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=PATIENCE,
                check=False,
            )
            output = self.without_port(done.stdout.decode())
            assert done.returncode == code, f"{block.place}: {command!r} ended with {done.returncode}:\n{output}"
            if shown or output.strip():
                self.compare(block, shown, output)

    def serves(self, command: str) -> bool:
        words = _program(command)
        return words[0] in _SERVERS and (words[0] != "hinge" or words[1] in ("run", "dev"))

    def start(self, block: Block, command: str) -> None:
        self.stop()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        words = shlex.split(self.with_port(command))
        if "--uds" not in words:
            at = words.index(_program(command)[0]) + (2 if "hinge" in words else 1)
            words[at:at] = [word.format(port=self.port) for word in _SERVERS[_program(command)[0]]]
        log = self.folder / ".server.log"
        with log.open("wb") as output:
            self.server = subprocess.Popen(
                ["env", *words],
                cwd=self.folder,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        address = _socket_path(command)
        deadline = time.monotonic() + PATIENCE
        while not (self.answers(address)):
            waiting = self.server.poll() is None and time.monotonic() < deadline
            assert waiting, f"{block.place}: {command!r}:\n{log.read_text()}"
            time.sleep(0.02)
        if address is None and "--ssl" not in command:
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)) as client:
                client.request("GET", "/")
                assert client.getresponse().status < 500, f"{block.place}: {command!r}:\n{log.read_text()}"

    def answers(self, address: str | None) -> bool:
        family = socket.AF_INET if address is None else socket.AF_UNIX
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(("127.0.0.1", self.port) if address is None else str(self.folder / address))
            except OSError:
                return False
            return True

    def stop(self) -> None:
        server, self.server = self.server, None
        if server is None:
            return
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(PATIENCE)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)

    def with_port(self, text: str) -> str:
        return re.sub(r"\b80[08]0\b", str(self.port), text)

    def without_port(self, text: str) -> str:
        return text.replace(str(self.port), "8000")

    def compare(self, block: Block, shown: str, printed: str) -> None:
        if block.language == "json":
            assert json.loads(printed) == json.loads(shown), block.place
            return
        wanted = "\n".join(line.rstrip() for line in shown.strip().splitlines())
        found = "\n".join(line.rstrip() for line in printed.replace(str(self.folder), ".").strip().splitlines())
        pattern = "".join(".*?" if part == "..." else re.escape(part) for part in re.split(r"(\.\.\.)", wanted))
        if re.fullmatch(pattern, found, re.DOTALL) is None:
            assert found == wanted, block.place


def _without_other_backends(folder: Path) -> Path:
    """Return a folder which, first on the path, hides the backends of other distributions than Hinge.

    Of distributions with one name the first on the path counts: each of theirs is there, and has no entry points.
    """
    folder.mkdir()
    for entry in entry_points(group=GROUP):
        if entry.dist is not None and entry.dist.name != DISTRIBUTION:
            metadata = folder / f"{entry.dist.name.replace('-', '_')}-0.dist-info" / "METADATA"
            metadata.parent.mkdir(exist_ok=True)
            metadata.write_text(f"Metadata-Version: 2.1\nName: {entry.dist.name}\nVersion: 0\n", "utf-8")
    return folder


def _program(command: str) -> list[str]:
    """Return a command's words without the variables set before it."""
    words = shlex.split(command)
    while "=" in words[0]:
        words = words[1:]
    return words


def _socket_path(command: str) -> str | None:
    words = shlex.split(command)
    return words[words.index("--uds") + 1] if "--uds" in words else None


def _turns(block: Block) -> Iterator[tuple[str, str]]:
    """Yield each command of a console block and what is shown below it."""
    command, shown = "", ""
    lines = iter(block.text.splitlines())
    for line in lines:
        if line.startswith("$ "):
            if command:
                yield command, shown
            command, shown = line[2:], ""
            while command.endswith("\\"):
                command = command[:-1] + next(lines).strip()
        else:
            assert command, f"{block.place}: output without a command"
            shown += f"{line}\n"
    if command:
        yield command, shown


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for name in os.environ:
        if name.startswith("HINGE_"):
            monkeypatch.delenv(name)
    reader = Reader(tmp_path, monkeypatch)
    yield reader
    reader.stop()


def _parameter(page: Path) -> Any:
    name, marks = _name(page), []
    if name in _GATE:
        marks.append(pytest.mark.gate)
    if name in _GATES:  # arq's use of redis, which is theirs to settle
        marks.append(
            pytest.mark.filterwarnings("ignore:Call to '__init__' function with deprecated:DeprecationWarning")
        )
    return pytest.param(page, marks=marks, id=name)


@pytest.mark.server
@pytest.mark.parametrize("page", [_parameter(page) for page in PAGES])
def test_page(page: Path, reader: Reader, request: pytest.FixtureRequest) -> None:
    needed = [*_EXTRAS.get(_name(page), ()), *_GATES.get(_name(page), ())]
    reader.missing += [package for package in needed if importlib.util.find_spec(package) is None]
    if not reader.missing:
        if _name(page) in _SERVICES:
            reader.has(_SERVICES[_name(page)], request)
        for block in blocks_of(page):
            reader.follow(block)
    if reader.missing:
        reason = f"not installed, so their blocks were not run: {', '.join(sorted(set(reader.missing)))}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)


# -- the reader itself -------------------------------------------------------------------------------------------------


def follow(reader: Reader, text: str) -> None:
    page = reader.folder / "page.md"
    page.write_text(text)
    for block in blocks_of(page):
        reader.follow(block)


GOOD = """\
<!-- file: five.py -->
```python
FIVE = 5
```
<!-- append: five.py -->
```python
print(FIVE)
```
<!-- output -->
```text
5
```
```python
from five import FIVE
```
<!-- continue -->
<!-- raises: ValueError -->
```python
raise ValueError(FIVE)
```
```console
$ python -c 'import five' \\
  && echo "one two three"
5
one ... three
```
<!-- exit: 3 -->
```console
$ exit 3
```
"""


def test_a_true_page_passes(reader: Reader) -> None:
    follow(reader, GOOD)


@pytest.mark.parametrize(
    ("true", "false"),
    [
        ("\n5\n```\n```python", "\n6\n```\n```python"),
        ("print(FIVE)", "print(SIX)"),
        ("one ... three", "one ... four"),
        ("$ exit 3", "$ exit 4"),
        ("$ exit 3", "$ exit 0"),
        ("raises: ValueError", "raises: KeyError"),
        ("raise ValueError(FIVE)", "FIVE"),
        ("<!-- continue -->", "<!-- continues -->"),
        ("```console\n$ python", "```shell\n$ python"),
    ],
)
def test_a_false_page_fails(reader: Reader, true: str, false: str) -> None:
    assert true in GOOD
    with pytest.raises(Exception):
        follow(reader, GOOD.replace(true, false))
