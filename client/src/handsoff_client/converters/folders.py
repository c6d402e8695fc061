"""Write converted labels as the folder of an upload: images/, masks/, keypoints/, labelset.json. Count them."""

import json
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from handsoff_client.converters.conversion import (
    IGNORE_INDEX,
    UNEXPECTED,
    Conversion,
    LabelledImage,
    Labels,
    Mask,
    Size,
)
from handsoff_client.converters.files import sizes_of
from handsoff_client.http.service_errors import Flaw
from handsoff_client.uploads.packing import SCHEMA_FILE
from handsoff_shards.errors import InvalidInput

_FREE_COLOR = ((224, 224, 192), (1, 2, 3), (254, 253, 252))
"""Colors for ignored pixels in a palette: the first one that no class has."""

_UNLABELLED = "images without labels are left out; --missing-is-background uses them as images of the background only"
_ONLY_IGNORED = (
    "No pixel is of a class beside the first: the masks have only 0 and 255, which is ignored. If 255 is one of the"
    " classes {names}, write its number."
)


@dataclass
class Written:
    """The counts of a conversion and its flaws. With a flaw, nothing may be uploaded."""

    num_images: int = 0
    num_masks: int = 0
    num_keypoints: int = 0
    pixels: Counter[int] = field(default_factory=Counter)
    images_of: Counter[int] = field(default_factory=Counter)
    splits: Counter[str] = field(default_factory=Counter)
    flaws: list[Flaw] = field(default_factory=list)


def write(conversion: Conversion, name: str, folder: Path | None) -> Written:
    """Draw every image, and write it to `folder` unless that is None. An image that fails becomes a flaw."""
    result = Written()
    names = upload_names(conversion)
    for image in conversion.images:
        try:
            labels = _draw(image, conversion)
            if labels.mask is None and not labels.points:
                conversion.notes.add(_UNLABELLED, image.place)
                continue
            if folder is not None and not result.flaws:
                _save(folder, names[image.file], image.file, labels, palette_of(conversion))
        except InvalidInput as error:
            result.flaws.append(Flaw(str(error), file=image.place))
            continue
        except UNEXPECTED as error:
            detail = f"the annotation has an unexpected form ({type(error).__name__}: {error}). Export it again."
            result.flaws.append(Flaw(detail, file=image.place))
            continue
        _count(result, image, labels)
    if not result.flaws and result.pixels[IGNORE_INDEX] and not _has_object(result):
        result.flaws.append(Flaw(_ONLY_IGNORED.format(names=", ".join(conversion.classes[1:6]))))
    if folder is not None and not result.flaws:
        (folder / SCHEMA_FILE).write_text(json.dumps(schema_of(conversion, name), indent=2))
    return result


def schema_of(conversion: Conversion, name: str) -> dict[str, Any]:
    """Return the content of labelset.json."""
    schema: dict[str, Any] = {"name": name}
    if conversion.classes:
        schema |= {"classes": list(conversion.classes), "ignore_index": IGNORE_INDEX}
        if palette_of(conversion) is not None:
            schema["colors"] = [list(conversion.colors[one]) for one in conversion.classes]
    if conversion.keypoints is not None:
        pairs = [list(pair) for pair in conversion.keypoints.skeleton]
        schema["keypoints"] = {"names": list(conversion.keypoints.names), "skeleton": pairs}
    return schema


def palette_of(conversion: Conversion) -> list[int] | None:
    """Return the palette of masks. None unless every class has a color that no other class has."""
    colors = [conversion.colors.get(name) for name in conversion.classes]
    known = [color for color in colors if color is not None]
    if not known or len(known) < len(colors) or len(set(known)) < len(known):
        return None
    free = next(color for color in _FREE_COLOR if color not in known)
    # Index 255 means "ignored", so its color is that of no class.
    return [channel for color in [*known, *[free] * (256 - len(known))] for channel in color]


