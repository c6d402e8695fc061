"""The moving average of the generator, which is what a training returns."""

import torch

from models.adversarial.options import AdversarialOptions
from models.adversarial.state import AdversarialState
from models.generators.stylegan2.generator import Generator


def update_average(state: AdversarialState, count: int, options: AdversarialOptions) -> None:
    """Move the average by a step of `count` images. At first its half-life grows with the training."""
    move_average(state.average, state.generator, average_decay(state.images_seen, count, options))


def average_decay(images_seen: int, count: int, options: AdversarialOptions) -> float:
    """Return the factor by which the average's old weights shrink in a step of `count` images."""
    half_life = options.ema_half_life_kimg * 1000.0
    half_life = min(half_life, max(images_seen * options.ema_ramp_up, 1.0))
    # Half-lives in images, not in steps: the average does not depend on the batch size.
    return float(0.5 ** (count / half_life))


@torch.no_grad()
def move_average(average: Generator, generator: Generator, decay: float) -> None:
    """Replace the average by decay * average + (1 - decay) * generator, in place."""
    for averaged, current in zip(average.parameters(), generator.parameters(), strict=True):
        averaged.lerp_(current, 1.0 - decay)
    # Buffers are copied: w_mean is a moving average already.
    for averaged_buffer, buffer in zip(average.buffers(), generator.buffers(), strict=True):
        averaged_buffer.copy_(buffer)
