"""Codes of real images that stay in the store, chunk by chunk, beside the labelset of the images.

The next attempt at a fit reads them instead of inverting again, and so does a later fit of the labelset with the same
generator, inverter and inversion. The key of a chunk is the digest of all that decides its codes, also the pixels:
other images, another crop or another size of the micro-batch have other keys. Codes are deleted with the labelset, and
by a sweep (`workers/upkeep/leftovers.py`).
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import structlog
import torch
from torch import Tensor

from contracts.digests import digest_of
from contracts.errors.tree import StoreUnavailable
from contracts.fits.fit import FitRequest
from models.states import Resumption, State
from state import keys
from workers.runtime.jobs import Run
from workers.saving.saved_states import OnStep, SavedStates, checked, read_checked

log = structlog.get_logger()

INVERSION_VERSION = 1
"""Increase it when the same request inverts the same images to other codes."""


@dataclass(frozen=True)
class Measured:
    """The codes of a chunk of images, and the quality of their reconstructions; the rest follows from the codes."""

    codes: Tensor
    psnr_db: tuple[float, ...]
    perceptual_distances: tuple[float | None, ...]
    are_expressible: tuple[bool, ...]
    expressibility: tuple[float, ...]

    def to_state(self) -> dict[str, Tensor]:
        """Return the numbers as tensors. Floats keep all their bits."""
        tensors = {
            "codes": self.codes,
            "psnr_db": torch.tensor(self.psnr_db, dtype=torch.float64),
            "are_expressible": torch.tensor(self.are_expressible),
            "expressibility": torch.tensor(self.expressibility, dtype=torch.float64),
        }
        distances = [one for one in self.perceptual_distances if one is not None]
        if distances:
            tensors["distances"] = torch.tensor(distances, dtype=torch.float64)
        return tensors

    @classmethod
    def from_state(cls, state: dict[str, Tensor], device: torch.device) -> "Measured":
        """Undo `to_state`."""
        psnr_db, distances = tuple(state["psnr_db"].tolist()), state.get("distances")
        return cls(
            state["codes"].to(device),
            psnr_db,
            (None,) * len(psnr_db) if distances is None else tuple(distances.tolist()),
            tuple(state["are_expressible"].tolist()),
            tuple(state["expressibility"].tolist()),
        )


class KeptCodes:
    """The codes of one labelset for one fit: reads and writes chunks, and resumes the one that was interrupted."""

    def __init__(self, run: Run, request: FitRequest, labelset_id: str) -> None:
        self._run, self._states = run, SavedStates(run)
        self._store = run.machine.store
        self._prefix = keys.labelset_codes(request.tenant, labelset_id)
        self._tombstone = keys.tombstone(request.tenant, "labelsets", labelset_id)
        options = request.options.inversion.model_dump(mode="json")
        pinned = [request.generator.digest, request.inverter_digest]
        self._settings = [INVERSION_VERSION, *pinned, options]

    def codes_of(
        self,
        images: Tensor,
        condition: Tensor | None,
        invert: Callable[[Resumption, OnStep], Measured],
        on_step: OnStep,
    ) -> Measured:
        """Return the stored codes of a chunk of images on the CPU, or those of `invert`, which are stored."""
        digest = self._digest(images, condition)
        key = f"{self._prefix}/{digest}.state"
        state = read_checked(self._store, key)
        if state is not None:
            total = int(state["image_steps"])
            self._run.found_first(on_step)(total, total)
            return Measured.from_state(state, self._run.machine.device)
        num_steps = 0

        def counted(done: int, total: int) -> None:
            nonlocal num_steps
            num_steps = total
            on_step(done, total)

        partial = self._states.of(f"inverting-{digest}")
        measured = partial.resume(invert, counted)
        self._save(key, {**measured.to_state(), "image_steps": torch.tensor(num_steps)})
        partial.discard()
        return measured

    def _save(self, key: str, codes: State) -> None:
        """Store codes, unless their labelset is being deleted. A store that fails does not fail the fit."""
        try:
            if self._store.head(self._tombstone) is None:
                self._store.put(key, checked(codes))
                self._run.machine.ledger.record_saved_work(self._run.ref)
        except StoreUnavailable as error:
            log.warning("codes not kept", key=key, error=str(error))

    def _digest(self, images: Tensor, condition: Tensor | None) -> str:
        pixels = hashlib.sha256(np.ascontiguousarray(images.numpy()).data).hexdigest()
        classes = None if condition is None else condition.tolist()
        return digest_of([self._settings, list(images.shape), pixels, classes])