def upload_names(conversion: Conversion) -> dict[Path, str]:
    """Return a different name without suffix for each image file. Equal names get their folder in front."""
    files = [image.file for image in conversion.images]
    repeated = [path for path, count in Counter(files).items() if count > 1]
    if repeated:
        raise InvalidInput(
            f"'{repeated[0].name}' is annotated twice, so its labels are ambiguous. Remove one annotation of the"
            " image."
        )
    names = {path: path.stem for path in files}
    for longer in (_with_folder, _with_suffix, _with_folders):
        counts = Counter(name.casefold() for name in names.values())
        clashing = [path for path, name in names.items() if counts[name.casefold()] > 1]
        if not clashing:
            return names
        names |= {path: longer(path) for path in clashing}
    if len({name.casefold() for name in names.values()}) < len(names):
        raise InvalidInput(
            f"several images have the name '{clashing[0].name}'. Rename one with its label."
        )
    return names


def _with_folder(path: Path) -> str:
    """Return folder and name. The folder images/ says nothing, so the one above it is used."""
    folders = [part for part in path.parent.parts if part.lower() not in ("images", "img")]
    return f"{folders[-1]}-{path.stem}" if folders else path.stem


def _with_suffix(path: Path) -> str:
    return f"{_with_folder(path)}-{path.suffix[1:].lower()}"


def _with_folders(path: Path) -> str:
    return "-".join([*path.parent.parts[-4:], path.stem, path.suffix[1:].lower()])


def _has_object(result: Written) -> bool:
    return any(count for value, count in result.pixels.items() if value not in (0, IGNORE_INDEX))


def _draw(image: LabelledImage, conversion: Conversion) -> Labels:
    size, stored, is_turned = sizes_of(image.file)
    _check_size(image, size, stored)
    labels = image.draw(size)
    if labels.mask is not None and labels.mask.shape != size[::-1]:
        height, width = labels.mask.shape
        raise InvalidInput(
            f"expected a mask of {size[0]} x {size[1]} pixels, the size of the upright image, got {width} x {height}."
            " Export image and mask in one size."
        )
    for point in labels.points:
        if point.visibility and not (0 <= point.x <= size[0] and 0 <= point.y <= size[1]):
            raise InvalidInput(
                f"keypoint '{point.name}' is at ({point.x:g}, {point.y:g}), outside the image of {size[0]} x"
                f" {size[1]} pixels. Move it, or mark it as not labelled."
            )
    if is_turned:
        conversion.notes.add(
            "photographs are turned by their EXIF orientation; the labels are read for the upright image",
            image.file.name,
        )
    is_placed = any(point.visibility for point in labels.points)
    return labels if is_placed else Labels(labels.mask)


def _check_size(image: LabelledImage, size: Size, stored: Size) -> None:
    if image.size is None or image.size == size:
        return
    was = f"{image.size[0]} x {image.size[1]}"
    if image.size == stored:
        raise InvalidInput(
            f"the annotation is of the unturned photograph ({was} pixels), but its EXIF orientation makes it"
            f" {size[0]} x {size[1]}. Remove the orientation from the file (`exiftool -Orientation= FILE`), then"
            " convert again."
        )
    raise InvalidInput(
        f"expected an image of {was} pixels, as annotated, got {size[0]} x {size[1]} in {image.file.name}."
        " Give the image that was annotated."
    )


def _save(
    folder: Path, name: str, file: Path, labels: Labels, palette: Sequence[int] | None
) -> None:
    for part in ("images", "masks", "keypoints"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, folder / "images" / f"{name}{file.suffix.lower()}")
    if labels.mask is not None:
        _save_mask(labels.mask, folder / "masks" / f"{name}.png", palette)
    if labels.points:
        points = [
            {"name": one.name, "x": one.x, "y": one.y, "visibility": one.visibility}
            for one in labels.points
        ]
        text = json.dumps({"keypoints": points})
        (folder / "keypoints" / f"{name}.json").write_text(text)


def _save_mask(mask: Mask, path: Path, palette: Sequence[int] | None) -> None:
    image = Image.fromarray(mask)
    if palette is not None:
        image.putpalette(palette)
    image.save(path, "PNG")


def _count(result: Written, image: LabelledImage, labels: Labels) -> None:
    result.num_images += 1
    result.splits[image.split] += 1
    result.num_keypoints += bool(labels.points)
    if labels.mask is not None:
        result.num_masks += 1
        for value, count in _values(labels.mask):
            result.pixels[value] += count
            result.images_of[value] += 1


def _values(mask: Mask) -> Iterator[tuple[int, int]]:
    counts = np.bincount(mask.ravel(), minlength=256)
    yield from ((int(value), int(counts[value])) for value in np.flatnonzero(counts))
