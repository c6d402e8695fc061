"""Check labelled images before an upload: layout, matching names, readable images, equal sizes.

Only certain mistakes are flaws here. The service checks the labels themselves.
"""

import json
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any, Protocol

from numpy.lib import format as npy_format
from PIL import Image, UnidentifiedImageError

from handsoff_client.http.service_errors import Flaw, summarize
from handsoff_client.uploads.files import DAMAGED, PARTS, labelled_files
from handsoff_client.uploads.packing import COCO_FILE, SCHEMA_FILE
from handsoff_shards.errors import InvalidInput

Size = tuple[int, int]
"""Width and height in pixels, after the rotation by EXIF."""

_ORIENTATION = 0x0112
_WITH_CHANNELS = 3
"""The axes of an array with one more for its only channel or image."""
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_ROTATED = (5, 6, 7, 8)
_UNREADABLE = (
    OSError,
    ValueError,
    SyntaxError,
    Image.DecompressionBombError,
    RecursionError,
    *DAMAGED,
)


class Generator(Protocol):
    """The size of a generator's images. It is None until the import has read the checkpoint."""

    @property
    def id(self) -> str: ...
    @property
    def width_px(self) -> int | None: ...
    @property
    def height_px(self) -> int | None: ...


@dataclass
class Inspection:
    """The result of a check: flaws, the sizes of the images, and the labels of each kind, by file stem."""

    flaws: list[Flaw] = field(default_factory=list)
    images: dict[str, tuple[str, Size | None]] = field(default_factory=dict)
    labels: dict[str, dict[str, tuple[str, Size | None]]] = field(
        default_factory=lambda: {part: {} for part in PARTS[1:]}
    )
    has_coco: bool = False

    @property
    def counts(self) -> dict[str, int]:
        """The number of files of each part."""
        return {"images": len(self.images)} | {
            part: len(files) for part, files in self.labels.items()
        }


def inspect(path: Path, *, annotations: Path | None = None, decode: bool = True) -> Inspection:
    """Check a folder, zip or tar. Without `decode`, only the headers of images are read: milliseconds per image.

    Raises `InvalidInput` for a damaged archive.
    """
    result = Inspection()
    for name, content in labelled_files(path, annotations):
        try:
            _add_file(result, name, content, decode=decode)
        except _UNREADABLE as error:
            result.flaws.append(Flaw(_unreadable(name, error), file=name))
    result.flaws.extend(_mismatches(result))
    return result


def check_images(generator: Generator, path: Path, annotations: Path | None = None) -> None:
    """Check the aspect ratio of images before an upload. Only their headers are read.

    Raises `InvalidInput` for images with another aspect ratio. The service finds every other flaw.
    """
    if not path.exists():
        return  # the upload raises the error
    result = inspect(path, annotations=annotations, decode=False)
    flaws = list(aspect_flaws(result, generator))
    if flaws:
        raise InvalidInput(f"{summarize(flaws)} Nothing was uploaded.")


def aspect_flaws(result: Inspection, generator: Generator) -> Iterator[Flaw]:
    """Yield a flaw for each image whose aspect ratio differs from the generator's by more than one pixel."""
    width_px, height_px = generator.width_px, generator.height_px
    if width_px is None or height_px is None:
        return
    for name, size in result.images.values():
        if size is not None and abs(size[0] * height_px - size[1] * width_px) > max(
            width_px, height_px
        ):
            yield Flaw(
                f"Expected the aspect ratio {width_px} x {height_px} of generator '{generator.id}', got an image of"
                f" {size[0]} x {size[1]} px. Crop image and labels to that aspect ratio.",
                file=name,
            )


