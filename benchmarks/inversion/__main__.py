"""`python -m benchmarks.inversion`: measure the effect of each inversion setting on 50 images.

Each row inverts labelled and held-out images in batches with one setting, and fits an ensemble on the codes. It scores
the ensemble on held-out images and, for portraits, on samples labelled by the reference segmenter. Real faces need
their data and a folder of networks (`workers.checkpoints convert`, then `workers.training.train_inverter`). The last
line is JSON.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from benchmarks.defaults import ensemble_options
from benchmarks.inversion.codes import Networks
from benchmarks.inversion.faces import read_faces
from benchmarks.inversion.noise_maps import invert_with_noise
from benchmarks.inversion.rows import NOISE_MAPS, Row, rows
from benchmarks.labels.quality import SAMPLE_SEED, confusion_of, generated_truth
from benchmarks.options import network_parser
from benchmarks.segmenter.network import to_input
from benchmarks.segmenter.reference import reference_segmenter
from benchmarks.segmenter.renderings import render_pairs
from examples.portraits.classes import CLASS_NAMES
from examples.portraits.labelset import stratified_indices
from examples.portraits.splits import seed_of
from models.generators.stylegan2.generator import Generator
from models.generators.stylegan2.inversion.discriminator_distance import DiscriminatorDistance
from models.generators.stylegan2.inversion.encoder import Encoder
from models.generators.stylegan2.inversion.invert import Tools, invert
from models.generators.stylegan2.inversion.prior import latent_prior
from models.inversion.detail import MIN_DETAIL, detail_shown
from models.inversion.framing import find_framing, measure_framing
from models.inversion.inverter import Inversion
from models.inversion.perceptual import PerceptualDistance, distances
from models.inversion.spacing import measure_spacing
from models.inversion.squeezenet import SqueezeNetDistance
from models.labels.label_generator import LabelGenerator
from models.labels.training import train_ensemble
from models.tasks.segmentation import SegmentationTask
from models.tasks.task_set import Labels, TaskSet
from workers.fitting.perceptual_ports import read_mounted


@dataclass(frozen=True)
class Domain:
    """A generator with its networks, images with masks for the fit, and held-out images with masks."""

    name: str
    generator: Generator
    encoder: Encoder
    distance: DiscriminatorDistance
    num_classes: int
    images: Tensor
    masks: Tensor
    heldout_images: Tensor
    heldout_masks: Tensor
    generated: tuple[Tensor, Tensor] | None


@dataclass(frozen=True)
class Inverted:
    """Result of one setting: codes of both sets of images, and the time per image."""

    labelled: Inversion
    heldout: Inversion
    seconds_per_image: float


def main() -> None:
    """Run the rows on every domain whose data is available."""
    options = _parse()
    results: dict[str, Any] = {"benchmark": "inversion", "images": options.images}
    for domain in _domains(options):
        results[domain.name] = _measure(domain, options)
    print(json.dumps(results))


def _measure(domain: Domain, options: argparse.Namespace) -> dict[str, Any]:
    table: dict[str, Any] = {"facts": _facts(domain)}
    _print(domain.name, table["facts"])
    prior = latent_prior(domain.generator)
    for row in rows(quick=options.quick, squeezenet=options.squeezenet is not None):
        port: PerceptualDistance = domain.distance
        if row.port == "squeezenet":
            port = SqueezeNetDistance(read_mounted(options.squeezenet))
        encoder = domain.encoder if row.encoder else None
        inverted = _invert(domain, Tools(domain.generator, encoder, port, prior), row)
        table[row.name] = _scores(domain, inverted, fits=options.fits)
        _print(f"{domain.name} | {row.name}", table[row.name])
    return table


def _invert(domain: Domain, tools: Tools, row: Row) -> Inverted:
    """Invert each set in one call. The time is processor time: with one thread, seconds of one core."""
    spacing = measure_spacing(domain.generator, domain.distance)
    began = time.process_time()
    labelled, heldout = (
        invert_with_noise(tools, images, row.options)
        if row.name == NOISE_MAPS
        else invert(tools, images, row.options, fails_below_db=spacing.fails_below_db)
        for images in (domain.images, domain.heldout_images)
    )
    num_images = len(domain.images) + len(domain.heldout_images)
    return Inverted(labelled, heldout, (time.process_time() - began) / num_images)


def _scores(domain: Domain, inverted: Inverted, *, fits: int) -> dict[str, float | None]:
    reconstructions = inverted.labelled.reconstructions.clamp(-1, 1)
    perceptual = distances(domain.distance, reconstructions, domain.images)
    spacing = measure_spacing(domain.generator, domain.distance)
    has_detail = detail_shown(reconstructions, domain.images) >= MIN_DETAIL
    expressed = spacing.expresses(inverted.labelled.psnr_db, perceptual) & has_detail
    quality = [_fit(domain, inverted, seed) for seed in range(fits)]
    return {
        "psnr_db": round(float(inverted.labelled.psnr_db.mean()), 2),
        "distance": round(float(perceptual.mean()), 4),
        "expressible": round(float(expressed.float().mean()), 2),
        "steps": round(float(inverted.labelled.steps.float().mean()), 1),
        "seconds_per_image": round(inverted.seconds_per_image, 2),
        "heldout_miou": _mean([pair[0] for pair in quality]),
        "generated_miou": _mean([pair[1] for pair in quality]),
    }


def _fit(domain: Domain, inverted: Inverted, seed: int) -> tuple[float, float | None]:
    """Fit an ensemble on the codes. Return its mIoU on held-out codes, and on samples if they have labels."""
    px = domain.generator.config.image_px
    ensemble = train_ensemble(
        domain.generator,
        inverted.labelled.codes,
        Labels(label_px=px, segmentation=domain.masks),
        tasks=TaskSet(SegmentationTask(domain.num_classes)),
        options=ensemble_options(),
        seed=seed,
    )
    fitted = LabelGenerator(domain.generator, ensemble)
    heldout = confusion_of(
        fitted, inverted.heldout.codes, domain.heldout_masks, domain.num_classes
    ).mean_iou()
    if domain.generated is None:
        return heldout, None
    return heldout, confusion_of(fitted, *domain.generated, domain.num_classes).mean_iou()


def _facts(domain: Domain) -> dict[str, Any]:
    """Compare the images with the generator's samples: spacing and framing."""
    spacing = measure_spacing(domain.generator, domain.distance)
    framing = find_framing(measure_framing(domain.generator), domain.images)
    return {"spacing": asdict(spacing), "framing": asdict(framing)}


