"""`python -m app.openapi FILE` writes the description of the API: docs/openapi.json is checked in."""

import json
import sys
from pathlib import Path

from app.main import create_app
from contracts.settings import Settings
from contracts.store import Store


def text() -> str:
    """Return the document as it is checked in: readable, and the same on every machine."""
    document = create_app(Settings(), Store.in_memory()).openapi()
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(text(), "utf-8")
