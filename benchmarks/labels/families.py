"""`python -m benchmarks.labels.families`: compare StyleGAN2 with diffusion at 32 px and equal CPU seconds of training.

Both families train on the same rendered portraits, StyleGAN2 with its inverter; the seconds are those of one thread.
Held-out scores compare labels of new portraits with exact truth, generated scores compare labels of samples with a
segmenter that was trained at 32 px, whose own score is the ceiling. Every fit has the same labelled portraits in both
families. Interrupted runs continue; networks and scores of other settings are not reused. The last line is JSON.
"""

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.defaults import ensemble_options, inversion_options
from benchmarks.labels.families_training import (
    CHANNELS,
    PX,
    halved,
    trained_diffusion,
    trained_stylegan2,
)
from benchmarks.labels.quality import confusion_of
from benchmarks.options import CACHE
from benchmarks.segmenter.network import (
    Segmenter,
    SegmenterConfig,
    build_segmenter,
    segment,
    to_input,
)
from benchmarks.segmenter.reference import score
from benchmarks.segmenter.renderings import cached_renderings, render_pairs
from benchmarks.segmenter.training import TrainingOptions, train_segmenter
from examples.portraits.classes import CLASS_NAMES
from examples.portraits.labelset import stratified_indices
from examples.portraits.splits import seed_of
from models.adversarial.frechet import frechet_distance, random_features
from models.generators.diffusion.inverter import IdentityInverter
from models.generators.generator import Generator
from models.generators.stylegan2.config import DiscriminatorConfig
from models.generators.stylegan2.inversion.discriminator_distance import DiscriminatorDistance
from models.generators.stylegan2.inversion.invert import Tools
from models.generators.stylegan2.inversion.inverter import StyleGan2Inverter
from models.inversion.inverter import Inverter
from models.labels.ensemble import EnsembleKind
from models.labels.label_generator import LabelGenerator, to_bytes
from models.labels.training import EnsembleOptions, train_ensemble
from models.sampling import Candidate, CandidateDraws
from models.tasks.segmentation import SegmentationTask
from models.tasks.task_set import Labels, TaskSet
from workers.runtime.weights import read_network, write_network
from workers.training.snapshots import draw_grid

FAMILIES = ("diffusion", "stylegan2")
SAMPLE_SEED = 1
NUM_TIMED = 16
MICRO_BATCH = 16


@dataclass(frozen=True)
class Portraits:
    """images [n, 3, 32, 32] in [-1, 1], masks [n, 32, 32] int64."""

    images: Tensor
    masks: Tensor

    @classmethod
    def read(cls, split: str, draw: int, count: int) -> "Portraits":
        """Render the stratified set of a split at half its size."""
        seed = seed_of(split, draw)
        pairs = halved(render_pairs(seed, stratified_indices(seed, count)))
        return cls(to_input(pairs.images), torch.from_numpy(pairs.masks).long())


