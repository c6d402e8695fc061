"""The pages of the site: every link leads to a file, every page is in the navigation, references are up to date."""

import re
from pathlib import Path

import pytest

from examples.site import cli_reference
from examples.site.staging import REPOSITORY, stage

LINK = re.compile(r"\]\(([^)\s#]+)")
OUTSIDE = re.compile(r"(?:src|href|url\()=?[\"']?(?:https?:)?//(?!www\.w3\.org)")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Collect the pages."""
    target = tmp_path_factory.mktemp("site") / "pages"
    stage(target)
    return target


def test_every_link_leads_to_a_file_of_the_site(folder: Path) -> None:
    """Pages outside docs/, pictures, examples and folders. `make docs` also checks the anchors."""
    missing = []
    for page in folder.rglob("*.md"):
        text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
        missing += [
            f"{page.name}: {link}"
            for link in LINK.findall(text)
            if ":" not in link and not (page.parent / link).exists()
        ]
    assert missing == []


def test_every_page_is_in_the_navigation(folder: Path) -> None:
    """Decisions are listed on a page apart."""
    listed = set(
        re.findall(r"([\w/-]+\.md)$", (REPOSITORY / "mkdocs.yml").read_text(), re.MULTILINE)
    )
    pages = {path.relative_to(folder).as_posix() for path in folder.rglob("*.md")}
    index = (folder / "decisions" / "index.md").read_text("utf-8")
    decisions = {page for page in pages if page.startswith("decisions/0")}
    assert pages - decisions - {page for page in listed if "0*" not in page} == set()
    assert [page for page in decisions if f"({page.removeprefix('decisions/')})" not in index] == []


def test_the_api_reference_has_every_route_and_schema(folder: Path) -> None:
    """It is made from openapi.json, with the links between schemas."""
    text = (folder / "api.md").read_text("utf-8")
    assert "### `POST /v1/fits`" in text
    anchors = {heading.lower() for heading in re.findall(r"^### (\w+)$", text, re.MULTILINE)}
    assert set(re.findall(r"\]\(#(\w+)\)", text)) <= anchors


def test_the_command_line_reference_is_up_to_date() -> None:
    """Else run: make cli-reference."""
    assert cli_reference.text() == (REPOSITORY / "docs" / "29-command-line.md").read_text("utf-8")


def test_the_site_loads_nothing_from_other_hosts() -> None:
    """No fonts and no scripts: it can be read offline."""
    text = (REPOSITORY / "mkdocs.yml").read_text()
    assert "font: false" in text
    assert "extra_javascript" not in text
    assert not OUTSIDE.search(text)
