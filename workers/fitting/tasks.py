"""The tasks of a label schema as the models know them, and the training that a fit and its estimate have in common."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from contracts.schemas import LabelSchema
from models.generators.generator import Generator
from models.labels.ensemble import Ensemble
from models.labels.tasks import DepthTask, KeypointTask, SegmentationTask, TaskSet
from models.labels.training import EnsembleOptions, train_ensemble
from workers.fitting.pairs import Pairs
from workers.runtime.micro_batches import MicroBatches


def task_set(labels: LabelSchema) -> TaskSet:
    """What is to be learnt from labels of this schema."""
    return TaskSet(
        segmentation=SegmentationTask(labels.num_classes) if labels.classes else None,
        keypoints=KeypointTask(len(labels.keypoints.names)) if labels.keypoints else None,
        depth=DepthTask() if labels.depth else None,
    )


@dataclass(frozen=True, kw_only=True)
class Trainer:
    """Trains ensembles on labelled images and their codes.

    `wanted` is the ensemble that the fit asks for; `digest`, the generator's, is what its micro-batches are remembered
    by.
    """

    generator: Generator
    pairs: Pairs
    codes: Tensor
    wanted: EnsembleOptions
    seed: int
    micro_batches: MicroBatches
    digest: str

    def train(
        self,
        options: EnsembleOptions,
        on_step: Callable[[int, int], None],
        chosen: Sequence[int] | None = None,
    ) -> Ensemble:
        """An ensemble trained on the chosen images, all by default.

        On fewer images at a time where the device is too small, and with less of their features kept.
        """
        images = range(len(self.pairs)) if chosen is None else chosen
        most = min(options.images_per_round, len(images))
        labels = self.pairs.label_tensors(images)

        def train(images_per_round: int) -> Ensemble:
            cache_bytes = options.cache_bytes * images_per_round // most
            return train_ensemble(
                self.generator,
                self.codes[list(images)],
                labels,
                tasks=task_set(self.pairs.schema),
                options=replace(
                    options, images_per_round=images_per_round, cache_bytes=cache_bytes
                ),
                seed=self.seed,
                on_step=on_step,
            )

        return self.micro_batches.shrinking("training", self.digest, train, largest=most)
