"""The sources of a batch, for the documents that describe it: its fit and its generator, where they still exist."""

from dataclasses import dataclass

from contracts.batches import BatchRequest
from contracts.fits.fit import FitManifest, FitRequest
from contracts.generators.generator import StoredGenerator
from contracts.jobs import JobRef
from state import records
from state.store import Store


@dataclass(frozen=True)
class Origin:
    """The sources of a batch that still exist: a fit may be deleted once its batch is rendered."""

    fit: FitRequest | None
    outcome: FitManifest | None
    generator: StoredGenerator | None


def origin_of(store: Store, request: BatchRequest) -> Origin:
    """Return the sources of a batch."""
    ref = JobRef(tenant=request.tenant, id=request.fit.id)
    fit = records.read_request(store, ref, FitRequest)
    manifest = records.read_manifest(store, ref, FitManifest)
    if fit is None or manifest is None:
        return Origin(None, None, None)
    return Origin(fit, manifest, records.read_generator(store, request.tenant, fit.generator.id))
