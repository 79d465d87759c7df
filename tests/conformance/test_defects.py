"""A backend with a defect does not pass: the checks of the clause that it breaks fail, and say so.

Without the defect they pass: the in-memory backend passes the whole kit (test_memory.py).
"""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.conformance.kit import MEMORY, Run, installed, run_kit

from hinge.conformance.clauses import CLAUSES

pytestmark = pytest.mark.gate

DEFECTS = [
    ("forgetful", "streams", "chunks_arrive", "stream.chunks"),
    ("boundless", "limits", "a_body_above or routes_limit", "body.limit"),
    ("blocking", "colour", "plain_handler_runs_without", "colour.place"),
    ("unstopped", "lifespan", "runs_once or start_in_order", "lifespan.once"),
    ("leaky", "streams", "leaves_closes_the_source and bare", "stream.left"),
    ("hoarding", "form_files", "file_that_is_gone", "body.form"),
    ("decoding", "differences", "alike", "response.same"),
    ("dividing", "redirects", "redirects", "response.headers"),
    ("bypassing", "redirects", "redirects", "response.headers"),
    ("pretending", "redirects", "redirects", "response.headers"),
    ("greedy", "body_stream", "undeclared_body_above", "body.limit"),
    ("gulping", "limits", "nobody_asks", "body.unread"),
    ("foreign", "request", "native_is", "head.native"),
]
"""What is wrong (defects.py), a module of the kit, which checks of it are enough, and the clause that is broken."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """Return a run of the kit for each row, two of them at a time."""

    folders = {row[0]: tmp_path_factory.mktemp(row[0]) for row in DEFECTS}  # one after the other: it is not for threads

    def run(row: tuple[str, str, str, str]) -> Run:
        defect, module, checks, _ = row
        folder = folders[defect]
        path = (installed(folder / "site", "broken", f"defects:{defect}"), MEMORY, Path(__file__).parent)
        arguments = [f"hinge.conformance.test_{module}", "-k", checks, "--backend", "broken", "-q"]
        return run_kit(folder, *arguments, path=path)

    with ThreadPoolExecutor(2) as pool:
        return dict(zip([row[0] for row in DEFECTS], pool.map(run, DEFECTS), strict=True))


@pytest.mark.parametrize(("defect", "module", "checks", "clause"), DEFECTS, ids=lambda value: value)
def test_a_defect_is_found(runs: dict[str, Run], defect: str, module: str, checks: str, clause: str) -> None:
    run = runs[defect]
    assert run.exit == pytest.ExitCode.TESTS_FAILED, run.output
    assert run.failed()
    assert set().union(*run.failed().values()) == {clause}
    for check in run.checks:
        if check.outcome == "failed":
            assert f"{clause}: {CLAUSES[clause]}" in check.report


@pytest.mark.parametrize("defect", ["hanging", "compiling", "connecting", "stopping", "looping"])
def test_a_backend_that_hangs_is_given_up_with_the_first_check(tmp_path: Path, defect: str) -> None:
    run, seconds = given_up(tmp_path, defect, "hinge.conformance", "--hinge-timeout", "0.5")
    assert "backend 'broken' hangs: 1 check waited for 0.5 s or longer, and none has passed; the rest is" in run.output
    assert seconds < 45
    assert [check.outcome for check in run.checks].count("failed") == 1


def test_a_backend_of_which_a_part_hangs_is_given_up_after_three_checks(tmp_path: Path) -> None:
    modules = ["hinge.conformance.test_redirects", "hinge.conformance.test_drain"]
    run, seconds = given_up(tmp_path, "draining", *modules, "--hinge-timeout", "0.5")
    assert "backend 'broken' hangs: 3 checks waited for 0.5 s or longer; the rest is not run" in run.output
    assert seconds < 60
    assert [check.outcome for check in run.checks].count("failed") == 3


def test_a_backend_that_passes_nothing_is_given_up(tmp_path: Path) -> None:
    run, seconds = given_up(tmp_path, "mute", "hinge.conformance")
    assert "backend 'broken' passes nothing: 20 checks failed; the rest is not run. Begin with -x" in run.output
    assert seconds < 45


def given_up(folder: Path, defect: str, *arguments: str) -> tuple[Run, float]:
    path = (installed(folder / "site", "broken", f"defects:{defect}"), MEMORY, Path(__file__).parent)
    began = time.monotonic()
    run = run_kit(folder, *arguments, "--backend", "broken", "-q", path=path)
    assert run.exit == pytest.ExitCode.TESTS_FAILED, run.output
    return run, time.monotonic() - began


@pytest.mark.parametrize("defect", ["bypassing", "pretending"])
def test_an_answer_without_a_call_says_so(runs: dict[str, Run], defect: str) -> None:
    assert "answered without a call of what `compile` returned" in runs[defect].output
