"""Requests of labelings as the app stores them, and the results of a run."""

import io
import tarfile
from collections.abc import Mapping

import numpy as np
from PIL import Image

from contracts.base import now
from contracts.fits.fit import FitRequest
from contracts.ids import new_id
from contracts.labelings import LabelingManifest, LabelingRequest
from contracts.recipes.recipe import PinnedFit
from state import keys, records
from tests.workers.importing.imports import request_import
from tests.workers.scene import PX, Scene
from tests.workers.training.image_archives import zipped
from workers.labeling import labelings
from workers.runtime.artefacts import read_artefact


def picture(seed: int, size: tuple[int, int] = (PX, PX)) -> bytes:
    """Return a PNG of random pixels; `size` is (width, height)."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def pictures(count: int) -> dict[str, bytes]:
    """Return files by name."""
    return {f"photos/{index:02d}.png": picture(index) for index in range(count)}


def request_labeling(
    scene: Scene, fit: FitRequest, files: Mapping[str, bytes], **fields: object
) -> LabelingRequest:
    """Upload an archive and store the request of a labeling with shards of four images."""
    archive = request_import(scene.machine, zipped(files)).original
    assert archive is not None
    digest = scene.fit_manifest(fit.ref).digest
    assert digest is not None
    request = LabelingRequest.model_validate(
        {
            "tenant": fit.tenant,
            "id": new_id("labeling"),
            "created_at": now(),
            "name": "",
            "fit": PinnedFit(id=fit.id, digest=digest),
            "labels": fit.labels,
            "original": archive,
            "aspect": "crop",
            "image_format": "png",
            "shard_size": 4,
            **fields,
        }
    )
    records.write(scene.machine.store, keys.job_request(request.ref), request)
    return request


def run(scene: Scene, request: LabelingRequest) -> LabelingManifest:
    """Run a labeling to its end and return its manifest."""
    labelings.run(scene.machine, str(request.ref), 1)
    manifest = records.read_manifest(scene.machine.store, request.ref, LabelingManifest)
    assert manifest is not None
    return manifest


def files_of(scene: Scene, manifest: LabelingManifest) -> dict[str, bytes]:
    """Return the files of all shards by name, each tar checked against its digest."""
    files: dict[str, bytes] = {}
    for shard in manifest.shards:
        data = read_artefact(scene.machine.store, shard.tar)
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            for member in tar:
                file = tar.extractfile(member)
                assert file is not None
                files[member.name] = file.read()
    return files
