"""Small labelled pictures: a bright square or a red disk on gray, with class 1 or 2, at a random place."""

import torch

from models.downstream.pairs import Pairs
from models.tasks.segmentation import SegmentationTask
from models.tasks.task_set import Labels, TaskSet

PX = 24
TASKS = TaskSet(SegmentationTask(3))
SQUARE, DISK = torch.tensor([230, 230, 90]), torch.tensor([200, 40, 40])


def shapes(count: int, seed: int) -> Pairs:
    """Return pairs whose masks are exact."""
    rng = torch.Generator().manual_seed(seed)
    images = torch.full((count, 3, PX, PX), 120, dtype=torch.uint8)
    images += torch.randint(0, 20, images.shape, generator=rng, dtype=torch.uint8)
    masks = torch.zeros(count, PX, PX, dtype=torch.uint8)
    y, x = torch.meshgrid(torch.arange(PX), torch.arange(PX), indexing="ij")
    for number in range(count):
        center = torch.randint(7, PX - 7, (2,), generator=rng)
        away = (y - center[0]).abs(), (x - center[1]).abs()
        is_square = number % 2 == 0
        inside = torch.maximum(*away) < 5 if is_square else away[0] ** 2 + away[1] ** 2 < 30
        masks[number][inside] = 1 if is_square else 2
        color = SQUARE if is_square else DISK
        images[number][:, inside] = color.to(torch.uint8)[:, None]
    return Pairs.of(images, Labels((PX, PX), segmentation=masks))
