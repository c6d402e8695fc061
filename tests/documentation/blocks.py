"""The code blocks of the Markdown pages. A comment before each block says how a test uses it.

`<!-- block: run -->` runs in `test_pages.py`, in the order of the page. `check, REASON` is not run: its commands are
checked, and the reason must be visible in the block. `json NAME` is validated. `copy, PAGE` is equal to a block of that
page. `sketch` is code for a new file: it parses, and its names exist. `<!-- a test runs ... -->` has a separate test.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = (
    "README.md",
    "client/README.md",
    *sorted(path.relative_to(REPOSITORY).as_posix() for path in REPOSITORY.glob("docs/*.md")),
)
LANGUAGES = ("sh", "python", "json")
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_MARK = re.compile(
    r"<!-- (?:block: (?P<kind>\w+)(?:,? (?P<detail>[^>]+))?|(?P<own>[^>]*a test runs[^>]*)) -->\n$"
)


@dataclass(frozen=True)
class Block:
    """A block of a page: its line, language and text, and its class. `kind` is empty if there is no comment."""

    page: str
    line: int
    language: str
    text: str
    kind: str
    detail: str = ""

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


def blocks_of(page: str, text: str | None = None) -> Iterator[Block]:
    """Yield the blocks of a page in the languages that are tested."""
    text = text if text is not None else (REPOSITORY / page).read_text("utf-8")
    for fence in _FENCE.finditer(text):
        language, content = fence.groups()
        if language not in LANGUAGES:
            continue
        before = text[: fence.start()]
        line = before.count("\n") + 1
        mark = _MARK.search(before)
        kind, detail = "", ""
        if mark is not None:
            kind = "own" if mark["own"] else mark["kind"]
            detail = mark["own"] or mark["detail"] or ""
        yield Block(page, line, language, content, kind, detail.strip())


def all_blocks() -> list[Block]:
    """Return the blocks of all pages."""
    return [block for page in PAGES for block in blocks_of(page)]
