"""docs/security.md: each claim names tests that exist."""

import re

from tests.docs.pages import ROOT

PAGE = (ROOT / "docs/security.md").read_text("utf-8")
CLAIM = re.compile(r"^\| (?P<claim>[^|]+) \| `(?P<file>[\w/]+\.py)(?:::(?P<test>\w+))?` \|$")


def test_each_claim_names_a_test_that_exists() -> None:
    part = PAGE[PAGE.index("## What Hinge claims") : PAGE.index("## What is not Hinge's")]
    rows = [line for line in part.splitlines() if line.startswith("| ") and not line.startswith(("| ---", "| claim"))]
    assert len(rows) > 60
    for row in rows:
        claim = CLAIM.match(row)
        assert claim is not None, row
        text = (ROOT / claim["file"]).read_text("utf-8")
        assert claim["test"] is None or f"\ndef {claim['test']}(" in text, row
