"""`python -m workers.train_inverter FOLDER`: trains the inversion encoder of the generator in FOLDER; resumable.

It learns from the generator's own samples. Reads `generator` and `discriminator`, writes `inverter` (safetensors +
JSON) and `inverter_log.jsonl` beside them.
"""

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import torch

from models.inversion.encoder import Encoder
from models.inversion.encoder_training import EncoderTrainingOptions, encoder_loss, start_encoder
from models.stylegan2.discriminator import build_discriminator
from models.stylegan2.generator import Generator, build_generator
from models.stylegan2.layers import channels_last
from workers.weights import read_network, write_network

CHECKPOINT = "inverter_checkpoint.pt"


class Stateful(Protocol):
    """What a checkpoint can hold: networks, optimisers, schedules."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state_dict: dict[str, Any], /) -> object: ...


def main(arguments: list[str] | None = None) -> None:
    """Train as the command line says."""
    parsed = _parser().parse_args(arguments)
    if parsed.threads:
        torch.set_num_threads(parsed.threads)
    torch.manual_seed(parsed.seed)
    device = torch.device(parsed.device)
    folder: Path = parsed.folder
    generator = build_generator(*read_network(folder, "generator")).to(device)
    discriminator = build_discriminator(*read_network(folder, "discriminator")).to(device)
    encoder = start_encoder(generator, discriminator)
    options = EncoderTrainingOptions(learning_rate=parsed.learning_rate)
    train(folder, generator, encoder, options, total=parsed.total_images, batch=parsed.batch)


def train(
    folder: Path,
    generator: Generator,
    encoder: Encoder,
    options: EncoderTrainingOptions,
    *,
    total: int,
    batch: int,
) -> None:
    """Train on `total` samples with a cosine schedule, going on from the folder's checkpoint where there is one."""
    encoder = channels_last(encoder)
    optimizer = torch.optim.Adam(encoder.parameters(), lr=options.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(total // batch, 1))
    parts: dict[str, Stateful] = {"encoder": encoder, "optimizer": optimizer, "schedule": schedule}
    seen = _resume(folder, parts)
    report_every = max(total // 20 // batch, 1) * batch
    began, first = time.monotonic(), seen
    while seen < total:
        losses = encoder_loss(encoder, generator, batch, options)
        optimizer.zero_grad(set_to_none=True)
        losses["total"].backward()
        optimizer.step()
        schedule.step()
        seen += batch
        if seen % report_every == 0 or seen >= total:
            speed = (seen - first) / (time.monotonic() - began)
            row = {name: loss.item() for name, loss in losses.items()}
            _snapshot(folder, parts, seen, row | {"images_per_second": speed}, options)
    write_network(folder, "inverter", encoder, encoder.config.to_dict())


def _snapshot(
    folder: Path,
    parts: dict[str, Stateful],
    seen: int,
    row: dict[str, float],
    options: EncoderTrainingOptions,
) -> None:
    saved = {name: part.state_dict() for name, part in parts.items()}
    partial = folder / f"{CHECKPOINT}.partial"
    torch.save({"parts": saved, "seen": seen}, partial)
    partial.replace(folder / CHECKPOINT)
    line = json.dumps({"images_seen": seen, **row, "options": asdict(options)})
    with (folder / "inverter_log.jsonl").open("a") as log:
        log.write(line + "\n")
    print(line, flush=True)


def _resume(folder: Path, parts: dict[str, Stateful]) -> int:
    if not (folder / CHECKPOINT).exists():
        return 0
    saved = torch.load(folder / CHECKPOINT, weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(saved["parts"][name])
    return int(saved["seen"])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m workers.train_inverter", description=__doc__)
    parser.add_argument("folder", type=Path, help="folder with generator and discriminator")
    parser.add_argument("--total-images", type=int, default=40_000)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0, help="0: as torch chooses")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return parser


if __name__ == "__main__":
    main()
