"""Batches of a downstream training: drawn pairs are augmented, and the tasks' losses compare them at drawn pixels."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor, nn

from models.arrays import FeatureMaps
from models.downstream import augmentation
from models.downstream.mirroring import Swaps, is_identity, swapped
from models.downstream.options import DownstreamOptions
from models.downstream.pairs import Pairs, Part, PixelImages
from models.tasks.depth import DepthTask
from models.tasks.task import LabelPx, Loss, Places
from models.tasks.task_set import Labels, TaskSet

SEED_STRIDE = 1_000_003

Rows = Int[Tensor, " batch"]
Pixels = Int[Tensor, "batch count"]


@dataclass(frozen=True)
class Source:
    """The training pairs on the device. Image i has label i, and mirrored it has label i + `mirror_offset`."""

    images: PixelImages
    labels: Labels
    parts: tuple[Part, ...]
    can_mirror: bool
    mirror_offset: int  # 0 where no name has a side: then both labels are the same

    @classmethod
    def of(cls, pairs: Pairs, *, swaps: Swaps | None, device: torch.device) -> "Source":
        """`swaps` exchange left and right names in mirrored images; None: no image is mirrored."""
        labels, offset = pairs.labels, 0
        if swaps is not None and not all(is_identity(swap) for swap in swaps.values()):
            labels, offset = _joined(labels, swapped(labels, swaps)), len(pairs)
        return cls(
            pairs.images.to(device), labels.to(device), pairs.parts, swaps is not None, offset
        )


def training_loss(
    module: nn.Module, source: Source, tasks: TaskSet, options: DownstreamOptions, *, seed: int
) -> Loss:
    """Return the mean loss of one augmented batch. The seed alone decides the batch."""
    rng = torch.Generator().manual_seed(seed)
    rows = draw_rows(source.parts, options.batch, rng)
    draws = augmentation.draw(
        len(rows),
        strength=options.augmentation,
        flip=source.can_mirror,
        zoom=DepthTask.name not in tasks.names,
        rng=rng,
    )
    device, px = source.images.device, source.labels.label_px
    images = augmentation.warp(source.images[rows.to(device)], draws)
    images = augmentation.recolor(images, strength=options.augmentation, rng=rng)
    pixels = _drawn_pixels(len(rows), options.pixels, px, rng)
    labelled = rows + source.mirror_offset * draws.are_mirrored
    places = Places(
        labelled[:, None].to(device), augmentation.sources(pixels, draws, px).to(device), px
    )
    with torch.autocast(device.type, torch.bfloat16, enabled=options.precision == "bfloat16"):
        outputs = module(images.contiguous(memory_format=torch.channels_last))
    return _loss(outputs.float(), pixels.to(device), places, source.labels, tasks)


@torch.no_grad()
def mean_loss(
    module: nn.Module, pairs: Pairs, tasks: TaskSet, *, device: torch.device, batch: int
) -> float:
    """Return the mean loss of images as they are, over all of their pixels."""
    total, labels = 0.0, pairs.labels.to(device)
    for rows in torch.arange(len(pairs)).split(batch):
        images = pairs.images[rows].to(device).float() / 127.5 - 1.0
        pixels = _all_pixels(len(rows), pairs.px).to(device)
        places = Places(rows[:, None].to(device), pixels, pairs.px)
        total += float(_loss(module(images).float(), pixels, places, labels, tasks)) * len(rows)
    return total / len(pairs)


def draw_rows(parts: Sequence[Part], batch: int, rng: torch.Generator) -> Rows:
    """Return the images of a batch: each part fills its share, without repetition where it has enough images."""
    rows, first, left = [], 0, batch
    for number, part in enumerate(parts):
        is_last = number == len(parts) - 1
        count = left if is_last else min(round(part.share * batch), left)
        # A part smaller than its share is drawn again and again: whole permutations, then a piece of one.
        rounds = -(-count // part.count)
        orders = [torch.randperm(part.count, generator=rng) for _ in range(rounds)]
        rows += [first + order for order in orders]
        if rounds:
            rows[-1] = rows[-1][: count - (rounds - 1) * part.count]
        first, left = first + part.count, left - count
    return torch.cat(rows)


def _loss(
    outputs: FeatureMaps, pixels: Pixels, places: Places, labels: Labels, tasks: TaskSet
) -> Loss:
    """Return the sum of the tasks' losses at some pixels of the outputs; their labels are read at `places`."""
    flat = outputs.flatten(2)  # [n, outputs, h w]
    if pixels.shape[1] < flat.shape[2]:
        flat = flat.gather(2, pixels[:, None].expand(-1, flat.shape[1], -1))
    targets = {task.name: task.targets(labels[task.name], places) for task in tasks}
    # Images take the place of members: each image's loss is the mean over its known pixels.
    return tasks.loss(flat.transpose(1, 2), targets) / len(outputs)


def _drawn_pixels(count: int, limit: int, px: LabelPx, rng: torch.Generator) -> Pixels:
    if px[0] * px[1] <= limit:
        return _all_pixels(count, px)
    return torch.randint(px[0] * px[1], (count, limit), generator=rng)


def _all_pixels(count: int, px: LabelPx) -> Pixels:
    return torch.arange(px[0] * px[1]).expand(count, -1)


def _joined(first: Labels, second: Labels) -> Labels:
    tensors = {name: torch.cat([tensor, second[name]]) for name, tensor in first.by_task.items()}
    return Labels(first.label_px, **tensors)
