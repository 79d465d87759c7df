"""Proofs are no test modules, and their asserts say as much as those of one."""

import pytest

for _module in ("cannot", "inner", "inside", "left_behind", "middleware", "mounted", "tools"):
    pytest.register_assert_rewrite(f"tests.neighbours.{_module}")
