"""A training of the ensemble that stops and continues from a state ends with the same weights, bit for bit."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from benchmarks.defaults import ensemble_options
from models.generators.stylegan2.generator import Generator
from models.labels.ensemble import Ensemble
from models.labels.losses import LossPoint
from models.labels.training import EnsembleOptions, OnLosses, train_ensemble
from models.serialization import pack, unpack
from models.states import Resumption, State, StateRefused
from models.tasks.segmentation import SegmentationTask
from models.tasks.task_set import Labels, TaskSet

OPTIONS = ensemble_options(num_members=3, hidden=(8, 8), steps=40, batch_pixels=32)
SMALL_CACHE = replace(OPTIONS, cache_bytes=200_000, images_per_round=3)
"""Features are read again for every pass over a few rounds, each of some images."""


class Stopped(Exception):
    """The process ends."""


class Keeper:
    """Keeps the state of every step as bytes."""

    def __init__(self) -> None:
        self.states: list[bytes] = []
        self.last: list[bool] = []

    def __call__(self, read: Callable[[], State], *, is_last: bool = False) -> None:
        self.states.append(pack(dict(read())))
        self.last.append(is_last)


def train(
    generator: Generator,
    options: EnsembleOptions,
    resumption: Resumption,
    on_step: Callable[[int, int], None] | None = None,
    on_losses: OnLosses | None = None,
) -> Ensemble:
    """Train on eight samples whose left and right halves are two classes."""
    ws = generator.map(torch.randn(8, 16, generator=torch.Generator().manual_seed(0)))
    masks = torch.zeros(8, 32, 32, dtype=torch.int64)
    masks[:, :, 16:] = 1
    return train_ensemble(
        generator,
        ws,
        Labels(label_px=(32, 32), segmentation=masks),
        tasks=TaskSet(SegmentationTask(2)),
        options=options,
        seed=3,
        on_step=on_step,
        on_losses=on_losses,
        resumption=resumption,
    )


def weights(ensemble: Ensemble) -> bytes:
    """Return the weights as bytes."""
    return pack(ensemble.state_dict())


@pytest.mark.parametrize("options", [OPTIONS, SMALL_CACHE], ids=["cached", "read-again"])
def test_a_training_continues_from_any_step(generator: Generator, options: EnsembleOptions) -> None:
    """At the first step, within a round, at its end, and at the end of the training."""
    keeper = Keeper()
    whole = weights(train(generator, options, Resumption(keep=keeper)))
    assert len(keeper.states) == 40
    assert keeper.last == [False] * 39 + [True]
    for done in (1, 7, 9, 20, 39, 40):
        steps: list[int] = []
        state = unpack(keeper.states[done - 1])

        def note(step: int, _: int, steps: list[int] = steps) -> None:
            steps.append(step)

        resumed = train(generator, options, Resumption(state), note)
        assert steps == list(range(done, 41))
        assert weights(resumed) == whole, f"continued at step {done}"


def test_the_curve_of_the_loss_continues(generator: Generator) -> None:
    """It is the same as without a stop, falls, and is kept with a training that has ended."""
    keeper, whole = Keeper(), list[LossPoint]()
    train(generator, OPTIONS, Resumption(keep=keeper), on_losses=whole.extend)
    assert [point.step for point in whole] == list(range(1, 41))
    assert whole[-1].loss < whole[0].loss
    for done in (7, 40):
        resumed: list[LossPoint] = []
        state = unpack(keeper.states[done - 1])
        train(generator, OPTIONS, Resumption(state), on_losses=resumed.extend)
        assert resumed == whole


def test_a_state_of_an_earlier_version_has_no_curve(generator: Generator) -> None:
    """The training continues from it all the same."""
    keeper, losses = Keeper(), list[LossPoint]()
    whole = weights(train(generator, OPTIONS, Resumption(keep=keeper)))
    state = {name: one for name, one in unpack(keeper.states[6]).items() if name != "losses"}
    resumed = train(generator, OPTIONS, Resumption(state), on_losses=losses.extend)
    assert (weights(resumed), losses) == (whole, [])


def test_a_state_of_another_training_is_refused(generator: Generator) -> None:
    """One of other sizes, one of a longer training, one with a missing tensor, an empty one."""
    keeper = Keeper()
    train(generator, OPTIONS, Resumption(keep=keeper))
    state = unpack(keeper.states[20])
    without = {name: one for name, one in state.items() if name != "rate"}
    refused: tuple[tuple[EnsembleOptions, State], ...] = (
        (replace(OPTIONS, hidden=(8, 4)), state),
        (replace(OPTIONS, steps=10), state),
        (OPTIONS, without),
        (OPTIONS, {}),
    )
    for options, wrong in refused:
        with pytest.raises(StateRefused):
            train(generator, options, Resumption(wrong))


def test_a_state_is_kept_before_a_stop(generator: Generator) -> None:
    """The callback that ends the training at a step finds this step in the state."""
    keeper = Keeper()

    def stop(done: int, _: int) -> None:
        if done == 5:
            raise Stopped

    with pytest.raises(Stopped):
        train(generator, OPTIONS, Resumption(keep=keeper), stop)
    assert int(unpack(keeper.states[-1])["step"]) == 5
