"""DPM-Solver++(2M): the library's results at the same steps, steps even in lambda, and exactness where it must be."""

from dataclasses import replace

import pytest
import torch
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from torch import Tensor

from models.generators.diffusion.config import DDIM_STEPS, DiffusionConfig
from models.generators.diffusion.default_config import default_config
from models.generators.diffusion.solver import Solver, even_timesteps
from models.generators.diffusion.unet import build_scheduler

COSINE = default_config((8, 16))
LINEAR = replace(COSINE, beta_schedule="linear", prediction_type="epsilon")


def kept_signal(config: DiffusionConfig) -> Tensor:
    """Return a_t^2 of all training steps."""
    alphas: Tensor = build_scheduler(config).alphas_cumprod
    return alphas


def solver_of(config: DiffusionConfig) -> Solver:
    """Return the sampler of a configuration."""
    return Solver.of(config, kept_signal(config))


def predicted_for(config: DiffusionConfig, clean: Tensor, x: Tensor, step: int) -> Tensor:
    """Return what a network predicts that knows the clean images."""
    kept = kept_signal(config)[step]
    noise = (x - kept.sqrt() * clean) / (1 - kept).sqrt()
    by_type = {
        "epsilon": noise,
        "sample": clean,
        "v_prediction": kept.sqrt() * noise - (1 - kept).sqrt() * clean,
    }
    return by_type[config.prediction_type]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # in the library
@pytest.mark.parametrize("config", [COSINE, LINEAR], ids=["cosine", "linear"])
def test_the_steps_are_the_librarys(config: DiffusionConfig) -> None:
    """Same timesteps, same prediction: a nonlinear network that depends on the step. Without a clip, as there."""
    free = replace(config, clip_sample_range=None)
    solver = solver_of(free)
    library = DPMSolverMultistepScheduler(
        beta_start=config.beta_start,
        beta_end=config.beta_end,
        beta_schedule=config.beta_schedule,
        prediction_type=config.prediction_type,
        final_sigmas_type="zero",
    )
    library.set_timesteps(timesteps=list(solver.timesteps))

    def predict(x: Tensor, step: int) -> Tensor:
        return torch.tanh(x) * (0.5 + step / 1000)

    noise = torch.randn(2, 3, 8, 16, generator=torch.Generator().manual_seed(0))
    expected = noise
    for step in library.timesteps.tolist():
        expected = library.step(predict(expected, step), step, expected).prev_sample
    torch.testing.assert_close(solver.run(noise, predict), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("kind", ["epsilon", "sample", "v_prediction"])
def test_a_network_that_knows_the_image_samples_it(kind: str) -> None:
    """Each kind of prediction is understood."""
    config = replace(COSINE, prediction_type=kind)
    clean = torch.rand(2, 3, 8, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    noise = torch.randn(2, 3, 8, 16, generator=torch.Generator().manual_seed(1))
    found = solver_of(config).run(noise, lambda x, step: predicted_for(config, clean, x, step))
    torch.testing.assert_close(found, clean, rtol=0, atol=1e-3)


def test_predicted_images_are_clipped() -> None:
    """By the range of the configuration; without one they are free."""
    noise = torch.randn(1, 3, 8, 16, generator=torch.Generator().manual_seed(0))
    bright = replace(COSINE, prediction_type="sample", clip_sample_range=0.5)
    assert solver_of(bright).run(noise, lambda x, _: torch.full_like(x, 3.0)).max() == 0.5
    free = replace(bright, clip_sample_range=None)
    assert solver_of(free).run(noise, lambda x, _: torch.full_like(x, 3.0)).max() == 3.0


def test_steps_are_even_in_lambda() -> None:
    """From the last training step to the first, as near as whole steps allow; steps that meet are one."""
    solver = solver_of(COSINE)
    assert (solver.timesteps[0], solver.timesteps[-1], len(solver.timesteps)) == (999, 0, 12)
    lambdas = torch.tensor(solver.signal).log() - torch.tensor(solver.noise).log()
    widths = lambdas.diff()[4:-4]  # at both ends a training step is wider than the distance
    assert float(widths.min()) > 0.8 * float(widths.max())


@pytest.mark.parametrize(
    "config",
    [
        replace(COSINE, num_train_timesteps=10, sampling_steps=10),
        replace(COSINE, beta_schedule="linear", beta_end=0.5),
        replace(COSINE, sampling_steps=1),
    ],
    ids=["few training steps", "a signal that vanishes", "one step"],
)
def test_unusual_schedules_give_finite_images(config: DiffusionConfig) -> None:
    """A step is taken at most once, and no logarithm is infinite."""
    solver = solver_of(config)
    assert len(set(solver.timesteps)) == len(solver.timesteps) <= config.sampling_steps
    assert solver.run(torch.randn(1, 3, 8, 16), lambda x, _: x).isfinite().all()


@pytest.mark.parametrize("deviation", [0.1, 0.5, 5.0, 30.0])
def test_few_steps_keep_the_contrast(deviation: float) -> None:
    """On normal distributions, whose best prediction is known. DDIM loses contrast, of 30 more than half.

    30 is the deviation of the mean color of an image of 64 px, relative to the mean of its noise.
    """
    config = replace(COSINE, clip_sample_range=None)
    kept = kept_signal(config).double()

    def best(x: Tensor, step: int) -> Tensor:
        a, s = kept[step].sqrt(), (1 - kept[step]).sqrt()
        return (
            a * x - a * deviation**2 * x / (a**2 * deviation**2 + s**2)
        ) / s  # v = (a x - x_0) / s

    seed = torch.Generator().manual_seed(0)
    noise = torch.randn(16, 3, 8, 16, generator=seed, dtype=torch.float64)
    ddim = replace(config, sampler="ddim", sampling_steps=DDIM_STEPS)
    scheduler, x = build_scheduler(ddim), noise
    for step in scheduler.timesteps.tolist():
        x = scheduler.step(best(x, step), step, x, eta=0.0).prev_sample
    shares = [
        one.std() / noise.std() / deviation for one in (solver_of(config).run(noise, best), x)
    ]
    assert abs(float(shares[0]) - 1) < 0.05
    assert float(shares[1]) < 0.95


def test_lambda_steps_of_ties_are_one() -> None:
    """Training steps whose signal is the same to the last bit are one step."""
    lambdas = torch.tensor([3.0, 1.0, -9.0, -9.0], dtype=torch.float64)
    assert even_timesteps(lambdas, 4) == (2, 1, 0)


def test_errors_of_a_network_do_not_grow() -> None:
    """Images of one of two colors with noise of .1, from a network that predicts their noise with errors of a tenth."""
    kept, seed = kept_signal(LINEAR), torch.Generator().manual_seed(0)

    def predict(x: Tensor, step: int) -> Tensor:
        a, s = kept[step].sqrt(), (1 - kept[step]).sqrt()
        variance = (0.1 * a) ** 2 + s**2
        color = 0.7 * torch.tanh((a * 0.7 * x / variance).sum(dim=(1, 2, 3), keepdim=True))
        clean = color + a * 0.01 / variance * (x - a * color)
        return (x - a * clean) / s + 0.1 * torch.randn(x.shape, generator=seed)

    noise = torch.randn(64, 3, 8, 16, generator=seed)
    found = solver_of(LINEAR).run(noise, predict)
    colors = found.mean(dim=(1, 2, 3), keepdim=True)
    assert float(colors.abs().mean()) == pytest.approx(0.7, abs=0.01)
    assert float((found - colors).std()) == pytest.approx(0.1, abs=0.01)
