"""Objects of every kind in a running service, so that a fuzzer gets other responses than 404."""

import io
from collections.abc import Mapping

import httpx2
from PIL import Image

from contracts.base import Artefact, now
from contracts.batches import BatchRequest, ShardRecord, batch_manifest
from contracts.digests import sha256_of
from contracts.fits.fit import FitManifest
from contracts.fits.metrics import FitMetrics, InvertedImage
from contracts.generators.generator import (
    GeneratorManifest,
    GeneratorRequest,
    StoredGenerator,
    Weights,
)
from contracts.ids import DEFAULT_TENANT
from contracts.jobs import JobRef, JobStatus
from state import keys, records
from state.ledger import Ledger
from state.settings import Settings
from state.store import Store

GENERATOR = "tiny-32"


def create_objects(address: str, key: str, settings: Settings) -> dict[str, str]:
    """Create one object of every kind; jobs have succeeded. Returns ids by the name of their path parameter."""
    store, ledger = (
        Store.from_settings(settings),
        Ledger.connect(settings.redis_url.get_secret_value()),
    )
    _publish_generator(store)
    headers = {"Authorization": f"Bearer {key}"}
    with httpx2.Client(base_url=address, headers=headers, timeout=60) as client:
        labelset = _post(client, "/v1/labelsets", files=_pairs())
        fit = _post(client, "/v1/fits", json={"generator": GENERATOR, "labelset": labelset})
        _finish_fit(store, ledger, fit)
        batch = _post(client, "/v1/batches", json={"fit": fit, "n": 4, "shard_size": 2})
        _finish_batch(store, ledger, batch)
        photos = [("images", ("a.png", _png(Image.new("RGB", (32, 32)))))]
        labeling = _post(client, "/v1/labelings", data={"fit": fit}, files=photos)
        heldout = _post(client, "/v1/labelsets", files=_pairs(first=2))
        evaluation = {"fit": fit, "heldout_labelset": heldout}
        upload = {"num_bytes": 3, "sha256": sha256_of(b"abc")}
        return {
            "generator_id": GENERATOR,
            "labelset_id": labelset,
            "fit_id": fit,
            "batch_id": batch,
            "labeling_id": labeling,
            "evaluation_id": _post(client, "/v1/evaluations", json=evaluation),
            "stream_id": _post(client, "/v1/streams", json={"fit": fit}),
            "upload_id": _post(client, "/v1/uploads", json=upload),
            "key_id": _post(client, "/v1/keys", json={"name": "another", "scopes": ["read"]}),
            "webhook_id": _post(client, "/v1/webhooks", json={"url": "https://example.com/"}),
            "tenant_id": "another",
            "inverter_id": _post(client, f"/v1/generators/{GENERATOR}/inverters", json={}),
        }


def _post(client: httpx2.Client, path: str, **content: object) -> str:
    response = client.post(path, **content)  # type: ignore[arg-type]  # json or files
    response.raise_for_status()
    return str(response.json()["id"])


def _pairs(first: int = 0) -> list[tuple[str, tuple[str | None, bytes]]]:
    """Return a form of two labelled images. Another `first` gives other images."""
    schema = b'{"name": "faces", "classes": ["background", "skin"]}'
    parts: list[tuple[str, tuple[str | None, bytes]]] = [("schema", (None, schema))]
    for number in range(first, first + 2):
        image = Image.new("RGB", (32, 32), (number * 60, 40, 40))
        mask = Image.new("L", (32, 32))
        mask.paste(1, (8, 8, 24, 24))
        parts += [
            ("images", (f"{number}.png", _png(image))),
            ("masks", (f"{number}.png", _png(mask))),
        ]
    return parts


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def _artefact(store: Store, key: str, data: bytes) -> Artefact:
    store.put(key, data)
    return Artefact(key=key, sha256=sha256_of(data), num_bytes=len(data))


def _publish_generator(store: Store) -> None:
    tensors, config = (_artefact(store, f"fuzz/{name}", name.encode()) for name in ("t", "c"))
    weights = Weights(tensors=tensors, config=config)
    common = {"tenant": DEFAULT_TENANT, "id": GENERATOR, "name": "Tiny", "created_at": now()}
    common |= {"source": "written for fuzzing", "license": "MIT"}
    sizes: Mapping[str, int] = dict.fromkeys(("height_px", "width_px"), 32)
    sizes = {**sizes, "z_dim": 8, "w_dim": 8, "num_ws": 8}
    generator = StoredGenerator.model_validate(
        {
            **common,
            **sizes,
            "digest": weights.digest,
            "architecture": "stylegan2",
            "weights": weights,
        }
    )
    request = GeneratorRequest.model_validate({**common, "original": None})
    outcome = GeneratorManifest(
        status=JobStatus.SUCCEEDED, started_at=None, finished_at=now(), generator=generator
    )
    records.write(store, keys.job_request(request.ref), request)
    records.write(store, keys.job_manifest(request.ref), outcome)


def _finish_fit(store: Store, ledger: Ledger, fit_id: str) -> None:
    ref = JobRef(tenant=DEFAULT_TENANT, id=fit_id)
    metrics = FitMetrics(
        reconstruction_psnr_db=30.0,
        images=(InvertedImage(name="0", psnr_db=30.0),),
        stage_seconds={"inversion": 1.0},
    )
    common = {"started_at": now(), "finished_at": now(), "attempt": "one", "metrics": metrics}
    sheet = _artefact(store, keys.attempt(ref, "one", "fit.png"), b"a picture")
    manifest = FitManifest.model_validate(
        {"status": JobStatus.SUCCEEDED, **common, "digest": sha256_of(b"fit"), "sheet": sheet}
    )
    records.finish(store, ledger, ref, manifest)


def _finish_batch(store: Store, ledger: Ledger, batch_id: str) -> None:
    ref = JobRef(tenant=DEFAULT_TENANT, id=batch_id)
    request = records.read_request(store, ref, BatchRequest)
    assert request is not None
    shards = {index: _shard(store, request, index) for index in range(request.num_shards)}
    records.finish(store, ledger, ref, batch_manifest(request, shards))


def _shard(store: Store, request: BatchRequest, index: int) -> ShardRecord:
    data = f"shard {index}".encode()
    num_samples = len(request.samples(index))
    return ShardRecord(
        index=index,
        tar=_artefact(store, keys.shard_tar(request.ref, index, sha256_of(data)), data),
        num_samples=num_samples,
        num_candidates=num_samples,
        class_pixels=(10, 5),
        class_images=(num_samples, 1),
        candidate_class_images=(num_samples, 1),
        mean_score=0.5,
        threshold=None,
        started_at=now(),
        finished_at=now(),
        render_seconds=0.1,
    )
