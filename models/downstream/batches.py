"""Batches of a downstream training: drawn pairs are augmented, and the tasks' losses compare them at drawn pixels."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from models.arrays import FeatureMaps
from models.downstream import augmentation
from models.downstream.augmentation import Draws
from models.downstream.options import DownstreamOptions
from models.downstream.pairs import Pairs, Part, PixelImages
from models.labels.drawing import pixel_weights
from models.tasks.depth import DepthTask
from models.tasks.mirroring import Swaps, is_identity, swapped
from models.tasks.task import Loss, Places, Scale
from models.tasks.task_set import Labels, TaskSet

SEED_STRIDE = 1_000_003

Rows = Int[Tensor, " batch"]
Pixels = Int[Tensor, "batch count"]
Odds = Float[Tensor, "batch pixels"]
Weights = Float[Tensor, " images"]


@dataclass(frozen=True)
class Lesson:
    """What a batch is judged by: the tasks, the scales of their labels, and how many pixels of an image are drawn."""

    tasks: TaskSet
    scales: Mapping[str, Scale]
    pixels: int


@dataclass(frozen=True)
class Source:
    """The training pairs on the device. Image i has label i, and mirrored it has label i + `mirror_offset`."""

    images: PixelImages
    labels: Labels
    parts: tuple[Part, ...]
    odds: Weights  # of each image, on the CPU
    can_mirror: bool
    mirror_offset: int  # 0 where no name has a side: then both labels are the same

    @classmethod
    def of(
        cls,
        pairs: Pairs,
        odds: Weights,
        *,
        tasks: TaskSet,
        swaps: Swaps | None,
        device: torch.device,
    ) -> "Source":
        """`swaps` exchange left and right names in mirrored images; None: no image is mirrored."""
        labels, offset = pairs.labels, 0
        if swaps is not None and not all(is_identity(swap) for swap in swaps.values()):
            labels, offset = labels.with_more(swapped(labels, tasks, swaps)), len(pairs)
        return cls(
            images=pairs.images.to(device),
            labels=labels.to(device),
            parts=pairs.parts,
            odds=odds,
            can_mirror=swaps is not None,
            mirror_offset=offset,
        )


def training_loss(
    module: nn.Module, source: Source, lesson: Lesson, options: DownstreamOptions, *, seed: int
) -> Loss:
    """Return the mean loss of one augmented batch. The seed alone decides the batch."""
    rng = torch.Generator().manual_seed(seed)
    rows = draw_rows(source.parts, source.odds, options.batch, rng)
    draws = augmentation.draw(
        len(rows),
        strength=options.augmentation,
        flip=source.can_mirror,
        zoom=DepthTask.name not in lesson.tasks.names,
        rng=rng,
    )
    device = source.images.device
    images = augmentation.warp(source.images[rows.to(device)], draws)
    images = augmentation.recolor(images, strength=options.augmentation, rng=rng)
    labels = source.labels.select((rows + source.mirror_offset * draws.are_mirrored).to(device))
    images = images.contiguous(memory_format=torch.channels_last)
    is_low = options.precision == "bfloat16"
    with random_numbers(seed, device), torch.autocast(device.type, torch.bfloat16, enabled=is_low):
        outputs = module(images)
    return _loss(outputs.float(), labels, draws, lesson, rng)


@contextmanager
def random_numbers(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's global random numbers, which dropout draws from. Afterwards they are as before."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


@torch.no_grad()
def mean_loss(module: nn.Module, source: Source, lesson: Lesson, *, batch: int) -> float:
    """Return the mean loss of all images as they are, at the same drawn pixels in every call."""
    rng, total = torch.Generator().manual_seed(0), 0.0
    for rows in torch.arange(len(source.images)).split(batch):
        at = rows.to(source.images.device)
        draws = augmentation.draw(len(rows), strength=0.0, flip=False, zoom=False, rng=rng)
        outputs = module(source.images[at].float() / 127.5 - 1.0).float()
        loss = _loss(outputs, source.labels.select(at), draws, lesson, rng)
        total += float(loss) * len(rows)
    return total / len(source.images)


def image_odds(labels: Labels, tasks: TaskSet, parts: Sequence[Part], balance: float) -> Weights:
    """Return the odds of each image: share ** -balance of its rarest class or keypoint among the images of its part.

    A hat on 5% of the images is seen in a fifth of the draws. A network on 150 portraits reaches a mIoU of .720 instead
    of .636 in 250 steps (one seed): without these odds it learns neither hats nor glasses.
    """
    traits = torch.cat([task.traits(labels[task.name]) for task in tasks], dim=1)
    odds = []
    for present in traits.float().split([part.count for part in parts]):
        # An absent trait has no share; it counts in no image.
        rarity = present.mean(dim=0).clamp(min=torch.finfo(present.dtype).eps) ** -balance
        odds.append((present * rarity).amax(dim=1).clamp(min=1.0))
    return torch.cat(odds)


def draw_rows(parts: Sequence[Part], odds: Weights, batch: int, rng: torch.Generator) -> Rows:
    """Return the images of a batch: each part fills its share, its images in proportion to their odds."""
    rows, first, left = [], 0, batch
    for number, part in enumerate(parts):
        is_last = number == len(parts) - 1
        count = left if is_last else min(round(part.share * batch), left)
        order = torch.randperm(part.count, generator=rng) + first
        rows.append(order[_drawn(odds[order][None], count, rng)[0]])
        first, left = first + part.count, left - count
    return torch.cat(rows)


def _loss(
    outputs: FeatureMaps, labels: Labels, draws: Draws, lesson: Lesson, rng: torch.Generator
) -> Loss:
    """Return the sum of the tasks' losses at drawn pixels of the outputs; labels are read at their source pixels."""
    px, count = labels.label_px, len(outputs)
    # The source pixel of every pixel of the outputs, and the odds to draw it: rare classes are drawn more often.
    all_pixels = torch.arange(px[0] * px[1], device=outputs.device).expand(count, -1)
    every_source = augmentation.sources(all_pixels, draws, px)
    odds = pixel_weights(labels, lesson.tasks, lesson.scales, {}).flatten(1).gather(1, every_source)
    pixels = _drawn(odds, min(lesson.pixels, odds.shape[1]), rng)
    rows = torch.arange(count, device=outputs.device)[:, None]
    places = Places(rows, every_source.gather(1, pixels), px)
    flat = outputs.flatten(2)  # [n, outputs, h w] => [n, outputs, drawn]
    drawn = flat.gather(2, pixels[:, None].expand(-1, flat.shape[1], -1))
    targets = {task.name: task.targets(labels[task.name], places) for task in lesson.tasks}
    # Images take the place of members: each image's loss is the mean over its known pixels.
    return lesson.tasks.loss(drawn.transpose(1, 2), targets) / count


def _drawn(odds: Odds, count: int, rng: torch.Generator) -> Pixels:
    """Return places of each row in proportion to their odds; one place may be drawn twice.

    Systematic sampling: equal steps through the summed odds, from a random start. It is evener than single draws.
    """
    # An image without a known pixel is drawn evenly: its loss is 0 everywhere.
    odds = odds + (odds.sum(dim=1, keepdim=True) == 0)
    ends = odds.double().cumsum(dim=1)
    starts = torch.rand(len(odds), 1, generator=rng, dtype=torch.float64).to(odds.device)
    steps = (torch.arange(count, device=odds.device) + starts) / count * ends[:, -1:]
    found: Tensor = torch.searchsorted(ends, steps.contiguous(), right=True)
    return found.clamp(max=odds.shape[1] - 1)
