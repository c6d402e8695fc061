"""Labelled portraits of which a chosen share wears an accessory, and generated pairs with and without a target."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from benchmarks.downstream.domain import Domain
from benchmarks.downstream.real_data import UNLABELLED_DRAW, as_pairs
from benchmarks.segmenter.renderings import render_pairs
from benchmarks.targets.sampling import Sampler, predictor_of
from contracts.schemas import LabelSchema
from examples.portraits.classes import CLASS_NAMES, Part
from examples.portraits.population import draw_portrait
from examples.portraits.splits import seed_of
from models.downstream.pairs import Pairs, PixelImages
from models.generators.stylegan2.generator import Generator
from models.targets.constraints import Constraint
from models.tasks.task_set import Labels
from workers.rendering.plans import MAX_CANDIDATES_PER_SAMPLE

SAMPLE_SEED = 29
HELDOUT_SHARE = 0.5
"""Of the held-out portraits wear the accessory: with its natural share of 5%, its IoU would rest on a few images."""


@dataclass(frozen=True)
class LongTail:
    """Rendered portraits of which `share` wear `part`. Implements `RealData`."""

    part: Part
    share: float
    num_heldout: int

    @property
    def name(self) -> str:
        return f"longtail-{self.part.name.lower()}-{round(100 * self.share)}"

    @property
    def schema(self) -> LabelSchema:
        return LabelSchema(classes=CLASS_NAMES)

    @cached_property
    def heldout(self) -> Pairs:
        return self._rendered("heldout", 0, self.num_heldout, HELDOUT_SHARE)

    def labelled(self, draw: int, count: int) -> Pairs:
        return self._rendered("labelled", draw, count, self.share)

    def oracle(self, count: int) -> Pairs | None:
        return None

    def unlabelled(self, count: int) -> PixelImages:
        return self._rendered("labelled", UNLABELLED_DRAW, count, self.share).images

    def _rendered(self, split: str, draw: int, count: int, share: float) -> Pairs:
        seed = seed_of(split, draw)
        rendered = render_pairs(seed, indices_with(self.part, seed, count, share))
        return as_pairs(torch.from_numpy(rendered.images), torch.from_numpy(rendered.masks))


def indices_with(part: Part, seed: int, count: int, share: float) -> list[int]:
    """Return the first portraits of a seed of which `share`, rounded, wear an accessory and the others do not."""
    missing = {True: round(share * count)}
    missing[False] = count - missing[True]
    chosen: list[int] = []
    index = 0
    while len(chosen) < count:
        worn = getattr(draw_portrait(seed, index), part.name.lower()) is not None
        if missing[worn]:
            missing[worn] -= 1
            chosen.append(index)
        index += 1
    return chosen


def targeted_pairs(
    domain: Domain, part: Part, *, draw: int, labels: int, count: int, share: float, pilot: int
) -> Pairs | None:
    """Return generated pairs of the fit on one draw, of which `share` contain the accessory by the fit's labels.

    None where the service refuses the target: the fit labels the accessory too rarely.
    """

    def make() -> dict[str, Tensor]:
        generator = domain.networks.renderer
        assert isinstance(generator, Generator), "targets need codes that cost little"
        sampler = Sampler(domain.fit(draw, labels), generator, len(CLASS_NAMES), SAMPLE_SEED)
        constraint = _constraint(domain.real(draw, labels), part)
        fitted = predictor_of(sampler.pilot(pilot), constraint)
        if share > MAX_CANDIDATES_PER_SAMPLE * fitted.present_yield:
            return {"masks": torch.empty(0)}
        drawn = sampler.draw(range(count), constraint, share, fitted=fitted)
        masks = torch.stack([drawn.samples[index].mask for index in range(count)])
        return {"images": drawn.images.permute(0, 3, 1, 2).contiguous(), "masks": masks}

    name = f"targeted-{labels}-{draw}-{count}-{share:g}-{pilot}"
    kept = domain.kept(name, make)
    masks = kept["masks"]
    if not len(masks):
        return None
    return Pairs.of(kept["images"], Labels((masks.shape[1], masks.shape[2]), segmentation=masks))


def _constraint(real: Pairs, part: Part) -> Constraint:
    """Return the constraint with the service's default: half of the median share in the labelled images."""
    shares = (real.labels["segmentation"] == part).flatten(1).float().mean(dim=1)
    return Constraint(part, float(shares[shares > 0].median()) / 2)
