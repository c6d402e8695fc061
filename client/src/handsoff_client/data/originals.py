"""Labels of a labeling on the pixel grids of the original images, as files with their names: `write_originals`."""

import io
import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from handsoff_client.api.batch_folders import BatchFolder
from handsoff_shards.errors import InvalidInput
from handsoff_shards.labels import Labels
from handsoff_shards.members import KEYPOINTS, MASK
from handsoff_shards.originals import Original, on_original, points_on_original
from handsoff_shards.reading import Entry, Exported, samples_of
from handsoff_shards.writing import with_ignored_color

STEM = "<stem>"


def write_originals(folder: BatchFolder, out: Path | str) -> int:
    """Write the labels of a downloaded labeling to `out`: masks/, keypoints/ and depth/; return the number of images.

    Each label has the size and the name of its original, with the suffix of a label. Pixels that were not labelled are
    ignored (255), or have unknown depth. Raises `InvalidInput` for a batch, whose images have no originals.
    """
    written: set[str] = set()
    number = 0
    for exported in samples_of(folder.shards):
        original = exported.sample.original
        if original is None:
            raise InvalidInput(
                f"'{folder.folder}' has generated images, which have no originals. Give a downloaded labeling."
            )
        stem = _stem(original.name, written)
        for name, data in _files(exported, original, folder.labels):
            path = Path(out, name.replace(STEM, stem))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        number += 1
    return number


def _stem(name: str, written: set[str]) -> str:
    """Return the path of a label without its suffix. Raises `InvalidInput` for a name that leaves the folder."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or not path.name or "\0" in name or ":" in name:
        raise InvalidInput(f"Expected the name of an image inside a folder, got {name[:100]!r}.")
    stem = path.with_suffix("").as_posix()
    if stem in written:  # a.png beside a.jpg
        stem = path.as_posix()
    written.add(stem)
    return stem


def _files(exported: Exported, original: Original, labels: Labels) -> Iterator[Entry]:
    """Yield the labels of one image by their names with `STEM`."""
    sample = exported.sample
    if sample.mask is not None:
        mask = on_original(sample.mask, original, labels.ignore_index)
        yield (
            f"masks/{STEM}.png",
            _png(Image.fromarray(mask), _palette(exported.files[MASK], labels)),
        )
    if sample.keypoints is not None:
        moved = points_on_original(sample.keypoints, original, exported.size)
        named = json.loads(exported.files[KEYPOINTS])["keypoints"]
        points = [
            {"name": point["name"], "x": round(x, 3), "y": round(y, 3), "visibility": int(visible)}
            for point, (x, y, visible) in zip(named, moved.tolist(), strict=True)
        ]
        yield f"keypoints/{STEM}.json", json.dumps({"keypoints": points}).encode()
    if sample.depth is not None and labels.depth is not None:
        unknown = labels.depth.unknown
        depth = on_original(sample.depth, original, 0 if unknown is None else unknown)
        yield f"depth/{STEM}.png", _png(Image.fromarray(depth.astype(np.uint16)))


def _palette(mask: bytes, labels: Labels) -> bytes | None:
    """Return the palette of a mask. Ignored pixels, such as those outside of the label, have the color of no class."""
    with Image.open(io.BytesIO(mask)) as image:
        palette = image.getpalette() if image.mode == "P" else None
    if palette is None:
        return None
    padded = palette + [0] * (3 * 256 - len(palette))
    return with_ignored_color(padded, len(labels.classes), labels.ignore_index)


def _png(image: Image.Image, palette: bytes | None = None) -> bytes:
    if palette is not None:
        image.putpalette(palette)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
