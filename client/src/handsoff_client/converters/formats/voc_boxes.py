"""Convert VOC's Annotations/*.xml, which have boxes: an error, unless the user says that objects fill their boxes."""

from functools import partial
from pathlib import Path
from xml.etree.ElementTree import Element

from handsoff_client.converters.conversion import (
    Choices,
    Conversion,
    LabelledImage,
    Labels,
    Notes,
    Size,
    class_list,
    index_of,
)
from handsoff_client.converters.files import ImageFinder, files_in
from handsoff_client.converters.regions import box_corners, fill, mask_of, smaller_on_top
from handsoff_client.converters.sources import found_image, left_out, read_xml
from handsoff_shards.errors import InvalidInput

TOOL = "Pascal VOC boxes, as masks"


def convert_boxes(path: Path, choices: Choices) -> Conversion:
    """Return boxes as masks. Raises `InvalidInput` without `--boxes-as-masks`, and without annotations."""
    roots = [(file, read_xml(file)) for file in files_in(path, ".xml")]
    annotated = [(file, root) for file, root in roots if root.tag == "annotation"]
    if not annotated:
        raise InvalidInput(
            f"expected SegmentationClass/ with PNG masks in '{path.name}', got none. Export with segmentation masks."
        )
    if not choices.boxes_as_masks:
        raise InvalidInput(
            f"{len(annotated)} files such as {annotated[0][0].name} have boxes, and there is no SegmentationClass/"
            " with masks. A box does not say which pixels belong to the object. Export masks, or use"
            " --boxes-as-masks if objects fill their boxes."
        )
    notes = Notes()
    found = {name.text or "" for _, root in annotated for name in root.findall("object/name")}
    classes = class_list(sorted(found), "Annotations", choices)
    finder = ImageFinder(choices.images or path)
    used: list[LabelledImage] = []
    for file, root in annotated:
        name = (root.findtext("filename") or f"{file.stem}.jpg").strip()
        image = found_image(finder, name, file.name, choices, notes)
        if image is not None:
            labels = partial(_labels, root, classes, choices, notes)
            used.append(LabelledImage(image, file.name, labels, _size(root)))
    left_out(finder, used, notes)
    return Conversion(tool=TOOL, images=used, notes=notes, classes=classes)


def _size(root: Element) -> Size | None:
    """Return the annotated size. Some tools write 0."""
    width, height = (int(_number(root, f"size/{key}", 0)) for key in ("width", "height"))
    return (width, height) if width and height else None


def _labels(
    root: Element, classes: tuple[str, ...], choices: Choices, notes: Notes, size: Size
) -> Labels:
    objects = root.findall("object")
    if not objects and not choices.missing_is_background:
        return Labels()
    layers = []
    for one in objects:
        # VOC counts pixels from 1 and includes the last one.
        left, top, right, bottom = (
            _number(one, f"bndbox/{key}", None) for key in ("xmin", "ymin", "xmax", "ymax")
        )
        index = index_of(one.findtext("name") or "", classes, choices)
        layers.append((index, fill([box_corners(left - 1, top - 1, right, bottom)], size)))
    return Labels(mask_of(smaller_on_top(layers), size, notes, root.findtext("filename") or ""))


def _number(element: Element, key: str, default: float | None) -> float:
    text = element.findtext(key)
    if text is None and default is not None:
        return default
    try:
        return float(text or "")
    except ValueError as error:
        raise InvalidInput(
            f"expected a number as {key}, got '{text}'. Export the file again."
        ) from error
