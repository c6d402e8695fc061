"""Promises of the Markdown pages: their links and their commands exist."""

import re
from pathlib import Path

import pytest

from tests.language import REPOSITORY, tracked

PAGES = [path for path in tracked() if path.endswith(".md")]
LINK = re.compile(r"\]\(([^)\s]+)\)")
COMMAND = re.compile(r"python -m ((?:app|workers|examples|benchmarks|tests)[\w.]*)")


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub spells them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_to_a_file_and_a_heading(name: str) -> None:
    """Links to other sites are not checked."""
    page = REPOSITORY / name
    for link in LINK.findall(page.read_text("utf-8")):
        if link.startswith("http"):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("name", PAGES)
def test_every_command_names_a_module(name: str) -> None:
    """`python -m NAME` of a page is a module or a package of this repository."""
    for module in COMMAND.findall((REPOSITORY / name).read_text("utf-8")):
        path = REPOSITORY / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module
