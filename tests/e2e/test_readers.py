"""One batch, rendered by a worker and fetched by the client, and four readers: each finds the same exact numbers."""

import io
import json
import runpy
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from handsoff_client import BatchFolder, ShardReader, decode_sample
from tests.app.conftest import served  # noqa: F401 - a fixture
from tests.e2e.one_process import (  # noqa: F401 - fixtures
    batch_id,
    folder,
    handsoff,
    render,
)
from tests.workers.conftest import machine, scene  # noqa: F401 - fixtures
from tests.workers.scene import PX

# webdataset opens shards by a name that it never closes; the warning is about its code.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")

EXAMPLES = Path(__file__).resolve().parents[2] / "client" / "examples"
PICTURES = ("png", "mask.png", "depth.png", "uncertainty.png")

Row = dict[str, Any]


def by_the_client(folder: BatchFolder) -> Iterator[Row]:  # noqa: F811 - a fixture's value
    """Every sample, decoded; uncertainty is put back into the steps that are stored."""
    for shard in range(len(folder.index.shards)):
        reader = ShardReader(folder.path_of(shard))
        for files in reader:
            sample = decode_sample(files)
            steps = np.asarray(sample.uncertainty) * 255
            yield {
                "png": sample.image,
                "mask.png": sample.mask,
                "depth.png": sample.depth,
                "uncertainty.png": steps.round().astype(np.uint8),
                "json": sample.facts,
                "keypoints.json": json.loads(files["keypoints.json"]),
            }
        reader.close()


def by_tarfile(folder: BatchFolder) -> Iterator[Row]:  # noqa: F811 - a fixture's value
    """Every sample by plain members and plain Pillow."""
    rows: dict[str, Row] = {}
    for shard in range(len(folder.index.shards)):
        with tarfile.open(folder.path_of(shard)) as tar:
            for member in tar:
                key, _, field = member.name.partition(".")
                file = tar.extractfile(member)
                assert file is not None
                rows.setdefault(key, {})[field] = _decoded(field, file.read())
    yield from rows.values()


def by_webdataset(folder: BatchFolder) -> Iterator[Row]:  # noqa: F811 - a fixture's value
    """Every sample as webdataset groups its files, and with the example's decoders."""
    example = runpy.run_path(str(EXAMPLES / "train_with_webdataset.py"))
    for image, mask in example["pairs"](folder):
        yield {"png": image.permute(1, 2, 0).numpy(), "mask.png": mask.numpy()}


def by_datasets(folder: BatchFolder) -> Iterator[Row]:  # noqa: F811 - a fixture's value
    """Every sample by Hugging Face's own decoders, as the example reads them."""
    example = runpy.run_path(str(EXAMPLES / "train_with_datasets.py"))
    for row in example["rows"](folder):
        pictures = {name: np.array(row[name]) for name in PICTURES}
        yield pictures | {name: row[name] for name in ("json", "keypoints.json")}


def by_datasets_as_tensors(folder: BatchFolder) -> Iterator[Row]:  # noqa: F811 - a fixture's value
    """Every sample as the example hands it to a network."""
    example = runpy.run_path(str(EXAMPLES / "train_with_datasets.py"))
    for row in example["pairs"](folder):
        yield {"png": row["image"].permute(1, 2, 0).numpy(), "mask.png": row["mask"][0].numpy()}


def test_every_reader_finds_the_same_integers(
    folder: BatchFolder,  # noqa: F811 - a fixture
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Pixels, class indices, 16-bit depth and facts, sample by sample, as the client decodes them."""
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    wanted = list(by_the_client(folder))
    assert [row["json"]["index"] for row in wanted] == [0, 1, 2, 3, 4]
    assert wanted[0]["mask.png"].shape == (PX, PX)
    for read in (by_tarfile, by_webdataset, by_datasets, by_datasets_as_tensors):
        for ours, theirs in zip(wanted, read(folder), strict=True):
            for name, values in theirs.items():
                np.testing.assert_equal(values, ours[name], err_msg=f"{read.__name__}: {name}")


def _decoded(field: str, data: bytes) -> Any:
    if field.endswith("json"):
        return json.loads(data)
    with Image.open(io.BytesIO(data)) as image:
        return np.array(image)