@dataclass(frozen=True)
class Family:
    """A trained generator with its inverter, and truth in its codes."""

    generator: Generator
    inverter: Inverter
    heldout_codes: Tensor
    heldout_masks: Tensor
    generated_codes: Tensor
    generated_masks: Tensor


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, fit and score both families. Print the summary as one line of JSON."""
    parsed = _parser().parse_args(arguments)
    torch.set_num_threads(1)
    folder: Path = parsed.folder
    images = halved(cached_renderings(folder, "generator", parsed.images)).images
    segmenter = _segmenter(folder, parsed.segmenter_renderings, parsed.segmenter_epochs)
    heldout = Portraits.read("heldout", 0, parsed.heldout)
    results: dict[str, Any] = {
        "benchmark": "families",
        "px": PX,
        **{name: value for name, value in vars(parsed).items() if name != "folder"},
        "segmenter_miou": _ceiling(folder, segmenter, parsed.heldout),
    }
    for name in FAMILIES:
        generator, inverter = _trained(name, images, parsed)
        family, figures = _prepared(generator, inverter, heldout, segmenter, parsed.generated)
        figures["fd_random"] = _frechet(family, to_input(images[: parsed.generated]))
        sheet = draw_grid(generator.synthesize(family.generated_codes[:64]).images)
        sheet.save(_training_folder(parsed) / f"{name}.png")
        for count in parsed.labels:
            runs = [_fit_once(name, family, count, draw, parsed) for draw in range(parsed.draws)]
            figures[str(count)] = summary(runs)
        results[name] = figures
        print(f"{name}: {json.dumps(figures)}", file=sys.stderr, flush=True)
    print(json.dumps(results))


def summary(runs: Sequence[dict[str, float]]) -> dict[str, float | None]:
    """Return the mean of every figure over the draws, and the standard deviation of both scores."""
    means = {name: round(mean(run[name] for run in runs), 4) for name in runs[0]}
    spread = {
        f"{name}_deviation": round(stdev(run[name] for run in runs), 4) if len(runs) > 1 else None
        for name in ("heldout_miou", "generated_miou")
    }
    return {**means, **spread}


def _trained(
    name: str, images: NDArray[np.uint8], parsed: argparse.Namespace
) -> tuple[Generator, Inverter]:
    """Return the trained generator of a family and its inverter."""
    folder = _training_folder(parsed)
    if name == "diffusion":
        diffusion = trained_diffusion(folder, images, parsed.cpu_seconds)
        return diffusion, IdentityInverter(diffusion)
    stylegan2, discriminator, encoder = trained_stylegan2(folder, images, parsed.cpu_seconds)
    tools = Tools.of(stylegan2, encoder, DiscriminatorDistance(discriminator))
    options = inversion_options(steps=parsed.inversion_steps)
    return stylegan2, StyleGan2Inverter(tools, options)


def _training_folder(parsed: argparse.Namespace) -> Path:
    """Return the folder of the networks that are trained with these settings."""
    folder: Path = parsed.folder / f"{parsed.cpu_seconds:g}-seconds-{parsed.images}-images"
    return folder


def _prepared(
    generator: Generator, inverter: Inverter, heldout: Portraits, segmenter: Segmenter, count: int
) -> tuple[Family, dict[str, Any]]:
    """Return the family with held-out and generated truth, and what inversion and sampling cost and reach."""
    began = time.process_time()
    codes, psnr = _inverted(inverter, heldout.images)
    inverted = time.process_time()
    samples = torch.cat([generator.sample(draws) for draws in _draws(count)])
    sampled = time.process_time()
    images = torch.cat([generator.synthesize(c).images for c in samples.split(MICRO_BATCH)])
    masks = torch.from_numpy(segment(segmenter, to_bytes(images).numpy())).long()
    figures = {
        "inversion_seconds": round((inverted - began) / len(codes), 3),
        "reconstruction_psnr_db": round(float(psnr.mean()), 2),
        "sample_seconds": round((sampled - inverted) / count, 4),
    }
    return Family(generator, inverter, codes, heldout.masks, samples, masks), figures


def _draws(count: int) -> Iterator[CandidateDraws]:
    for first in range(0, count, MICRO_BATCH):
        indices = range(first, min(first + MICRO_BATCH, count))
        yield CandidateDraws(SAMPLE_SEED, [Candidate(index) for index in indices])


def _inverted(inverter: Inverter, images: Tensor) -> tuple[Tensor, Tensor]:
    inversions = [inverter.invert(part) for part in images.split(MICRO_BATCH)]
    return torch.cat([each.codes for each in inversions]), torch.cat(
        [each.psnr_db for each in inversions]
    )


def _fit(family: Family, count: int, draw: int, options: EnsembleOptions) -> dict[str, float]:
    """Fit one draw and score it. `fit_seconds` are CPU seconds of the inversion and the ensemble's training."""
    portraits = Portraits.read("labelled", draw, count)
    began = time.process_time()
    codes, _ = _inverted(family.inverter, portraits.images)
    labels = Labels(label_px=(PX, PX), segmentation=portraits.masks)
    tasks = TaskSet(SegmentationTask(len(CLASS_NAMES)))
    ensemble = train_ensemble(
        family.generator, codes, labels, tasks=tasks, options=options, seed=draw
    )
    fit_seconds = time.process_time() - began
    fitted = LabelGenerator(family.generator, ensemble)
    heldout = confusion_of(fitted, family.heldout_codes, family.heldout_masks)
    generated = confusion_of(fitted, family.generated_codes, family.generated_masks)
    return {
        "heldout_miou": heldout.mean_iou(),
        "generated_miou": generated.mean_iou(),
        "generated_accuracy": generated.accuracy(),
        "fit_seconds": fit_seconds,
        "pair_seconds": _pair_seconds(fitted, min(NUM_TIMED, len(family.generated_codes))),
    }


