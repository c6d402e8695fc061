"""A trained downstream network: images in, labels of every task out, in the same format as a label generator's."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.arrays import FeatureMaps
from models.downstream.pairs import PixelImages
from models.tasks.ensemble_votes import EnsembleVotes
from models.tasks.task import TaskLabels
from models.tasks.task_set import TaskSet

MICRO_BATCH = 32

# The predicted labels of some images, by task; each task's file in `models/tasks` says what they hold.
Predictions = dict[str, TaskLabels]


@dataclass(frozen=True)
class DownstreamNetwork:
    """A network with one output per task and pixel: it predicts in the unit of the labels.

    `step` is the training step whose weights it has.
    """

    module: nn.Module
    tasks: TaskSet
    step: int

    def predict(self, images: PixelImages) -> Iterator[Predictions]:
        """Yield the labels of micro-batches of images, in order, on the CPU."""
        for outputs in self.outputs(images):
            yield decoded(outputs, self.tasks)

    def outputs(self, images: PixelImages) -> Iterator[FeatureMaps]:
        """Yield the raw outputs [n, outputs, h, w] of micro-batches of images, in order."""
        self.module.eval()
        device = next(self.module.parameters()).device
        for batch in images.split(MICRO_BATCH):
            with torch.no_grad():
                yield self.module(batch.to(device).float() / 127.5 - 1.0).float()


def decoded(outputs: FeatureMaps, tasks: TaskSet) -> Predictions:
    """Return the labels that raw outputs [n, outputs, h, w] stand for."""
    height, width = outputs.shape[2:]
    # One member: its vote is the prediction.
    votes = EnsembleVotes(tasks, (height, width)).count([outputs])
    return {
        task: {name: _on_cpu(tensor) for name, tensor in one.labels().items()}
        for task, one in votes.votes.items()
    }


def _on_cpu(tensor: Tensor) -> Tensor:
    return tensor.detach().cpu()
