"""Convert Pascal VOC folders: JPEGImages/, SegmentationClass/ (palette or color PNGs), ImageSets/, labelmap.txt.

"Segmentation mask 1.1" of CVAT and exports of labelme have the same layout.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from handsoff_client.converters.conversion import (
    Choices,
    Conversion,
    LabelledImage,
    Notes,
    background,
    is_background,
)
from handsoff_client.converters.files import ImageFinder, by_stem, files_in, lines_of
from handsoff_client.converters.formats.voc_boxes import convert_boxes
from handsoff_client.converters.masks import MaskClasses, draw_mask, read_class_names, read_labelmap
from handsoff_client.uploads.packing import IMAGE_SUFFIXES
from handsoff_shards.errors import InvalidInput

TOOL = "Pascal VOC masks"
MASK_FOLDERS = ("SegmentationClass", "SegmentationClassPNG")
_LABEL_FOLDERS = (
    *MASK_FOLDERS,
    "SegmentationObject",
    "SegmentationObjectPNG",
    "SegmentationClassVisualization",
    "SegmentationObjectVisualization",
)
VOC_CLASSES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable",
    "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip


def is_masks(path: Path) -> bool:
    """Return whether a folder has masks in the layout of VOC."""
    return _mask_folder(path) is not None


def convert(path: Path, choices: Choices, *, tool: str = TOOL) -> Conversion:
    """Return the masks of a folder, or its boxes as masks if `choices` say so."""
    if not path.is_dir():
        raise InvalidInput(
            f"expected a folder or zip with SegmentationClass/, got the file '{path.name}'."
        )
    folder = _mask_folder(path)
    if folder is None:
        return convert_boxes(path, choices)
    notes = Notes()
    root = folder.parent
    classes = _classes(root, choices)
    masks = by_stem(files_in(folder, ".png"), "masks")
    listed = _listed(root, choices)
    named = {"": sorted(masks)} if listed is None else _without_suffixes(listed, masks)
    for name in sorted(set(masks).difference(*named.values())):
        notes.add("masks that ImageSets/ does not list are left out", name)
    finder = ImageFinder(choices.images or _photographs(root))
    files = _images(finder)
    used: dict[str, LabelledImage] = {}
    for split, names in named.items():
        for name in names:
            image = _image(name, masks, files, choices, notes)
            if image is not None:
                draw = partial(draw_mask, masks[name], classes, notes)
                place = f"{folder.name}/{masks[name].name}"
                used.setdefault(name, LabelledImage(image, place, draw, None, split))
    images = list(used.values())
    if listed is None:
        is_empty = choices.missing_is_background and is_background(classes.names[0])
        images += _without_mask(files, images, finder, notes, is_empty=is_empty)
    else:
        _note_unlisted(files, images, finder, choices, notes)
    return Conversion(
        tool=tool,
        images=images,
        notes=notes,
        classes=classes.names,
        colors=classes.colors,
    )


def _photographs(root: Path) -> Path:
    """Return JPEGImages/, or the whole folder without one."""
    folder = root / "JPEGImages"
    return folder if folder.is_dir() else root


def _mask_folder(path: Path) -> Path | None:
    """Return the folder of masks. labelme has arrays in SegmentationClass and PNGs in SegmentationClassPNG."""
    for name in MASK_FOLDERS:
        for folder in sorted(one for one in path.rglob(name) if one.is_dir()):
            if files_in(folder, ".png"):
                return folder
    return None


def _classes(root: Path, choices: Choices) -> MaskClasses:
    labelmap = next(
        (one for one in (root / "labelmap.txt", root.parent / "labelmap.txt") if one.is_file()),
        None,
    )
    if labelmap is not None:
        return read_labelmap(labelmap, choices)
    listed = root / "class_names.txt"
    if listed.is_file():
        return read_class_names(listed, choices)
    if choices.classes is None:
        raise InvalidInput(
            f"expected the names of the classes in labelmap.txt (name:red,green,blue::) beside '{root.name}', got"
            " no such file. Add it, or give --classes background,A,B in the order of the mask values (--classes"
            " voc: the 20 classes of Pascal VOC)."
        )
    names = VOC_CLASSES if list(choices.classes) == ["voc"] else tuple(choices.classes)
    order = Choices(ignore_label=choices.ignore_label)  # --classes are the values here
    return MaskClasses.of_indices(dict(enumerate(names)), "--classes", order)


def _listed(root: Path, choices: Choices) -> dict[str, list[str]] | None:
    """Return the names in each list of ImageSets/Segmentation; None without lists. trainval repeats others."""
    lists = (
        files_in(root / "ImageSets" / "Segmentation", ".txt")
        if (root / "ImageSets").is_dir()
        else []
    )
    chosen = [one for one in lists if choices.split in (None, one.stem)]
    if choices.split is not None and not chosen:
        known = ", ".join(one.stem for one in lists) or "none"
        raise InvalidInput(
            f"expected a split of ImageSets/Segmentation ({known}), got '{choices.split}'."
        )
    if not lists:
        return None
    if len(chosen) > 1:
        chosen = [one for one in chosen if one.stem != "trainval"]
    return {one.stem: [_listed_name(line) for _, line in lines_of(one)] for one in chosen}


def _without_suffixes(
    listed: Mapping[str, Sequence[str]], masks: Mapping[str, Path]
) -> dict[str, list[str]]:
    """Return the listed names as those of masks: some tools list the files of the images."""
    return {
        split: [
            Path(name).stem
            if name not in masks and Path(name).suffix.lower() in IMAGE_SUFFIXES
            else name
            for name in names
        ]
        for split, names in listed.items()
    }


def _listed_name(line: str) -> str:
    """Return the name in a line: without folder, quotes, and the flag of VOC's lists for one class."""
    return Path(re.sub(r"\s+-?[01]$", "", line).strip('"')).name


