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
Train the inversion encoder of a generator. The encoder finds the latent codes of images; every fit
starts with it. You can stop at any time: the same command resumes.

It learns from the generator's samples, so no images are needed. FOLDER contains generator.* and,
for a better start, discriminator.*; the command writes inverter.* and inverter_log.jsonl there.
Progress is printed every 5 seconds: samples seen, speed, time left, losses.
"""


def main(arguments: list[str] | None = None) -> None:
    """Train with the options of the command line."""
    args = _parser().parse_args(arguments)
    import torch  # noqa: PLC0415 - takes seconds to load; --help and option errors do not need it

    from models.generators.stylegan2.inversion.encoder_training import EncoderTrainingOptions  # noqa: PLC0415 - loads torch
    from workers.training.generator_training import chosen_device  # noqa: PLC0415 - loads torch
    from workers.training.inverter_training import train  # noqa: PLC0415 - loads torch

    if args.threads:
        torch.set_num_threads(args.threads)
    options = EncoderTrainingOptions(
        total_images=args.total_images, batch=args.batch, learning_rate=args.learning_rate
    )
    device = chosen_device(args.device)
    train(args.folder, options, seed=args.seed, device=device, half=args.half)


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
        "stop once this many samples were seen. portraits-64 used 12,000; use more if the reconstructions of a fit are"
        " poor. Choose it before you start: the learning rate falls to 0 over the whole training",
        unit="samples",
        least=1,
    )
    add_number(
        group,
        "--batch",
        DEFAULTS.batch,
        "samples per step. Lower it when memory runs out",
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
        help="write the weights as float16, which halves the file. Use it for weights that you publish (switch, default"
        " off)",
    )
    add_machine_options(parser)
    return parser


if __name__ == "__main__":
    sys.exit(run_command(main))
