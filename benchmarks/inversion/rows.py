"""Settings that `benchmarks.inversion` compares. Each row changes one value of the default."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from benchmarks.defaults import inversion_options
from models.generators.stylegan2.inversion.refinement import InversionOptions

NOISE_MAPS = "noise maps optimised"


@dataclass(frozen=True)
class Row:
    """One setting: its options, whether the encoder gives the first code, and the perceptual distance in the loss."""

    name: str
    options: InversionOptions
    encoder: bool = True
    port: Literal["discriminator", "squeezenet"] = "discriminator"


def rows(*, quick: bool, squeezenet: bool) -> Iterator[Row]:
    """Yield the rows in table order. `squeezenet` adds the row that needs mounted SqueezeNet weights."""
    default = inversion_options()
    yield Row("encoder alone", replace(default, steps=0))
    yield Row("encoder, then optimisation (default)", default)
    yield Row("optimisation alone, from the mean", default, encoder=False)
    yield from _losses(default)
    if squeezenet:
        weighted = replace(default, perceptual_weight=0.1)
        yield Row("SqueezeNet distance 0.1 instead", weighted, port="squeezenet")
    yield Row(NOISE_MAPS, default)
    if not quick:
        yield from _schedules(default)


def _losses(default: InversionOptions) -> Iterator[Row]:
    """Yield rows for the loss: pixels only, a weak pull and the paper's pull, other prior weights."""
    yield Row("pixels alone", replace(default, perceptual_weight=0.0))
    for pull in (0.01, 1.0):
        yield Row(f"pull to the encoder's code {pull}", replace(default, encoder_pull=pull))
    for prior in (0.0, 1e-3):
        yield Row(f"prior {prior}", replace(default, prior_weight=prior))


def _schedules(default: InversionOptions) -> Iterator[Row]:
    for steps in (50, 200, 400):
        yield Row(f"{steps} steps", replace(default, steps=steps))
    for rate in (0.05, 0.2):
        yield Row(f"learning rate {rate}", replace(default, learning_rate=rate))
    for patience in (0, 10):
        yield Row(f"patience {patience}", replace(default, patience=patience))
    yield Row("2 restarts for failures", replace(default, restarts=2))
