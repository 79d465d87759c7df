"""The Pythons that the package claims are those that .ci/run tests."""

import re
import tomllib

import pytest
from tests.docs.pages import ROOT


def test_what_is_claimed_is_tested() -> None:
    steps = ROOT / ".ci/steps.sh"
    if not steps.exists():
        pytest.skip("an unpacked sdist has no .ci")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    claimed = set(re.findall(r"Python :: (3\.\d+)", "\n".join(project["classifiers"])))
    tested = set(re.findall(r"(?:suite_on |venv-)(3\.\d+)", steps.read_text("utf-8")))
    assert claimed == tested
    page = (ROOT / "docs/servers.md").read_text("utf-8")
    assert all(re.search(rf"\b{re.escape(version)}\b", page) for version in claimed)
