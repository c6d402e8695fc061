"""The options that fits use by default, as the models take them: a benchmark changes one and keeps the rest."""

from dataclasses import replace
from typing import Any

from contracts.fits.options import (
    INVERSION_PRESETS,
    EnsembleChoice,
    resolve_ensemble,
)
from contracts.generators.inverters import InverterOptions
from models.generators.stylegan2.inversion.encoder_training import EncoderTrainingOptions
from models.generators.stylegan2.inversion.refinement import InversionOptions
from models.labels.training import EnsembleOptions
from workers.families import stylegan2
from workers.fitting import options

CACHE_BYTES = 1 << 30


def inversion_options(**changes: Any) -> InversionOptions:  # noqa: ANN401 - the fields' own types
    """Return the default inversion with some values changed."""
    return replace(stylegan2.refinement_options(INVERSION_PRESETS["default"]), **changes)


def ensemble_options(**changes: Any) -> EnsembleOptions:  # noqa: ANN401 - the fields' own types
    """Return the default ensemble with some values changed."""
    defaults = options.training_options(resolve_ensemble(EnsembleChoice()), cache_bytes=CACHE_BYTES)
    return replace(defaults, **changes)


def encoder_options(**changes: Any) -> EncoderTrainingOptions:  # noqa: ANN401 - the fields' own types
    """Return the default training of an inverter with some values changed."""
    return replace(stylegan2.training_options(InverterOptions()), **changes)
