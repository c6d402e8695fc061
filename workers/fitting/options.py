"""A fit's options as the models take them. Their defaults stand in `contracts/fits/options.py` alone."""

from contracts.fits.options import EnsembleOptions
from models.labels import training

IMAGES_PER_ROUND = 16
"""Images whose features a training round reads at once; fewer where the device is too small."""


def training_options(options: EnsembleOptions, *, cache_bytes: int) -> training.EnsembleOptions:
    """Return the options of an ensemble's training. A `min_tap_px` that is left to the estimate starts as 0."""
    numbers = {**options.model_dump(), "min_tap_px": options.min_tap_px or 0}
    return training.EnsembleOptions(
        **numbers, images_per_round=IMAGES_PER_ROUND, cache_bytes=cache_bytes
    )
