"""Folders of files: our own layout (which an upload takes), Hugging Face's imagefolder, and PASCAL VOC."""

import io
import json
from pathlib import Path
from typing import Any

from PIL import Image

from handsoff_client.errors import InvalidInput
from handsoff_client.exports.reading import Exported, samples_of
from handsoff_client.folders import BatchFolder

PARTS = {"mask.png": "masks", "keypoints.json": "keypoints", "depth.png": "depth"}
"""The folder of each kind of label."""

JPEG_QUALITY = 95


def write_folder(folder: BatchFolder, out: Path) -> None:
    """images/, masks/, keypoints/, depth/ and labelset.json: the layout of an upload, so a batch can be one."""
    for exported in samples_of(folder):
        for name, data in _files(exported).items():
            _put(out / name, data)
    said = {"name": folder.batch.id, **folder.labels.json}
    (out / "labelset.json").write_text(json.dumps(said, indent=1), "utf-8")


def write_imagefolder(folder: BatchFolder, out: Path) -> None:
    """`datasets.load_dataset("imagefolder", data_dir=...)`: files under train/, and a line of facts for each."""
    rows = []
    for exported in samples_of(folder):
        for name, data in _files(exported).items():
            _put(out / "train" / name, data)
        rows.append(json.dumps(_row(exported)))
    (out / "train" / "metadata.jsonl").write_text("\n".join(rows) + "\n", "utf-8")


def write_voc(folder: BatchFolder, out: Path) -> None:
    """JPEGImages/ (VOC knows no other images), SegmentationClass/ with the palette, ImageSets/ and the class names."""
    classes = folder.labels.classes
    if not classes:
        raise InvalidInput("voc needs masks, and this batch has none. Use another format.")
    keys = []
    for exported in samples_of(folder):
        _put(out / "JPEGImages" / f"{exported.key}.jpg", _as_jpeg(exported))
        _put(out / "SegmentationClass" / f"{exported.key}.png", exported.files["mask.png"])
        keys.append(exported.key)
    _put(out / "ImageSets" / "Segmentation" / "train.txt", ("\n".join(keys) + "\n").encode())
    _put(out / "class_names.txt", ("\n".join(classes) + "\n").encode())


def _files(exported: Exported) -> dict[str, bytes]:
    """A sample's image and labels under the names that an upload would have."""
    files = {f"images/{exported.image_name}": exported.image_bytes}
    for extension, part in PARTS.items():
        if extension in exported.files:
            suffix = extension.rpartition(".")[2]
            data = exported.files[extension]
            is_points = extension == "keypoints.json"
            files[f"{part}/{exported.key}.{suffix}"] = _as_labels(data) if is_points else data
    return files


def _as_labels(data: bytes) -> bytes:
    """Generated keypoints as a person would have labelled them: without the confidence of each."""
    fields = ("name", "x", "y", "visibility")
    points = [{name: point[name] for name in fields} for point in json.loads(data)["keypoints"]]
    return json.dumps({"keypoints": points}).encode()


def _row(exported: Exported) -> dict[str, Any]:
    """Columns that end in `_file_name` are read as images by `datasets`."""
    row: dict[str, Any] = {"file_name": f"images/{exported.image_name}"}
    for name in _files(exported):
        part = name.partition("/")[0]
        if part in ("masks", "depth"):
            row[f"{part.removesuffix('s')}_file_name"] = name
    if exported.sample.keypoints is not None:
        row["keypoints"] = exported.sample.keypoints.tolist()
    facts = exported.sample.facts
    return row | {name: facts[name] for name in ("seed", "index", "score") if name in facts}


def _as_jpeg(exported: Exported) -> bytes:
    if exported.image_name.endswith(".jpg"):
        return exported.image_bytes
    buffer = io.BytesIO()
    picture = Image.fromarray(exported.sample.image)
    picture.save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return buffer.getvalue()


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
