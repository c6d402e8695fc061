"""The survey of a folder before a training: sizes, grey or color, near-duplicates; the choice of size; warnings.

Every image is decoded once, so that no training fails after hours because of a damaged file.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image

from workers.training.images.reading import Pixels, Reading, fitted_px, opened, upright
from workers.training.training_options import InputError

MIN_IMAGES = 10
FEW_IMAGES = 500
AUGMENTED_IMAGES = 10_000
"""Below this number --augment is advised: ADA (arXiv 2006.06676) gains most on small sets. Not measured here."""

HASH_PX = 8
SURVEY_PX = 256
"""JPEGs are decoded at a fraction of their size, but at least at this one."""

EXIF_ORIENTATION, QUARTER_TURN = 0x0112, 5
"""The tag, and the first of its values that exchange height and width."""

MAX_NAMED = 5
"""Damaged files that a message names."""

MANY_DUPLICATES = 0.05
LARGE_LOSS = 0.2
"""Warn if half of the images lose (or gain as a border) more than this share."""


@dataclass(frozen=True, kw_only=True)
class FolderSurvey:
    """The facts about the images of a folder. Sizes are (height, width) in px."""

    sizes: tuple[tuple[int, int], ...]  # one per image
    num_grey: int
    first_colored: Path | None  # None: all are grey
    num_duplicates: int  # images with the average hash of an earlier one

    @property
    def is_grey(self) -> bool:
        return self.first_colored is None

    @property
    def aspect(self) -> float:
        """The median of height / width."""
        return median(height / width for height, width in self.sizes)

    def facts(self) -> list[str]:
        """Return lines about the folder: number and sizes, colors, near-duplicates."""
        count = len(self.sizes)
        share = self.num_duplicates / count
        return [
            f"{count:,} images, {self.size_range()} (height x width)",
            self._colors(),
            f"near-duplicates (equal 8x8 average hash): {self.num_duplicates:,} ({share:.1%})",
        ]

    def size_range(self) -> str:
        """Return the one size, or the smallest, the largest and the median, with the aspect ratios."""
        if len(set(self.sizes)) == 1:
            return f"all of {named(self.sizes[0])} px"
        smallest, *_, largest = ordered = sorted(self.sizes, key=lambda px: px[0] * px[1])
        aspects = [height / width for height, width in self.sizes]
        return (
            f"from {named(smallest)} to {named(largest)} px, median {named(ordered[len(ordered) // 2])} px;"
            f" height / width from {min(aspects):.2f} to {max(aspects):.2f}, median {self.aspect:.2f}"
        )

    def _colors(self) -> str:
        if self.first_colored is None:
            return "all are grey: the generator renders one channel"
        if not self.num_grey:
            return "all have color"
        return (
            f"{self.num_grey:,} are grey, the others have color (the first is {self.first_colored}): the generator"
            " renders three channels"
        )

    def warnings(self, reading: Reading, *, augment: bool) -> list[str]:
        """Return a sentence for each reason to change the folder or the options before a long training."""
        count, sentences = len(self.sizes), []
        if count < FEW_IMAGES:
            sentences.append(
                f"{count} images are few; below {FEW_IMAGES} most samples repeat the images. Add images"
            )
        if count < AUGMENTED_IMAGES and not augment:
            sentences.append(f"below {AUGMENTED_IMAGES:,} images --augment reduces overfitting")
        if self.num_duplicates > MANY_DUPLICATES * count:
            sentences.append(
                "many near-duplicates add no variety; remove them, or take fewer frames of each video"
            )
        if median(_losses(self.sizes, reading)) > LARGE_LOSS:
            sentences.append(
                "the images do not have the aspect ratio of --px; choose another --px or --fit"
            )
        if median(px[0] * px[1] for px in self.sizes) < reading.image_px[0] * reading.image_px[1]:
            sentences.append(
                "most images are smaller than --px and are enlarged; choose a smaller --px"
            )
        return sentences


def survey_folder(
    paths: Sequence[Path], on_image: Callable[[int, int], object] = lambda _done, _total: None
) -> FolderSurvey:
    """Decode every image once. `on_image` gets (images before this one, all images).

    Raises:
        InputError: there are too few images, or one cannot be read.
    """
    if len(paths) < MIN_IMAGES:
        raise InputError(
            f"expected at least {MIN_IMAGES} images, got {len(paths)}; add images (1,000 or more are useful)"
        )
    sizes, colored, hashes, flaws = [], [], set(), []
    for number, path in enumerate(paths):
        on_image(number, len(paths))
        try:
            px, pixels = _read(path)
        except InputError as error:
            flaws.append(error)
            continue
        sizes.append(px)
        if not _is_grey(pixels):
            colored.append(path)
        hashes.add(_average_hash(pixels))
    if flaws:
        raise _all(flaws)
    return FolderSurvey(
        sizes=tuple(sizes),
        num_grey=len(paths) - len(colored),
        first_colored=colored[0] if colored else None,
        num_duplicates=len(paths) - len(hashes),
    )


def choose_px(
    survey: FolderSurvey, requested: Sequence[int] | None, factor: int
) -> tuple[int, int]:
    """Return the size (height, width) of the generator's images.

    `requested` is (height, width), or the longer side alone: then the shorter one follows the median aspect ratio, in
    multiples of `factor`. Without it all images must have one size, which is returned.

    Raises:
        InputError: the images differ in size and no size is requested.
    """
    if requested is None:
        if len(set(survey.sizes)) > 1:
            raise InputError(
                f"expected images of one size, got images {survey.size_range()}; pass --px"
            )
        return survey.sizes[0]
    if len(requested) > 1:
        return requested[0], requested[1]
    longer, aspect = requested[0], survey.aspect
    shorter = min(max(round(longer * min(aspect, 1 / aspect) / factor), 1) * factor, longer)
    return (longer, shorter) if aspect > 1 else (shorter, longer)


def check_px(image_px: tuple[int, int], factor: int) -> None:
    """Raise `InputError` if `factor` does not divide both sides."""
    height, width = image_px
    if height % factor or width % factor:
        raise InputError(
            f"expected a px whose sides are multiples of {factor}, got {height}x{width} (height x width); choose"
            f" {max(height // factor, 1) * factor}x{max(width // factor, 1) * factor}"
        )


def fit_line(survey: FolderSurvey, reading: Reading) -> str:
    """Return a line about the size of the training and the share of the images that is cut off or added."""
    size = f"{named(reading.image_px)} px (height x width)"
    losses = _losses(survey.sizes, reading)
    if set(survey.sizes) == {reading.image_px}:
        return f"trained as they are, at {size}"
    if max(losses) < 0.005:
        return f"scaled to {size}"
    shares = f"{median(losses):.0%} of an image in the median, {max(losses):.0%} at most"
    if reading.fit == "crop":
        return f"scaled and cropped to {size}: cuts off {shares}"
    return f"scaled and padded to {size}: the border takes {shares}"


def named(px: tuple[int, int]) -> str:
    """Return a size as HEIGHTxWIDTH."""
    return f"{px[0]}x{px[1]}"


def _losses(sizes: Sequence[tuple[int, int]], reading: Reading) -> list[float]:
    """Return the share of each image that a crop cuts off, or that padding adds."""
    height, width = reading.image_px
    ratios = []
    for px in sizes:
        high, wide = fitted_px(px, reading)
        ratios.append((height * width) / (high * wide))
    return [1.0 - min(ratio, 1.0 / ratio) for ratio in ratios]


def _all(flaws: Sequence[InputError]) -> InputError:
    """Return one error that names the files of up to `MAX_NAMED` errors."""
    if len(flaws) == 1:
        return flaws[0]
    more = f"; {len(flaws) - MAX_NAMED} more" if len(flaws) > MAX_NAMED else ""
    return InputError(f"{len(flaws)} images: " + "; ".join(map(str, flaws[:MAX_NAMED])) + more)


def _read(path: Path) -> tuple[tuple[int, int], Pixels]:
    """Return the size of an upright image, and its pixels [h, w, 3], perhaps at a fraction of the size."""
    with opened(path) as file:
        width, height = file.size
        file.draft(None, (SURVEY_PX, SURVEY_PX))
        is_turned = file.getexif().get(EXIF_ORIENTATION, 1) >= QUARTER_TURN
        pixels: Pixels = np.asarray(upright(file))
    return ((width, height) if is_turned else (height, width)), pixels


def _is_grey(pixels: Pixels) -> bool:
    return bool((pixels[..., :1] == pixels[..., 1:]).all())


def _average_hash(pixels: Pixels) -> bytes:
    """Return 64 bits: which of 8x8 mean grey values are above their mean."""
    grey = Image.fromarray(pixels).convert("L")
    small = np.asarray(grey.resize((HASH_PX, HASH_PX), Image.Resampling.BOX), dtype=np.float32)
    return np.packbits(small > small.mean()).tobytes()
