"""From candidates to labelled samples: code, image, label and uncertainty, rendered in micro-batches.

Seed and index alone decide which candidate becomes sample i (`models/sampling.py`); micro-batch, shard and worker
change it only by rounding, and the choice only for a candidate at the threshold of a filter (decision 0035).
"""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from contracts.errors.jobs import AcceptanceTooLow
from contracts.recipes.conditions import ConditionShares
from contracts.recipes.recipe import PinnedFit
from models import sampling
from models.arrays import Codes, Shift, StyleVectors
from models.generators.generator import Steerable
from models.labels.label_generator import Rendered
from models.sampling import (
    Candidate,
    CandidateDraws,
    Stream,
    draw_accepted,
    draw_conditions,
)
from models.targets.proposals import NoCodePasses
from models.tasks.task import LabelOptions
from workers.codecs.samples import Sample
from workers.rendering.label_generators import open_label_generator
from workers.rendering.selection import Selection
from workers.runtime.machine import Machine

MAX_ATTEMPTS = 1_000
"""Candidates per sample: a filter that keeps only a tenth needs more than this once in 10^45 samples."""
CODES_AT_ONCE = 256
"""Codes that are sampled at once for their vectors."""


class Renderer:
    """Renders the candidates of one seed at one truncation and condition with the label generator of one fit.

    `options` are those of its masks. `shift` is added to the vector of every code.
    """

    def __init__(  # noqa: PLR0913 - keyword-only, each with a default beyond the first
        self,
        machine: Machine,
        tenant: str,
        fit: PinnedFit,
        *,
        seed: int,
        truncation: float,
        condition: ConditionShares | None = None,
        stream: Stream = Stream.SAMPLES,
        options: LabelOptions | None = None,
        shift: Shift | None = None,
    ) -> None:
        self._machine = machine
        self._label_generator = open_label_generator(machine, tenant, fit)
        self._digest = fit.known_digest
        self._micro_batch = machine.micro_batches.max_size(self._label_generator.image_bytes)
        self._seed = seed
        self._truncation = truncation
        self._stream = stream
        self._options = options or LabelOptions()
        self._shares = _by_number(condition)
        self._shift = shift

    def render(self, candidates: Sequence[Candidate]) -> Iterator[Sample]:
        """Yield the sample of each candidate, in order."""
        for samples in self.render_chunks(candidates):
            yield from samples

    def render_chunks(self, candidates: Sequence[Candidate]) -> Iterator[list[Sample]]:
        """Yield the samples of each micro-batch of candidates, in order."""
        return self._machine.micro_batches.run(
            "rendering", self._digest, candidates, self._render_chunk, largest=self._micro_batch
        )

    def vectors(self, candidates: Sequence[Candidate]) -> StyleVectors | None:
        """Return the vectors behind the codes, on the CPU; None if codes are no cheaper than images."""
        generator = self._label_generator.generator
        if not isinstance(generator, Steerable):
            return None
        parts = [
            generator.vectors(self._codes(candidates[start : start + CODES_AT_ONCE]))
            for start in range(0, len(candidates), CODES_AT_ONCE)
        ]
        return torch.cat(parts).float().cpu()

    def draw(
        self,
        indices: Sequence[int],
        threshold: float | None,
        on_drawn: Callable[[list[Sample]], None],
        selection: Selection | None = None,
    ) -> Iterator[Sample]:
        """Yield the accepted sample of each index as it is accepted. `on_drawn` gets every micro-batch of candidates.

        Raises `AcceptanceTooLow` when an index has used up its candidates.
        """

        def render(candidates: list[Candidate]) -> list[Sample]:
            samples = list(self.render(candidates))
            on_drawn(samples)
            return samples

        def accept(sample: Sample) -> bool:
            is_certain = threshold is None or sample.score <= threshold
            return is_certain and (selection is None or selection.accepts(sample))

        accepted = draw_accepted(
            indices,
            render,
            accept,
            micro_batch=self._micro_batch,
            max_attempts=MAX_ATTEMPTS,
            advance=list if selection is None else selection.advance(self._vectors_of_codes),
        )
        try:
            yield from (sample for _, sample in accepted)
        except (sampling.AcceptanceTooLow, NoCodePasses) as error:
            raise AcceptanceTooLow(f"Not every sample can be rendered: {error}.") from error

    def _vectors_of_codes(self, candidates: Sequence[Candidate]) -> StyleVectors:
        found = self.vectors(candidates)
        assert found is not None, "a plan judges codes of such generators alone"
        return found

    def _codes(self, chunk: Sequence[Candidate]) -> Codes:
        generator = self._label_generator.generator
        draws = CandidateDraws(self._seed, chunk, self._stream)
        codes = generator.sample(draws, self._truncation, self._condition(chunk))
        if self._shift is None:
            return codes
        assert isinstance(generator, Steerable), "the app refuses directions of other generators"
        return generator.shifted(codes, self._shift)

    def _render_chunk(self, chunk: Sequence[Candidate]) -> list[Sample]:
        rendered = self._label_generator.render(self._codes(chunk), self._options)
        condition = self._condition(chunk)
        conditions = [None] * len(chunk) if condition is None else condition.tolist()
        return [
            self._sample(candidate, rendered, index, conditions[index])
            for index, candidate in enumerate(chunk)
        ]

    def _condition(self, chunk: Sequence[Candidate]) -> Tensor | None:
        """Return the condition of each candidate; None without a requested condition."""
        if self._shares is None:
            return None
        indices = [candidate.index for candidate in chunk]
        return draw_conditions(self._seed, indices, self._shares, self._stream.conditions)

    def _sample(
        self, candidate: Candidate, rendered: Rendered, index: int, condition: int | None
    ) -> Sample:
        """Return one of the rendered samples as arrays; they are views of the rendered tensors."""
        return Sample(
            seed=self._seed,
            index=candidate.index,
            attempt=candidate.attempt,
            condition=condition,
            image=rendered.images[index].numpy(),
            uncertainty=rendered.uncertainty[index].numpy(),
            score=float(rendered.scores[index]),
            task_scores={
                task: float(scores[index]) for task, scores in rendered.task_scores.items()
            },
            labels={
                codec.name: codec.fields(rendered.labels[codec.name], index)
                for codec in self._machine.tasks
                if codec.name in rendered.labels
            },
        )


def _by_number(shares: ConditionShares | None) -> dict[int, float] | None:
    return None if shares is None else {int(name): share for name, share in shares.items()}