def _domains(options: argparse.Namespace) -> Iterator[Domain]:
    if options.domain != "faces":
        yield _portraits(options)
    if options.domain == "portraits":
        return
    if options.data is None:
        print("real faces: skipped, no --data", file=sys.stderr, flush=True)
    else:
        yield _faces(options)


def _portraits(options: argparse.Namespace) -> Domain:
    networks = Networks.read(options.generator)
    sets = []
    for split, count in (("labelled", options.images), ("heldout", options.heldout)):
        seed = seed_of(split, 0)
        sets.append(render_pairs(seed, stratified_indices(seed, count)))
    segmenter = reference_segmenter(options.folder)
    return Domain(
        name="portraits",
        generator=networks.generator,
        encoder=networks.encoder,
        distance=networks.distance,
        num_classes=len(CLASS_NAMES),
        images=to_input(sets[0].images),
        masks=torch.from_numpy(sets[0].masks).long(),
        heldout_images=to_input(sets[1].images),
        heldout_masks=torch.from_numpy(sets[1].masks).long(),
        generated=generated_truth(networks.generator, segmenter, SAMPLE_SEED, options.generated),
    )


def _faces(options: argparse.Namespace) -> Domain:
    labelled = read_faces(options.data, "labelled", options.images)
    heldout = read_faces(options.data, "heldout", options.heldout)
    networks = Networks.read(options.faces_generator)
    return Domain(
        name="faces",
        generator=networks.generator,
        encoder=networks.encoder,
        distance=networks.distance,
        num_classes=labelled.num_classes,
        images=labelled.images,
        masks=labelled.masks,
        heldout_images=heldout.images,
        heldout_masks=heldout.masks,
        generated=None,
    )


def _mean(values: list[Any]) -> float | None:
    return None if None in values else round(fmean(values), 4) if values else None


def _print(name: str, figures: dict[str, Any]) -> None:
    print(f"{name}: {json.dumps(figures)}", file=sys.stderr, flush=True)


def _parse() -> argparse.Namespace:
    parser = network_parser("benchmarks.inversion", __doc__)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="skip the rows on steps, learning rate, patience and restarts",
    )
    parser.add_argument("--domain", choices=("portraits", "faces"), help="run only this domain")
    parser.add_argument("--images", type=int, default=50)
    parser.add_argument("--heldout", type=int, default=50)
    parser.add_argument("--generated", type=int, default=500)
    parser.add_argument(
        "--fits", type=int, default=2, help="ensembles per row, averaged; 0 for none"
    )
    parser.add_argument("--squeezenet", type=Path, help="file of SqueezeNet weights")
    parser.add_argument(
        "--data", type=Path, help="folder of real faces; without it they are skipped"
    )
    parser.add_argument("--faces-generator", type=Path, help="folder of networks for real faces")
    return parser.parse_args()


if __name__ == "__main__":
    main()
