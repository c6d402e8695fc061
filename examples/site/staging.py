"""Collect the pages of the documentation in one folder for MkDocs. Links are kept, other files are copied."""

import json
import os
import re
import shutil
from pathlib import Path

from examples.site import api_reference

REPOSITORY = Path(__file__).resolve().parents[2]
OTHER_PAGES = {
    "README.md": "index.md",
    "client/README.md": "client.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "benchmarks/LOG.md": "log.md",
}
"""Pages outside docs/, and their place on the site."""
_LINK = re.compile(r"(\]\()([^)\s]+)(\))")
_FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)


def stage(folder: Path) -> None:
    """Write all pages and the files that they link to. `folder` is deleted first."""
    shutil.rmtree(folder, ignore_errors=True)
    for source, target in pages().items():
        path = folder / target
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_Page(source, target, folder).text(), "utf-8")
    document = json.loads((REPOSITORY / "docs" / "openapi.json").read_text("utf-8"))
    (folder / "api.md").write_text(api_reference.text(document), "utf-8")
    shutil.copy(REPOSITORY / "docs" / "openapi.json", folder)
    (folder / "decisions" / "index.md").write_text(_decisions(folder / "decisions"), "utf-8")


def pages() -> dict[str, str]:
    """Return the path of each page in the repository, and on the site."""
    docs = sorted((REPOSITORY / "docs").rglob("*.md"))
    own = {
        path.relative_to(REPOSITORY).as_posix(): path.relative_to(REPOSITORY / "docs").as_posix()
        for path in docs
    }
    return own | OTHER_PAGES


class _Page:
    """One page: its text with links for the site."""

    def __init__(self, source: str, target: str, folder: Path) -> None:
        self._source, self._target, self._folder = source, target, folder

    def text(self) -> str:
        text = (REPOSITORY / self._source).read_text("utf-8")
        parts = _FENCE.split(text)
        return "".join(
            part if place % 2 else _LINK.sub(self._link, part) for place, part in enumerate(parts)
        )

    def _link(self, link: re.Match[str]) -> str:
        before, address, after = link.groups()
        path, mark, anchor = address.partition("#")
        if not path or ":" in path:
            return link[0]
        place = os.path.normpath(os.path.join(os.path.dirname(self._source), path))  # noqa: PTH118, PTH120
        return f"{before}{self._place(place)}{mark}{anchor}{after}"

    def _place(self, path: str) -> str:
        """Return the address of a file of the repository from this page. Files that are no pages are copied."""
        source = REPOSITORY / path
        if path == "docs/decisions":
            target = "decisions/index.md"
        elif path in pages():
            target = pages()[path]
        else:
            target = (
                path.removeprefix("docs/")
                if path.startswith("docs/")
                else f"files/{path.lstrip('.')}"
            )
            copy = self._folder / (f"{target}.txt" if source.is_dir() else target)
            copy.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                copy.write_text(
                    "\n".join(
                        sorted(one.name for one in source.iterdir() if one.name[0] not in "._")
                    )
                )
                target += ".txt"
            else:
                shutil.copy(source, copy)
        return os.path.relpath(target, os.path.dirname(self._target) or ".")  # noqa: PTH120


def _decisions(folder: Path) -> str:
    lines = ["# Decisions\n", "One page for each decision that needs an explanation.\n"]
    for path in sorted(folder.glob("0*.md")):
        title = path.read_text("utf-8").splitlines()[0].removeprefix("# ")
        lines.append(f"- [{title}]({path.name})")
    return "\n".join(lines) + "\n"
