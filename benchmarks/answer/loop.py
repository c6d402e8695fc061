"""A training loop on a stream: new samples shard by shard, training on all so far, and a score after each shard.

With `slopes`, the loop reports the loss of each class in the new samples before it trains on them, and the next shard
is drawn by the steering of the service. Reports act at once: there is no look-ahead here.
"""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.targets.sampling import Labelled, Sampler
from contracts.base import now
from contracts.recipes.steering import SteeringVersion, version_after
from handsoff_client.torch import ClassLosses
from handsoff_shards.labels import Labels
from models.downstream.pairs import Pairs
from models.downstream.unet import UNet, UNetConfig
from models.targets.steering import ClassSlopes

BATCH = 16
DECAY = 0.97
"""Of the averaged weights, which are scored: with a constant learning rate the last ones are noisy."""


@dataclass(frozen=True)
class LoopOptions:
    """`shard` new samples, then `steps` training steps, `shards` times."""

    shards: int
    shard: int = 64
    steps: int = 24
    learning_rate: float = 2e-3
    strength: float = 1.0
    channels: tuple[int, ...] = (32, 64, 96)


@dataclass(frozen=True)
class Point:
    """The score after some samples: IoU of each class on held-out images, and the share of images with each class."""

    num_samples: int
    iou: Tensor
    presence: Tensor

    @property
    def miou(self) -> float:
        return float(self.iou.nanmean())


@dataclass
class Loop:
    """One training. The seed decides first weights, samples and batches: both arms of a seed begin alike."""

    sampler: Sampler
    labels: Labels
    heldout: Pairs
    options: LoopOptions
    slopes: ClassSlopes | None  # None: a plain stream
    state: SteeringVersion | None = field(default=None, init=False)

    def run(self) -> Iterator[Point]:
        """Train, and yield a point after each shard."""
        seed, options = self.sampler.seed, self.options
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            module = UNet(UNetConfig(outputs=len(self.labels.classes), channels=options.channels))
        averaged = deepcopy(module).requires_grad_(False)
        optimizer = torch.optim.AdamW(module.parameters(), lr=options.learning_rate)
        rng = torch.Generator().manual_seed(seed)
        images, masks = torch.empty(0), torch.empty(0)
        for number in range(options.shards):
            new_images, new_masks = tensors(self._draw(number))
            self._report(averaged, new_images, new_masks)
            images = torch.cat([images, new_images]) if len(images) else new_images
            masks = torch.cat([masks, new_masks]) if len(masks) else new_masks
            for _ in range(options.steps):
                rows = torch.randint(len(images), (BATCH,), generator=rng)
                _step(module, optimizer, images[rows], masks[rows], rng)
                _average(averaged, module)
            yield Point(
                len(images), self._iou(averaged), _presence(masks, len(self.labels.classes))
            )

    def _draw(self, number: int) -> list[Labelled]:
        size = self.options.shard
        indices = range(number * size, (number + 1) * size)
        weights = self.state.weights if self.state is not None else {}
        preference = None
        if self.slopes is not None and weights:
            row = torch.tensor([weights.get(name, 0.0) for name in self.labels.classes])
            preference = self.options.strength * (row.double() @ self.slopes)
        return self.sampler.answered(indices, preference)

    @torch.no_grad()
    def _report(self, module: nn.Module, images: Tensor, masks: Tensor) -> None:
        if self.slopes is None:
            return
        module.eval()
        losses = ClassLosses(self.labels)
        for some, truth in zip(images.split(BATCH), masks.split(BATCH), strict=True):
            found = functional.cross_entropy(module(some), truth, reduction="none")
            losses.add(found, truth)
        self.state = version_after(self.state, losses.take(), None, now())

    @torch.no_grad()
    def _iou(self, module: nn.Module) -> Tensor:
        """Return the IoU of each class over all held-out images together."""
        module.eval()
        count = len(self.labels.classes)
        confusion = torch.zeros(count * count, dtype=torch.int64)
        truth = self.heldout.labels["segmentation"].long()
        for images, masks in zip(self.heldout.images.split(64), truth.split(64), strict=True):
            predicted = module(images.float() / 127.5 - 1).argmax(dim=1)
            known = masks < count
            pairs = masks[known] * count + predicted[known]
            confusion += torch.bincount(pairs, minlength=count * count)
        table = confusion.view(count, count).double()
        hits = table.diagonal()
        return hits / (table.sum(0) + table.sum(1) - hits)


def tensors(samples: list[Labelled]) -> tuple[Tensor, Tensor]:
    """Return images, float32 in [-1, 1] [n, 3, h, w], and masks, int64 [n, h, w]."""
    images = torch.stack([one.image for one in samples]).permute(0, 3, 1, 2)
    masks = torch.stack([one.mask for one in samples])
    return images.float() / 127.5 - 1, masks.long()


def _step(
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    images: Tensor,
    masks: Tensor,
    rng: torch.Generator,
) -> None:
    module.train()
    if float(torch.rand(1, generator=rng)) < 0.5:  # portraits have no left and right classes
        images, masks = images.flip(-1), masks.flip(-1)
    loss = functional.cross_entropy(module(images), masks)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()


@torch.no_grad()
def _average(averaged: nn.Module, module: nn.Module) -> None:
    for mean, one in zip(averaged.state_dict().values(), module.state_dict().values(), strict=True):
        if mean.is_floating_point():
            mean.lerp_(one, 1 - DECAY)
        else:
            mean.copy_(one)


def _presence(masks: Tensor, count: int) -> Tensor:
    flat = masks.flatten(1)
    return torch.stack([(flat == one).any(dim=1).double().mean() for one in range(count)])
