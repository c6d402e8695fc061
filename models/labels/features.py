"""Labeled images as training data: feature taps kept at native resolution, read with their labels at drawn pixels.

The paper stores full-resolution hypercolumns: for 50 images at 512 px, 19 classes, 478 GB. Taps and drawn pixels need
1.04 GB (benchmarks/LOG.md, "A fit in little memory").
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

import torch
from jaxtyping import Int
from torch import Tensor

from models.arrays import Codes, PixelScores, Taps
from models.generators.generator import Generator
from models.labels.hypercolumns import gather
from models.states import State, load_random_state, random_state
from models.tasks.task import Places, Targets
from models.tasks.task_set import Labels, TaskSet

SYNTHESIS_BATCH = 8  # images per pass of the generator, at most


@dataclass(frozen=True, kw_only=True)
class DrawnPixels:
    """Hypercolumns [..., channels] with the training targets of each task [..., ...], by the task's name."""

    columns: Tensor  # [drawn, channels], or [members, batch_pixels, channels] in training
    targets: dict[str, Targets]

    def each(self, change: Callable[[Tensor], Tensor]) -> "DrawnPixels":
        """Return the same pixels with every tensor changed."""
        targets = {
            task: {name: change(tensor) for name, tensor in named.items()}
            for task, named in self.targets.items()
        }
        return DrawnPixels(columns=change(self.columns), targets=targets)


@dataclass(frozen=True)
class Place:
    """A place in a sequence of rounds: the rounds before it, and torch's random states there.

    The rounds that share a pass begin at one place, so that a continued sequence reads its images in the same company.
    """

    rounds: int
    random: State

    def restore(self, device: torch.device) -> None:
        """Set torch's random states. At the start they stay as they are."""
        if self.random:
            load_random_state(self.random, device)


START = Place(0, {})


@dataclass(frozen=True)
class _Round:
    """The images and pixels of a round, and the order in which they are shuffled."""

    images: Int[Tensor, " chosen"]  # rows of the labels
    pixels: Int[Tensor, "chosen count"]  # flat indices in these images
    order: Int[Tensor, " drawn"]


