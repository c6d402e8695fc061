"""The moving average of the generator, which is what a training returns."""

import torch

from models.adversarial.options import AdversarialOptions
from models.adversarial.state import AdversarialState


def update_average(state: AdversarialState, count: int, options: AdversarialOptions) -> None:
    """Update the exponential moving average of the generator's weights; at first its half-life grows with training."""
    half_life = options.ema_half_life_kimg * 1000.0
    half_life = min(half_life, max(state.images_seen * options.ema_ramp_up, 1.0))
    # Half-lives in images, not in steps: the average does not depend on the batch size.
    decay = 0.5 ** (count / half_life)
    with torch.no_grad():
        for averaged, current in zip(
            state.average.parameters(), state.generator.parameters(), strict=True
        ):
            averaged.lerp_(current, 1.0 - decay)
        # Buffers are copied: w_mean is a moving average already.
        buffers = zip(state.average.buffers(), state.generator.buffers(), strict=True)
        for averaged_buffer, current_buffer in buffers:
            averaged_buffer.copy_(current_buffer)
