"""Candidates in, accepted samples out: which latent stands for sample i, found and rendered in micro-batches.

Sample i is the first of its own candidates (i, 0), (i, 1), ... that passes the filter: a pure function of seed and
index, whatever the micro-batch, the shard or the worker.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from models.labels.label_generator import LabelGenerator
from models.sampling import latents

from contracts.errors import AcceptanceTooLow
from workers.machine import Machine
from workers.samples import Sample

MAX_ATTEMPTS = 1_000
"""Candidates per sample: a filter that keeps only a tenth needs more than this once in 10^45 samples."""


@dataclass(frozen=True)
class Candidate:
    """One draw for one sample."""

    index: int
    attempt: int


class Renderer:
    """Renders the candidates of one seed at one truncation with one label generator."""

    def __init__(
        self, machine: Machine, label_generator: LabelGenerator, *, seed: int, truncation: float
    ) -> None:
        self._machine = machine
        self._label_generator = label_generator
        self._seed = seed
        self._truncation = truncation

    def draw(
        self, indices: Sequence[int], threshold: float | None
    ) -> Iterator[tuple[Sample, bool]]:
        """Every candidate with whether it is the accepted one of its index; ends when all indices have theirs.

        Raises `AcceptanceTooLow` when an index has used up its candidates.
        """
        waiting = [Candidate(index, 0) for index in indices]
        while waiting:
            rejected: list[Candidate] = []
            for sample in self.render(waiting):
                is_accepted = threshold is None or sample.score <= threshold
                if not is_accepted:
                    rejected.append(Candidate(sample.index, sample.attempt + 1))
                yield sample, is_accepted
            waiting = rejected
            if waiting and waiting[0].attempt == MAX_ATTEMPTS:
                raise AcceptanceTooLow(
                    f"Sample {waiting[0].index} passed its filter in none of {MAX_ATTEMPTS} draws."
                    " Ask for a smaller drop_share, or fit with more labels."
                )

    def render(self, candidates: Sequence[Candidate]) -> Iterator[Sample]:
        """The sample of each candidate, in order."""
        for samples in self._machine.micro_batches.run("rendering", candidates, self._render_chunk):
            yield from samples

    @torch.inference_mode()
    def _render_chunk(self, chunk: Sequence[Candidate]) -> list[Sample]:
        generator = self._label_generator.generator
        indices, attempts = [c.index for c in chunk], [c.attempt for c in chunk]
        z = latents(self._seed, indices, attempts, generator.config.z_dim)
        rendered = self._label_generator.render(
            generator.map(z.to(self._machine.device), self._truncation)
        )
        rows = zip(
            rendered.images.cpu().numpy(),
            rendered.masks.cpu().numpy(),
            rendered.uncertainty.cpu().numpy(),
            rendered.scores.tolist(),
            strict=True,
        )
        return [
            Sample(self._seed, candidate.index, candidate.attempt, *row)
            for candidate, row in zip(chunk, rows, strict=True)
        ]
