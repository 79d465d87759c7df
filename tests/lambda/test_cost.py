"""A call costs less than with Mangum and apig-wsgi, and a cold start is short (tests/benchmarks/lambda_calls.py)."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mangum", reason="what it is compared with is not installed")
pytest.importorskip("apig_wsgi")
pytestmark = [pytest.mark.gate, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

MOST = {"Mangum": 0.75, "apig-wsgi": 0.85}
"""Of the time of each: measured are 0.1 and 0.55 for `def`, 0.6 and 0.65 for `async def`."""
COLD_START = {"def": 0.13, "async def": 0.28}
"""Seconds of processor time beyond Python with msgspec; measured are 0.05 and 0.13, twice that on a busy machine."""


def benchmark() -> Any:
    file = Path(__file__).parents[1] / "benchmarks" / "lambda_calls.py"
    spec = importlib.util.spec_from_file_location("lambda_calls", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("colour", ["def", "async def"])
def test_a_call_costs_less_than_with_others(colour: str) -> None:
    figures = benchmark().per_call(colour)
    ours = figures.pop("hinge-lambda")
    assert {name: ours / time for name, time in figures.items() if ours > MOST[name] * time} == {}


@pytest.mark.parametrize("colour", ["def", "async def"])
def test_a_cold_start_is_short(colour: str) -> None:
    assert benchmark().cold_start(colour) < COLD_START[colour]
