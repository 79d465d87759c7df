"""Every link within README.md, examples and docs leads somewhere, and every page can be found."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def prose(page: Path) -> str:
    return _FENCED.sub("", page.read_text("utf-8"))


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and MkDocs make them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    for target in _LINK.findall(prose(page)):
        if target.startswith(("https://", "http://")):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.is_file(), f"{page.name}: {target}"
        # The site is made of docs/ alone, and its build refuses what leads out of it.
        assert not page.is_relative_to(DOCS) or found.is_relative_to(DOCS), f"{page.name}: {target} is not on the site"
        assert not anchor or anchor in anchors(found), f"{page.name}: {target}"


def test_every_page_is_in_the_navigation_and_the_index() -> None:
    pages = {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")}
    navigation = set(re.findall(r": ([\w/-]+\.md)$", (DOCS / "mkdocs.yml").read_text("utf-8"), re.MULTILINE))
    assert navigation == pages
    assert set(_LINK.findall(prose(DOCS / "index.md"))) == pages - {"index.md"}


def test_the_architecture_names_files_that_exist() -> None:
    text = (DOCS / "architecture.md").read_text("utf-8")
    there = [path.as_posix() for folder in ("framework", "backends") for path in (ROOT / folder).rglob("*.py")]
    named = set(re.findall(r"[\w/]+\.py\b", text))
    assert len(named) > 10
    assert [name for name in sorted(named) if not any(path.endswith(f"/{name}") for path in there)] == []
