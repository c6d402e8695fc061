"""Labelings: images are uploaded, and the result is read like a batch."""

import hashlib
import io
import json
from pathlib import Path

import httpx2
import numpy as np
import pytest
from PIL import Image

from handsoff_client import BatchFolder, HandsOff, InvalidInput, export
from handsoff_client.answers.shards import Shard
from handsoff_client.api.resources import Labeling
from handsoff_client.data.originals import write_originals
from handsoff_client.data.sources import FolderSource
from handsoff_client.http.parsing import parse
from handsoff_shards.decoding import decode_depth, decode_mask
from handsoff_shards.originals import Original
from handsoff_shards.writing import ShardWriter
from tests.app.uploading import png
from tests.client.conftest import PX, Service, files_of, job

OWN = {
    "fit": {"id": "fit_1", "digest": "0"},
    "image_format": "png",
    "shard_size": 4,
    "aspect": "crop",
}
NAMES = ("photos/a.png", "photos/a.jpg", "b.png")


def labeling_folder(
    folder: Path, names: tuple[str, ...] = NAMES, mask: bytes | None = None
) -> BatchFolder:
    """Write a downloaded labeling of images of twice the size of their labels. `mask` replaces those of all samples."""
    folder.mkdir()
    tar = io.BytesIO()
    with ShardWriter(tar) as shard:
        for index, name in enumerate(names):
            original = Original(name, 2 * PX, 2 * PX, (0, 0, 2 * PX, 2 * PX))
            facts = {"index": index, "score": 0.1, "original": original.json()}
            files = {**files_of(index), "json": json.dumps(facts).encode()}
            shard.add(index, files | ({"mask.png": mask} if mask else {}))
    data = tar.getvalue()
    listed = {
        "index": 0,
        "num_samples": len(names),
        "num_bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "url": "",
        "expires_at": "2026-11-22T10:00:00Z",
    }
    labeling = parse(Labeling, job("labeling", "succeeded", **OWN))
    on_disk = BatchFolder.plan(folder, labeling, [parse(Shard, listed)])
    on_disk.path_of(0).write_bytes(data)
    on_disk.save()
    return on_disk


def test_images_are_sent_as_an_upload(service: Service, tmp_path: Path) -> None:
    """A folder of one image is enough; options that are not given are not sent."""
    (tmp_path / "a.png").write_bytes(png("RGB", (8, 8)))
    upload = {"id": "upload_1", "put": {"url": "http://service/put"}}
    service.answers = [
        httpx2.Response(201, json=upload),
        httpx2.Response(204),
        httpx2.Response(202, json=job("labeling", "queued", **OWN)),
    ]
    labeling = service.client().labelings.create(tmp_path, fit="fit_1", aspect="pad")
    assert labeling.id == "labeling_1"
    body = json.loads(service.requests[-1].content)
    assert body == {"fit": "fit_1", "upload": "upload_1", "aspect": "pad"}


def test_a_folder_without_images_is_refused(handsoff: HandsOff, tmp_path: Path) -> None:
    """Before anything is sent."""
    with pytest.raises(InvalidInput, match="at least 1 images"):
        handsoff.labelings.create(tmp_path, fit="fit_1")


def test_a_downloaded_labeling_is_read_like_a_batch(tmp_path: Path) -> None:
    """Samples, dataset and exports need no other code. The export names the originals."""
    folder = BatchFolder.open(labeling_folder(tmp_path / "labels").folder)
    originals = [one.original for one in folder.samples()]
    assert [one.name for one in originals if one is not None] == list(NAMES)
    assert FolderSource(folder.folder).sizes == (3,)
    coco = json.loads((export(folder, "coco", tmp_path / "coco") / "annotations.json").read_bytes())
    assert [image["original"]["name"] for image in coco["images"]] == list(NAMES)
    rows = export(folder, "imagefolder", tmp_path / "hub") / "train" / "metadata.jsonl"
    assert [json.loads(row)["original"] for row in rows.read_text().splitlines()] == list(NAMES)


def test_labels_are_written_at_the_size_of_the_originals(tmp_path: Path) -> None:
    """With their names; of two names that differ in the suffix alone, the second keeps it."""
    folder = labeling_folder(tmp_path / "labels")
    assert write_originals(folder, tmp_path / "out") == 3
    masks = {path.relative_to(tmp_path / "out") for path in (tmp_path / "out/masks").rglob("*.png")}
    names = ("masks/photos/a.png", "masks/photos/a.jpg.png", "masks/b.png")
    assert masks == {Path(name) for name in names}
    sample = next(folder.samples())
    assert sample.mask is not None
    assert sample.depth is not None
    restored = decode_mask((tmp_path / "out/masks/photos/a.png").read_bytes())
    assert np.array_equal(restored, sample.mask.repeat(2, axis=0).repeat(2, axis=1))
    depth = decode_depth((tmp_path / "out/depth/photos/a.png").read_bytes())
    assert np.array_equal(depth, sample.depth.repeat(2, axis=0).repeat(2, axis=1))
    points = json.loads((tmp_path / "out/keypoints/photos/a.json").read_bytes())["keypoints"]
    assert points[0] == {"name": "left", "x": 3.0, "y": 4.5, "visibility": 2}


def test_ignored_pixels_of_originals_have_the_color_of_no_class(tmp_path: Path) -> None:
    """Even if a class has the color that the usual palette gives to 255: an upload reads palettes by their colors."""
    mask = Image.fromarray(np.full((PX, PX), 255, np.uint8))
    mask.putpalette([10, 20, 30] * 256)
    file = io.BytesIO()
    mask.save(file, "PNG")
    folder = labeling_folder(tmp_path / "labels", mask=file.getvalue())
    write_originals(folder, tmp_path / "out")
    with Image.open(tmp_path / "out/masks/b.png") as written:
        palette = np.array(written.getpalette()).reshape(-1, 3).tolist()
        assert np.unique(np.asarray(written)).tolist() == [255]
    assert palette[:3] == [[10, 20, 30]] * 3
    assert palette[255] != [10, 20, 30]


@pytest.mark.parametrize("name", ["../a.png", "/a.png", "C:\\a.png"])
def test_a_name_outside_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    """The names in a shard may be from an untrusted source."""
    folder = labeling_folder(tmp_path / "labels", (name,))
    with pytest.raises(InvalidInput, match="inside a folder"):
        write_originals(folder, tmp_path / "out")
