"""The label generator of a succeeded fit: its generator and its ensemble from the store, both warm, put together."""

from functools import partial
from typing import Any

import torch
from torch import Tensor

from contracts.batches import PinnedFit
from contracts.errors.jobs import InputMissing
from contracts.fits.fit import FitManifest, FitRequest, PinnedGenerator
from contracts.jobs import JobRef
from models.generators.stylegan2.generator import Generator, build_generator
from models.labels.ensemble import Ensemble, build_ensemble
from models.labels.label_generator import LabelGenerator
from state import keys, records
from workers.runtime.artefacts import load_network, read_generator
from workers.runtime.machine import Machine


def open_generator(machine: Machine, tenant: str, pinned: PinnedGenerator) -> Generator:
    """The pinned generator on this machine's device, in the precision in which it renders pairs."""
    manifest = read_generator(machine, tenant, pinned.id, pinned.digest)
    precision = machine.settings.precision

    def build(config: dict[str, Any], tensors: dict[str, Tensor]) -> Generator:
        return build_generator(config, tensors).lower_precision(getattr(torch, precision))

    return load_network(machine, manifest.weights, build, precision)


def open_label_generator(machine: Machine, tenant: str, pinned: PinnedFit) -> LabelGenerator:
    """The pinned fit's label generator. Raises `InputMissing` when the fit is gone or is another."""
    ref = JobRef(tenant=tenant, id=pinned.id)
    request = records.read(machine.store, keys.job_request(ref), FitRequest)
    manifest = records.read(machine.store, keys.job_manifest(ref), FitManifest)
    if (
        request is None
        or manifest is None
        or manifest.ensemble is None
        or manifest.digest != pinned.digest
    ):
        raise InputMissing(
            f"The request pins fit '{pinned.id}' with digest {pinned.digest[:12]}, which is not in the store."
            " Make a request of another fit."
        )
    return LabelGenerator(
        open_generator(machine, tenant, request.generator),
        load_network(machine, manifest.ensemble, partial(_build_ensemble, machine)),
        label_px=(request.generator.height_px, request.generator.width_px),
    )


def _build_ensemble(
    machine: Machine, config: dict[str, Any], tensors: dict[str, Tensor]
) -> Ensemble:
    return build_ensemble(config, tensors, [codec.kind for codec in machine.tasks])
