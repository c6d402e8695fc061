"""A batch rendered by a worker and downloaded by the client: its readers, its card, its exports."""

import hashlib
import io
import json
import runpy
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets  # type: ignore[import-untyped]  # it has no annotations
import huggingface_hub
import numpy as np
import pytest
from PIL import Image

from contracts.exports import EXPORT_NEEDS, ExportFormat
from handsoff_client import BatchFolder, ShardReader, decode_sample, export
from tests.app.conftest import served  # noqa: F401 - a fixture
from tests.e2e.one_process import World, world  # noqa: F401 - a fixture
from tests.workers.scene import PX

# webdataset does not close the shards it opens, which causes this warning.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")

EXAMPLES = Path(__file__).resolve().parents[2] / "client" / "examples"
PICTURES = ("png", "mask.png", "depth.png", "uncertainty.png")

Row = dict[str, Any]


def by_the_client(folder: BatchFolder) -> Iterator[Row]:
    """Yield every sample decoded by the client. Uncertainty is converted back to the stored steps."""
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


def by_tarfile(folder: BatchFolder) -> Iterator[Row]:
    """Yield every sample read with tarfile and Pillow."""
    rows: dict[str, Row] = {}
    for shard in range(len(folder.index.shards)):
        with tarfile.open(folder.path_of(shard)) as tar:
            for member in tar:
                key, _, field = member.name.partition(".")
                file = tar.extractfile(member)
                assert file is not None
                rows.setdefault(key, {})[field] = _decoded(field, file.read())
    yield from rows.values()


def by_webdataset(folder: BatchFolder) -> Iterator[Row]:
    """Yield every sample read with webdataset and the example's decoders."""
    example = runpy.run_path(str(EXAMPLES / "train_with_webdataset.py"))
    for image, mask in example["pairs"](folder):
        yield {"png": image.permute(1, 2, 0).numpy(), "mask.png": mask.numpy()}


def by_datasets(folder: BatchFolder) -> Iterator[Row]:
    """Yield every sample read with Hugging Face's decoders, as in the example."""
    example = runpy.run_path(str(EXAMPLES / "train_with_datasets.py"))
    for row in example["rows"](folder):
        pictures = {name: np.array(row[name]) for name in PICTURES}
        yield pictures | {name: row[name] for name in ("json", "keypoints.json")}


def by_datasets_as_tensors(folder: BatchFolder) -> Iterator[Row]:
    """Yield every sample as the tensors that the example passes to a network."""
    example = runpy.run_path(str(EXAMPLES / "train_with_datasets.py"))
    for row in example["pairs"](folder):
        yield {"png": row["image"].permute(1, 2, 0).numpy(), "mask.png": row["mask"][0].numpy()}


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep Hugging Face's library from using the network for a local data set."""
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)


def test_every_reader_returns_the_same_integers(world: World) -> None:  # noqa: F811 - a fixture
    """Pixels, class indices, 16-bit depth and metadata of each sample equal those from the client."""
    expected = list(by_the_client(world.folder))
    assert [row["json"]["index"] for row in expected] == [0, 1, 2, 3, 4]
    assert expected[0]["mask.png"].shape == (PX, PX)
    for read in (by_tarfile, by_webdataset, by_datasets, by_datasets_as_tensors):
        for own, other in zip(expected, read(world.folder), strict=True):
            for name, values in other.items():
                np.testing.assert_equal(values, own[name], err_msg=f"{read.__name__}: {name}")


def test_a_downloaded_batch_is_a_data_set_of_hugging_face(world: World) -> None:  # noqa: F811 - a fixture
    """`load_dataset` accepts the folder, because the card's front matter lists the files of the samples."""
    path = str(world.folder.folder)
    samples = datasets.load_dataset(path, split="train", streaming=True)
    assert [row["json"]["index"] for row in samples] == [0, 1, 2, 3, 4]


def test_an_imagefolder_is_read_by_hugging_face(world: World, tmp_path: Path) -> None:  # noqa: F811 - a fixture
    """`load_dataset` accepts the folder. Pictures and metadata equal those in the shards."""
    path = str(export(world.folder, "imagefolder", tmp_path / "out"))
    read = datasets.load_dataset(path, split="train", streaming=True)
    for own, other in zip(by_the_client(world.folder), read, strict=True):
        assert other["index"] == own["json"]["index"]
        for column, name in (("image", "png"), ("mask", "mask.png"), ("depth", "depth.png")):
            np.testing.assert_equal(np.array(other[column]), own[name], err_msg=column)


def test_the_card_describes_the_batch(world: World) -> None:  # noqa: F811 - a fixture
    """The card has the digest in the manifest, license and tasks for the Hub, classes, settings and quality."""
    text = (world.folder.folder / "README.md").read_text()
    manifest = world.handsoff.batches.manifest(world.batch_id)
    assert hashlib.sha256(text.encode()).hexdigest() == manifest["card"]["sha256"]
    data = huggingface_hub.DatasetCard(text).data
    for_the_hub = data.to_dict()  # type: ignore[no-untyped-call]  # it has no annotations
    assert (for_the_hub["license"], "license_name" in for_the_hub) == ("other", False)
    tasks = ["image-segmentation", "keypoint-detection", "depth-estimation"]
    assert for_the_hub["task_categories"] == tasks
    assert f"| 1 | right | {manifest['class_images'][1] / 5:.1%} |" in text
    for line in (
        "| generator | tiny-32, digest",
        "| seed | 0 |",
        "Not measured.",
        "| generated images compared, the first of the batch | 5 |",
        "head_top, chin",
    ):
        assert line in text


def test_the_croissant_names_the_shards(world: World) -> None:  # noqa: F811 - a fixture
    """It has the digest in the manifest, and lists the downloaded shards with theirs."""
    text = (world.folder.folder / "croissant.json").read_bytes()
    manifest = world.handsoff.batches.manifest(world.batch_id)
    assert hashlib.sha256(text).hexdigest() == manifest["croissant"]["sha256"]
    listed = [one for one in json.loads(text)["distribution"] if "sha256" in one]
    assert {one["contentUrl"]: one["sha256"] for one in listed} == {
        shard.file: shard.sha256 for shard in world.folder.index.shards
    }


def test_a_downloaded_image_states_its_provenance(world: World) -> None:  # noqa: F811 - a fixture
    """Fit, digest and seed are those of the batch, and the index is that of the sample."""
    batch = world.folder.batch
    for index, sample in enumerate(world.folder.samples()):
        found = sample.provenance
        assert found is not None
        assert (found.fit, found.fit_digest) == (batch.fit.id, batch.fit.digest)
        assert (found.seed, found.index) == (batch.seed, index)


@pytest.mark.parametrize(
    ("name", "instances"), [*((name, False) for name in EXPORT_NEEDS), ("coco", True)]
)
def test_the_service_and_the_client_export_the_same_bytes(
    world: World,  # noqa: F811 - a fixture
    tmp_path: Path,
    name: ExportFormat,
    *,
    instances: bool,
) -> None:
    """The worker's archive equals the client's export of the downloaded shards."""
    world.export(name, instances=instances)
    remote = world.handsoff.batches.export(
        world.batch_id, name, tmp_path / "remote.zip", instances=instances
    )
    local = export(world.folder, name, tmp_path / "local.zip", instances=instances)
    assert remote.read_bytes() == local.read_bytes()


def _decoded(field: str, data: bytes) -> Any:
    if field.endswith("json"):
        return json.loads(data)
    with Image.open(io.BytesIO(data)) as image:
        return np.array(image)
