"""The course of an ensemble's training: weights, Adam, schedule, and the place in the sequence of drawn pixels.

Its state continues in another process to the same weights, bit for bit on one machine.
"""

import math
from collections.abc import Iterator
from itertools import islice
from operator import itemgetter

import torch
from torch import Tensor

from models.labels.ensemble import Ensemble
from models.labels.features import START, DrawnPixels, LabelledFeatures, Place
from models.labels.losses import LossCurve
from models.states import (
    State,
    StateRefused,
    check,
    load_optimizer,
    optimizer_state,
    random_state,
    under,
)

ADAM_STATE = ("step", "exp_avg", "exp_avg_sq")


class Course:
    """A training between its steps. `step` counts the steps taken."""

    def __init__(self, ensemble: Ensemble, *, steps: int, learning_rate: float) -> None:
        self.ensemble, self.steps, self.step = ensemble, steps, 0
        # One optimizer for all members: Adam treats every number separately, and no weight is shared.
        self.optimizer = torch.optim.Adam(ensemble.parameters(), lr=learning_rate)
        self._schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, steps)
        self._place = START
        self.losses = LossCurve(steps, next(ensemble.parameters()).device)

    def advance(self, loss: Tensor) -> None:
        """Take one step."""
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self._schedule.step()
        self.step += 1
        self.losses.add(self.step, loss)

    def batches(
        self, data: LabelledFeatures, *, images: int, batch_pixels: int
    ) -> Iterator[DrawnPixels]:
        """Yield the batches of the steps that are left.

        A round gathers one batch per member, and every member sees each of them in turn.
        """
        members, start = self.ensemble.config.num_members, self._place
        left = self.steps - start.rounds * members
        rounds = data.rounds(
            math.ceil(self.steps / members),
            images=images,
            pixels=members * batch_pixels,
            place=start,
        )
        batches = _turns(rounds, members, batch_pixels, left)
        # The steps since the place have been taken: their batches are drawn again and left out.
        for drawn in islice(batches, self.step - start.rounds * members, None):
            self._place = data.place
            yield drawn

    def state(self) -> dict[str, Tensor]:
        """Return the state; that of a finished training has only the weights and the losses."""
        tensors = {f"ensemble.{name}": one for name, one in self.ensemble.state_dict().items()}
        tensors |= {"step": torch.tensor(self.step), "losses": self.losses.sums}
        if self.step == self.steps:
            return tensors
        tensors |= {f"adam.{name}": one for name, one in optimizer_state(self.optimizer).items()}
        tensors |= {f"random.{name}": one for name, one in self._place.random.items()}
        tensors["rounds"] = torch.tensor(self._place.rounds)
        # The schedule computes each rate from the last one.
        rate = self.optimizer.param_groups[0]["lr"]
        tensors["rate"] = torch.tensor(rate, dtype=torch.float64)
        return tensors

    def load(self, state: State, device: torch.device) -> None:
        """Continue from a state. Raises `StateRefused`, before anything is changed."""
        step = int(state.get("step", torch.tensor(-1)))
        if not 0 < step <= self.steps:
            raise StateRefused(f"expected a step from 1 to {self.steps}, got {step}")
        # States of earlier versions have no losses: such a training has no curve.
        state = {"losses": torch.full_like(self.losses.sums, math.nan), **state}
        check(state, self._expected(step, device))
        self.losses.sums.copy_(state["losses"])
        self.ensemble.load_state_dict(under("ensemble.", state))
        self.step = step
        if step == self.steps:
            return
        load_optimizer(self.optimizer, under("adam.", state))
        self._place = Place(int(state["rounds"]), under("random.", state))
        self.optimizer.param_groups[0]["lr"] = float(state["rate"])
        schedule = {"last_epoch": step, "_step_count": step + 1}
        self._schedule.load_state_dict({**self._schedule.state_dict(), **schedule})

    def _expected(self, step: int, device: torch.device) -> dict[str, Tensor]:
        """Return tensors of the names, sizes and types of a state after a step."""
        weights = {f"ensemble.{name}": one for name, one in self.ensemble.state_dict().items()}
        number = torch.tensor(0)
        always = {**weights, "step": number, "losses": self.losses.sums}
        if step == self.steps:
            return always
        moments = {
            f"adam.{index}.{field}": torch.tensor(0.0) if field == "step" else one
            for index, one in enumerate(self.ensemble.parameters())
            for field in ADAM_STATE
        }
        random = {f"random.{name}": one for name, one in random_state(device).items()}
        rate = torch.tensor(0.0, dtype=torch.float64)
        return {**always, **moments, **random, "rounds": number, "rate": rate}


def _turns(
    rounds: Iterator[DrawnPixels], members: int, batch_pixels: int, left: int
) -> Iterator[DrawnPixels]:
    """Yield `left` batches."""
    for drawn in rounds:
        # [members * batch_pixels, ...] => [members, batch_pixels, ...]
        once = drawn.each(lambda x: x.unflatten(0, (members, batch_pixels)))
        # Turn t gives member m batch (m + t) mod members. Repeated twice, every turn is a slice without a copy:
        # [members, batch_pixels, ...] => [2 members, ...]
        twice = once.each(lambda x: torch.cat([x, x]))
        for turn in range(min(members, left)):
            yield twice.each(itemgetter(slice(turn, turn + members)))
        left -= members
