"""`python -m examples.drawing docs/data-flow.txt docs/data-flow.svg` draws a diagram from its text."""

import argparse
from pathlib import Path

from examples.drawing.diagram import parse, to_svg


def main() -> None:
    """Read the text and write the picture."""
    parser = argparse.ArgumentParser(prog="python -m examples.drawing", description=__doc__)
    parser.add_argument("text", type=Path, help="the diagram's text")
    parser.add_argument("picture", type=Path, help="the SVG file to write")
    arguments = parser.parse_args()
    svg = to_svg(parse(arguments.text.read_text("utf-8")))
    arguments.picture.write_text(svg, "utf-8")


if __name__ == "__main__":
    main()
