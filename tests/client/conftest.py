"""Fixtures of the client's tests: small shards, and a service that is a function."""

import hashlib
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from structlog.testing import capture_logs

from handsoff_client import BatchFolder, HandsOff, Retries
from handsoff_client.answers.shards import Shard
from handsoff_client.api.resources import Batch
from handsoff_client.cli.commands import main
from handsoff_client.http.parsing import parse
from handsoff_shards.provenance.record import Provenance
from handsoff_shards.writing import ShardWriter
from tests.app.conftest import (  # noqa: F401 - fixtures: the real app, over real HTTP
    client,
    conditional,
    fail_batch,
    finish_batch,
    finish_fit,
    finished_fit_id,
    fit_id,
    generator,
    labelset_id,
    served,
)
from tests.app.evaluations.conftest import add_labeling, finish_evaluation  # noqa: F401 - fixtures
from tests.app.streams.conftest import render, stream_id  # noqa: F401 - fixtures
from tests.app.uploading import pairs

NEEDS = {
    "torch": (
        "test_examples.py",
        "test_readers.py",
        "test_resuming.py",
        "test_stream_loops.py",
        "test_torch.py",
    ),
    "webdataset": ("test_examples.py", "test_readers.py", "test_stream_loops.py"),
}
"""Test files by the package that they import. They are collected only if it is installed."""

collect_ignore = sorted(
    {name for package, names in NEEDS.items() if find_spec(package) is None for name in names}
)

PX = 8
SHARD_SIZE = 6
LABELS = {
    "classes": ["background", "skin", "hair"],
    "ignore_index": 255,
    "keypoints": {"names": ["left", "right"], "skeleton": [["left", "right"]]},
    "depth": {"unit": "m", "scale": 0.001, "unknown": 0},
}

Mask = NDArray[np.uint8]
Run = Callable[..., tuple[int, str, str]]
"""Run `handsoff`, and return exit code, standard output and standard error."""


def pytest_report_header() -> list[str]:
    """Report which tests of the client are not collected, so that a partial run is visible."""
    names = ", ".join(collect_ignore)
    return [f"client tests not collected (no torch or webdataset): {names}"] if names else []


@dataclass
class Service:
    """A service that returns prepared answers in order, and records requests and waits."""

    answers: list[httpx2.Response | Exception] = field(default_factory=list)
    requests: list[httpx2.Request] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    def handle(self, request: httpx2.Request) -> httpx2.Response:
        request.read()
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self, **retries: Any) -> HandsOff:
        """Return a client of this service that does not sleep."""
        http = httpx2.Client(base_url="http://service", transport=httpx2.MockTransport(self.handle))
        return HandsOff(http=http, retries=Retries(sleep=self.waits.append, **retries))


@pytest.fixture
def service() -> Service:
    """A service without prepared answers."""
    return Service()


def problem(status: int, code: str, detail: str = "A problem.", **more: Any) -> httpx2.Response:
    """Return a problem+json as the service answers it."""
    body = {"status": status, "code": code, "detail": detail, "request_id": "r-1", **more}
    return httpx2.Response(status, json=body)


def job(kind: str, status: str, **more: Any) -> dict[str, Any]:
    """Return the answer for a job of a kind."""
    own: dict[str, dict[str, Any]] = {
        "fit": {"generator": {"id": "g", "digest": "0"}, "labelset": {"id": "l", "digest": "0"}},
        "batch": {
            "fit": {"id": "fit_1", "digest": "0"},
            "n": 14,
            "truncation": 0.7,
            "image_format": "png",
            "shard_size": SHARD_SIZE,
            "num_shards": 3,
        },
    }
    common: dict[str, Any] = {
        "id": f"{kind}_1",
        "kind": kind,
        "status": status,
        "seed": 0,
        "labels": LABELS,
    }
    common |= {"created_at": "2026-11-22T10:00:00Z"}
    return common | own.get(kind, {}) | more


def generators(*items: dict[str, Any]) -> httpx2.Response:
    """Return a list of generators as the service answers it."""
    own = {"source": "", "license": "", "width_px": 32, "height_px": 32}
    jobs = [job("generator", one.pop("status", "succeeded")) | own | one for one in items]
    return httpx2.Response(200, json={"items": jobs, "has_more": False})


def mask_of(index: int) -> NDArray[np.uint8]:
    """Return the class indices of sample `index`. Over several samples, every value from 0 to 255 occurs."""
    return (np.arange(PX * PX, dtype=np.uint32) * 4 + index).astype(np.uint8).reshape(PX, PX)


