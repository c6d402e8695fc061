"""The sampler of a diffusion model: from pure noise to a clean image in few passes.

DPM-Solver++(2M) (Lu et al., arXiv 2211.01095, algorithm 2). A noisy image is x_t = a_t x_0 + s_t e, with a_t^2 the
product of 1 - beta up to step t, and s_t^2 = 1 - a_t^2. The steps are even in lambda_t = log(a_t / s_t).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from models.arrays import FeatureMaps
from models.generators.diffusion.config import DiffusionConfig

Predict = Callable[[FeatureMaps, int], FeatureMaps]
"""The network: noisy images and a training step => its prediction, of the same shape."""

_LEAST = 1e-6
"""The bound of a_t^2 and s_t^2: a thousandth of the signal is none. Cosine schedules go far below it."""


@dataclass(frozen=True)
class Solver:
    """`timesteps` are training steps from the noisiest to the cleanest; `signal` and `noise` are a_t and s_t of each.

    `prediction_type` says what the network predicts; `clip` bounds the predicted clean image, None = free.
    """

    timesteps: tuple[int, ...]
    signal: tuple[float, ...]
    noise: tuple[float, ...]
    prediction_type: str
    clip: float | None

    @classmethod
    def of(cls, config: DiffusionConfig, alphas_cumprod: Tensor) -> "Solver":
        """Return the sampler of a configuration. `alphas_cumprod` are a_t^2 of all training steps."""
        kept = alphas_cumprod.double().cpu().clamp(_LEAST, 1.0 - _LEAST)
        lambdas = 0.5 * torch.log(kept / (1.0 - kept))
        chosen = even_timesteps(lambdas, config.sampling_steps)
        return cls(
            timesteps=chosen,
            signal=tuple(math.sqrt(float(kept[step])) for step in chosen),
            noise=tuple(math.sqrt(1.0 - float(kept[step])) for step in chosen),
            prediction_type=config.prediction_type,
            clip=config.clip_sample_range,
        )

    def run(self, x: FeatureMaps, predict: Predict) -> FeatureMaps:
        """Return the clean images of pure noise `x`: one pass of the network per step."""
        lambdas = [math.log(a / s) for a, s in zip(self.signal, self.noise, strict=True)]
        before: FeatureMaps | None = None
        clean = x
        for index, step in enumerate(self.timesteps):
            clean = self._clean(x, predict(x, step), index)
            if index + 1 == len(self.timesteps):
                break
            width = lambdas[index + 1] - lambdas[index]
            direction = clean
            if before is not None:
                # D = (1 + 1 / 2r) D_i - 1 / 2r D_(i-1), r = h_(i-1) / h_i
                weight = 0.5 * width / (lambdas[index] - lambdas[index - 1])
                direction = clean + weight * (clean - before)
            # x' = s' / s x - a' (exp(-h) - 1) D
            ratio = self.noise[index + 1] / self.noise[index]
            x = ratio * x - self.signal[index + 1] * math.expm1(-width) * direction
            before = clean
        return clean

    def _clean(self, x: FeatureMaps, predicted: FeatureMaps, index: int) -> FeatureMaps:
        """Return the clean images that the network predicts."""
        a, s = self.signal[index], self.noise[index]
        if self.prediction_type == "v_prediction":
            predicted = a * x - s * predicted
        elif self.prediction_type == "epsilon":
            predicted = (x - s * predicted) / a
        return predicted if self.clip is None else predicted.clamp(-self.clip, self.clip)


def even_timesteps(lambdas: Tensor, count: int) -> tuple[int, ...]:
    """Return up to `count` training steps at even distances in lambda, from the last one to the first."""
    wanted = torch.linspace(float(lambdas[-1]), float(lambdas[0]), count, dtype=torch.float64)
    nearest = (lambdas[None, :] - wanted[:, None]).abs().argmin(dim=1)
    return tuple(sorted({int(step) for step in nearest}, reverse=True))
