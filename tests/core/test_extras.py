"""What is printed as installable is: the name of the distribution, and extras that it has."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from hinge.extras import DISTRIBUTION, install

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NAMED = re.compile(r"(?<![\w./-])(hinge[\w-]*|\.)\[([\w,]+)\]|install\(['\"](\w+)['\"]\)")
"""`hinge-web[yaml]`, `.[yaml]` of a clone, and a message's `install("yaml")`."""


def texts() -> list[Path]:
    """What users read: pages, sources, the projects' own files."""
    found = [file for folder in ("docs", "examples", "framework", "backends") for file in (ROOT / folder).rglob("*")]
    named = (ROOT / name for name in ("README.md", "CHANGELOG.md", "pyproject.toml", ".ci/steps.sh"))
    return [*(file for file in found if file.suffix in {".md", ".py", ".toml", ".yml"}), *named]


def test_the_distribution_is_not_named_as_the_module_is() -> None:
    assert PROJECT["name"] == DISTRIBUTION == "hinge-web"
    rsgi = tomllib.loads((ROOT / "backends/hinge_rsgi/pyproject.toml").read_text())["project"]
    assert [line for line in rsgi["dependencies"] if line.startswith("hinge")] == [f"{DISTRIBUTION}>=0.1.0"]
    assert install("yaml") == "pip install 'hinge-web[yaml]'"


def test_nobody_is_sent_to_another_project_or_to_an_extra_that_is_not_there() -> None:
    extras, known = set(), set(PROJECT["optional-dependencies"])
    for file in texts():
        text = file.read_text("utf-8")
        for distribution, several, extra in NAMED.findall(text):
            assert distribution in {"", ".", DISTRIBUTION}, file
            extras |= {*(several or extra).split(",")}
        assert not re.search(r"pip install (-\S+ )*['\"]?hinge(?![-\w])", text), file
    assert {"yaml", "toml", "forms", "openapi", "compression", "reload"} <= extras <= known


def test_the_expression_finds_them() -> None:
    found = NAMED.findall("""pip install 'hinge[yaml,toml]' '.[forms]' {install('toml')} granian[reload]""")
    assert found == [("hinge", "yaml,toml", ""), (".", "forms", ""), ("", "", "toml")]


@pytest.mark.parametrize(
    ("name", "package", "extra"), [("Metrics", "prometheus_client", "metrics"), ("Tracing", "opentelemetry", "otel")]
)
def test_an_observer_without_its_package_says_what_to_install(name: str, package: str, extra: str) -> None:
    program = f"import sys; sys.modules[{package!r}] = None\nfrom hinge.observability import {name}"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert run.stderr.rstrip().endswith(f"Fix: pip install 'hinge-web[{extra}]'")
