"""The recipe of samples: everything that decides them, the same for batches and streams."""

from typing import Annotated, Literal

from pydantic import Field

from contracts.base import Model, Seed, Sha256, Truncation
from contracts.digests import digest_of
from contracts.ids import FitId
from contracts.jobs import StoredRequest
from contracts.recipes.conditions import ConditionShares
from contracts.recipes.targets import Targets, class_targets, directions_of
from contracts.schemas import LabelSchema

RENDER_VERSION = 6
"""Increased whenever the same request renders other labels, other candidates or other bytes on the same machine."""
OLDEST_RENDER_VERSION = 5
"""Requests from this version on still render the bytes of that version."""
PROVENANCE_VERSION = 6
"""From this render version on, images state their provenance as XMP."""

ImageFormat = Literal["png", "jpeg"]
MAX_SOFT_LABELS = 8
"""Classes that a soft label keeps at most: the others of a pixel are hardly ever probable."""
NumSoftLabels = Annotated[int, Field(ge=1, le=MAX_SOFT_LABELS)]
"""How many most probable classes of each pixel are stored with their probabilities."""
IgnoreAbove = Annotated[float, Field(ge=0, lt=1)]
"""The highest uncertainty of a pixel, in nats, that keeps its class. Stored uncertainty is clipped at 1 nat."""


class Filter(Model):
    """Drop the share `drop_share` of the candidates that is most uncertain (10% in the paper)."""

    drop_share: Annotated[float, Field(gt=0, le=0.9)]


class PinnedFit(Model):
    """The label generator of a batch: the fit's id and the digest of its label generator.

    Only a batch that waits for its fit has no digest.
    """

    id: FitId
    digest: Sha256 | None = None

    @property
    def known_digest(self) -> str:
        """The digest. Raises `ValueError` while the fit has not succeeded."""
        if self.digest is None:
            raise ValueError(f"expected a fit that has succeeded, got '{self.id}' without a digest")
        return self.digest


class Recipe(StoredRequest):
    """Everything that decides the samples: the common part of batches and streams.

    `warnings` decide nothing. They say which targets rest on classes that the fit labels badly.
    """

    fit: PinnedFit
    seed: Seed
    truncation: Truncation
    filter: Filter | None
    image_format: ImageFormat
    shard_size: Annotated[int, Field(ge=1)]
    render_version: int
    labels: LabelSchema
    condition: ConditionShares | None = None
    soft_labels: NumSoftLabels | None = None
    ignore_above: IgnoreAbove | None = None
    targets: Targets = ()
    warnings: tuple[str, ...] = ()

    @property
    def states_provenance(self) -> bool:
        """Whether images state their provenance. A request of an earlier version keeps the bytes of its shards."""
        return self.render_version >= PROVENANCE_VERSION

    @property
    def pilot_digest(self) -> str | None:
        """The digest of what changes the samples beside the truncation: condition and directions; None without both."""
        directions = [one.model_dump(mode="json") for one in directions_of(self.targets)]
        if directions:
            return digest_of({"condition": self.condition, "directions": directions})
        return None if self.condition is None else digest_of(self.condition)

    @property
    def has_class_targets(self) -> bool:
        """Whether a target says which samples contain a class."""
        return bool(class_targets(self.targets))
