"""Samples of one label generator with and without targets: the models of the service, without its store and queue."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from models.arrays import Shift
from models.generators.stylegan2.generator import Generator
from models.labels.label_generator import LabelGenerator
from models.sampling import Candidate, CandidateDraws, Stream, draw_accepted
from models.targets.assignment import Assignment
from models.targets.constraints import Constraint
from models.targets.predictor import Fitted, fit_predictor
from models.targets.proposals import Proposals
from models.targets.steering import Pools

MICRO_BATCH = 16
MAX_ATTEMPTS = 1_000


@dataclass(frozen=True)
class Labelled:
    """One rendered candidate: image [h, w, 3] and mask [h, w], bytes, and the share of each class."""

    candidate: Candidate
    image: Tensor
    mask: Tensor
    shares: Tensor


@dataclass(frozen=True)
class Pilot:
    """What a pilot measures: the vectors of its samples, and the class shares of their labels."""

    vectors: Tensor
    shares: Tensor


@dataclass
class Drawn:
    """The accepted samples by index, and the number of rendered candidates and of drawn codes."""

    samples: dict[int, Labelled] = field(default_factory=dict)
    num_candidates: int = 0

    @property
    def num_codes(self) -> int:
        return sum(one.candidate.attempt + 1 for one in self.samples.values())

    @property
    def candidates_per_sample(self) -> float:
        return self.num_candidates / len(self.samples)

    @property
    def images(self) -> Tensor:
        return torch.stack([self.samples[index].image for index in sorted(self.samples)])

    @property
    def attempts(self) -> dict[int, int]:
        return {index: one.candidate.attempt for index, one in sorted(self.samples.items())}


@dataclass(frozen=True)
class Sampler:
    """Draws the samples of one seed of a fit; samples are not truncated, so rare classes keep their frequency."""

    fitted: LabelGenerator
    generator: Generator
    num_classes: int
    seed: int

    def pilot(self, count: int) -> Pilot:
        """Return the measurements of the reserved samples."""
        candidates = [Candidate(index) for index in range(count)]
        rendered = self._rendered(candidates, Stream.PILOT, None)
        return Pilot(
            self._vectors(candidates, Stream.PILOT),
            torch.stack([one.shares for one in rendered]),
        )

    def draw(
        self,
        indices: Sequence[int],
        constraint: Constraint,
        share: float,
        *,
        fitted: Fitted | None = None,
        micro_batch: int = MICRO_BATCH,
    ) -> Drawn:
        """Draw samples of which `share` contain a class; with a predictor only likely candidates are rendered."""
        drawn, assignment = Drawn(), Assignment(self.seed, [[share]])

        def render(candidates: list[Candidate]) -> list[Labelled]:
            drawn.num_candidates += len(candidates)
            return list(self._rendered(candidates, Stream.SAMPLES, None))

        def accept(one: Labelled) -> bool:
            expected = assignment.of(one.candidate.index)[0]
            return bool(constraint.is_met(one.shares[None])[0]) == expected

        def passes(vectors: Tensor, rows: Sequence[int]) -> Tensor:
            assert fitted is not None
            assert fitted.predictor is not None
            return fitted.predictor.passes(
                vectors, torch.tensor([assignment.of(index)[0] for index in rows])
            )

        is_thinned = fitted is not None and fitted.predictor is not None
        choice = Proposals(lambda some: self._vectors(some, Stream.SAMPLES), passes)
        accepted = draw_accepted(
            indices,
            render,
            accept,
            micro_batch=micro_batch,
            max_attempts=MAX_ATTEMPTS,
            advance=choice.advance if is_thinned else list,
        )
        drawn.samples = {candidate.index: one for candidate, one in accepted}
        return drawn

    def moved(self, count: int, shift: Shift | None) -> Drawn:
        """Return the first samples, all moved by a direction."""
        candidates = [Candidate(index) for index in range(count)]
        rendered = self._rendered(candidates, Stream.SAMPLES, shift)
        return Drawn({one.candidate.index: one for one in rendered}, count)

    def answered(self, indices: Sequence[int], preference: Tensor | None) -> list[Labelled]:
        """Return the samples of a steered stream in order; those of a plain one without a preference."""
        candidates = [Candidate(index) for index in indices]
        if preference is not None:
            pools = Pools(lambda some: self._vectors(some, Stream.SAMPLES), preference, self.seed)
            candidates = pools.advance(candidates)
        return list(self._rendered(candidates, Stream.SAMPLES, None))

    def _vectors(self, candidates: Sequence[Candidate], stream: Stream) -> Tensor:
        codes = self.generator.sample(CandidateDraws(self.seed, candidates, stream))
        return self.generator.vectors(codes)

    def _rendered(
        self, candidates: Sequence[Candidate], stream: Stream, shift: Shift | None
    ) -> Iterator[Labelled]:
        for start in range(0, len(candidates), MICRO_BATCH):
            part = candidates[start : start + MICRO_BATCH]
            codes = self.generator.sample(CandidateDraws(self.seed, part, stream))
            codes = codes if shift is None else self.generator.shifted(codes, shift)
            rendered = self.fitted.render(codes)
            masks = rendered.labels["segmentation"]["masks"]
            for candidate, image, mask in zip(part, rendered.images, masks, strict=True):
                counts = torch.bincount(mask.flatten().long(), minlength=self.num_classes)
                yield Labelled(candidate, image, mask, counts / mask.numel())


def predictor_of(pilot: Pilot, constraint: Constraint) -> Fitted:
    """Return the predictor that a plan of the service would have."""
    return fit_predictor(pilot.vectors, pilot.shares, constraint)
