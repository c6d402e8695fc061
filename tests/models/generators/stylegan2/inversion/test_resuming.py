"""An inversion that stops and continues from a state ends with the same codes, bit for bit."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from benchmarks.defaults import inversion_options
from models.generators.stylegan2.generator import Generator
from models.generators.stylegan2.inversion.invert import Tools
from models.generators.stylegan2.inversion.inverter import StyleGan2Inverter
from models.inversion.inverter import Inversion
from models.serialization import pack, unpack
from models.states import Resumption, State, StateRefused

OPTIONS = inversion_options(steps=16, patience=2)
"""Images that stall leave the batch early."""


class Keeper:
    """Keeps the state of every step as bytes."""

    def __init__(self) -> None:
        self.states: list[bytes] = []

    def __call__(self, read: Callable[[], State], *, is_last: bool = False) -> None:
        self.states.append(pack(dict(read())))


def result(inversion: Inversion) -> bytes:
    """Return all numbers of an inversion."""
    return pack({**vars(inversion)})


@pytest.mark.parametrize("restarts", [0, 1])
def test_an_inversion_continues_from_any_step(generator: Generator, restarts: int) -> None:
    """While all images are refined, after some have left, and after the last step; restarts are repeated."""
    images = generator(torch.randn(3, 16)).clamp(-1, 1)
    inverter = StyleGan2Inverter(Tools.of(generator), replace(OPTIONS, restarts=restarts))
    keeper = Keeper()
    whole = inverter.resuming(Resumption(keep=keeper)).invert(images, fails_below_db=100.0)
    rows = [len(unpack(state)["staying"]) for state in keeper.states]
    assert (rows[0], rows[-1]) == (3, 0)
    for index in (0, len(rows) // 2, len(rows) - 1):
        resuming = inverter.resuming(Resumption(unpack(keeper.states[index])))
        assert result(resuming.invert(images, fails_below_db=100.0)) == result(whole)


def test_the_first_reported_step_is_that_of_the_state(generator: Generator) -> None:
    """So progress continues where it was."""
    images = generator(torch.randn(2, 16)).clamp(-1, 1)
    inverter = StyleGan2Inverter(Tools.of(generator), inversion_options(steps=6, patience=0))
    keeper, seen = Keeper(), list[tuple[int, int]]()
    inverter.resuming(Resumption(keep=keeper)).invert(images)
    inverter.resuming(Resumption(unpack(keeper.states[3]))).invert(
        images, on_step=lambda *step: seen.append(step)
    )
    assert seen[:2] == [(8, 12), (10, 12)]


def test_a_state_of_other_images_is_refused(generator: Generator) -> None:
    """Of another number, of a longer course, with a missing or a wrong tensor, and an empty one."""
    images = generator(torch.randn(3, 16)).clamp(-1, 1)
    inverter = StyleGan2Inverter(Tools.of(generator), OPTIONS)
    keeper = Keeper()
    inverter.resuming(Resumption(keep=keeper)).invert(images)
    state = unpack(keeper.states[5])
    assert len(state["staying"]) == 3
    shorter = StyleGan2Inverter(Tools.of(generator), inversion_options(steps=5))
    without = {name: one for name, one in state.items() if name != "mark"}
    outside = {**state, "staying": state["staying"] + 7}
    for one, wrong, given in (
        (inverter, state, images[:2]),
        (shorter, state, images),
        (inverter, without, images),
        (inverter, outside, images),
        (inverter, {}, images),
    ):
        with pytest.raises(StateRefused):
            one.resuming(Resumption(wrong)).invert(given)
