"""`python -m benchmarks.targets`: are targets met, what do they cost, and do directions move one class alone?

On the built-in portraits: a fit, a target of 40% glasses as the reference segmenter sees it, rendered candidates of
each sample with a hat against plain rejection, the same samples in other micro-batches, and directions at five
strengths. The defaults take about an hour of one core, with the training of the segmenter. The last line is JSON.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from benchmarks.defaults import ensemble_options, inversion_options
from benchmarks.inversion.codes import Coded, CodeStore, Networks
from benchmarks.options import network_parser
from benchmarks.segmenter.reference import NUM_RENDERINGS, reference_segmenter
from benchmarks.segmenter.training import TrainingOptions
from benchmarks.targets.measures import presence_seen, steered
from benchmarks.targets.sampling import Pilot, Sampler, predictor_of
from examples.portraits.classes import CLASS_NAMES, Part
from models.labels.label_generator import LabelGenerator
from models.labels.training import train_ensemble
from models.targets.constraints import Constraint
from models.tasks.segmentation import SegmentationTask
from models.tasks.task_set import Labels, TaskSet

SHARE = 0.4
STEERED = ("glasses", "hat", "neck", "brows")
SEED = 23
SHEET_ROWS = 6


def main(arguments: Sequence[str]) -> int:
    """Measure everything; print progress to stderr and the result as one line of JSON."""
    options = _parse(arguments)
    torch.set_num_threads(options.threads)
    if not (options.generator / "inverter.json").exists():
        print(
            json.dumps({"benchmark": "targets", "skipped": f"no generator in {options.generator}"})
        )
        return 0
    print(json.dumps(_measure(options)))
    return 0


def _measure(options: argparse.Namespace) -> dict[str, Any]:
    segmenter = reference_segmenter(
        options.folder,
        num_renderings=options.renderings,
        options=TrainingOptions(epochs=options.epochs),
    )
    networks = Networks.read(options.generator)
    coded = CodeStore(options.folder, networks, inversion_options()).labelled(
        "labelled", 0, options.labels
    )
    sampler = _sampler(networks, coded, options.fit_steps)
    _note("fit trained")
    pilot = sampler.pilot(options.pilot)
    _note("pilot measured")
    result: dict[str, Any] = {"benchmark": "targets", "labels": options.labels}
    glasses = _constraint(coded, Part.GLASSES)
    drawn = sampler.draw(
        range(options.samples), glasses, SHARE, fitted=predictor_of(pilot, glasses)
    )
    result["glasses"] = presence_seen(sampler, drawn, SHARE, Part.GLASSES, segmenter)
    plain = sampler.moved(options.samples, None)
    result["glasses"]["seen_without_targets"] = presence_seen(
        sampler, plain, SHARE, Part.GLASSES, segmenter
    )["seen"]
    _note(json.dumps(result["glasses"]))
    result["purity"] = _purity(sampler, pilot, glasses, drawn.attempts)
    result["hat"] = _cost(sampler, pilot, _constraint(coded, Part.HAT), options.rare)
    _note(json.dumps(result["hat"]))
    figures, pictures = steered(sampler, pilot, STEERED, options.moved, segmenter)
    for name, images in pictures.items():
        _write_sheet(options.folder / f"direction-{name}.png", images)
    return result | {"directions": figures}


def _sampler(networks: Networks, coded: Coded, steps: int) -> Sampler:
    generator = networks.generator
    labels = Labels(label_px=generator.config.image_px, segmentation=coded.masks)
    tasks = TaskSet(SegmentationTask(len(CLASS_NAMES)))
    ensemble = train_ensemble(
        generator, coded.ws, labels, tasks=tasks, options=ensemble_options(steps=steps), seed=0
    )
    return Sampler(LabelGenerator(generator, ensemble), generator, len(CLASS_NAMES), SEED)


def _constraint(coded: Coded, part: Part) -> Constraint:
    """Return the constraint with the service's default: half of the median share in the labelled images."""
    shares = (coded.masks == part).flatten(1).float().mean(dim=1)
    return Constraint(part, statistics.median(shares[shares > 0].tolist()) / 2)


def _cost(sampler: Sampler, pilot: Pilot, constraint: Constraint, count: int) -> dict[str, Any]:
    """Return the rendered candidates of each sample that contains a class, against plain rejection."""
    fitted = predictor_of(pilot, constraint)
    drawn = sampler.draw(range(count), constraint, 1.0, fitted=fitted)
    plain = 1 / fitted.frequency
    return {
        "frequency": round(fitted.frequency, 4),
        "min_pixels": round(constraint.min_pixels, 4),
        "samples": count,
        "plain_candidates_per_sample": round(plain, 1),
        "predicted_candidates_per_sample": round(1 / fitted.present_yield, 2),
        "candidates_per_sample": round(drawn.candidates_per_sample, 2),
        "codes_per_sample": round(drawn.num_codes / count, 1),
        "recall": round(fitted.recall, 3),
        "times_fewer": round(plain / drawn.candidates_per_sample, 2),
    }


def _purity(
    sampler: Sampler, pilot: Pilot, constraint: Constraint, attempts: dict[int, int]
) -> dict[str, Any]:
    """Return whether some samples are the same alone, in another order and in other micro-batches."""
    indices = sorted(attempts)[:24]
    again = sampler.draw(
        indices[::-1], constraint, SHARE, fitted=predictor_of(pilot, constraint), micro_batch=5
    )
    same = [again.attempts[index] == attempts[index] for index in indices]
    return {"samples": len(same), "same": sum(same)}


def _write_sheet(path: Path, images: Sequence[Tensor]) -> None:
    """Write samples as rows and strengths as columns."""
    rows = [
        torch.cat([one[row] for one in images], dim=1)
        for row in range(min(SHEET_ROWS, len(images[0])))
    ]
    Image.fromarray(torch.cat(rows).numpy()).save(path)


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = network_parser("benchmarks.targets", __doc__)
    parser.add_argument("--labels", type=int, default=50, help="labelled portraits of the fit")
    parser.add_argument("--fit-steps", type=int, default=ensemble_options().steps)
    parser.add_argument("--pilot", type=int, default=2_000, help="samples of the pilot")
    parser.add_argument("--samples", type=int, default=500, help="samples with 40%% glasses")
    parser.add_argument("--rare", type=int, default=100, help="samples with a hat")
    parser.add_argument("--moved", type=int, default=200, help="samples at each strength")
    parser.add_argument("--renderings", type=int, default=NUM_RENDERINGS, help="of the segmenter")
    parser.add_argument("--epochs", type=int, default=TrainingOptions.epochs)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
