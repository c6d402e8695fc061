"""How labelled images are dealt into folds, so that each is judged by members that never saw its label.

With a handful of images a random deal easily puts both images of a rare class into one fold, and the members that judge
them have never met it. So the rare are dealt first, one to each fold (after Sechidis et al., ECML 2011, algorithm 1).
"""

import torch
from jaxtyping import Bool, Int
from torch import Tensor

NUM_FOLDS = 5
LEAVE_ONE_OUT_BELOW = 10
"""With fewer images each is a fold of its own: a fifth of them would be missed too much in training."""

Presence = Bool[Tensor, "images traits"]


def num_folds(num_images: int) -> int:
    """How many folds so many images are dealt into. Raises `ValueError` for fewer than two images."""
    if num_images < 2:
        raise ValueError(
            f"{num_images} images cannot be split; cross-validation needs two at least"
        )
    return num_images if num_images < LEAVE_ONE_OUT_BELOW else NUM_FOLDS


def deal_folds(presence: Presence, count: int, seed: int) -> list[Int[Tensor, " held_out"]]:
    """Which images each of `count` folds holds out; every image once, in ascending order.

    `presence` says which traits (classes, labelled keypoints) each image has. The images of the rarest trait that is
    still to be dealt go first, each to the fold that has fewest of that trait, then fewest images.
    """
    images, traits = presence.shape
    random = torch.Generator().manual_seed(seed)
    waiting = torch.randperm(images, generator=random).tolist()
    has = presence.int()
    held = torch.zeros(count, traits, dtype=torch.int64)
    folds: list[list[int]] = [[] for _ in range(count)]
    while waiting:
        left = has[waiting].sum(dim=0)
        trait = int(left.where(left > 0, images + 1).argmin()) if bool(left.any()) else None
        image = next(i for i in waiting if trait is None or has[i, trait])
        fold = min(range(count), key=lambda k: _burden(folds[k], held[k], trait))
        folds[fold].append(image)
        held[fold] += has[image]
        waiting.remove(image)
    return [torch.tensor(sorted(fold), dtype=torch.int64) for fold in folds if fold]


def _burden(fold: list[int], held: Int[Tensor, " traits"], trait: int | None) -> tuple[int, int]:
    """How full a fold is: of one trait first, of images then."""
    return (int(held[trait]) if trait is not None else 0, len(fold))
