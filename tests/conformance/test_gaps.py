"""Honest work is green: a backend on a platform that lacks Features passes the kit, and each skip names one of them."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.conformance.kit import MEMORY, Check, halves, installed, run_kit

from hinge.backend.contract import Feature

pytestmark = pytest.mark.gate

STREAMS = ["streams", "stream_endings", "stream_middleware", "closing", "drain", "after_response"]
BODIES = ["body_stream", "limits", "forms", "form_files", "uploads_to_nowhere"]
ROWS = {
    "without_streaming": [*STREAMS, "results", "methods", "differences"],
    "without_duplex": BODIES,
    "without_after_response": ["after_response", "forms", "form_files", "context", "drain"],
    "without_disconnect": [*STREAMS, "body_stream", "stop", "events"],
    "without_abort": [*STREAMS, "base_exceptions", "body_stream", "events"],
    "without_prefix": ["request", "redirects", "cookies"],
}
"""Of one gap, the modules in which it could be seen; of all gaps together, the whole kit."""


@pytest.mark.flaky(reruns=1)  # as tests of other processes are: it shares its cores with whatever else runs
@pytest.mark.parametrize("gap", [*ROWS, "without_all"])
def test_the_kit_passes(tmp_path: Path, gap: str) -> None:
    path = (installed(tmp_path / "site", "gaps", f"lacking:{gap}"), MEMORY, Path(__file__).parent)

    def run(modules: list[str]) -> list[Check]:
        done = run_kit(tmp_path / modules[0], *modules, "--backend", "gaps", "-q", path=path)
        assert done.failed() == {}, done.output[-5000:]
        assert done.exit == 0, done.output[-5000:]
        return done.checks

    named = [f"hinge.conformance.test_{name}" for name in ROWS.get(gap, ())]
    with ThreadPoolExecutor() as pool:
        checks = [check for found in pool.map(run, [named] if named else halves()) for check in found]
    assert [check.outcome for check in checks].count("passed") > 50
    lacks = list(Feature) if gap == "without_all" else [Feature[gap[8:].upper()], Feature.WEBSOCKET]
    skips = [check.report for check in checks if check.outcome == "skipped"]
    said = {one: f"backend 'gaps' lacks {one.value} ({one}): " for one in lacks}
    assert [report for report in skips if not any(text in report for text in said.values())] == []
    needed = set(lacks) - {Feature.ABORT, Feature.WEBSOCKET}  # without ABORT nothing is skipped, and less is demanded
    assert [one for one in needed if not any(said[one] in report for report in skips)] == []
