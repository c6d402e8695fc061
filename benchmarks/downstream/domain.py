"""A domain of the downstream benchmark: real pairs, generated pairs of a fit, and its labels of held-out images.

Everything that takes long is kept in a folder: codes of samples and of real images, and the generated labels of each
fit. Samples do not depend on the fit, so all fits label the same ones.
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.defaults import ensemble_options
from benchmarks.downstream.networks import Networks
from benchmarks.downstream.real_data import RealData
from models.arrays import Codes
from models.downstream.pairs import Pairs, PixelImages
from models.generators.generator import Generator, Mirrorable
from models.labels.label_generator import LabelGenerator, to_bytes
from models.labels.training import train_ensemble
from models.sampling import Candidate, CandidateDraws
from models.tasks.mirroring import mirrored
from models.tasks.segmentation import ClassVotes, SegmentationTask
from models.tasks.task_set import Labels, TaskSet
from workers.evaluating.scoring import ImageScores, score_batches
from workers.fitting.downstream import mirror_swaps

SAMPLE_SEED = 11
MICRO_BATCH = 32


@dataclass(frozen=True)
class Generated:
    """Samples with everything that the fit says about them. Only `probabilities` are rounded, to 8 bits."""

    images: Tensor  # uint8 [n, 3, h, w]
    masks: Tensor  # uint8 [n, h, w]
    probabilities: Tensor  # uint8 [n, classes, h, w], 255 = certain
    uncertainty: Tensor  # float16 [n, h, w]
    scores: Tensor  # float32 [n]

    def pairs(self, masks: Tensor | None = None) -> Pairs:
        """Return the samples with their masks, or with others."""
        masks = self.masks if masks is None else masks
        return Pairs.of(self.images, Labels((masks.shape[1], masks.shape[2]), segmentation=masks))


@dataclass(
    frozen=True, eq=False
)  # compared by identity: networks have no hash, and a fit is cached by its domain
class Domain:
    """`data` are real pairs, `networks` generate, `folder` keeps intermediate files."""

    data: RealData
    networks: Networks
    folder: Path

    @property
    def name(self) -> str:
        return self.data.name

    @functools.cached_property
    def tasks(self) -> TaskSet:
        return TaskSet(SegmentationTask(len(self.data.schema.classes)))

    @property
    def heldout(self) -> Pairs:
        return self.data.heldout

    def real(self, draw: int, count: int) -> Pairs:
        """Return the labelled images of one draw."""
        return self.data.labelled(draw, count)

    def synthetic(self, draw: int, labels: int, count: int) -> Pairs:
        """Return generated pairs of the fit on one draw; a smaller count is the start of a larger one."""
        return self.generated(draw, labels, count).pairs()

    def generated(self, draw: int, labels: int, count: int) -> Generated:
        """Return samples with the labels of the fit on one draw."""
        name = f"labels-{labels}-{draw}-{count}"
        arrays = self.kept(name, lambda: self._label(self.fit(draw, labels), count))
        return Generated(**arrays)

    def own(self, draw: int, labels: int, count: int) -> Pairs:
        """Return unlabelled real images with the labels of the fit on one draw; fewer if there are not as many."""
        images = self.data.unlabelled(count)

        def label() -> dict[str, Tensor]:
            codes = self.codes(f"own-{len(images)}", images)
            fitted = self.fit(draw, labels)
            parts = [
                fitted.render(part).labels["segmentation"] for part in codes.split(MICRO_BATCH)
            ]
            return {"masks": torch.cat([part["masks"] for part in parts])}

        masks = self.kept(f"own-{labels}-{draw}-{len(images)}", label)["masks"]
        return Pairs.of(images, Labels((masks.shape[1], masks.shape[2]), segmentation=masks))

    def direct(self, draw: int, labels: int) -> ImageScores:
        """Return the scores of the fit's labels of the inverted held-out images."""
        return self.score(self.fit(draw, labels))

    def score(self, fitted: LabelGenerator) -> ImageScores:
        """Return the scores of labels of the inverted held-out images."""
        codes = self.codes(f"heldout-{len(self.heldout)}", self.heldout.images)
        batches = (dict(fitted.render(part).labels) for part in codes.split(MICRO_BATCH))
        return score_batches(batches, self.heldout.labels, self.tasks)

    @functools.lru_cache(maxsize=1)  # noqa: B019 - one object lives as long as the process
    def fit(self, draw: int, count: int) -> LabelGenerator:
        """Fit with the default options, as the service does."""
        real, generator = self.real(draw, count), self.networks.generator
        codes = self.codes(f"labelled-{draw}-{count}", real.images)
        labels = Labels(real.px, segmentation=real.labels["segmentation"].long())
        swaps = mirror_swaps(self.data.schema) if isinstance(generator, Mirrorable) else None
        if swaps is not None:
            assert isinstance(generator, Mirrorable)
            codes = torch.cat([codes, generator.mirrored(codes)])
            labels = labels.with_more(mirrored(labels, self.tasks, swaps))
        ensemble = train_ensemble(
            generator,
            codes,
            labels,
            tasks=self.tasks,
            swaps=swaps,
            options=ensemble_options(),
            seed=draw,
        )
        return LabelGenerator(self.networks.renderer, ensemble)

    def codes(self, name: str, images: PixelImages) -> Codes:
        """Invert images, or read their codes."""

        def invert() -> dict[str, Tensor]:
            parts = (images.float() / 127.5 - 1.0).split(MICRO_BATCH)
            return {"codes": torch.cat([self.networks.inverter.invert(one).codes for one in parts])}

        return self.kept(f"codes-{name}", invert)["codes"]

    def _samples(self, count: int) -> Codes:
        """Return codes of untruncated samples."""
        renderer = self.networks.renderer
        return self.kept(f"samples-{count}", lambda: {"codes": sample(renderer, count)})["codes"]

    @torch.no_grad()
    def _label(self, fitted: LabelGenerator, count: int) -> dict[str, Tensor]:
        parts = list(_labelled(fitted, self._samples(count)))
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

    def kept(self, name: str, make: Callable[[], Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """Return named tensors from the file of this name, which is made if it is missing."""
        path = self.folder / f"{self.name}-{self.networks.digest}" / f"{name}.npz"
        if not path.exists():
            arrays = {key: tensor.numpy() for key, tensor in make().items()}
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_suffix(".part.npz")
            np.savez_compressed(unfinished, allow_pickle=False, **arrays)
            unfinished.replace(path)
        with np.load(path) as file:
            return {key: torch.from_numpy(file[key]) for key in file.files}


def sample(generator: Generator, count: int) -> Codes:
    """Return codes of untruncated samples; a smaller count is the start of a larger one."""
    parts = torch.arange(count).split(MICRO_BATCH)
    draws = [CandidateDraws(SAMPLE_SEED, [Candidate(int(i)) for i in part]) for part in parts]
    return torch.cat([generator.sample(one) for one in draws])


def _labelled(fitted: LabelGenerator, codes: Codes) -> Iterator[dict[str, Tensor]]:
    """Yield the fields of `Generated`, micro-batch by micro-batch."""
    for part in codes.split(MICRO_BATCH):
        images, counted = fitted.vote(part)
        votes = counted.of(ClassVotes)
        yield {
            "images": to_bytes(images).permute(0, 3, 1, 2),
            "masks": votes.labels()["masks"],
            "probabilities": (votes.probabilities * 255).round().byte(),
            "uncertainty": votes.uncertainty.half(),
            "scores": votes.scores,
        }