def _images(finder: ImageFinder) -> Mapping[str, Path]:
    """Return the photographs by name, without the masks."""
    images = [
        path
        for path in finder.all
        if path.suffix.lower() in IMAGE_SUFFIXES
        and not set(path.relative_to(finder.root).parts) & set(_LABEL_FOLDERS)
    ]
    return by_stem(images, "images")


def _image(
    name: str, masks: Mapping[str, Path], files: Mapping[str, Path], choices: Choices, notes: Notes
) -> Path | None:
    if name not in masks:
        raise InvalidInput(
            f"ImageSets/ lists '{name}', but SegmentationClass/{name}.png does not exist. Export the masks again,"
            " or remove it from the list."
        )
    if name in files:
        return files[name]
    if not choices.skip_missing:
        raise InvalidInput(
            f"expected the image '{name}' (PNG, JPEG or WebP) of SegmentationClass/{name}.png, got none. Export"
            " with images, give their folder with --images FOLDER, or use --skip-missing."
        )
    notes.add("annotations of missing images are left out", name)
    return None


def _without_mask(
    files: Mapping[str, Path],
    used: Sequence[LabelledImage],
    finder: ImageFinder,
    notes: Notes,
    *,
    is_empty: bool,
) -> Iterator[LabelledImage]:
    """Yield images without mask as background if they are empty. Otherwise add a note: they are left out."""
    known = {image.file for image in used}
    for path in files.values():
        if path not in known and is_empty:
            yield LabelledImage(path, finder.shown(path), background)
        elif path not in known:
            notes.add("images that no annotation mentions are left out", finder.shown(path))


def _note_unlisted(
    files: Mapping[str, Path],
    used: Sequence[LabelledImage],
    finder: ImageFinder,
    choices: Choices,
    notes: Notes,
) -> None:
    """Add a note about images that no list of all splits has."""
    if choices.split is None:
        for path in sorted(set(files.values()).difference(image.file for image in used)):
            notes.add("images that ImageSets/ does not list are left out", finder.shown(path))
