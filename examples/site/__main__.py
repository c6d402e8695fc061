"""`python -m examples.site stage FOLDER` collects the pages for MkDocs; `cli FILE` writes the reference."""

import argparse
from pathlib import Path

from examples.site import cli_reference
from examples.site.staging import stage


def main() -> None:
    """Collect the pages, or write the reference."""
    parser = argparse.ArgumentParser(prog="python -m examples.site", description=__doc__)
    parser.add_argument("action", choices=("stage", "cli"), help="what to write")
    parser.add_argument("target", type=Path, help="the folder or file to write")
    arguments = parser.parse_args()
    if arguments.action == "stage":
        stage(arguments.target)
    else:
        arguments.target.write_text(cli_reference.text(), "utf-8")


if __name__ == "__main__":
    main()
