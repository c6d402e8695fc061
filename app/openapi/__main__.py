"""`python -m app.openapi FILE` writes the description of the API: docs/openapi.json is checked in."""

import argparse
import json
from pathlib import Path

from app.main import create_app
from state.settings import Settings
from state.store import Store


def text() -> str:
    """Return the document as it is checked in: readable, and the same on every machine."""
    document = create_app(Settings(), Store.in_memory()).openapi()
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the document to the file that is named."""
    parser = argparse.ArgumentParser(prog="python -m app.openapi", description=__doc__)
    parser.add_argument("file", type=Path, help="where to write it, for example docs/openapi.json")
    parser.parse_args().file.write_text(text(), "utf-8")


if __name__ == "__main__":
    main()
