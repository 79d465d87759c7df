"""What `hinge` says of itself: its versions, what was probably meant, and what a shell completes."""

import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from click.testing import CliRunner

from hinge import __version__
from hinge.backend.installed import installed_backends
from hinge.cli import _COMMANDS, main


def test_version_names_all_that_serves() -> None:
    result = CliRunner().invoke(main, ["--version"])
    first, python, *others = result.output.splitlines()
    assert (result.exit_code, first) == (0, f"hinge {__version__}")
    assert re.fullmatch(r"\w+ 3\.\d+\.\S+, \S+ \S+", python)
    for name in ("granian", "msgspec", "anyio", "click"):
        assert f"{name} {metadata.version(name)}" in others
    assert [line.split()[1] for line in others if line.startswith("backend ")] == installed_backends()
    assert f"backend asgi (hinge-web {metadata.version('hinge-web')})" in others


def test_version_loads_no_backend() -> None:
    code = "import sys; from hinge.cli.versions import versions; list(versions()); print('hinge_asgi' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rum"], "No such command 'rum'. Did you mean 'run'?"),
        (["route"], "Did you mean 'routes'?"),
        (["shop:app", "--port", "5"], "No such command 'shop:app'. Did you mean: hinge run shop:app --port 5"),
        (["src/shop.py"], "Did you mean: hinge run src/shop.py"),
        (["zzz"], f"No such command 'zzz'. There are {', '.join(_COMMANDS)}."),
        (["run", "x", "--prot", "5"], "--port"),
        (["run", "x", "--trusted-proxy", "5"], "--trusted-proxies"),
    ],
)
def test_what_was_probably_meant(words: list[str], said: str) -> None:
    result = CliRunner().invoke(main, words)
    assert (result.exit_code, said in result.stderr) == (2, True), result.stderr


HINGE = shutil.which("hinge", path=Path(sys.executable).parent)
SHELLS = {
    "bash": "COMP_WORDS=(hinge {words}) COMP_CWORD={last}; _hinge_completion hinge; "
    "printf '%s\\n' \"${{COMPREPLY[@]}}\"",
    "fish": "complete -C 'hinge {words}'",
}


@pytest.mark.skipif(HINGE is None, reason="the command is not installed beside this Python")
@pytest.mark.parametrize(
    "shell",
    [
        pytest.param(name, marks=pytest.mark.skipif(shutil.which(name) is None, reason=f"{name} is not installed"))
        for name in ("bash", "fish")
    ],
)
@pytest.mark.parametrize(
    ("words", "completed"),
    [("r", {"run", "routes"}), ("run --tr", {"--trusted-proxies"}), ("check --skip", {"--skip-unsupported"})],
)
def test_a_shell_completes_commands_and_flags(shell: str, words: str, completed: set[str]) -> None:
    path = f"{Path(HINGE).parent}{os.pathsep}{os.environ['PATH']}"
    environ = {**os.environ, "PATH": path}
    source = subprocess.run(
        [HINGE], env={**environ, "_HINGE_COMPLETE": f"{shell}_source"}, capture_output=True, text=True, check=True
    ).stdout
    line = SHELLS[shell].format(words=words, last=len(words.split()))
    options = ["--norc"] if shell == "bash" else []
    done = subprocess.run(
        [shell, *options, "-c", f"{source}\n{line}"], env=environ, capture_output=True, text=True, check=True
    )
    assert {one.split("\t")[0] for one in done.stdout.split("\n") if one} == completed


@pytest.mark.skipif(HINGE is None, reason="the command is not installed beside this Python")
def test_zsh_is_told_the_same() -> None:
    environ = {**os.environ, "_HINGE_COMPLETE": "zsh_complete", "COMP_WORDS": "hinge ro", "COMP_CWORD": "1"}
    told = subprocess.run([HINGE], env=environ, capture_output=True, text=True, check=True).stdout
    assert told.splitlines()[:2] == ["plain", "routes"]
    if shutil.which("zsh") is not None:
        environ = {**os.environ, "PATH": f"{Path(HINGE).parent}{os.pathsep}{os.environ['PATH']}"}
        line = 'autoload -Uz compinit; compinit -uD; eval "$(_HINGE_COMPLETE=zsh_source hinge)"; echo $_comps[hinge]'
        done = subprocess.run(["zsh", "-f", "-c", line], env=environ, capture_output=True, text=True, check=True)
        assert done.stdout == "_hinge_completion\n"


def test_a_target_is_completed_with_files(tmp_path: Path) -> None:
    environ = {"_HINGE_COMPLETE": "bash_complete", "COMP_WORDS": "hinge run sh", "COMP_CWORD": "2"}
    result = CliRunner().invoke(main, [], env=environ, complete_var="_HINGE_COMPLETE", prog_name="hinge")
    assert result.output == "file,sh\n"


def test_a_mistyped_command_is_completed_with_nothing() -> None:
    environ = {"_HINGE_COMPLETE": "bash_complete", "COMP_WORDS": "hinge rum --", "COMP_CWORD": "2"}
    result = CliRunner().invoke(main, [], env=environ, complete_var="_HINGE_COMPLETE", prog_name="hinge")
    assert (result.exit_code, result.stderr) == (0, "")
