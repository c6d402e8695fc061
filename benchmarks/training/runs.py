"""One training of a recipe for a number of processor seconds, with its distances to the real images on the way."""

import copy
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.training.balancing import rarity, weighted_batches
from benchmarks.training.candidates import AVERAGES, DISCRIMINATOR, GENERATOR, Candidate
from benchmarks.training.domains import Domain, halved
from benchmarks.training.growing import HALF_DISCRIMINATOR, HALF_GENERATOR, grown
from models.adversarial.averaging import average_decay, move_average
from models.adversarial.frechet import frechet_distance, random_features
from models.adversarial.training import AdversarialState, start, training_step
from models.generators.stylegan2.generator import Generator
from models.inversion.squeezenet import SqueezeNet

NUM_SAMPLES = 1_000
RANDOM = "random"  # the name of the random network
MICRO_BATCH = 50
# Images => feature vectors [n, features]
Features = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Yardstick:
    """Feature networks by name, and the features of all real images in each."""

    networks: Mapping[str, Features]
    reals: Mapping[str, Tensor]

    @classmethod
    def of(cls, domain: Domain, networks: Mapping[str, Features], cache: Path) -> "Yardstick":
        """Compute the features of the real images, once for each domain and network."""
        reals = {}
        for name, features in networks.items():
            path = cache / f"features-{domain.name}-{name}.npy"
            if not path.exists():
                np.save(path, features(domain.images).numpy())
            reals[name] = torch.from_numpy(np.load(path))
        return cls(networks, reals)

    def distances(self, generator: Generator, seed: int) -> dict[str, float]:
        """Return the Frechet distance of 1,000 samples to all real images in each network's features."""
        images = samples(generator, NUM_SAMPLES, seed)
        return {
            f"fd_{name}": round(frechet_distance(self.reals[name], features(images)), 4)
            for name, features in self.networks.items()
        }


def random_network(images: Tensor) -> Tensor:
    """Return the features of the fixed random network, in micro-batches."""
    parts = images.split(MICRO_BATCH)
    return torch.cat([random_features(part, DISCRIMINATOR) for part in parts])


@torch.no_grad()
def samples(generator: Generator, count: int, seed: int) -> Tensor:
    """Return untruncated samples of fixed latents."""
    rng = torch.Generator().manual_seed(seed)
    z = torch.randn(count, generator.config.z_dim, generator=rng)
    return torch.cat([generator(part) for part in z.split(MICRO_BATCH)])


@dataclass
class Run:
    """A training in progress. `seconds` counts the processor time of training steps alone."""

    candidate: Candidate
    state: AdversarialState
    averages: dict[str, Generator]
    total_seconds: float
    pretrained: SqueezeNet | None = None
    seconds: float = 0.0
    factor: float = 1.0  # of the learning rates

    @classmethod
    def begin(
        cls,
        candidate: Candidate,
        *,
        seed: int,
        total_seconds: float,
        pretrained: SqueezeNet | None = None,
    ) -> "Run":
        """Start new networks. The same seed gives the same weights to recipes of the same networks."""
        torch.manual_seed(seed)
        configs = (GENERATOR, DISCRIMINATOR)
        if candidate.half_share:
            configs = (HALF_GENERATOR, HALF_DISCRIMINATOR)
        state = start(*configs, candidate.adversarial, torch.device("cpu"), pretrained)
        return cls(candidate, state, _averages(state), total_seconds, pretrained)

    def step(self, reals: Tensor) -> None:
        """Train on images at 32 px. Resolution and learning rates follow the share of the time that is over."""
        options, began = self.candidate.adversarial, time.process_time()
        if self._is_half and self.seconds >= self.candidate.half_share * self.total_seconds:
            self.state = grown(self.state, options, self.pretrained)
            self.averages = _averages(self.state)
        training_step(self.state, halved(reals) if self._is_half else reals, options)
        self._decay()
        self.seconds += time.process_time() - began
        for name, changes in AVERAGES.items():
            longer = replace(options, **changes)
            decay = average_decay(self.state.images_seen, len(reals), longer)
            move_average(self.averages[name], self.state.generator, decay)

    @property
    def _is_half(self) -> bool:
        return self.state.generator.config == HALF_GENERATOR

    def _decay(self) -> None:
        """Lower the learning rates linearly over the last share of the time."""
        if not self.candidate.decay_share:
            return
        remaining = max(1.0 - self.seconds / self.total_seconds, 0.0)
        before = self.factor
        self.factor = min(1.0, remaining / self.candidate.decay_share)
        optimizers = [self.state.generator_optimizer, self.state.discriminator_optimizer]
        if self.state.projection is not None:
            optimizers.append(self.state.projection.optimizer)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] *= self.factor / before if before else 0.0


def _averages(state: AdversarialState) -> dict[str, Generator]:
    return {name: copy.deepcopy(state.average) for name in AVERAGES}


def train(
    candidate: Candidate,
    domain: Domain,
    yardstick: Yardstick,
    *,
    seed: int,
    marks: Sequence[float],
    pretrained: SqueezeNet | None,
) -> tuple[Run, list[dict[str, Any]]]:
    """Train until the last mark, in processor seconds; return the run and one row of distances for each mark.

    The weights of balanced batches are computed before: their time does not count, as that of the distances.
    """
    run = Run.begin(candidate, seed=seed, total_seconds=marks[-1], pretrained=pretrained)
    batches, rows = _batches(candidate, domain, yardstick, seed), list[dict[str, Any]]()
    for mark in marks:
        while run.seconds < mark:
            run.step(next(batches))
        rows.append(_row(run, yardstick, seed))
    return run, rows


def _batches(
    candidate: Candidate, domain: Domain, yardstick: Yardstick, seed: int
) -> Iterator[Tensor]:
    balance = candidate.balance
    if balance is None:
        return domain.batches(candidate.batch, seed)
    weights = rarity(yardstick.reals[balance.network], balance.power)
    return weighted_batches(domain.images, weights, candidate.batch, seed=seed)


def _row(run: Run, yardstick: Yardstick, seed: int) -> dict[str, Any]:
    state = run.state
    return {
        "seconds": round(run.seconds, 1),
        "images": state.images_seen,
        "augmentation": round(state.augmentation, 4),
        **yardstick.distances(state.average, seed),
    }


def average_rows(run: Run, yardstick: Yardstick, seed: int) -> dict[str, dict[str, float]]:
    """Return the distances of the run's further averages."""
    return {name: yardstick.distances(each, seed) for name, each in run.averages.items()}
