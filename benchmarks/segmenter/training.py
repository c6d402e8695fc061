"""Training of the reference segmenter on renderings. An interrupted training continues from its checkpoint.

Random blur, brightness and noise are added to renderings, because generated images are slightly softer than
renderings.
"""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.segmenter.network import Segmenter, to_input
from benchmarks.segmenter.renderings import Renderings


@dataclass(frozen=True)
class TrainingOptions:
    """Length and speed of a training. The seed sets the order of images and, in `reference.py`, the first weights."""

    epochs: int = 8
    batch: int = 64
    learning_rate: float = 4e-3
    weight_decay: float = 1e-3
    checkpoint_steps: int = 100
    seed: int = 0


def train_segmenter(
    segmenter: Segmenter,
    pairs: Renderings,
    options: TrainingOptions,
    *,
    checkpoint: Path,
    on_step: Callable[[int, int, float], None],
) -> None:
    """Train in place. `on_step` receives the steps done, the total number of steps and the last loss.

    The checkpoint is written every `checkpoint_steps`. It is read at the start if its options are the same.
    """
    optimizer = torch.optim.AdamW(
        segmenter.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay
    )
    steps_per_epoch = len(pairs.images) // options.batch
    total = steps_per_epoch * options.epochs
    first = _resume(checkpoint, segmenter, optimizer, options)
    segmenter.train()
    for step in range(first, total):
        rows = _rows_of_step(step, steps_per_epoch, len(pairs.images), options)
        for group in optimizer.param_groups:
            group["lr"] = _rate(step, total, options)
        rng = torch.Generator().manual_seed(step)
        images, masks = to_input(pairs.images[rows]), torch.from_numpy(pairs.masks[rows]).long()
        loss = _descend(segmenter, optimizer, *augment(images, masks, rng))
        on_step(step + 1, total, loss)
        if (step + 1) % options.checkpoint_steps == 0:
            _save(checkpoint, segmenter, optimizer, options, step + 1)
    segmenter.eval()


def augment(images: Tensor, masks: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Mirror, blur, brighten, tint and add noise, with different random values for each image."""
    n = len(images)

    def uniform(low: float, high: float, channels: int = 1) -> Tensor:
        return low + (high - low) * torch.rand(n, channels, 1, 1, generator=rng)

    mirrored = torch.rand(n, generator=rng) < 0.5
    images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
    masks = torch.where(mirrored[:, None, None], masks.flip(2), masks)
    softened = F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    images = images + uniform(-0.3, 1.0) * (softened - images)
    images = images * uniform(0.9, 1.1, 3) + uniform(-0.08, 0.08, 3)
    noise = torch.randn(images.shape, generator=rng)
    return images + uniform(0.0, 0.06) * noise, masks


def _rows_of_step(
    step: int, steps_per_epoch: int, num_pairs: int, options: TrainingOptions
) -> np.ndarray:
    epoch, position = divmod(step, steps_per_epoch)
    order = np.random.default_rng([options.seed, epoch]).permutation(num_pairs)
    return order[position * options.batch : (position + 1) * options.batch]


def _rate(step: int, total: int, options: TrainingOptions) -> float:
    """Return the learning rate: linear warm-up over the first 5% of steps, then cosine decay to zero."""
    warm = min((step + 1) / max(total / 20, 1), 1.0)
    return options.learning_rate * warm * 0.5 * (1.0 + math.cos(math.pi * step / total))


def _descend(
    segmenter: Segmenter, optimizer: torch.optim.Optimizer, images: Tensor, masks: Tensor
) -> float:
    loss = F.cross_entropy(segmenter(images), masks)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return float(loss.detach())


def _save(
    path: Path,
    segmenter: Segmenter,
    optimizer: torch.optim.Optimizer,
    options: TrainingOptions,
    steps: int,
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    state = {
        "options": asdict(options),
        "steps": steps,
        "segmenter": segmenter.state_dict(),
        "optimizer": optimizer.state_dict(),
    }
    torch.save(state, unfinished)
    unfinished.replace(path)


def _resume(
    path: Path,
    segmenter: Segmenter,
    optimizer: torch.optim.Optimizer,
    options: TrainingOptions,
) -> int:
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    if state["options"] != asdict(options):
        return 0
    segmenter.load_state_dict(state["segmenter"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["steps"])
