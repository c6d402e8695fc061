"""Folders of files: the layout of an upload, the imagefolder of Hugging Face, and PASCAL VOC."""

import io
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

from handsoff_shards.labels import Labels
from handsoff_shards.members import MASK, SOFT_LABELS
from handsoff_shards.provenance.xmp import MAX_PACKET_BYTES
from handsoff_shards.reading import Entry, Exported, Format, ShardSet, samples_of
from handsoff_shards.tasks import TASKS

JPEG_QUALITY = 95
VOC_IGNORED = 255
"""The value of ignored pixels in VOC's masks, as its tools expect it."""
SOFT_FOLDER = "soft_labels"
_WITH_ONE_LABEL = 2
"""The files of a sample with one kind of label."""


def folder_files(shards: ShardSet) -> Iterator[Entry]:
    """Yield images/, masks/, keypoints/, depth/ and labelset.json: the layout of an upload, without soft labels.

    Keypoints of which none is labelled are left out beside other labels: an upload expects a labelled one.
    """
    conditions = {}
    for exported in samples_of(shards):
        files = _files(exported)
        points = exported.sample.keypoints
        if points is not None and not points[:, 2].any() and len(files) > _WITH_ONE_LABEL:
            del files[f"keypoints/{exported.key}.json"]
        yield from files.items()
        if exported.sample.condition is not None:
            conditions[exported.key] = exported.sample.condition
    schema = {"name": shards.name, **shards.labels.json}
    if conditions:
        schema["conditions"] = conditions
    yield "labelset.json", json.dumps(schema, indent=1).encode()


def imagefolder_files(shards: ShardSet) -> Iterator[Entry]:
    """Yield train/ and its metadata.jsonl, for `datasets.load_dataset("imagefolder", data_dir=...)`."""
    rows = []
    for exported in samples_of(shards):
        for name, data in (_files(exported) | _soft_labels(exported)).items():
            yield f"train/{name}", data
        rows.append(json.dumps(_row(exported)))
    yield "train/metadata.jsonl", _lines(rows)


def voc_files(shards: ShardSet) -> Iterator[Entry]:
    """Yield JPEGImages/ (VOC has only JPEG), SegmentationClass/ with the palette, ImageSets/ and the class names."""
    keys = []
    for exported in samples_of(shards):
        yield f"JPEGImages/{exported.key}.jpg", _as_jpeg(exported)
        yield f"SegmentationClass/{exported.key}.png", _voc_mask(exported, shards.labels)
        keys.append(exported.key)
    yield "ImageSets/Segmentation/train.txt", _lines(keys)
    yield "class_names.txt", _lines(list(shards.labels.classes))


def _lines(lines: list[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode()


def _files(exported: Exported) -> dict[str, bytes]:
    """Return the image and labels of a sample by their names in an upload."""
    files = {f"images/{exported.image_name}": exported.image_bytes}
    for task in TASKS:
        if task.extension in exported.files:
            suffix = task.extension.rpartition(".")[2]
            data = task.to_upload(exported.files[task.extension])
            files[f"{task.folder}/{exported.key}.{suffix}"] = data
    return files


def _soft_labels(exported: Exported) -> dict[str, bytes]:
    """Return the soft labels of a sample, as in the shard, by their name."""
    if SOFT_LABELS not in exported.files:
        return {}
    return {f"{SOFT_FOLDER}/{exported.key}.png": exported.files[SOFT_LABELS]}


def _voc_mask(exported: Exported, labels: Labels) -> bytes:
    """Return the mask. VOC has one value for ignored pixels, whatever the labelset declares."""
    data, ignored = exported.files[MASK], exported.ignored(labels)
    if ignored is None or labels.ignore_index == VOC_IGNORED:
        return data
    with Image.open(io.BytesIO(data)) as mask:
        indices, palette = np.where(ignored, VOC_IGNORED, np.array(mask)), mask.getpalette()
    picture = Image.fromarray(indices.astype(np.uint8))
    if palette is not None:
        picture.putpalette(palette)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def _row(exported: Exported) -> dict[str, Any]:
    """Return the metadata of a sample. `datasets` reads columns that end in `_file_name` as images."""
    row: dict[str, Any] = {"file_name": f"images/{exported.image_name}"}
    images = {task.folder for task in TASKS if task.is_image}
    for name in _files(exported) | _soft_labels(exported):
        folder = name.partition("/")[0]
        if folder in images | {SOFT_FOLDER}:
            row[f"{folder.removesuffix('s')}_file_name"] = name
    if exported.sample.keypoints is not None:
        row["keypoints"] = exported.sample.keypoints.tolist()
    facts = exported.sample.facts
    if exported.sample.original is not None:
        row["original"] = exported.sample.original.name
    return row | {
        name: facts[name] for name in ("seed", "index", "score", "condition") if name in facts
    }


def _as_jpeg(exported: Exported) -> bytes:
    if exported.image_name.endswith(".jpg"):
        return exported.image_bytes
    buffer = io.BytesIO()
    picture = Image.fromarray(exported.sample.image)
    xmp = exported.sample.xmp  # stays with the image in its new format
    options = {"xmp": xmp} if xmp and len(xmp) <= MAX_PACKET_BYTES else {}
    picture.save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0, **options)
    return buffer.getvalue()


FORMATS = {
    "folder": Format(folder_files),
    "imagefolder": Format(imagefolder_files),
    "voc": Format(voc_files, ("segmentation",)),
}
