"""A quick look at labelled images before they are sent: layout, names that match, images that open, equal sizes.

Only what is certainly wrong is a flaw here. What labels mean is checked by the service.
"""

import json
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any

from numpy.lib import format as npy_format
from PIL import Image, UnidentifiedImageError

from handsoff_client.http.service_errors import Flaw
from handsoff_client.nouns.labelled_files import DAMAGED, PARTS, labelled_files
from handsoff_client.nouns.resources import Generator
from handsoff_client.nouns.uploads import COCO_FILE, SCHEMA_FILE

Size = tuple[int, int]
"""Width and height in pixels, upright."""

_ORIENTATION = 0x0112
_TURNED = (5, 6, 7, 8)
_UNREADABLE = (
    OSError,
    ValueError,
    SyntaxError,
    Image.DecompressionBombError,
    RecursionError,
    *DAMAGED,
)


@dataclass
class Inspection:
    """What a quick look has found: flaws, the sizes of images, and the labels of each kind by name."""

    flaws: list[Flaw] = field(default_factory=list)
    images: dict[str, tuple[str, Size | None]] = field(default_factory=dict)
    labels: dict[str, dict[str, tuple[str, Size | None]]] = field(
        default_factory=lambda: {part: {} for part in PARTS[1:]}
    )
    has_coco: bool = False

    @property
    def counts(self) -> dict[str, int]:
        """How many files there are of each part."""
        return {"images": len(self.images)} | {
            part: len(found) for part, found in self.labels.items()
        }


def inspect(path: Path, *, annotations: Path | None = None, decode: bool = True) -> Inspection:
    """Look at a folder, zip or tar. Without `decode`, only the headers of images are read: milliseconds an image.

    Raises `InvalidInput` for an archive that cannot be read.
    """
    found = Inspection()
    for name, content in labelled_files(path, annotations):
        try:
            _take(found, name, content, decode=decode)
        except _UNREADABLE as error:
            found.flaws.append(Flaw(_unreadable(name, error), file=name))
    found.flaws.extend(_mismatches(found))
    return found


def aspect_flaws(found: Inspection, generator: Generator) -> Iterator[Flaw]:
    """Yield the images whose aspect ratio is not the generator's within one pixel: they would be resized to it."""
    width_px, height_px = generator.width_px, generator.height_px
    if width_px is None or height_px is None:
        return
    for name, size in found.images.values():
        if size is not None and abs(size[0] * height_px - size[1] * width_px) > max(
            width_px, height_px
        ):
            yield Flaw(
                f"The image is {size[0]} x {size[1]} px, but generator '{generator.id}' makes {width_px} x {height_px}."
                " Crop image and labels to that aspect ratio.",
                file=name,
            )


def _take(found: Inspection, name: str, content: IO[bytes], *, decode: bool) -> None:
    """Note one file. Raises what a library raises when it cannot be read."""
    part, _, rest = name.partition("/")
    if name == SCHEMA_FILE:
        _expect_object(_json(content))
    elif name in (COCO_FILE, "coco.json"):
        found.has_coco = True
    elif part == "images" and rest:
        _enter(found, found.images, name)
        found.images[_stem(name)] = (name, _image_size(content, decode=decode))
    elif part in found.labels and rest:
        _enter(found, found.labels[part], name)
        found.labels[part][_stem(name)] = (name, _label_size(part, name, content, decode=decode))


def _enter(found: Inspection, part: dict[str, tuple[str, Size | None]], name: str) -> None:
    """A file counts also when it cannot be read: then it alone is at fault, not the file that it belongs to."""
    if _stem(name) in part:
        other = part[_stem(name)][0]
        detail = f"{other} has the same name up to its suffix. Rename or remove one of them."
        found.flaws.append(Flaw(detail, file=name))
    part[_stem(name)] = (name, None)


def _label_size(part: str, name: str, content: IO[bytes], *, decode: bool) -> Size | None:
    if part == "keypoints":
        points = _expect_object(_json(content)).get("keypoints")
        if not isinstance(points, list):
            raise ValueError('expected {"keypoints": [...]}')
        return None
    return (
        _npy_size(content) if name.lower().endswith(".npy") else _image_size(content, decode=decode)
    )


def _image_size(content: IO[bytes], *, decode: bool) -> Size:
    """The size after the turn that EXIF asks for. Broken EXIF turns nothing."""
    with Image.open(content) as image:
        try:
            orientation = image.getexif().get(_ORIENTATION)
        except _UNREADABLE:
            orientation = None
        if decode:
            image.load()
        width_px, height_px = image.size
    return (height_px, width_px) if orientation in _TURNED else (width_px, height_px)


def _npy_size(content: IO[bytes]) -> Size:
    version = npy_format.read_magic(content)
    read = (
        npy_format.read_array_header_1_0 if version == (1, 0) else npy_format.read_array_header_2_0
    )
    shape, _, _ = read(content)
    if len(shape) != 2:
        raise ValueError(f"expected an array [height, width], got shape {shape}")
    return shape[1], shape[0]


def _json(content: IO[bytes]) -> Any:  # noqa: ANN401 - JSON
    return json.loads(content.read().decode("utf-8-sig"))


def _expect_object(value: Any) -> Mapping[str, Any]:  # noqa: ANN401 - JSON
    if not isinstance(value, Mapping):
        raise ValueError("expected an object in braces")  # noqa: TRY004 - what the file says is wrong
    return value


def _mismatches(found: Inspection) -> Iterator[Flaw]:
    """Labels and images that do not belong together, or differ in size."""
    if not found.images:
        yield Flaw("There are no images. Expected images/NAME.png (or .jpg, .webp).")
        return
    for labels in found.labels.values():
        for stem, (name, size) in labels.items():
            if stem not in found.images:
                yield Flaw(
                    f"The label has no image. Add images/{stem}.png, or remove it.", file=name
                )
                continue
            image, image_size = found.images[stem]
            if size and image_size and size != image_size:
                detail = f"The label is {size[0]} x {size[1]} px, but {image} is {image_size[0]} x {image_size[1]}."
                yield Flaw(f"{detail} Save it at the size of its image.", file=name)
    if not found.has_coco:
        yield from _unlabelled(found)


def _unlabelled(found: Inspection) -> Iterator[Flaw]:
    labelled = set().union(*found.labels.values())
    for stem in found.images.keys() - labelled:
        name = found.images[stem][0]
        yield Flaw(f"The image has no label. Add masks/{stem}.png, or remove the image.", file=name)


def _stem(name: str) -> str:
    """What image and label share: the name without folder and suffix. One letter may be written in two ways."""
    return unicodedata.normalize("NFC", PurePosixPath(name).stem)


def _unreadable(name: str, error: BaseException) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "The file is not an image, or it is damaged. Save it again as PNG, JPEG or WebP."
    kind = {".json": "JSON", ".npy": "an array"}.get(PurePosixPath(name).suffix.lower(), "an image")
    said = " ".join(str(error).split())[:150].rstrip(".")
    return f"The file cannot be read as {kind}: {said}. Save it again."
