"""Commands of the portraits domain: `python -m examples.portraits images | labelset | sheet`.

They write folders of images to train a generator, labelsets for the service, and sheets to view.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from examples.portraits.labelset import write_labelset
from examples.portraits.many import render_images, render_many
from examples.portraits.rare import accessory_indices
from examples.portraits.sheet import draw_sheet
from examples.portraits.splits import SPLITS, seed_of


def write_images(options: argparse.Namespace) -> None:
    """Write a folder of PNG images, named by seed and index."""
    seed = seed_of(options.split, options.draw)
    options.folder.mkdir(parents=True, exist_ok=True)
    stop = options.start + options.count
    rare = accessory_indices(seed, stop, options.accessories)
    indices = [*range(options.start, stop), *rare]
    images = render_images(seed, indices, processes=options.processes)
    for index, image in zip(indices, images, strict=True):
        Image.fromarray(image).save(options.folder / f"portrait-{seed}-{index:06d}.png")
    print(f"{len(indices)} images of the split {options.split} in {options.folder}")


def write_labelled(options: argparse.Namespace) -> None:
    """Write a labelset folder that can be zipped and uploaded."""
    split = "heldout" if options.heldout else "labelled"
    write_labelset(
        options.folder,
        name=f"portraits-{split}-{options.count}-{options.draw}",
        seed=seed_of(split, options.draw),
        count=options.count,
        all_truth=options.all_truth,
    )
    print(f"{options.count} labelled portraits of the split {split} in {options.folder}")


def write_sheet(options: argparse.Namespace) -> None:
    """Write a sheet of portraits with their masks."""
    seed = seed_of(options.split, options.draw)
    renderings = list(render_many(seed, range(options.count)))
    draw_sheet(renderings, columns=options.columns, zoom=options.zoom).save(options.file)
    print(f"{options.count} portraits of the split {options.split} in {options.file}")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    commands = argparse.ArgumentParser(prog="python -m examples.portraits", description=__doc__)
    verbs = commands.add_subparsers(required=True, metavar="COMMAND")

    images = verbs.add_parser("images", help="a folder of PNG images")
    images.add_argument("folder", type=Path)
    images.add_argument("--count", type=int, required=True)
    images.add_argument("--start", type=int, default=0, help="index of the first image")
    images.add_argument("--processes", type=int, default=1)
    images.add_argument(
        "--accessories",
        type=int,
        default=0,
        help="also write this many portraits with glasses and as many with hats, from later indices",
    )
    _add_split(images)
    images.set_defaults(run=write_images)

    labelset = verbs.add_parser("labelset", help="images, masks and labelset.json to upload")
    labelset.add_argument("folder", type=Path)
    labelset.add_argument("--count", type=int, default=16)
    labelset.add_argument(
        "--draw", type=int, default=0, help="number of the set; each gives other portraits"
    )
    labelset.add_argument(
        "--heldout", action="store_true", help="use portraits reserved for scoring"
    )
    labelset.add_argument("--all-truth", action="store_true", help="also write keypoints and depth")
    labelset.set_defaults(run=write_labelled)

    sheet = verbs.add_parser("sheet", help="one picture with many portraits and their masks")
    sheet.add_argument("file", type=Path)
    sheet.add_argument("--count", type=int, default=40)
    sheet.add_argument("--columns", type=int, default=10)
    sheet.add_argument("--zoom", type=int, default=2)
    _add_split(sheet)
    sheet.set_defaults(run=write_sheet)
    return commands


def _add_split(command: argparse.ArgumentParser) -> None:
    command.add_argument("--split", choices=sorted(SPLITS), default="generator")
    command.add_argument("--draw", type=int, default=0, help="number of the seed in the split")


def main(arguments: Sequence[str]) -> int:
    """Run one command. An invalid value exits with a message and status 2."""
    commands = parser()
    options = commands.parse_args(arguments)
    try:
        options.run(options)
    except ValueError as error:
        commands.error(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
