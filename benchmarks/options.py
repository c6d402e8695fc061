"""Command-line options that benchmarks of networks share."""

import argparse
from pathlib import Path

BUILTIN = Path("assets/generators/portraits-64")
BUILTIN_DIFFUSION = Path("assets/generators/portraits-64-diffusion")
CACHE = Path("build/benchmarks")


def network_parser(module: str, description: str | None) -> argparse.ArgumentParser:
    """Return a parser with the folder of networks and the folder of cached files."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    parser.add_argument("--generator", type=Path, default=BUILTIN, help="folder of networks")
    parser.add_argument(
        "--folder", type=Path, default=CACHE, help="cache of codes and the reference segmenter"
    )
    return parser
