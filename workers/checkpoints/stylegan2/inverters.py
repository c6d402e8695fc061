"""Check that an inverter, the encoder of `train_inverter`, fits the generator beside it."""

from models.generators.stylegan2.config import GeneratorConfig
from models.generators.stylegan2.inversion.encoder import EncoderConfig
from workers.checkpoints.checkpoint import CheckpointRefused, NetworkWeights

MAX_DISTANCE = 0.5
"""Between the mean codes of both, in standard deviations. Measured: 0.02 for portraits-64 and its inverter."""

REMEDY = "Train one with train_inverter, or leave the inverter's files out."


def check_inverter(inverter: NetworkWeights, generator: NetworkWeights) -> tuple[str, ...]:
    """Return warnings for the user.

    Raises:
        CheckpointRefused: the inverter's codes are of another shape than the generator's.
    """
    encoder = EncoderConfig.from_dict(inverter.config)
    network = GeneratorConfig.from_dict(generator.config)
    sizes = [
        ("style vectors", encoder.num_ws, network.num_ws),
        ("numbers in a style vector", encoder.w_dim, network.w_dim),
        ("base sizes", list(encoder.base_px), list(network.base_px)),
    ]
    for what, actual, expected in sizes:
        if actual != expected:
            raise CheckpointRefused(
                f"its inverter is of another generator: expected {expected} {what}, got {actual}",
                REMEDY,
            )
    if encoder.input_px > network.image_px:
        raise CheckpointRefused(
            f"its inverter is of another generator: expected an input of at most {list(network.image_px)} px, got"
            f" {list(encoder.input_px)}",
            REMEDY,
        )
    return _distance_warnings(inverter, generator)


def _distance_warnings(inverter: NetworkWeights, generator: NetworkWeights) -> tuple[str, ...]:
    """Compare the mean codes: an inverter keeps the mean and the standard deviation of its generator's codes."""
    mean, std = inverter.tensors["w_mean"], inverter.tensors["w_deviation"]
    if not bool((std > 0).all()):
        raise CheckpointRefused(
            "its inverter has standard deviations (w_deviation) that are not above 0", REMEDY
        )
    distance = float(((mean - generator.tensors["mapping.w_mean"]) / std).abs().mean())
    if distance <= MAX_DISTANCE:
        return ()
    warning = (
        "The inverter was probably trained for another generator or snapshot: their mean codes differ by"
        f" {distance:.2g} standard deviations, expected at most {MAX_DISTANCE}. Train it again with train_inverter."
    )
    return (warning,)
