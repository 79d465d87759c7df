"""The fuzz targets hold on what Hypothesis makes of their seeds; `python tests/fuzz` goes on for longer."""

import os
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fuzz.bodies import Wrong, must
from tests.fuzz.targets import SEEDS, TARGETS

if os.environ.get("CI") != "true":
    pytest.importorskip("multipart")


@pytest.mark.gate
@pytest.mark.parametrize("name", TARGETS)
def test_a_target_holds(name: str) -> None:
    seeds = SEEDS[name]
    splices = st.lists(st.one_of(st.binary(max_size=20), st.sampled_from(seeds)), max_size=5).map(b"".join)

    @settings(max_examples=150, deadline=None, database=None)
    @given(splices, st.integers(0, 2**32))
    def run(data: bytes, seed: int) -> None:
        TARGETS[name](data)
        mutated = bytearray(data)
        chance = random.Random(seed)
        for _ in range(min(3, len(mutated))):
            mutated[chance.randrange(len(mutated))] = chance.randrange(256)
        TARGETS[name](bytes(mutated))

    run()


def test_what_is_wrong_is_told() -> None:
    with pytest.raises(Wrong):
        must(0, "zero")
