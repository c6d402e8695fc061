"""Fixtures of evaluations: labelsets of any images, and a finished fit with a held-out labelset."""

from collections.abc import Callable

import httpx2
import pytest

from contracts.base import Artefact, now
from contracts.digests import sha256_of
from contracts.evaluations.evaluation import EvaluationManifest
from contracts.evaluations.report import EvaluationReport
from contracts.ids import DEFAULT_TENANT, new_id
from contracts.jobs import JobRef, JobStatus
from contracts.labelings import LabelingManifest, LabelledShard
from contracts.labelsets import LabelsetEntry, LabelsetManifest, labelset_digest
from contracts.schemas import LabelSchema
from state import keys, records
from state.ledger import Ledger
from state.store import Store
from tests.app.uploading import CLASSES, png

SMP = {"kind": "smp", "architecture": "unet", "encoder": "resnet18"}
AddLabelset = Callable[..., str]
"""Store a labelset of images with these names, and return its id."""
AddLabeling = Callable[..., str]
"""Label this number of images by a fit, and return the id of the labeling."""


@pytest.fixture
def add_labelset(store: Store) -> AddLabelset:
    """Return a function that stores a labelset as an upload does. Equal names are equal images."""

    def add(
        *names: str, px: tuple[int, int] = (32, 32), condition: int | None = None, **schema: object
    ) -> str:
        labels = LabelSchema.model_validate({"classes": CLASSES} | schema)
        entries = tuple(
            LabelsetEntry(
                name=name,
                image=artefact(f"image {name}"),
                mask=artefact(f"mask {name}") if labels.classes else None,
                depth=artefact(f"depth {name}") if labels.depth else None,
                height_px=px[0],
                width_px=px[1],
                class_pixels=(1_000, 24, 0)[: labels.num_classes],
                condition=condition,
            )
            for name in names
        )
        manifest = LabelsetManifest(
            tenant=DEFAULT_TENANT,
            id=new_id("labelset"),
            name="faces",
            created_at=now(),
            digest=labelset_digest(labels, entries),
            labels=labels,
            entries=entries,
            class_pixels=(2_000, 48, 0)[: labels.num_classes],
            ignored_pixels=0,
        )
        records.write(store, keys.manifest(DEFAULT_TENANT, "labelsets", manifest.id), manifest)
        return manifest.id

    return add


def artefact(name: str) -> Artefact:
    """Return an object that does not exist, with the digest of its name."""
    return Artefact(key=name, sha256=sha256_of(name.encode()), num_bytes=1)


@pytest.fixture
def add_labeling(client: httpx2.Client, store: Store, ledger: Ledger) -> AddLabeling:
    """Return a function that queues a labeling and ends it as a worker does; without a status it stays queued."""

    def add(
        fit_id: str, num_images: int = 3, status: JobStatus | None = JobStatus.SUCCEEDED
    ) -> str:
        files = {"images": ("one.png", png("RGB", (8, 8)))}
        answer = client.post("/v1/labelings", data={"fit": fit_id}, files=files)
        assert answer.status_code == 202, answer.text
        ref = JobRef(tenant=DEFAULT_TENANT, id=answer.json()["id"])
        if status is not None:
            shard = LabelledShard(index=0, tar=artefact("tar"), num_samples=num_images)
            manifest = LabelingManifest(
                status=status, started_at=now(), finished_at=now(), num_samples=num_images
            )
            if status is JobStatus.SUCCEEDED:
                manifest = manifest.model_copy(
                    update={
                        "shards": (shard,),
                        "class_pixels": (9, 0, 0),
                        "class_images": (3, 0, 0),
                    }
                )
            records.finish(store, ledger, ref, manifest)
        return ref.id

    return add


@pytest.fixture
def heldout(add_labelset: AddLabelset) -> str:
    """Return the id of 50 images that are in no other labelset."""
    return add_labelset(*(f"held-out-{number}" for number in range(50)))


@pytest.fixture
def body(finished_fit_id: str, heldout: str) -> dict[str, object]:
    """Return a valid body."""
    return {"fit": finished_fit_id, "heldout_labelset": heldout}


@pytest.fixture
def evaluation(client: httpx2.Client, body: dict[str, object]) -> JobRef:
    """Return a queued evaluation."""
    answer = client.post("/v1/evaluations", json=body)
    assert answer.status_code == 202, answer.text
    return JobRef(tenant=DEFAULT_TENANT, id=answer.json()["id"])


@pytest.fixture
def finish_evaluation(store: Store, ledger: Ledger) -> Callable[[str], None]:
    """Return a function that finishes an evaluation as a worker does, with a short report."""

    def finish(evaluation_id: str) -> None:
        ref, page = JobRef(tenant=DEFAULT_TENANT, id=evaluation_id), b"<!doctype html>"
        key = keys.evaluation_file(ref, sha256_of(page), "report.html")
        store.put(key, page)
        report = EvaluationReport(
            num_images=4,
            num_seeds=3,
            num_draws=2_000,
            confidence=0.95,
            tasks=(),
            verdict=("Masks: synthetic pairs help.",),
            warnings=("only 4 images",),
        )
        file = Artefact(key=key, sha256=sha256_of(page), num_bytes=len(page))
        manifest = EvaluationManifest(
            status=JobStatus.SUCCEEDED,
            started_at=now(),
            finished_at=now(),
            report=report,
            files={"report.html": file},
        )
        records.finish(store, ledger, ref, manifest)

    return finish
