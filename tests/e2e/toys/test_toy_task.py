"""A fourth task, declared here, from an upload to a shard that `handsoff_shards` reads: no product file knows it."""

import dataclasses
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from app.main import create_app
from contracts.batches import BatchManifest
from contracts.fits.metrics import TaskMetrics
from contracts.ids import DEFAULT_TENANT
from contracts.jobs import JobRef, ShardRef
from contracts.schemas import LabelSchema
from handsoff_shards.samples import decode_sample
from handsoff_shards.tars import ShardReader
from handsoff_shards.tasks import TASKS as SHARD_TASKS
from handsoff_shards.tasks import ShardTask
from models.arrays import FeatureMaps, PixelScores, Scores
from models.inversion.framing import Framing, reframe_depths
from models.tasks.task import (
    KnownPixels,
    LabelPx,
    Loss,
    Mean,
    Outputs,
    Places,
    Presence,
    Score,
    Targets,
    Task,
    TaskLabels,
    Votes,
    mean_over_known,
)
from models.tasks.uncertainty import image_scores
from state import records
from state.ledger import Ledger
from state.settings import Settings
from state.store import Store
from tests.app.conftest import serving
from tests.e2e.toys.toy_flow import KNOWN, NAME, encode_flow
from tests.workers.scene import GENERATOR, PX, Scene, open_machine
from workers.codecs import png
from workers.codecs.registry import TASKS as WORKER_TASKS
from workers.codecs.segmentation import encode_mask
from workers.codecs.task import Array, Fields, Px, TaskCodec, float_or_none
from workers.fitting import fits
from workers.rendering import batches
from workers.runtime.artefacts import read_artefact
from workers.runtime.machine import Machine


@dataclass(frozen=True)
class FlowTask(Task):
    """Two numbers at every pixel: labels [n, h, w, 2], NaN = unknown."""

    name = NAME

    @property
    def outputs(self) -> int:
        return 2

    def labelled(self, labels: Tensor, label_px: LabelPx) -> KnownPixels:
        return ~labels.isnan().any(dim=3)

    def traits(self, labels: Tensor) -> Presence:
        return (~labels.isnan()).flatten(1).any(dim=1, keepdim=True)

    def targets(self, labels: Tensor, places: Places) -> Targets:
        return {"flow": labels.flatten(1, 2)[places.images, places.pixels]}

    def loss(self, outputs: Outputs, targets: Targets) -> Loss:
        flow = targets["flow"]
        values = (outputs - flow.nan_to_num()).square().sum(dim=-1)
        return mean_over_known(values, ~flow.isnan().any(dim=-1))

    def votes(self, label_px: LabelPx) -> "FlowVotes":
        return FlowVotes()

    def score(self, label_px: LabelPx) -> "FlowScore":
        return FlowScore()


class FlowVotes(Votes):
    """The mean over the members, and their variance."""

    def __init__(self) -> None:
        self._mean, self._squares = Mean(), Mean()

    def add(self, outputs: FeatureMaps) -> None:
        self._squares.add(outputs.square())
        self._mean.add(outputs.clone())

    def labels(self) -> dict[str, Tensor]:
        return {"flow": self._mean.value.permute(0, 2, 3, 1)}

    @property
    def uncertainty(self) -> PixelScores:
        return (self._squares.value - self._mean.value.square()).clamp(min=0).sum(dim=1)

    @property
    def scores(self) -> Scores:
        return image_scores(self.uncertainty)


class FlowScore(Score):
    """The mean square error over the known pixels."""

    def __init__(self) -> None:
        self._errors: list[Tensor] = []

    def add(self, labels: TaskLabels, truth: Tensor) -> None:
        errors = (labels["flow"] - truth).square().sum(dim=3)
        self._errors.append(errors[~errors.isnan()].double())

    def values(self) -> dict[str, Tensor]:
        return {"mse": torch.cat(self._errors).mean()}


class FlowCodec(TaskCodec):
    """Flow in a worker: 8-bit PNGs in the store and in shards."""

    name = NAME
    noun = "flow"
    kind = FlowTask
    extension = "flow.png"

    def task(self, labels: LabelSchema) -> FlowTask:
        return FlowTask()

    def unlabelled(self, labels: LabelSchema, px: Px) -> Array:
        return np.full((*px, 2), np.nan, np.float32)

    def decode(self, data: bytes, media_type: str, labels: LabelSchema) -> Array:
        return decode_flow(data)["flow"]

    def resized(self, label: Array, source_px: Px, px: Px) -> Array:
        assert source_px == px
        return label

    def reframed(self, label: Array, framing: Framing, px: Px) -> Array:
        moved = reframe_depths(torch.tensor(label).permute(2, 0, 1), framing)
        return np.asarray(moved.permute(1, 2, 0))

    def is_empty(self, label: Array) -> bool:
        return bool(np.isnan(label).all())

    def fields(self, labels: TaskLabels, index: int) -> Fields:
        return {"flow": np.asarray(labels["flow"][index])}

    def predicted(self, labels: TaskLabels, index: int) -> Array:
        return np.asarray(labels["flow"][index])

    def encode(self, fields: Fields, labels: LabelSchema) -> bytes:
        return png.encode(np.asarray(encode_flow(fields["flow"])))

    def metrics(self, values: Mapping[str, Tensor], labels: LabelSchema) -> dict[str, Any]:
        return {NAME: {"mse": float_or_none(values["mse"])}}

    def headline(self, metrics: TaskMetrics) -> tuple[str, float | None]:
        return NAME, metrics.parts.get(NAME, {}).get("mse")

    def quality(self, headline: float) -> float:
        return 1 / (1 + headline)


