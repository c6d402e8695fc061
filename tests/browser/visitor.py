"""A browser, a window of it on the page, and what went wrong in that window."""

import gzip
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--no-sandbox",  # containers and CI run as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_AXE = Path(__file__).with_name("axe") / "axe.min.js.gz"
_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) => {
  console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`);
});
"""
PATIENCE_MS = 10 * 60_000
"""How long the browser waits for anything: a busy machine may have no time for the page for minutes."""
WIDE, PHONE = (1280, 800), (390, 844)

DRAWN = """(id) => {
  const source = document.getElementById(id), canvas = document.createElement("canvas");
  canvas.width = source.naturalWidth || source.width;
  canvas.height = source.naturalHeight || source.height;
  const context = canvas.getContext("2d");
  context.drawImage(source, 0, 0);
  const data = context.getImageData(0, 0, canvas.width, canvas.height).data;
  return data.filter((value, place) => place % 4 === 3 && value > 0).length;
}"""
"""The number of pixels of a layer that are not transparent."""


@contextmanager
def open_browser() -> Iterator[Any]:
    """Start Chromium. Skips the test without Playwright or Chromium."""
    api = pytest.importorskip("playwright.sync_api")
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"expected one of {', '.join(BROWSERS)} on PATH, found none")
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=_FLAGS)
        yield chromium
        chromium.close()


class Visitor:
    """One window. `troubles` are errors of scripts, errors in the console and violations of the policy."""

    def __init__(
        self,
        browser: Any,
        address: str,
        *,
        size: tuple[int, int] = WIDE,
        scheme: str = "light",
        has_scripts: bool = True,
    ) -> None:
        self.address = address
        self.troubles: list[str] = []
        self._context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,
            java_script_enabled=has_scripts,
        )
        self._context.add_init_script(_VIOLATIONS)
        self._context.set_default_timeout(PATIENCE_MS)
        self.page = self._context.new_page()
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("console", self._note)

    def open(self, path: str) -> Any:
        """Open an address of the page, and return the window's page."""
        self.page.goto(path if path.startswith("http") else f"{self.address}{path}")
        return self.page

    @property
    def path(self) -> str:
        """The path of the open page."""
        return "/" + str(self.page.url).split("/", 3)[3]

    def flaws(self) -> list[str]:
        """Return what axe finds on the open page: the rule, and the first element."""
        self.page.evaluate(_axe())
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found["violations"]]

    def width(self) -> int:
        """Return the width of the content, which is more than the window's if it must be scrolled sideways."""
        return int(self.page.evaluate("document.documentElement.scrollWidth"))

    def close(self) -> None:
        """Close the window."""
        self._context.close()

    def _note(self, message: Any) -> None:
        if message.type == "error":
            self.troubles.append(message.text)


@cache
def _axe() -> str:
    return gzip.decompress(_AXE.read_bytes()).decode()
