"""The kit itself: every check has a clause, every clause a check, and a skip has a Feature."""

import ast
import tomllib
from pathlib import Path

import pytest
from tests.conformance.kit import ROOT, Run, run_kit

import hinge.conformance
from hinge.conformance.clauses import CLAUSES, GROUPS

pytestmark = pytest.mark.gate

KIT = Path(hinge.conformance.__file__).parent


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = run_kit(tmp_path_factory.mktemp("kit"), "hinge.conformance", "--backend", "wsgi", "--collect-only", "-q")
    assert run.exit == 0, run.output
    return run


def test_every_check_has_a_known_clause(collected: Run) -> None:
    assert len(collected.checks) > 1000
    assert [check for check in collected.checks if check.clause not in CLAUSES] == []


def test_every_clause_has_a_check(collected: Run) -> None:
    assert set(CLAUSES) - {check.clause for check in collected.checks} == set()


def test_every_check_is_run_on_the_named_backend_and_no_other(collected: Run) -> None:
    """What takes no backend checks none: there is a handful, about values that all backends share."""
    others = [check.test for check in collected.checks if "wsgi" not in check.test.partition("[")[2]]
    assert {other.partition("[")[0] for other in others} <= {
        "test_results.py::test_other_statuses_are_refused_where_they_are_set"
    }


def test_clauses_are_grouped_sentences() -> None:
    assert GROUPS[:4] == ("head", "body", "response", "errors")
    assert sorted(CLAUSES, key=lambda name: GROUPS.index(name.partition(".")[0])) == list(CLAUSES)
    for name, sentence in CLAUSES.items():
        assert name.count(".") == 1
        assert sentence[0].isupper() or sentence[0] == "`"
        assert sentence.endswith(".")


def modules() -> list[Path]:
    found = sorted(KIT.glob("*.py"))
    assert len(found) > 15
    return found


def calls(module: Path) -> list[str]:
    return [ast.unparse(node.func) for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.Call)]


def test_only_a_feature_skips() -> None:
    """Of all modules, one skips: the fixtures, where a marker names a Feature or a client is mounted."""
    words = ("skip", "skipif", "importorskip", "xfail")
    found = [(module.name, call) for module in modules() for call in calls(module) if call.split(".")[-1] in words]
    assert found == [("fixtures.py", "pytest.skip")] * 2
    text = (KIT / "fixtures.py").read_text()
    assert text.count('pytest.skip(f"backend {') == 2, "each says which Feature, and what for"
    text = "".join(module.read_text() for module in modules() if module.name.startswith("test_"))
    assert "mark.needs(Feature." in text
    assert text.count("mark.needs(") == text.count("mark.needs(Feature.")
    assert "unittest" not in text


def test_it_needs_pytest_and_what_hinge_needs() -> None:
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert wanted["optional-dependencies"]["conformance"] == ["hinge-web[forms,sessions]", "pytest>=8.3"]
    allowed = {"hinge", "pytest", "msgspec", "anyio"}
    for module in modules():
        for node in ast.walk(ast.parse(module.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                top = name.partition(".")[0]
                assert top in allowed or top in __import__("sys").stdlib_module_names, f"{module.name}: {name}"


def test_it_names_no_backend_of_its_own() -> None:
    """Nor looks inside of one."""
    for module in modules():
        text = module.read_text()
        for word in ("hinge_wsgi", "hinge_asgi", ".runtime", "._application", "backend.name =="):
            assert word not in text, f"{module.name}: {word}"


def test_its_helpers_rest_on_no_assert() -> None:
    """Those of test modules are rewritten by pytest, also under `python -O`; theirs would not be."""
    for module in modules():
        if not module.name.startswith("test_"):
            assert not [node for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.Assert)]


def test_an_unknown_backend_is_a_usage_error(tmp_path: Path) -> None:
    run = run_kit(tmp_path, "hinge.conformance.test_redirects", "--backend", "nobody")
    assert run.exit == pytest.ExitCode.USAGE_ERROR
    assert "ERROR: no backend 'nobody' is installed; installed: asgi, " in run.output
    assert "Traceback" not in run.output


def test_the_clause_is_shown_also_without_asserts_in_packages(tmp_path: Path) -> None:
    names = ["hinge.conformance.test_redirects", "--backend", "wsgi", "--backend", "asgi", "-v"]
    run = run_kit(tmp_path, *names, optimised=True)
    assert run.exit == 0, run.output
    assert "PASSED [response.headers]" in run.output
    assert {check.outcome for check in run.checks} == {"passed"}
    assert {name for check in run.checks for name in ("wsgi", "asgi") if name in check.test} == {"wsgi", "asgi"}


def test_a_summary_of_skips_shows_no_clause_of_another_check(tmp_path: Path) -> None:
    run = run_kit(tmp_path, "hinge.conformance.test_websocket_endings", "--backend", "wsgi", "-rs", "-k", "closes")
    assert run.exit == 0, run.output
    assert "SKIPPED [1] " in run.output
    assert "(Feature.WEBSOCKET): " in run.output
    assert "SKIPPED [websocket" not in run.output