def decode_flow(data: bytes) -> dict[str, NDArray[np.float32]]:
    """Return the flow [h, w, 2] of a shard's file, NaN where unknown."""
    with Image.open(io.BytesIO(data)) as image:
        pixels = np.array(image, np.float32)
    return {"flow": np.where(pixels[..., 2:] == KNOWN, pixels[..., :2] / 255 * 2 - 1, np.nan)}


FLOW_IN_SHARDS = ShardTask(NAME, "flow.png", "flows", decode_flow)


@pytest.fixture
def machine(settings: Settings, store: Store, ledger: Ledger, tmp_path: Path) -> Machine:
    """A worker with the fourth task, and a generator in its store."""
    machine = dataclasses.replace(
        open_machine(settings, store, ledger), tasks=(*WORKER_TASKS, FlowCodec())
    )
    Scene(machine).publish_generator(tmp_path)
    return machine


@pytest.fixture
def client(settings: Settings, store: Store, ledger: Ledger) -> Iterator[httpx2.Client]:
    """A client of an app whose uploads may have the fourth task."""
    with serving(
        create_app(settings, store, upload_tasks="tests.e2e.toys.toy_flow:TASKS")
    ) as client:
        yield client


def upload(schema: dict[str, Any], *, has_masks: bool = False) -> bytes:
    """A zip of two images with flow: to the right in the left half, unknown in the right half."""
    flow = np.full((PX, PX, 2), np.nan, np.float32)
    flow[:, : PX // 2] = (1.0, 0.0)
    mask = np.repeat(np.arange(PX, dtype=np.uint8)[None] // (PX // 2), PX, axis=0)
    rng, target = np.random.default_rng(0), io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("labelset.json", json.dumps(schema))
        for name in ("a", "b"):
            noise = rng.integers(0, 256, (PX, PX, 3), dtype=np.uint8)
            archive.writestr(f"images/{name}.png", png.encode(noise))
            archive.writestr(f"flows/{name}.png", png.encode(np.asarray(encode_flow(flow))))
            if has_masks:
                archive.writestr(f"masks/{name}.png", encode_mask(mask))
    return target.getvalue()


def post(client: httpx2.Client, noun: str, body: dict[str, Any]) -> dict[str, Any]:
    """Create a resource."""
    response = client.post(f"/v1/{noun}", json=body)
    assert response.is_success, response.text
    answer: dict[str, Any] = response.json()
    return answer


@pytest.mark.parametrize("has_masks", [False, True], ids=["alone", "with masks"])
def test_a_fourth_task_is_learned_and_rendered(
    client: httpx2.Client,
    machine: Machine,
    tmp_path: Path,
    has_masks: bool,  # noqa: FBT001
) -> None:
    """Upload, fit, batch and shard, with the task alone and as the second of two."""
    schema: dict[str, Any] = {"name": "flows", "flow": {"frame": "camera"}}
    if has_masks:
        schema["classes"] = ["left", "right"]
    files = {"archive": ("a.zip", upload(schema, has_masks=has_masks))}
    labelset = client.post("/v1/labelsets", files=files).raise_for_status().json()
    tasks = ["segmentation", NAME] if has_masks else [NAME]
    assert list(labelset["tasks"]) == tasks
    assert labelset["labels"]["flow"] == {"frame": "camera"}

    options = {
        "tasks": tasks,
        "inversion": {"steps": 2},
        "ensemble": {"steps": 80, "num_members": 2},
    }
    body = {"generator": GENERATOR, "labelset": labelset["id"], "options": options}
    fit_id = post(client, "fits", body)["id"]
    fits.run(machine, str(JobRef(tenant=DEFAULT_TENANT, id=fit_id)), 1)
    fit = client.get(f"/v1/fits/{fit_id}").raise_for_status().json()
    assert fit["status"] == "succeeded", fit
    assert 0 <= fit["metrics"]["training"]["flow"]["mse"] < 1
    assert {"flow"} <= fit["metrics"]["estimate"].keys()

    batch_id = post(client, "batches", {"fit": fit_id, "n": 3})["id"]
    ref = JobRef(tenant=DEFAULT_TENANT, id=batch_id)
    batches.run_shard(machine, str(ShardRef(batch=ref, index=0)), 1)
    manifest = records.read_manifest(machine.store, ref, BatchManifest)
    assert manifest is not None
    path = tmp_path / "shard.tar"
    path.write_bytes(read_artefact(machine.store, manifest.shards[0].tar))
    reader = ShardReader(path)
    samples = [decode_sample(reader[k], (*SHARD_TASKS, FLOW_IN_SHARDS)) for k in range(3)]
    reader.close()
    assert all((sample.mask is not None) == has_masks for sample in samples)
    assert {sample.labels[NAME]["flow"].shape for sample in samples} == {(PX, PX, 2)}


@pytest.mark.parametrize(
    ("schema", "detail"),
    [
        ({"flow": {"frame": "moon"}}, "flow.frame: Expected"),
        ({"flow": {"frame": "camera"}, "clases": ["a", "b"]}, "clases: Unknown field"),
        ({"classes": ["a", "b"]}, 'Add "flow": {"frame": "camera"} to labelset.json'),
    ],
)
def test_its_part_of_the_schema_is_checked(
    client: httpx2.Client, schema: dict[str, Any], detail: str
) -> None:
    """The task's own model validates its part; a misspelt field is still refused."""
    response = client.post("/v1/labelsets", files={"archive": ("a.zip", upload(schema))})
    assert response.status_code == httpx2.codes.UNPROCESSABLE_CONTENT
    assert detail in response.text.replace('\\"', '"')
