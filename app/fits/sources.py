"""Where a new fit gets its labelled images from: a stored labelset, or files of the same request."""

from pathlib import Path
from typing import Protocol

from app.http.idempotency import Draft, check_replay
from app.labelsets import service as labelsets
from app.labelsets.storing import Upload, UploadedFiles
from app.services import Services
from contracts.errors.tree import Gone, InvalidRequest, NotFound
from contracts.ids import of_same_request
from contracts.jobs import Idempotency, JobRef
from contracts.labelsets import LabelsetManifest
from state import keys
from state.leftovers.plan import plan_sweep


class Source(Protocol):
    """Labelled images for a fit."""

    @property
    def pointer(self) -> str:
        """The field of the request that has them."""

    @property
    def owner(self) -> str:
        """What a flaw calls them."""

    def check(self, ref: JobRef, idempotency: Idempotency | None) -> LabelsetManifest:
        """Return the labelset of the fit `ref`."""

    def claim(self, ref: JobRef) -> None:
        """Store the labelset, if it is not stored yet."""


class Stored:
    """A labelset that is stored."""

    def __init__(
        self, services: Services, tenant: str, labelset_id: str, pointer: str = "/labelset"
    ) -> None:
        self.pointer = pointer
        self.owner = labelset_id
        self._services = services
        self._tenant = tenant

    def check(self, ref: JobRef, idempotency: Idempotency | None) -> LabelsetManifest:
        """Return the labelset. Raises `InvalidRequest` if there is none."""
        try:
            return labelsets.find(self._services, self._tenant, self.owner)
        except (NotFound, Gone) as error:
            raise InvalidRequest.at(self.pointer, error.detail) from None

    def claim(self, ref: JobRef) -> None:
        """Do nothing: it is stored."""


class Sent:
    """Files that were sent in the same request. They become a labelset whose id follows from the fit's.

    So the Idempotency-Key of the fit covers the labelset too: a request that failed between the two finds it again.
    """

    owner = "the upload"

    def __init__(self, services: Services, tenant: str, upload: Upload, folder: Path) -> None:
        """Raises `InvalidUpload` unless there is either an archive or single files."""
        self.files = UploadedFiles(services, tenant, upload, folder)
        self.pointer = "/images" if upload.archive is None else "/archive"
        self.labelset: LabelsetManifest | None = None
        self._services = services
        self._tenant = tenant
        self._draft: Draft[LabelsetManifest] | None = None

    def check(self, ref: JobRef, idempotency: Idempotency | None) -> LabelsetManifest:
        """Decode the files and return the labelset, which `claim` stores.

        Raises `InvalidUpload` with all flaws, `IdempotencyMismatch` when the key was used for other files, `Gone` when
        the labelset of an earlier attempt was deleted, and what the tenant's limits raise.
        """
        labelset_id = of_same_request("labelset", ref.id)
        self.labelset = labelsets.find_created(self._services, self._tenant, labelset_id)
        if self.labelset is not None:
            check_replay(self.labelset.idempotency, idempotency)
            return self.labelset
        store, ledger = self._services.store, self._services.ledger
        self._services.tenants.admit(self._tenant, "labelset", store=store, ledger=ledger)
        self._draft = self.files.draft(labelset_id, idempotency)
        self.labelset = self._draft.value
        return self.labelset

    def claim(self, ref: JobRef) -> None:
        """Store the labelset, unless an earlier attempt stored it."""
        if self._draft is not None:
            prefix = keys.resource_prefix(self._tenant, "labelsets", self._draft.value.id)
            plan_sweep(self._services.ledger, prefix, is_over=False)  # of what a killed app leaves
            self._draft.store()
