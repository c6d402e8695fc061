"""Downstream networks learn on an accelerator as they do on the CPU."""

from dataclasses import replace

import pytest
import torch

from models.downstream.options import DownstreamOptions, Precision
from models.downstream.training import Plan, TrainingStopped, train
from tests.models.downstream.shapes import TASKS, shapes

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]

PLAN = Plan(
    pairs=shapes(12, 0),
    tasks=TASKS,
    options=DownstreamOptions(channels=(8, 16), steps=40, batch=8, checks=2, min_validated=10),
    seed=0,
    swaps={"segmentation": (0, 1, 2)},
    device=torch.device("cuda"),
)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_network_learns_shapes(precision: Precision) -> None:
    """At least 95% of the pixels of new pictures are right, and predictions are on the CPU."""
    new = shapes(20, 1)
    network = train(replace(PLAN, options=replace(PLAN.options, precision=precision)))
    (predicted,) = network.predict(new.images)
    right = predicted["segmentation"]["masks"] == new.labels["segmentation"]
    assert right.float().mean() > 0.95


def test_a_stopped_training_continues_on_another_device() -> None:
    """The state of an accelerator is finished on the CPU."""
    steps: list[int] = []
    with pytest.raises(TrainingStopped) as stop:
        train(PLAN, on_step=lambda done, _: steps.append(done), should_stop=lambda: 30 in steps)
    network = train(replace(PLAN, device=torch.device("cpu")), state=stop.value.state)
    assert 20 < network.step <= 40