def depth_of(index: int) -> NDArray[np.uint16]:
    """Return the 16-bit depth of sample `index`, from 0 to 65535."""
    values = np.linspace(0, 65_535, PX * PX).astype(np.uint16)
    return np.roll(values, index).reshape(PX, PX)


def files_of(index: int, mask: Mask | None = None) -> dict[str, bytes]:
    """Return one sample with every kind of label. The default mask is `mask_of(index)`."""
    palette = Image.fromarray(mask_of(index) if mask is None else mask).convert("L")
    palette.putpalette([channel for shade in range(256) for channel in (shade, 0, 255 - shade)])
    points = [{"name": "left", "x": 1.5, "y": 2.25, "visibility": 2, "confidence": 0.75}]
    points.append({"name": "right", "x": 7.0, "y": 0.5, "visibility": 1, "confidence": 0.5})
    return {
        "png": png(Image.fromarray(np.full((PX, PX, 3), index, np.uint8)), provenance_of(index)),
        "mask.png": png(palette),
        "keypoints.json": json.dumps({"keypoints": points}).encode(),
        "depth.png": png(Image.fromarray(depth_of(index))),
        "uncertainty.png": png(Image.fromarray(np.full((PX, PX), 51, np.uint8))),
        "json": json.dumps({"seed": 7, "index": index, "score": 0.25}).encode(),
    }


def provenance_of(index: int) -> Provenance:
    """Return what the image of a sample states."""
    return Provenance(
        fit="fit_0192f0c1a2b37c0080e5a1b2c3d4e5f6",
        fit_digest="ab" * 32,
        seed=7,
        index=index,
        attempt=0,
    )


def png(image: Image.Image, provenance: Provenance | None = None) -> bytes:
    """Return an image as a PNG file, with its provenance as XMP, if given."""
    texts = PngInfo()
    if provenance is not None:
        texts.add_itxt("XML:com.adobe.xmp", provenance.packet().decode())
    buffer = io.BytesIO()
    image.save(buffer, "PNG", pnginfo=texts)
    return buffer.getvalue()


def tar_of(indices: range, mask: Mask | None = None) -> bytes:
    """Return a shard of these samples."""
    buffer = io.BytesIO()
    with ShardWriter(buffer) as shard:
        for index in indices:
            shard.add(index, files_of(index, mask))
    return buffer.getvalue()


def shards_of(num_samples: int, mask: Mask | None = None) -> list[tuple[Shard, bytes]]:
    """Return the shards of a batch: the answer of the service and the bytes of each."""
    shards = []
    for index, begin in enumerate(range(0, num_samples, SHARD_SIZE)):
        indices = range(begin, min(begin + SHARD_SIZE, num_samples))
        data = tar_of(indices, mask)
        listed = {
            "index": index,
            "num_samples": len(indices),
            "num_bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "url": f"http://service/files/{index}",
            "expires_at": "2026-11-22T10:00:00Z",
        }
        shards.append((parse(Shard, listed), data))
    return shards


def batch_folder(folder: Path, num_samples: int, *, mask: Mask | None = None) -> BatchFolder:
    """Write a downloaded batch to a folder."""
    folder.mkdir(parents=True)
    shards = shards_of(num_samples, mask)
    batch = parse(Batch, job("batch", "succeeded", n=num_samples))
    batch_on_disk = BatchFolder.plan(folder, batch, [shard for shard, _ in shards])
    for shard, data in shards:
        batch_on_disk.path_of(shard.index).write_bytes(data)
    batch_on_disk.save()
    return batch_on_disk


@pytest.fixture
def batch_of_14(tmp_path: Path) -> BatchFolder:
    """14 samples in shards of 6, 6 and 2."""
    return batch_folder(tmp_path / "batch", 14)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of three labelled images."""
    for name, data in pairs(3).items():
        path = tmp_path / "pairs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return tmp_path / "pairs"


@pytest.fixture
def run(
    client: httpx2.Client,  # noqa: F811 - a fixture
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Run]:
    """Run `handsoff` on the app, and return exit code, standard output and standard error."""

    def command(*words: str) -> tuple[int, str, str]:
        return main(["--url", str(client.base_url), *words]), *capsys.readouterr()

    with capture_logs():  # the app logs to the same standard output, sometimes after the answer
        yield command


@pytest.fixture
def handsoff(client: httpx2.Client) -> Iterator[HandsOff]:  # noqa: F811 - a fixture
    """A client of the app under test."""
    with HandsOff(str(client.base_url)) as handsoff:
        yield handsoff


@pytest.fixture
def write_shard() -> Callable[[range], bytes]:
    """The shards of a stream have every kind of label."""
    return tar_of
