"""Portraits and real faces at a generator's size, each with a segmenter, for `benchmarks.inversion.limits`.

Both are read at 64 px. A smaller generator gets the means of whole squares of pixels, and the class that most of a
square's pixels have.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.inversion.faces import read_faces
from benchmarks.segmenter.network import Segmenter, SegmenterConfig, build_segmenter, to_input
from benchmarks.segmenter.reference import reference_segmenter
from benchmarks.segmenter.renderings import Renderings, cached_renderings, render_pairs
from benchmarks.segmenter.training import TrainingOptions, train_segmenter
from examples.portraits.classes import CLASS_NAMES, IMAGE_PX
from examples.portraits.labelset import stratified_indices
from examples.portraits.splits import seed_of
from models.labels.label_generator import to_bytes
from workers.runtime.weights import read_network, write_network

FACES_TO_FIT = 50
PORTRAIT_TRAINING = TrainingOptions(epochs=4)
# 600 steps of 16 photographs, because there are only 50.
FACE_TRAINING = TrainingOptions(epochs=200, batch=16, learning_rate=2e-3)


@dataclass(frozen=True)
class Labelled:
    """images: float32 [n, 3, px, px] in [-1, 1]; masks: int64 [n, px, px]."""

    images: Tensor
    masks: Tensor

    @classmethod
    def of(cls, pairs: Renderings) -> "Labelled":
        """Convert bytes to what networks read."""
        return cls(to_input(pairs.images), torch.from_numpy(pairs.masks).long())

    @classmethod
    def joined(cls, parts: Sequence["Labelled"]) -> "Labelled":
        """Return all pairs of several sets."""
        return cls(torch.cat([part.images for part in parts]), torch.cat([p.masks for p in parts]))


@dataclass(frozen=True)
class Domain:
    """Labelled sets to fit on, one per draw, held-out pairs, and a segmenter of images of this domain.

    `labels_samples`: the segmenter is exact enough to serve as the truth of generated images.
    """

    name: str
    num_classes: int
    draws: tuple[Labelled, ...]
    heldout: Labelled
    segmenter: Segmenter
    labels_samples: bool


@dataclass(frozen=True)
class Sizes:
    """The number of draws, the labels of each, the held-out pairs, and the renderings that train a segmenter."""

    draws: int
    labels: int
    heldout: int
    renderings: int


def portraits(px: int, sizes: Sizes, cache: Path) -> Domain:
    """Render portraits. At 64 px the segmenter is the reference segmenter, which takes an hour to train."""
    draws = [_render("labelled", draw, sizes.labels) for draw in range(sizes.draws)]
    heldout = _render("heldout", 0, sizes.heldout)
    if px == IMAGE_PX:
        segmenter = reference_segmenter(cache)
    else:
        pairs = cached_renderings(cache, "segmenter-training", sizes.renderings)
        name = f"portraits-{px}-{sizes.renderings}"
        segmenter = _segmenter(cache, name, reduced(pairs, px), len(CLASS_NAMES), PORTRAIT_TRAINING)
    return Domain(
        name="portraits",
        num_classes=len(CLASS_NAMES),
        draws=tuple(Labelled.of(reduced(pairs, px)) for pairs in draws),
        heldout=Labelled.of(reduced(heldout, px)),
        segmenter=segmenter,
        labels_samples=True,
    )


def faces(px: int, sizes: Sizes, cache: Path, data: Path) -> Domain:
    """Read photographs of faces. The draws share no photograph; the segmenter is trained on all 50 to fit on."""
    if sizes.draws * sizes.labels > FACES_TO_FIT:
        raise ValueError(
            f"expected draws x labels of at most {FACES_TO_FIT} for faces, got {sizes.draws} x {sizes.labels}; "
            "lower --draws or --labels"
        )
    to_fit = read_faces(data, "labelled", FACES_TO_FIT)
    heldout = read_faces(data, "heldout", sizes.heldout)
    pairs, held = (
        reduced(Renderings(to_bytes(each.images).numpy(), each.masks.byte().numpy()), px)
        for each in (to_fit, heldout)
    )
    rows = [range(start, start + sizes.labels) for start in _starts(sizes)]
    return Domain(
        name="faces",
        num_classes=to_fit.num_classes,
        draws=tuple(Labelled.of(Renderings(pairs.images[r], pairs.masks[r])) for r in rows),
        heldout=Labelled.of(held),
        segmenter=_segmenter(cache, f"faces-{px}", pairs, to_fit.num_classes, FACE_TRAINING),
        labels_samples=False,
    )


def reduced(pairs: Renderings, px: int) -> Renderings:
    """Return the pairs at `px`. Raises `ValueError` when it does not divide their size."""
    factor, rest = divmod(pairs.images.shape[1], px)
    if rest or not factor:
        raise ValueError(
            f"expected a generator whose size divides {pairs.images.shape[1]} px, got {px} px; "
            "use one of 64, 32 or 16 px"
        )
    if factor == 1:
        return pairs
    images = to_bytes(F.avg_pool2d(to_input(pairs.images), factor)).numpy()
    masks = torch.from_numpy(pairs.masks)
    # [n, h, w] => votes of each class [n, classes, px, px] => the first class with most votes
    votes = [
        F.avg_pool2d((masks == label).float()[:, None], factor)[:, 0]
        for label in range(int(masks.max()) + 1)
    ]
    return Renderings(images, torch.stack(votes, dim=1).argmax(dim=1).byte().numpy())


def _starts(sizes: Sizes) -> range:
    return range(0, sizes.draws * sizes.labels, sizes.labels)


def _render(split: str, draw: int, count: int) -> Renderings:
    seed = seed_of(split, draw)
    return render_pairs(seed, stratified_indices(seed, count))


def _segmenter(
    cache: Path, name: str, pairs: Renderings, num_classes: int, options: TrainingOptions
) -> Segmenter:
    """Return the segmenter in the cache, or train it."""
    file = f"segmenter-{name}"
    if (cache / f"{file}.json").exists():
        return build_segmenter(*read_network(cache, file))
    config = SegmenterConfig(num_classes)
    torch.manual_seed(options.seed)
    segmenter = Segmenter(config)
    checkpoint = cache / f"{file}.checkpoint"
    train_segmenter(segmenter, pairs, options, checkpoint=checkpoint, on_step=_print_step)
    write_network(cache, file, segmenter, config.to_dict())
    checkpoint.unlink(missing_ok=True)
    return segmenter.requires_grad_(False)


def _print_step(done: int, total: int, loss: float) -> None:
    if done % 100 == 0 or done == total:
        print(f"segmenter: step {done} of {total}, loss {loss:.3f}", file=sys.stderr, flush=True)
