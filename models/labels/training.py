"""Fits the ensemble: W+ codes of labelled images and their masks in, a trained ensemble out.

The paper trains each MLP alone on stored full-resolution hypercolumns, in batches of 64 pixels. Here all members are
trained in one batched module, on hypercolumns gathered at sampled pixels only, which they see in different order.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from models.arrays import IGNORE_INDEX, Masks, StyleCodes, Taps
from models.labels.ensemble import Ensemble, EnsembleConfig
from models.labels.hypercolumns import gather
from models.stylegan2.generator import Generator

SYNTHESIS_BATCH = 8


@dataclass(frozen=True, kw_only=True)
class EnsembleOptions:
    """How the ensemble is shaped and trained. `batch_pixels` counts pixels per member and step.

    `images_per_round` and `cache_bytes` bound the memory that feature maps take.
    """

    num_members: int = 10
    hidden: tuple[int, int] = (64, 32)
    steps: int = 1500
    batch_pixels: int = 256
    images_per_round: int = 16
    learning_rate: float = 3e-3
    cache_bytes: int = 1 << 30


class LabelledFeatures:
    """The labelled images as training data: feature taps kept at their native resolution, read at sampled pixels.

    Taps stay in memory while they fit into `cache_bytes`; beyond that they are synthesised again for every round.
    """

    def __init__(
        self,
        generator: Generator,
        ws: StyleCodes,
        masks: Masks,
        *,
        cache_bytes: int,
        synthesis_batch: int = SYNTHESIS_BATCH,
    ) -> None:
        self.generator, self.ws, self._synthesis_batch = generator, ws, synthesis_batch
        self.masks = masks.to(ws.device).flatten(1)
        self.label_px = (masks.shape[1], masks.shape[2])
        shapes = zip(generator.config.tap_channels, generator.config.tap_px, strict=True)
        image_bytes = 4 * sum(channels * math.prod(px) for channels, px in shapes)
        fits = image_bytes * len(ws) <= cache_bytes
        self._cache = self._synthesize(torch.arange(len(ws))) if fits else None

    def __len__(self) -> int:
        return len(self.ws)

    def draw(
        self, images: Int[Tensor, " chosen"], pixels_per_image: int
    ) -> tuple[Float[Tensor, "pixels channels"], Int[Tensor, " pixels"]]:
        """Hypercolumns and classes of random labelled pixels of some images, shuffled over all of them."""
        masks = self.masks[images]
        known = (masks != IGNORE_INDEX).float()
        pixels = known.multinomial(pixels_per_image, replacement=True)
        columns = gather(self._taps(images), pixels, self.label_px).flatten(0, 1)
        classes = masks.gather(1, pixels).flatten()
        order = torch.randperm(len(classes), device=classes.device)
        return columns[order], classes[order]

    def _taps(self, images: Int[Tensor, " chosen"]) -> Taps:
        if self._cache is None:
            return self._synthesize(images)
        return [tap[images.to(tap.device)] for tap in self._cache]

    def _synthesize(self, images: Int[Tensor, " chosen"]) -> Taps:
        with torch.no_grad():
            parts = [
                self.generator.synthesize(self.ws[part.to(self.ws.device)]).taps
                for part in images.split(self._synthesis_batch)
            ]
        return [torch.cat(taps) for taps in zip(*parts, strict=True)]


def train_ensemble(
    generator: Generator,
    ws: StyleCodes,
    masks: Masks,
    *,
    num_classes: int,
    options: EnsembleOptions,
    seed: int,
    on_step: Callable[[int, int], None] | None = None,
) -> Ensemble:
    """Cross-entropy on random pixels of the labelled images (255 = ignore), Adam with a cosine schedule.

    `on_step(done, total)` is called after every step; what it raises passes through. The same seed on the same
    machine gives the same ensemble.

    Raises:
        ValueError: an image has no labelled pixel.
    """
    _check_labelled(masks)
    config = EnsembleConfig(
        tap_channels=generator.config.tap_channels,
        outputs=num_classes,
        hidden=options.hidden,
        num_members=options.num_members,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        ensemble = Ensemble(config).to(ws.device)
        data = LabelledFeatures(
            generator,
            ws,
            masks,
            cache_bytes=options.cache_bytes,
            synthesis_batch=min(SYNTHESIS_BATCH, options.images_per_round),
        )
        optimizer = torch.optim.Adam(ensemble.parameters(), lr=options.learning_rate)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, options.steps)
        for done, (columns, classes) in enumerate(_batches(data, options), start=1):
            logits = ensemble(columns)
            # Summed over members: each keeps the gradient that it would have alone.
            loss = F.cross_entropy(logits.flatten(0, 1), classes.flatten()) * options.num_members
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            schedule.step()
            if on_step is not None:
                on_step(done, options.steps)
    return ensemble.eval().requires_grad_(False)


def _batches(
    data: LabelledFeatures, options: EnsembleOptions
) -> Iterator[tuple[Float[Tensor, "members count channels"], Int[Tensor, "members count"]]]:
    """`steps` batches. A round gathers as many batches as there are members; the members pass them on in a circle."""
    members, done = options.num_members, 0
    while done < options.steps:
        images = torch.randperm(len(data))[: options.images_per_round].to(data.masks.device)
        pixels_per_image = math.ceil(members * options.batch_pixels / len(images))
        columns, classes = data.draw(images, pixels_per_image)
        count = members * options.batch_pixels
        columns = columns[:count].view(members, options.batch_pixels, -1)
        classes = classes[:count].view(members, options.batch_pixels)
        # Twice in a row, so that every turn of the circle is a slice and nothing is copied.
        columns, classes = columns.repeat(2, 1, 1), classes.repeat(2, 1)
        for turn in range(min(members, options.steps - done)):
            yield columns[turn : turn + members], classes[turn : turn + members]
        done += members


def _check_labelled(masks: Masks) -> None:
    labelled = (masks != IGNORE_INDEX).flatten(1).any(dim=1)
    if not bool(labelled.all()):
        empty = (~labelled).nonzero().flatten().tolist()
        raise ValueError(
            f"masks {empty} have only ignored pixels; label something in them or leave them out"
        )
