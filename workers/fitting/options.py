"""A fit's options as options of the models. The defaults are in `contracts/fits/options.py`."""

from contracts.fits.options import EnsembleOptions
from models.labels import training

IMAGES_PER_ROUND = 16
"""Images whose features a training round reads at once; fewer on a small device."""


def training_options(options: EnsembleOptions, *, cache_bytes: int) -> training.EnsembleOptions:
    """Return the options of an ensemble's training. Without a `min_tap_px`, training starts with 0."""
    # The training sees mirrored images as further images.
    numbers = {**options.model_dump(exclude={"flips"}), "min_tap_px": options.min_tap_px or 0}
    return training.EnsembleOptions(
        **numbers, images_per_round=IMAGES_PER_ROUND, cache_bytes=cache_bytes
    )
