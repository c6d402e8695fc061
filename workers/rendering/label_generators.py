"""The label generator of a succeeded fit: its generator and its ensemble from the store, both warm."""

from functools import partial
from typing import Any

from torch import Tensor

from contracts.errors.jobs import InputMissing
from contracts.fits.fit import FitManifest, FitRequest
from contracts.generators.generator import PinnedGenerator
from contracts.jobs import JobRef
from contracts.recipes.recipe import PinnedFit
from models.generators.generator import Generator
from models.labels.ensemble import Ensemble, build_ensemble
from models.labels.label_generator import LabelGenerator
from state import keys, records
from workers.families.family import load_generator
from workers.runtime.artefacts import read_generator
from workers.runtime.machine import Machine


def open_generator(machine: Machine, tenant: str, pinned: PinnedGenerator) -> Generator:
    """Return the pinned generator on this machine's device, in the precision for rendering."""
    manifest = read_generator(machine.store, tenant, pinned.id, pinned.digest)
    return load_generator(machine.loader, machine.families, manifest, machine.settings.precision)


def open_label_generator(machine: Machine, tenant: str, pinned: PinnedFit) -> LabelGenerator:
    """Return the pinned fit's label generator. Raises `InputMissing` when the fit is gone or has another digest."""
    request, manifest = read_fit(machine, tenant, pinned)
    return LabelGenerator(
        open_generator(machine, tenant, request.generator),
        load_ensemble(machine, manifest),
        label_px=(request.generator.height_px, request.generator.width_px),
    )


def read_fit(machine: Machine, tenant: str, pinned: PinnedFit) -> tuple[FitRequest, FitManifest]:
    """Return request and manifest of a pinned fit. Raises `InputMissing` when it is gone or has another digest."""
    ref = JobRef(tenant=tenant, id=pinned.id)
    request = records.read(machine.store, keys.job_request(ref), FitRequest)
    manifest = records.read(machine.store, keys.job_manifest(ref), FitManifest)
    if (
        request is None
        or manifest is None
        or manifest.ensemble is None
        or manifest.digest != pinned.known_digest
    ):
        raise InputMissing(
            f"The request pins fit '{pinned.id}' with digest {pinned.known_digest[:12]}, which is not in the store."
            " Send a new request with another fit."
        )
    return request, manifest


def load_ensemble(machine: Machine, manifest: FitManifest) -> Ensemble:
    """Return the ensemble of a succeeded fit on this machine's device."""
    assert manifest.ensemble is not None
    return machine.loader.load(manifest.ensemble, partial(_build_ensemble, machine))


def _build_ensemble(
    machine: Machine, config: dict[str, Any], tensors: dict[str, Tensor]
) -> Ensemble:
    return build_ensemble(config, tensors, [codec.kind for codec in machine.tasks])
