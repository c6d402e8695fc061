"""Decode one labelled sample: its files in, arrays out."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handsoff_shards.decoding import (
    SoftLabels,
    decode_picture,
    decode_soft_labels,
    decode_uncertainty,
)
from handsoff_shards.errors import InvalidInput
from handsoff_shards.members import (
    FACTS,
    IMAGE_EXTENSIONS,
    SOFT_LABELS,
    UNCERTAINTY,
    Files,
    image_extension,
)
from handsoff_shards.notebooks.html import colored, picture, table
from handsoff_shards.originals import Original
from handsoff_shards.provenance.record import Provenance
from handsoff_shards.tasks import TASKS, Arrays, ShardTask


@dataclass(frozen=True)
class Sample:
    """A sample as arrays; None for a label that its batch does not have.

    image: uint8 [height, width, 3]. mask: uint8 [height, width], class indices; `labels.Labels` has the value that is
    ignored. soft_labels: the most probable classes with their probabilities. keypoints: float32 [num, 3], x and y in
    pixels (the center of the first pixel is 0.5, 0.5) and visibility 0 absent, 1 hidden, 2 visible. confidence: float32
    [num], of each keypoint. depth: uint16 [height, width], as stored: `labels.DepthLabels` has scale, unit and the
    value for unknown. uncertainty: float32 [height, width] in nats, clipped at 1. facts: seed, index, score and others.
    condition: the class that was requested from a class-conditional generator.
    labels: the arrays of further tasks, by the task's name. xmp: the metadata packet of the image file.
    """

    image: NDArray[np.uint8]
    mask: NDArray[np.uint8] | None = None
    keypoints: NDArray[np.float32] | None = None
    confidence: NDArray[np.float32] | None = None
    depth: NDArray[np.uint16] | None = None
    uncertainty: NDArray[np.float32] | None = None
    soft_labels: SoftLabels | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, Arrays] = field(default_factory=dict)
    xmp: bytes | None = field(default=None, repr=False)

    @property
    def original(self) -> Original | None:
        """The file and the part of it that a labeling labelled; None for a generated image."""
        return Original.parse(self.facts)

    @property
    def provenance(self) -> Provenance | None:
        """The fit, seed and index that the image file states; None for a real image, or one of an earlier version.

        Raises `InvalidInput` for a damaged statement.
        """
        return None if self.xmp is None else Provenance.parse(self.xmp)

    @property
    def condition(self) -> int | None:
        """The class of the whole image; None in a batch that requested no condition."""
        condition = self.facts.get("condition")
        return condition if isinstance(condition, int) else None

    def pictures(self) -> str:
        """Return image and mask as HTML for a notebook, beside each other."""
        title = f"sample {self.facts.get('index', '')}"
        mask = "" if self.mask is None else picture(colored(self.mask), f"mask of {title}")
        return f'<span style="white-space:nowrap">{picture(self.image, title)}{mask}</span>'

    def _repr_html_(self) -> str:
        shown = {key: one for key, one in self.facts.items() if isinstance(one, str | int | float)}
        return self.pictures() + table("Sample", ((key, str(one)) for key, one in shown.items()))


_FIELDS = {one.name for one in fields(Sample)}


def decode_sample(files: Files, tasks: Sequence[ShardTask] = TASKS) -> Sample:
    """Return the sample of these files. Raises `InvalidInput` for a missing image or a wrong kind of file."""
    extension = image_extension(files)
    if extension is None:
        raise InvalidInput(
            f"Expected an image ({', '.join(IMAGE_EXTENSIONS)}) in the sample, got {sorted(files)}."
        )
    decoded = {
        one.name: one.decode(files[one.extension]) for one in tasks if one.extension in files
    }
    own = {task: arrays for task, arrays in decoded.items() if arrays.keys() <= _FIELDS}
    steps, planes = files.get(UNCERTAINTY), files.get(SOFT_LABELS)
    image, xmp = decode_picture(files[extension])
    labels: dict[str, Any] = {name: one for arrays in own.values() for name, one in arrays.items()}
    return Sample(
        image=image,
        uncertainty=None if steps is None else decode_uncertainty(steps),
        soft_labels=None if planes is None else decode_soft_labels(planes, len(image)),
        facts=json.loads(files[FACTS]) if FACTS in files else {},
        labels={task: arrays for task, arrays in decoded.items() if task not in own},
        xmp=xmp,
        **labels,
    )
