"""A project of `hinge new`, as its author has it: installed in an environment of its own, tested, served.

No container is built here: the Containerfile's commands are run in that environment, one by one.
"""

import json
import os
import re
import shlex
import subprocess
import venv
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.support.ports import accepts, free_port
from tests.support.waiting import until

pytestmark = [pytest.mark.gate, pytest.mark.server]

ROOT = Path(__file__).parents[2]


class Project:
    """The project in a folder, and an environment that has pip and what it downloads of Hinge: this checkout."""

    def __init__(self, place: Path) -> None:
        venv.create(place / "venv", with_pip=True)
        self.bin, self.folder = place / "venv/bin", place / "my-shop"
        unset = ("HINGE_", "PYTHON", "PIP_REQUIRE", "VIRTUAL_ENV")
        self.environ = {name: value for name, value in os.environ.items() if not name.startswith(unset)}
        self.environ["PATH"] = f"{self.bin}{os.pathsep}{os.environ['PATH']}"

    def run(self, *command: str | Path, cwd: Path | None = None) -> str:
        done = subprocess.run(
            command, cwd=cwd or self.folder, env=self.environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{shlex.join(map(str, command))}\n{done.stdout}{done.stderr}"
        return done.stdout

    def serves(self, *command: str, cwd: Path | None = None, **environ: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [*command], cwd=cwd or self.folder, env=self.environ | environ, stdout=subprocess.DEVNULL
        )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    place = tmp_path_factory.mktemp("project")
    project = Project(place)
    project.run("pip", "install", "-q", "-e", ROOT, cwd=place)
    project.run("hinge", "new", "my-shop", cwd=place)
    return project


@pytest.fixture(scope="module")
def installed(project: Project) -> Project:
    """Return the project once the first of the commands that `hinge new` tells has been run."""
    project.run("pip", "install", "-q", "-e", ".[dev]")
    return project


@pytest.mark.parametrize(
    "command", ["pytest -q -W error", "mypy", "ruff check .", "ruff format --check .", "hinge check", "hinge routes"]
)
def test_it_passes_its_own_tests_and_checks(installed: Project, command: str) -> None:
    program, *arguments = command.split()
    said = installed.run(installed.bin / program, *arguments)
    if command.startswith("pytest"):
        assert "6 passed" in said  # three tests, on two backends


def asked(process: "subprocess.Popen[bytes]", port: int) -> Iterator[httpx.Response]:
    """Return what a process answers that serves the project, which then stops it."""
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: accepts(port) or process.poll() is not None, "a connection")
        yield httpx.get(f"{url}/hello/Ada")
        yield httpx.post(f"{url}/orders", json={"price": 2, "pieces": 3})
        yield httpx.get(f"{url}/ready")
    finally:
        process.terminate()
        assert process.wait(30) == 0


@pytest.mark.parametrize("backend", ["asgi", "wsgi"])
@pytest.mark.parametrize("command", ["run", "dev"])
def test_it_is_served(installed: Project, command: str, backend: str) -> None:
    port = free_port()
    process = installed.serves("hinge", command, "--port", str(port), "--backend", backend, MY_SHOP_GREETING="Good day")
    hello, order, ready = asked(process, port)
    assert (hello.json(), order.json()) == ({"message": "Good day, Ada!"}, {"total": 6.0})
    assert (order.status_code, ready.status_code) == (201, 200)


def test_its_containerfile_installs_serves_and_is_healthy(project: Project, tmp_path: Path) -> None:
    """Follow the file, with a folder for the image's and this environment for its Python."""
    text = (project.folder / "Containerfile").read_text()
    steps = [line.split(" ", 1) for line in text.splitlines() if line]
    work = tmp_path / "image"
    for word, rest in steps:
        match word:
            case "WORKDIR":
                work.mkdir()
            case "COPY":
                *sources, into = rest.split()
                project.run("cp", "-r", *sources, str(work / into))
            case "RUN":
                project.run(*shlex.split(rest), cwd=work)
    assert {path.name for path in work.iterdir()} >= {"pyproject.toml", "README.md", "src"}
    commands = {word: json.loads(rest[rest.index("[") :]) for word, rest in steps if word in ("CMD", "HEALTHCHECK")}
    port = str(free_port())
    serve, healthy = ([re.sub(r"\b8000\b", port, word) for word in commands[key]] for key in ("CMD", "HEALTHCHECK"))
    process = project.serves(*[word.replace("0.0.0.0", "127.0.0.1") for word in serve], cwd=work)
    for index, answer in enumerate(asked(process, int(port))):
        assert answer.is_success
        if index == 0:
            project.run(*healthy, cwd=work)


def test_what_the_container_copies_is_not_ignored(project: Project) -> None:
    copied = re.findall(r"^COPY (.*) \S+$", (project.folder / "Containerfile").read_text(), re.MULTILINE)
    ignored = (project.folder / ".dockerignore").read_text().splitlines()
    assert ignored[0] == "*"
    assert {f"!{name}" for names in copied for name in names.split()} <= set(ignored)
