"""A backend with a defect does not pass: the checks of the clause that it breaks fail, and say so."""

from pathlib import Path

import pytest
from tests.conformance.kit import MEMORY, installed, run_kit

from hinge.conformance.clauses import CLAUSES

DEFECTS = [
    ("forgetful", "streams", "chunks_arrive", "stream.chunks"),
    ("boundless", "limits", "a_body_above or routes_limit", "body.limit"),
    ("blocking", "colour", "plain_handler_runs_without", "colour.place"),
    ("unstopped", "lifespan", "runs_once or start_in_order", "lifespan.once"),
    ("leaky", "streams", "leaves_closes_the_source and bare", "stream.left"),
    ("decoding", "differences", "alike", "response.same"),
]
"""What is wrong (defects.py), a module of the kit, which checks of it are enough, and the clause that is broken."""


@pytest.mark.parametrize(("defect", "module", "checks", "clause"), DEFECTS, ids=lambda value: value)
def test_a_defect_is_found(tmp_path: Path, defect: str, module: str, checks: str, clause: str) -> None:
    site = installed(tmp_path / "site", "broken", f"defects:{defect}")
    arguments = [f"hinge.conformance.test_{module}", "-k", checks, "--backend", "broken", "-q"]
    run = run_kit(tmp_path, *arguments, path=(site, MEMORY, Path(__file__).parent))
    assert run.exit == pytest.ExitCode.TESTS_FAILED, run.output
    assert run.failed()
    assert set().union(*run.failed().values()) == {clause}
    for check in run.checks:
        if check.outcome == "failed":
            assert f"{clause}: {CLAUSES[clause]}" in check.report


@pytest.mark.parametrize("module", sorted({module for _, module, *_ in DEFECTS} - {"limits"}))
def test_without_the_defect_they_pass(tmp_path: Path, module: str) -> None:
    checks = " or ".join(f"({checks})" for _, name, checks, _ in DEFECTS if name == module)
    site = installed(tmp_path / "site", "broken", "defects:sound")
    arguments = [f"hinge.conformance.test_{module}", "-k", checks, "--backend", "broken", "-q"]
    run = run_kit(tmp_path, *arguments, path=(site, MEMORY, Path(__file__).parent))
    assert run.exit == pytest.ExitCode.OK, run.output