def _pair_seconds(fitted: LabelGenerator, count: int) -> float:
    """Return the CPU seconds of one image with its label: the sample, its features and the labels."""
    draws = CandidateDraws(SAMPLE_SEED, [Candidate(index) for index in range(count)])
    began = time.process_time()
    fitted.render(fitted.generator.sample(draws))
    return (time.process_time() - began) / count


def _frechet(family: Family, real: Tensor) -> float:
    """Return the Frechet distance of samples to real portraits in random features."""
    images = torch.cat(
        [family.generator.synthesize(c).images for c in family.generated_codes.split(MICRO_BATCH)]
    )
    config = DiscriminatorConfig(channels=CHANNELS)
    features = [random_features(each, config) for each in (images.clamp(-1, 1), real)]
    return round(frechet_distance(*features), 3)


def _segmenter(folder: Path, count: int, epochs: int) -> Segmenter:
    """Return the segmenter for 32 px: trained on halved renderings, or read."""
    name = f"segmenter-{PX}-{count}-{epochs}"
    if (folder / f"{name}.json").exists():
        return build_segmenter(*read_network(folder, name))
    config = SegmenterConfig(len(CLASS_NAMES))
    pairs = halved(cached_renderings(folder, "segmenter-training", count))
    torch.manual_seed(0)
    segmenter = Segmenter(config)
    checkpoint = folder / f"{name}.checkpoint"
    options = TrainingOptions(epochs=epochs, batch=min(16, count))
    train_segmenter(segmenter, pairs, options, checkpoint=checkpoint, on_step=_ignore)
    write_network(folder, name, segmenter, config.to_dict())
    return segmenter.requires_grad_(False)


def _ignore(done: int, total: int, loss: float) -> None:
    """Print nothing: the training takes about a minute."""


def _ceiling(folder: Path, segmenter: Segmenter, count: int) -> float:
    """Return the segmenter's mIoU on new portraits of 32 px."""
    tests = halved(cached_renderings(folder, "segmenter-testing", count))
    return round(score(segmenter, tests.images, tests.masks).miou, 4)


def _fit_once(
    name: str, family: Family, count: int, draw: int, parsed: argparse.Namespace
) -> dict[str, float]:
    """Fit and score a draw, or read the scores of an earlier run with the same settings."""
    others = ("folder", "labels", "draws")  # `count` and `draw` name one of each
    settings = {key: value for key, value in vars(parsed).items() if key not in others}
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]
    path = _training_folder(parsed) / f"{name}-{count}-{draw}-{digest}.json"
    if not path.exists():
        options = ensemble_options(kind=parsed.kind, num_members=parsed.members, steps=parsed.steps)
        path.write_text(json.dumps(_fit(family, count, draw, options)))
    figures: dict[str, float] = json.loads(path.read_text())
    return figures


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.labels.families", description=__doc__
    )
    defaults = ensemble_options()
    parser.add_argument(
        "--folder", type=Path, default=CACHE / "families", help="checkpoints, scores and sheets"
    )
    parser.add_argument("--cpu-seconds", type=float, default=1500.0, help="of each family")
    parser.add_argument("--images", type=int, default=10_000, help="unlabelled portraits")
    parser.add_argument("--labels", type=int, nargs="+", default=[16, 50])
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--heldout", type=int, default=100)
    parser.add_argument("--generated", type=int, default=300)
    parser.add_argument("--inversion-steps", type=int, default=inversion_options().steps)
    parser.add_argument("--kind", choices=get_args(EnsembleKind), default=defaults.kind)
    parser.add_argument("--members", type=int, default=defaults.num_members)
    parser.add_argument("--steps", type=int, default=defaults.steps, help="of an ensemble")
    parser.add_argument("--segmenter-renderings", type=int, default=2_000)
    parser.add_argument("--segmenter-epochs", type=int, default=8)
    return parser


if __name__ == "__main__":
    main()
