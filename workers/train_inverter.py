"""`python -m workers.train_inverter FOLDER`: trains the inversion encoder of the generator in FOLDER; resumable.

It learns from the generator's own samples. Reads `generator` and, where there is one, `discriminator`; writes
`inverter` (safetensors + JSON) and `inverter_log.jsonl` beside them.
"""

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path

import torch

from models.inversion.encoder_training import EncoderTrainingOptions
from models.inversion.training import EncoderTraining, train_encoder
from models.stylegan2.discriminator import Discriminator, build_discriminator
from models.stylegan2.generator import build_generator
from workers.weights import read_network, write_network

CHECKPOINT = "inverter_checkpoint.safetensors"
NUM_REPORTS = 20


def main(arguments: list[str] | None = None) -> None:
    """Train as the command line says."""
    parsed = _parser().parse_args(arguments)
    if parsed.threads:
        torch.set_num_threads(parsed.threads)
    options = EncoderTrainingOptions(
        total_images=parsed.total_images, batch=parsed.batch, learning_rate=parsed.learning_rate
    )
    device = torch.device(parsed.device)
    train(parsed.folder, options, seed=parsed.seed, device=device, half=parsed.half)


def train(
    folder: Path,
    options: EncoderTrainingOptions,
    *,
    seed: int,
    device: torch.device,
    half: bool = False,
) -> None:
    """Train to the end, going on from the folder's checkpoint where there is one.

    `half` writes the weights as float16: half the bytes; they are float32 again once loaded.
    """
    generator = build_generator(*read_network(folder, "generator")).to(device)
    checkpoint = folder / CHECKPOINT
    encoder = train_encoder(
        generator,
        _discriminator(folder, device),
        options,
        seed=seed,
        state=checkpoint.read_bytes() if checkpoint.exists() else None,
        on_step=_Reporter(folder),
    )
    written = encoder.half() if half else encoder
    write_network(folder, "inverter", written, encoder.config.to_dict())


def _discriminator(folder: Path, device: torch.device) -> Discriminator | None:
    if not (folder / "discriminator.json").exists():
        return None
    return build_discriminator(*read_network(folder, "discriminator")).to(device)


class _Reporter:
    """Writes the log and the checkpoint, twenty times in a training."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.began = time.monotonic()
        self.num_images = 0

    def __call__(self, training: EncoderTraining) -> None:
        self.num_images += training.options.batch
        every = max(training.total_images // NUM_REPORTS, training.options.batch)
        is_due = training.images_seen % every < training.options.batch
        if is_due or training.images_seen >= training.total_images:
            self._write(training)

    def _write(self, training: EncoderTraining) -> None:
        partial = self.folder / f"{CHECKPOINT}.partial"
        partial.write_bytes(training.to_bytes())
        partial.replace(self.folder / CHECKPOINT)
        speed = self.num_images / (time.monotonic() - self.began)
        row = {"images_seen": training.images_seen, **training.losses, "images_per_second": speed}
        line = json.dumps(row | {"options": asdict(training.options)})
        with (self.folder / "inverter_log.jsonl").open("a") as log:
            log.write(line + "\n")
        print(line, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m workers.train_inverter", description=__doc__)
    parser.add_argument("folder", type=Path, help="folder with generator and discriminator")
    parser.add_argument("--total-images", type=int, default=EncoderTrainingOptions.total_images)
    parser.add_argument("--batch", type=int, default=EncoderTrainingOptions.batch)
    parser.add_argument("--learning-rate", type=float, default=EncoderTrainingOptions.learning_rate)
    parser.add_argument("--half", action="store_true", help="write the weights as float16")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0, help="0: as torch chooses")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return parser


if __name__ == "__main__":
    main()