def _add_file(result: Inspection, name: str, content: IO[bytes], *, decode: bool) -> None:
    """Add one file to the result. Raises an exception of `_UNREADABLE` when it cannot be read."""
    part, _, rest = name.partition("/")
    part = part.lower()  # as in the service: Images and images are one folder
    if name == SCHEMA_FILE:
        _expect_object(_json(content))
    elif name in (COCO_FILE, "coco.json"):
        result.has_coco = True
    elif part == "images" and rest:
        _add_name(result, result.images, name)
        result.images[_stem(name)] = (name, _image_size(content, decode=decode))
    elif part in result.labels and rest:
        _add_name(result, result.labels[part], name)
        result.labels[part][_stem(name)] = (name, _label_size(part, name, content, decode=decode))


def _add_name(result: Inspection, part: dict[str, tuple[str, Size | None]], name: str) -> None:
    """Add a file before it is read: a file that cannot be read is not missing for its image or label."""
    if _stem(name) in part:
        other = part[_stem(name)][0]
        detail = f"{other} has the same name except for its suffix. Rename or remove one of them."
        result.flaws.append(Flaw(detail, file=name))
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
    """Return the size after the rotation by EXIF. Damaged EXIF is ignored."""
    with Image.open(content) as image:
        try:
            orientation = image.getexif().get(_ORIENTATION)
        except _UNREADABLE:
            orientation = None
        if decode:
            image.load()
        width_px, height_px = image.size
    return (height_px, width_px) if orientation in _ROTATED else (width_px, height_px)


def _npy_size(content: IO[bytes]) -> Size:
    version = npy_format.read_magic(content)
    read = (
        npy_format.read_array_header_1_0 if version == (1, 0) else npy_format.read_array_header_2_0
    )
    shape, _, _ = read(content)
    shape = shape[1:] if len(shape) == _WITH_CHANNELS and shape[0] == 1 else shape
    shape = shape[:2] if len(shape) == _WITH_CHANNELS and shape[2] == 1 else shape
    if len(shape) != 2:
        raise ValueError(f"expected an array [height, width], got shape {shape}")
    return shape[1], shape[0]


def _json(content: IO[bytes]) -> Any:  # noqa: ANN401 - JSON
    data = content.read()
    return json.loads(data.decode("utf-16" if data.startswith(_UTF16_MARKS) else "utf-8-sig"))


def _expect_object(value: Any) -> Mapping[str, Any]:  # noqa: ANN401 - JSON
    if not isinstance(value, Mapping):
        raise ValueError("expected a JSON object")  # noqa: TRY004 - the content of a file is wrong
    return value


def _mismatches(result: Inspection) -> Iterator[Flaw]:
    """Yield flaws for labels and images without a counterpart, or of different sizes."""
    if not result.images:
        yield Flaw("Expected images/NAME.png (or .jpg, .webp), got no images.")
        return
    for labels in result.labels.values():
        for stem, (name, size) in labels.items():
            if stem not in result.images:
                yield Flaw(
                    f"The label has no image. Add images/{stem}.png, or remove it.", file=name
                )
                continue
            image, image_size = result.images[stem]
            if size and image_size and size != image_size:
                detail = f"The label is {size[0]} x {size[1]} px, but {image} is {image_size[0]} x {image_size[1]}."
                yield Flaw(f"{detail} Save it in the size of its image.", file=name)
    if not result.has_coco:
        yield from _unlabelled(result)


def _unlabelled(result: Inspection) -> Iterator[Flaw]:
    labelled = set().union(*result.labels.values())
    for stem in result.images.keys() - labelled:
        name = result.images[stem][0]
        yield Flaw(f"The image has no label. Add masks/{stem}.png, or remove the image.", file=name)


def _stem(name: str) -> str:
    """Return the name without folder and suffix, which image and label share. Unicode has two forms of some letters."""
    return unicodedata.normalize("NFC", PurePosixPath(name).stem)


def _unreadable(name: str, error: BaseException) -> str:
    if isinstance(error, UnidentifiedImageError):
        return "The file is not an image, or it is damaged. Save it again as PNG, JPEG or WebP."
    kind = {".json": "JSON", ".npy": "an array"}.get(PurePosixPath(name).suffix.lower(), "an image")
    cause = " ".join(str(error).split())[:150].rstrip(".")
    return f"The file cannot be read as {kind}: {cause}. Save it again."
