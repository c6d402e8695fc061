"""`python -m workers.training.train_inverter FOLDER`: trains the inversion encoder of the generator in FOLDER."""

import argparse
import sys
from pathlib import Path

from contracts.generators.inverters import InverterOptions
from workers.training.training_options import (
    add_machine_options,
    add_number,
    new_parser,
    run_command,
)

COMMAND = "train_inverter"
DEFAULTS = InverterOptions()
DESCRIPTION = """\
Train the inversion encoder of a generator. It finds the latent codes of images; every fit begins
with it. Stop it at any time: the same command continues.

It learns from the generator's own samples, so no images are needed. FOLDER holds generator.* (and
discriminator.*, whose trunk makes a better start); it gets inverter.* and inverter_log.jsonl.
Progress is printed every 5 seconds: samples seen, speed, time left, losses.
"""


def main(arguments: list[str] | None = None) -> None:
    """Train as the command line says."""
    given = _parser().parse_args(arguments)
    import torch  # noqa: PLC0415 - takes seconds to load, and --help and a misspelt option need none of it

    from models.generators.stylegan2.inversion.encoder_training import EncoderTrainingOptions  # noqa: PLC0415 - loads torch
    from workers.training.generator_training import chosen_device  # noqa: PLC0415 - loads torch
    from workers.training.inverter_training import train  # noqa: PLC0415 - loads torch

    if given.threads:
        torch.set_num_threads(given.threads)
    options = EncoderTrainingOptions(
        total_images=given.total_images, batch=given.batch, learning_rate=given.learning_rate
    )
    device = chosen_device(given.device)
    train(given.folder, options, seed=given.seed, device=device, half=given.half)


def _parser() -> argparse.ArgumentParser:
    parser = new_parser(COMMAND, DESCRIPTION)
    parser.add_argument(
        "folder",
        type=Path,
        metavar="FOLDER",
        help="folder with the generator: the OUT of train_generator, or a converted checkpoint",
    )
    group = parser.add_argument_group("training")
    add_number(
        group,
        "--total-images",
        DEFAULTS.num_images,
        "stop once this many samples were seen. 12,000 made the inverter of portraits-64; take more where the"
        " reconstructions of a fit are poor. The rate falls to 0 over the whole training: choose before you start",
        unit="samples",
        least=1,
    )
    add_number(
        group,
        "--batch",
        DEFAULTS.batch,
        "samples in one step. Lower it when memory runs out",
        unit="samples",
        least=1,
    )
    add_number(
        group,
        "--learning-rate",
        DEFAULTS.learning_rate,
        "Adam's step size at the start. Lower it when the losses jump",
    )
    group.add_argument(
        "--half",
        action="store_true",
        help="write the weights as float16: half the file. Use it for weights that you pass on (switch, default off)",
    )
    add_machine_options(parser)
    return parser


if __name__ == "__main__":
    sys.exit(run_command(main))
