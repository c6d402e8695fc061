"""What a fit learns: segmentation, keypoints, depth, or any of them at once; and the labels that it learns them from.

One ensemble serves all tasks: its members share their hidden layers, the outputs of the last layer are split by task.
"""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Int, Integer
from torch import Tensor

from models.arrays import Keypoints, PixelScores

SEGMENTATION, KEYPOINTS, DEPTH = "segmentation", "keypoints", "depth"
ABSENT, HIDDEN, VISIBLE = 0, 1, 2
"""The visibilities of a keypoint as COCO counts them; an absent one is not labelled."""


@dataclass(frozen=True)
class SegmentationTask:
    """A class at every pixel: one logit per class."""

    num_classes: int

    @property
    def outputs(self) -> int:
        return self.num_classes


@dataclass(frozen=True)
class KeypointTask:
    """Named points: a heat map for each and a map of its visibility.

    `sigma_share` is the Gaussian's standard deviation as a share of the label's shorter side, so that one number serves
    every resolution.
    """

    num_keypoints: int
    sigma_share: float = 1 / 32

    @property
    def outputs(self) -> int:
        return 2 * self.num_keypoints

    def sigma_px(self, label_px: tuple[int, int]) -> float:
        """The Gaussian's standard deviation in pixels of a label of this size."""
        return self.sigma_share * min(label_px)


@dataclass(frozen=True)
class DepthTask:
    """A number at every pixel, in the unit of its labels."""

    @property
    def outputs(self) -> int:
        return 1


@dataclass(frozen=True, kw_only=True)
class TaskSet:
    """At most one task of each kind and at least one in all; their outputs follow each other in this order."""

    segmentation: SegmentationTask | None = None
    keypoints: KeypointTask | None = None
    depth: DepthTask | None = None

    def __post_init__(self) -> None:
        if not self.names:
            raise ValueError("a fit without a task learns nothing; give at least one")

    @property
    def names(self) -> tuple[str, ...]:
        """The kinds of task that are present, in order."""
        return tuple(self._present())

    @property
    def outputs(self) -> int:
        """How many numbers the ensemble's last layer gives at a pixel."""
        return sum(task.outputs for task in self._present().values())

    @property
    def sizes(self) -> dict[str, int]:
        """How many of the outputs belong to each task, in order."""
        return {name: task.outputs for name, task in self._present().items()}

    def split(self, outputs: Tensor, dim: int) -> dict[str, Tensor]:
        """Each task's part of the ensemble's outputs along `dim`."""
        parts = outputs.split(list(self.sizes.values()), dim=dim)
        return dict(zip(self.names, parts, strict=True))

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "TaskSet":
        """Undo `dataclasses.asdict`."""
        kinds = {SEGMENTATION: SegmentationTask, KEYPOINTS: KeypointTask, DEPTH: DepthTask}
        given = {name: value for name, value in values.items() if value is not None}
        return cls(**{name: kinds[name](**value) for name, value in given.items()})

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def _present(self) -> dict[str, SegmentationTask | KeypointTask | DepthTask]:
        tasks = {SEGMENTATION: self.segmentation, KEYPOINTS: self.keypoints, DEPTH: self.depth}
        return {name: task for name, task in tasks.items() if task is not None}


@dataclass(frozen=True, kw_only=True)
class Labels:
    """The labels of some images, all of `label_px` (height, width); None for a task that is not labelled.

    masks: class indices, bytes or wider, 255 = ignore. keypoints: x and y in pixels of the label (the centre of the
    first pixel is at 0.5, 0.5) and visibility as COCO counts it: 0 not labelled, 1 hidden, 2 visible. depth: any unit,
    NaN = unknown.
    """

    label_px: tuple[int, int]
    masks: Integer[Tensor, "batch label_height label_width"] | None = None
    keypoints: Keypoints | None = None
    depth: PixelScores | None = None

    def __post_init__(self) -> None:
        found = self.given()
        if not found:
            raise ValueError("labels of no task; give masks, keypoints or depth")
        for name in (SEGMENTATION, DEPTH):
            if name in found and tuple(found[name].shape[1:]) != self.label_px:
                raise ValueError(
                    f"labels for {name} have {tuple(found[name].shape[1:])} pixels, "
                    f"expected {self.label_px}"
                )

    def __len__(self) -> int:
        """How many images are labelled."""
        return len(next(iter(self.given().values())))

    def given(self) -> dict[str, Tensor]:
        """The labels that are there, by the name of their task."""
        labels = {SEGMENTATION: self.masks, KEYPOINTS: self.keypoints, DEPTH: self.depth}
        return {name: tensor for name, tensor in labels.items() if tensor is not None}

    @property
    def device(self) -> torch.device:
        return next(iter(self.given().values())).device

    def to(self, device: torch.device) -> "Labels":
        """The same labels on a device."""
        return self._with({name: tensor.to(device) for name, tensor in self.given().items()})

    def select(self, images: Int[Tensor, " chosen"]) -> "Labels":
        """The labels of some of the images, in the order asked for."""
        return self._with({name: tensor[images] for name, tensor in self.given().items()})

    def of(self, tasks: TaskSet) -> "Labels":
        """The labels of these tasks alone. Raises ValueError when one of them has none."""
        given = self.given()
        missing = [name for name in tasks.names if name not in given]
        if missing:
            raise ValueError(
                f"there are no labels for {', '.join(missing)}; give some or leave the task out"
            )
        return self._with({name: given[name] for name in tasks.names})

    def _with(self, tensors: dict[str, Tensor]) -> "Labels":
        return Labels(
            label_px=self.label_px,
            masks=tensors.get(SEGMENTATION),
            keypoints=tensors.get(KEYPOINTS),
            depth=tensors.get(DEPTH),
        )
