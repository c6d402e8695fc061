"""`python -m benchmarks.inversion`: 50 images inverted in one batched run, and what each choice of it is worth.

Each row inverts labelled and held-out images with one setting, fits an ensemble on the codes and scores it on
held-out images and, for portraits, on samples that the reference segmenter labels. Real faces need their data and a
folder of networks (`workers.checkpoints convert`, then `workers.training.train_inverter`). Ends in one line of JSON.
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

from benchmarks.codes import Networks
from benchmarks.defaults import ensemble_options
from benchmarks.faces import read_faces
from benchmarks.inversion_rows import NOISE_MAPS, Row, rows
from benchmarks.noise_maps import invert_with_noise
from benchmarks.quality import BUILTIN, MICRO_BATCH, SAMPLE_SEED, generated_truth
from benchmarks.reference_segmenter import FOLDER, reference_segmenter
from benchmarks.renderings import render_pairs
from benchmarks.segmenter import to_input
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
from models.labels.metrics import ConfusionMatrix
from models.labels.tasks import Labels, SegmentationTask, TaskSet
from models.labels.training import train_ensemble
from workers.fitting.perceptual_ports import read_mounted


@dataclass(frozen=True)
class Domain:
    """A generator with its helpers, and images with masks: the first lot is fitted on, the second held out."""

    name: str
    generator: Generator
    encoder: Encoder
    judge: DiscriminatorDistance
    num_classes: int
    images: Tensor
    masks: Tensor
    heldout_images: Tensor
    heldout_masks: Tensor
    generated: tuple[Tensor, Tensor] | None


@dataclass(frozen=True)
class Found:
    """What one setting found: codes of both lots, and how well, in what time."""

    labelled: Inversion
    heldout: Inversion
    seconds_per_image: float


def main() -> None:
    """Run the rows on every domain whose data is here."""
    options = _parse()
    results: dict[str, Any] = {"benchmark": "inversion", "images": options.images}
    for domain in _domains(options):
        results[domain.name] = _measure(domain, options)
    print(json.dumps(results))


def _measure(domain: Domain, options: argparse.Namespace) -> dict[str, Any]:
    table: dict[str, Any] = {"facts": _facts(domain)}
    _say(domain.name, table["facts"])
    prior = latent_prior(domain.generator)
    for row in rows(quick=options.quick, squeezenet=options.squeezenet is not None):
        port: PerceptualDistance = domain.judge
        if row.port == "squeezenet":
            port = SqueezeNetDistance(read_mounted(options.squeezenet))
        encoder = domain.encoder if row.encoder else None
        found = _invert(domain, Tools(domain.generator, encoder, port, prior), row)
        table[row.name] = _scores(domain, found, fits=options.fits)
        _say(f"{domain.name} | {row.name}", table[row.name])
    return table


def _invert(domain: Domain, tools: Tools, row: Row) -> Found:
    """Each lot in one call; the time is that of the processor, so with one thread in seconds of one core."""
    spacing = measure_spacing(domain.generator, domain.judge)
    began = time.process_time()
    labelled, heldout = (
        invert_with_noise(tools, images, row.options)
        if row.name == NOISE_MAPS
        else invert(tools, images, row.options, fails_below_db=spacing.fails_below_db)
        for images in (domain.images, domain.heldout_images)
    )
    num_images = len(domain.images) + len(domain.heldout_images)
    return Found(labelled, heldout, (time.process_time() - began) / num_images)


def _scores(domain: Domain, found: Found, *, fits: int) -> dict[str, float | None]:
    shown = found.labelled.reconstructions.clamp(-1, 1)
    seen = distances(domain.judge, shown, domain.images)
    spacing = measure_spacing(domain.generator, domain.judge)
    has_detail = detail_shown(shown, domain.images) >= MIN_DETAIL
    expressed = spacing.expresses(found.labelled.psnr_db, seen) & has_detail
    quality = [_fit(domain, found, seed) for seed in range(fits)]
    return {
        "psnr_db": round(float(found.labelled.psnr_db.mean()), 2),
        "distance": round(float(seen.mean()), 4),
        "expressible": round(float(expressed.float().mean()), 2),
        "steps": round(float(found.labelled.steps.float().mean()), 1),
        "seconds_per_image": round(found.seconds_per_image, 2),
        "heldout_miou": _mean([pair[0] for pair in quality]),
        "generated_miou": _mean([pair[1] for pair in quality]),
    }


def _fit(domain: Domain, found: Found, seed: int) -> tuple[float, float | None]:
    """An ensemble on the codes: mIoU on held-out codes, and on samples where their labels are known."""
    px = domain.generator.config.image_px
    ensemble = train_ensemble(
        domain.generator,
        found.labelled.codes,
        Labels(label_px=px, masks=domain.masks),
        tasks=TaskSet(segmentation=SegmentationTask(domain.num_classes)),
        options=ensemble_options(),
        seed=seed,
    )
    fitted = LabelGenerator(domain.generator, ensemble)
    heldout = _miou(fitted, found.heldout.codes, domain.heldout_masks, domain.num_classes)
    if domain.generated is None:
        return heldout, None
    return heldout, _miou(fitted, *domain.generated, domain.num_classes)


def _miou(fitted: LabelGenerator, ws: Tensor, masks: Tensor, num_classes: int) -> float:
    confusion = ConfusionMatrix(num_classes)
    for codes, truth in zip(ws.split(MICRO_BATCH), masks.split(MICRO_BATCH), strict=True):
        predicted = fitted.render(codes).masks
        assert predicted is not None
        confusion.add(predicted.long(), truth)
    return confusion.mean_iou()


def _facts(domain: Domain) -> dict[str, Any]:
    """What the generator's own samples say of the images."""
    spacing = measure_spacing(domain.generator, domain.judge)
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
    lots = []
    for split, count in (("labelled", options.images), ("heldout", options.heldout)):
        seed = seed_of(split, 0)
        lots.append(render_pairs(seed, stratified_indices(seed, count)))
    segmenter = reference_segmenter(options.folder)
    return Domain(
        name="portraits",
        generator=networks.generator,
        encoder=networks.encoder,
        judge=networks.distance,
        num_classes=len(CLASS_NAMES),
        images=to_input(lots[0].images),
        masks=torch.from_numpy(lots[0].masks).long(),
        heldout_images=to_input(lots[1].images),
        heldout_masks=torch.from_numpy(lots[1].masks).long(),
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
        judge=networks.distance,
        num_classes=labelled.num_classes,
        images=labelled.images,
        masks=labelled.masks,
        heldout_images=heldout.images,
        heldout_masks=heldout.masks,
        generated=None,
    )


def _mean(values: list[Any]) -> float | None:
    return None if None in values else round(fmean(values), 4) if values else None


def _say(name: str, found: dict[str, Any]) -> None:
    print(f"{name}: {json.dumps(found)}", file=sys.stderr, flush=True)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.inversion", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="without the courses of the optimiser")
    parser.add_argument("--generator", type=Path, default=BUILTIN, help="folder of networks")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="the reference segmenter")
    parser.add_argument("--domain", choices=("portraits", "faces"), help="one of the two alone")
    parser.add_argument("--images", type=int, default=50)
    parser.add_argument("--heldout", type=int, default=50)
    parser.add_argument("--generated", type=int, default=500)
    parser.add_argument("--fits", type=int, default=2, help="ensembles per row, averaged; 0: none")
    parser.add_argument("--squeezenet", type=Path, help="weights file of the mounted port")
    parser.add_argument("--data", type=Path, help="folder of real faces; skipped without")
    parser.add_argument("--faces-generator", type=Path, help="folder of their networks")
    return parser.parse_args()


if __name__ == "__main__":
    main()
