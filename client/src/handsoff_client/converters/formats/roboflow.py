"""Convert Roboflow exports. Which format it is follows from the files: COCO, YOLO or masks with _classes.csv."""

from functools import partial
from pathlib import Path

from handsoff_client.converters.conversion import (
    Choices,
    Conversion,
    LabelledImage,
    Notes,
)
from handsoff_client.converters.files import ImageFinder, files_in
from handsoff_client.converters.formats import yolo
from handsoff_client.converters.formats.coco import convert_files
from handsoff_client.converters.masks import MaskClasses, draw_mask, read_classes_csv
from handsoff_shards.errors import InvalidInput

COCO = "_annotations.coco.json"
CSV = "_classes.csv"
_MASK = "_mask"


def convert(path: Path, choices: Choices) -> Conversion:
    """Return the labels of an export. Raises `InvalidInput` if no format, or more than one, is there."""
    if not path.is_dir():
        raise InvalidInput(f"expected the folder or zip of the export, got the file '{path.name}'.")
    coco = _by_split(path, COCO)
    csvs = _by_split(path, CSV)
    has_yolo = bool([one for one in files_in(path, ".yaml") if one.name == "data.yaml"])
    if bool(coco) + bool(csvs) + has_yolo > 1:
        raise InvalidInput(
            f"'{path.name}' has several exports. Give a folder with one of {COCO}, {CSV} or data.yaml."
        )
    if coco:
        return convert_files(_chosen(coco, choices), choices, "Roboflow COCO")
    if csvs:
        return _masks(_chosen(csvs, choices), choices)
    if has_yolo:
        return yolo.convert(path, choices, tool="Roboflow YOLO")
    raise InvalidInput(
        f"expected {COCO}, {CSV} or data.yaml in '{path.name}', got none. Export the version as \"COCO"
        ' Segmentation",'
        ' "Semantic Segmentation Masks" or "YOLO".'
    )


def _by_split(path: Path, name: str) -> list[tuple[str, Path]]:
    """Return files of a name with their split: the name of their folder, or nothing at the top."""
    files = files_in(path, Path(name).suffix)
    return [
        ("" if file.parent == path else file.parent.name, file)
        for file in files
        if file.name == name
    ]


def _chosen(files: list[tuple[str, Path]], choices: Choices) -> list[tuple[str, Path]]:
    chosen = [one for one in files if choices.split in (None, one[0])]
    if not chosen:
        known = ", ".join(split for split, _ in files)
        raise InvalidInput(f"expected a split of {known}, got '{choices.split}'.")
    return chosen


def _masks(csvs: list[tuple[str, Path]], choices: Choices) -> Conversion:
    """Return the masks NAME_mask.png of all splits, whose class lists must be equal."""
    notes = Notes()
    classes = read_classes_csv(csvs[0][1], choices)
    used: list[LabelledImage] = []
    for split, file in csvs:
        if read_classes_csv(file, choices) != classes:
            raise InvalidInput(
                f"{split}/{CSV} has other classes than {csvs[0][0]}/{CSV}. Export all splits of one version again."
            )
        used += _split(split, file.parent, classes, notes)
    return Conversion(tool="Roboflow masks", images=used, notes=notes, classes=classes.names)


def _split(split: str, folder: Path, classes: MaskClasses, notes: Notes) -> list[LabelledImage]:
    finder = ImageFinder(folder)
    masks = {one.stem.removesuffix(_MASK): one for one in finder.all if one.stem.endswith(_MASK)}
    images = {one.stem: one for one in finder.all if not one.stem.endswith(_MASK)}
    alone = sorted(masks.keys() ^ images.keys())
    if alone:
        lacking = "image" if alone[0] in masks else f"mask {alone[0]}{_MASK}.png"
        raise InvalidInput(
            f"{split or folder.name}/{alone[0]}: expected an image and its mask, but the {lacking} is missing."
        )
    return [
        LabelledImage(
            images[name],
            f"{split}/{masks[name].name}",
            partial(draw_mask, masks[name], classes, notes),
            None,
            split,
        )
        for name in sorted(images)
    ]
