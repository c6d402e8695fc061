"""The arguments of `handsoff labelset from-cvat` and the other converters of annotation tools."""

import argparse
from pathlib import Path

from handsoff_client.cli.argument_types import Commands, add, names

SOURCES = {
    "from-cvat": (
        'CVAT: "CVAT for images 1.1" or "Segmentation mask 1.1"',
        "folder, zip or annotations.xml that CVAT exported",
    ),
    "from-labelstudio": (
        "Label Studio: the JSON export with polygons, brushes or keypoints",
        "exported JSON file, or a folder with it and the images",
    ),
    "from-voc": (
        "Pascal VOC: SegmentationClass/ with palette or color PNGs",
        "folder or zip with SegmentationClass/ and JPEGImages/",
    ),
    "from-yolo": (
        "YOLO segmentation or pose: images/, labels/ and data.yaml",
        "folder, zip or data.yaml of the data set",
    ),
    "from-roboflow": (
        "Roboflow: COCO segmentation, YOLO, or semantic segmentation masks; the format is detected",
        "folder or zip of an exported version",
    ),
}
"""The converters: what each one reads, and its argument."""

_KEYPOINTS = ("from-yolo", "from-labelstudio")
_SPLITS = ("from-yolo", "from-roboflow", "from-voc")


def add_labelset(commands: Commands) -> None:
    """Add `labelset` with one subcommand for each tool."""
    text = "upload labels from CVAT, Label Studio, Pascal VOC, YOLO or Roboflow"
    parent = add(commands, "labelset", text)
    tools = parent.add_subparsers(dest="source", metavar="SOURCE", required=True)
    for name, (reads, what) in SOURCES.items():
        command = add(tools, name, reads)
        command.add_argument("export", type=Path, metavar="PATH", help=what)
        _add_common(command)
        _add_special(command, name)


def _add_common(command: argparse.ArgumentParser) -> None:
    command.add_argument("--name", help="name of the labelset (default: that of PATH)")
    command.add_argument(
        "--out", type=Path, metavar="DIR", help="new folder for the result, instead of an upload"
    )
    command.add_argument(
        "--dry-run",
        action="store_true",
        help="print images, classes with their share of the pixels, and notes; write and upload nothing",
    )
    command.add_argument(
        "--images", type=Path, metavar="DIR", help="folder of the images, if it is not in PATH"
    )
    command.add_argument(
        "--classes",
        type=names,
        metavar="A,B,...",
        help="classes in the order of their index; another label is an error",
    )
    command.add_argument(
        "--ignore-label", metavar="NAME", help="label whose pixels are ignored (255), not a class"
    )
    command.add_argument(
        "--boxes-as-masks",
        action="store_true",
        help="fill boxes, which are an error otherwise: they do not show which pixels belong to the object",
    )
    command.add_argument(
        "--missing-is-background",
        action="store_true",
        help="an image without annotation has no object: it is all background",
    )
    command.add_argument(
        "--skip-missing",
        action="store_true",
        help="leave out annotations of missing images, which are an error otherwise",
    )


def _add_special(command: argparse.ArgumentParser, name: str) -> None:
    if name in _KEYPOINTS:
        command.add_argument(
            "--keypoints",
            type=names,
            metavar="A,B,...",
            help="names of the keypoints, in their order",
        )
    if name in _SPLITS:
        command.add_argument(
            "--split", metavar="NAME", help="only this split, such as train (default: all)"
        )
    if name == "from-labelstudio":
        command.add_argument(
            "--annotator", metavar="EMAIL|ID", help="whose annotations to use, if there are several"
        )
        command.add_argument(
            "--image-key", metavar="KEY", help="field of data with the image, if there are several"
        )