class LabelledFeatures:
    """Labeled images, from which pixels are drawn in proportion to the weights that `weigh` returns for the labels.

    Hypercolumns have the generator's taps from `first_tap` on.
    Taps stay in memory if they fit into `cache_bytes`. Otherwise they are synthesized again: half of `cache_bytes` is
    for the taps of up to `most_images` images, the other half for the hypercolumns of several rounds, which share one
    pass over the images. The drawn pixels do not depend on the cache. `place` is where the present pass began.
    """

    def __init__(
        self,
        generator: Generator,
        codes: Codes,
        labels: Labels,
        tasks: TaskSet,
        *,
        weigh: Callable[[Labels], PixelScores],
        cache_bytes: int,
        first_tap: int = 0,
        most_images: int = SYNTHESIS_BATCH,
    ) -> None:
        self.generator, self.codes, self._first_tap = generator, codes, first_tap
        self._labels, self._tasks, self._weigh = labels, tasks, weigh
        self._cache_bytes = cache_bytes
        self.place = START
        self._batch = min(most_images, synthesis_batch(generator, cache_bytes))
        # 16 images of 256 px do not fit into 1 GiB: training takes 626 s, with 4 GiB 346 s (LOG.md, "Fits at 256").
        fits = generator.layout.tap_bytes * len(codes) <= cache_bytes
        self._cache = self._synthesize_all() if fits else None

    def rounds(
        self, count: int, *, images: int, pixels: int, place: Place = START
    ) -> Iterator[DrawnPixels]:
        """Yield `count` rounds of `pixels` random pixels, shuffled, of at most `images` random images.

        `place` continues an earlier sequence of the same numbers: the rounds before it are left out.
        """
        place.restore(self.codes.device)
        at_once = 1
        if self._cache is None:
            # Rounds per pass: a fit of 50 images at 512 px takes 950 syntheses instead of 2,400.
            at_once = max(1, self._cache_bytes // 2 // (4 * self._channels * pixels))
        for first in range(place.rounds, count, at_once):
            self.place = Place(first, random_state(self.codes.device))
            number = min(at_once, count - first)
            rounds = [self._draw(images, pixels) for _ in range(number)]
            columns = self._read(rounds)  # one tensor per round, freed when it is yielded
            for drawn in rounds:
                yield self._drawn(drawn, columns.pop(0)).each(itemgetter(slice(pixels)))

    def _draw(self, images: int, pixels: int) -> _Round:
        # Other images in every round: with many images no round reads them all.
        chosen = torch.randperm(len(self.codes))[:images].to(self.codes.device)
        # One image's weights at a time: those of 1,000 images of 1024 px would be 4 GB.
        weights = torch.cat([self._weigh(self._labels.select(one)) for one in chosen.split(1)])
        # [chosen, h, w] => [chosen, each] flat indices; a few more than `pixels` in all, cut off by `rounds`
        each = math.ceil(pixels / len(chosen))
        drawn = weights.flatten(1).multinomial(each, replacement=True)
        return _Round(chosen, drawn, torch.randperm(drawn.numel(), device=drawn.device))

    def _drawn(self, drawn: _Round, columns: Tensor) -> DrawnPixels:
        # columns [chosen, each, channels] and targets [chosen, each, ...] => [chosen * each, ...], shuffled alike
        places = Places(drawn.images[:, None], drawn.pixels, self._labels.label_px)
        targets = {task.name: task.targets(self._labels[task.name], places) for task in self._tasks}
        both = DrawnPixels(columns=columns, targets=targets)
        return both.each(lambda values: values.flatten(0, 1)[drawn.order])

    @torch.no_grad()
    def _read(self, rounds: Sequence[_Round]) -> list[Tensor]:
        """Return the hypercolumns [chosen, count, channels] of each round; each image is synthesized only once."""
        columns = [self.codes.new_empty(*one.pixels.shape, self._channels) for one in rounds]
        # image => its pixels in every round, and the rows of `columns` that they fill
        places: defaultdict[int, list[tuple[Tensor, Tensor]]] = defaultdict(list)
        for one, whole in zip(rounds, columns, strict=True):
            for place, image in enumerate(one.images.tolist()):
                places[image].append((one.pixels[place], whole[place]))
        # One gather per image for the pixels of all rounds, then split by round again.
        pixels = {image: torch.cat([one for one, _ in places[image]]) for image in sorted(places)}
        for image, values in self._columns(pixels):
            rows = [row for _, row in places[image]]
            for row, part in zip(rows, values.split([len(one) for one in rows]), strict=True):
                row.copy_(part)
        return columns

    def _columns(self, pixels: Mapping[int, Tensor]) -> Iterator[tuple[int, Tensor]]:
        """Yield the hypercolumns [count, channels] of each image at its pixels; taps are freed after each batch."""
        images = list(pixels)
        for start in range(0, len(images), self._batch):
            part = images[start : start + self._batch]
            # The cache holds all images, so its rows are the images; new taps hold this part only.
            taps, rows = self._cache or self._synthesize(part), part
            if self._cache is None:
                rows = list(range(len(part)))
            for row, image in zip(rows, part, strict=True):
                one = gather(
                    [tap[row : row + 1] for tap in taps], pixels[image][None], self._labels.label_px
                )
                yield image, one[0]
            del taps  # before the next part is synthesized

    @torch.no_grad()
    def _synthesize_all(self) -> Taps:
        """Copy tap by tap into one tensor each, so that no tap is in memory twice."""
        images = list(range(len(self.codes)))
        stored: Taps = []
        for start in range(0, len(images), self._batch):
            part = images[start : start + self._batch]
            taps = self._synthesize(part)
            # allocated once the first part shows the channels and sizes
            stored = stored or [tap.new_empty(len(images), *tap.shape[1:]) for tap in taps]
            for whole, tap in zip(stored, taps, strict=True):
                whole[start : start + len(part)] = tap
        return stored

    def _synthesize(self, images: Sequence[int]) -> Taps:
        return self.generator.synthesize(self.codes[list(images)]).taps[self._first_tap :]

    @property
    def _channels(self) -> int:
        return sum(self.generator.layout.tap_channels[self._first_tap :])


def synthesis_batch(generator: Generator, cache_bytes: int) -> int:
    """Return how many images' taps fit into half of `cache_bytes`: at least 1, at most `SYNTHESIS_BATCH`."""
    return max(1, min(SYNTHESIS_BATCH, cache_bytes // 2 // generator.layout.tap_bytes))
