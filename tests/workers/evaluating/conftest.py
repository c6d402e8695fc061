"""Fixtures of evaluations: a fit of the random generator, and its evaluation on labelled noise."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest

from contracts.base import now
from contracts.evaluations.evaluation import (
    EvaluationManifest,
    EvaluationRequest,
    ResolvedEvaluationOptions,
)
from contracts.fits.fit import FitRequest, PinnedLabelset
from contracts.ids import DEFAULT_TENANT, new_id
from contracts.jobs import JobStatus
from contracts.labelings import LabelingManifest, LabelingRequest, PinnedLabeling
from contracts.recipes.recipe import RENDER_VERSION, PinnedFit
from contracts.schemas import LabelSchema
from state import keys, records
from state.ledger import Ledger
from state.settings import Settings
from state.store import Store
from tests.workers.labeling.labeling_scene import request_labeling
from tests.workers.labeling.labeling_scene import run as run_labeling
from tests.workers.scene import ALL_TASKS, LABELS, PX, Scene, open_machine
from workers.evaluating import evaluations
from workers.runtime.machine import Machine

QUICK = ResolvedEvaluationOptions(
    arms=("real", "synthetic", "mixed", "direct"), synthetic_counts=(4,), num_seeds=1, steps=1
)
"""Four units: three trainings of one step, and the labels of the fit."""


Objects = dict[str, bytes]


@dataclass(frozen=True)
class Evaluating:
    """A scene, a succeeded fit, and labelsets of other images."""

    scene: Scene
    fit: FitRequest

    def labelset(
        self, num_images: int, *, seed: int, labels: LabelSchema = LABELS
    ) -> PinnedLabelset:
        """Store labelled noise of a seed."""
        random = np.random.default_rng(seed)
        images = list(random.integers(0, 256, (num_images, PX, PX, 3), dtype=np.uint8))
        return self.scene.add_labelset(num_images, images=images, labels=labels)

    def request(
        self,
        options: ResolvedEvaluationOptions = QUICK,
        *,
        oracle: PinnedLabelset | None = None,
        heldout: PinnedLabelset | None = None,
        labels: LabelSchema = LABELS,
        labeling: LabelingRequest | None = None,
    ) -> EvaluationRequest:
        """Store the request of an evaluation on six held-out images, of masks alone by default."""
        manifest = self.scene.fit_manifest(self.fit.ref)
        assert manifest.digest is not None
        request = EvaluationRequest(
            tenant=DEFAULT_TENANT,
            id=new_id("evaluation"),
            created_at=now(),
            name="noise",
            seed=3,
            fit=PinnedFit(id=self.fit.id, digest=manifest.digest),
            labelset=self.fit.labelset,
            heldout_labelset=heldout or self.labelset(6, seed=1, labels=labels),
            oracle_labelset=oracle,
            labeling=self.pinned(labeling) if labeling else None,
            labels=labels,
            options=options,
            render_version=RENDER_VERSION,
        )
        records.write(self.scene.machine.store, keys.job_request(request.ref), request)
        return request

    def label(self, files: Mapping[str, bytes], **fields: object) -> LabelingRequest:
        """Label images by the fit, and return the request of the labeling that has succeeded."""
        request = request_labeling(self.scene, self.fit, files, **fields)
        assert run_labeling(self.scene, request).status is JobStatus.SUCCEEDED
        return request

    def pinned(self, labeling: LabelingRequest) -> PinnedLabeling:
        """Return a labeling as evaluations pin it."""
        manifest = records.read_manifest(self.scene.machine.store, labeling.ref, LabelingManifest)
        assert manifest is not None
        return PinnedLabeling(id=labeling.id, digest=manifest.digest)

    def run(self, request: EvaluationRequest, attempt: int = 1) -> None:
        """Run the job as a worker does."""
        evaluations.run(self.scene.machine, str(request.ref), attempt)

    def manifest(self, request: EvaluationRequest) -> EvaluationManifest:
        """Return the manifest of an evaluation that has ended."""
        manifest = records.read_manifest(self.scene.machine.store, request.ref, EvaluationManifest)
        assert manifest is not None
        return manifest

    def units(self, request: EvaluationRequest) -> dict[str, bytes]:
        """Return the stored units by name."""
        store = self.scene.machine.store
        found = store.list(keys.evaluation_units(request.ref))
        return {
            info.key.rpartition("/")[2].removesuffix(".npz"): store.get(info.key) for info in found
        }


@pytest.fixture(scope="session")
def fitted(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[FitRequest, Objects]:
    """Run one fit for the whole test run. Returns its request and all stored objects."""
    settings = Settings.model_validate({"redis_url": redis_url, "store_url": "memory:///"})
    scene = Scene(open_machine(settings, Store.in_memory(), Ledger.connect(redis_url)))
    scene.publish_generator(tmp_path_factory.mktemp("generator"))
    fit = scene.fit(ALL_TASKS)
    store = scene.machine.store
    return fit, {info.key: store.get(info.key) for info in store.list("tenants")}


@pytest.fixture
def evaluating(machine: Machine, fitted: tuple[FitRequest, Objects]) -> Evaluating:
    """Return a scene with the succeeded fit in a store of its own."""
    fit, objects = fitted
    for key, data in objects.items():
        machine.store.put(key, data)
    return Evaluating(Scene(machine), fit)
