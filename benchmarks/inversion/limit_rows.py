"""Rows of `benchmarks.inversion.limits`: one generator with one inversion, fitted on every draw and scored."""

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from benchmarks.defaults import ensemble_options, inversion_options
from benchmarks.inversion.limit_domains import Domain, Labelled
from benchmarks.inversion.limit_scores import Estimate, bootstrap, counts_of_images, mean_iou
from benchmarks.labels.quality import MICRO_BATCH, SAMPLE_SEED, generated_truth
from models.generators.stylegan2.generator import Generator
from models.generators.stylegan2.inversion.discriminator_distance import DiscriminatorDistance
from models.generators.stylegan2.inversion.encoder import Encoder
from models.generators.stylegan2.inversion.invert import Tools, invert
from models.generators.stylegan2.inversion.refinement import InversionOptions
from models.inversion.inverter import Inversion
from models.labels.label_generator import LabelGenerator
from models.labels.training import train_ensemble
from models.tasks.segmentation import SegmentationTask
from models.tasks.task_set import Labels, TaskSet

DEFAULT = "encoder, optimized"
MEAN = "mean code, optimized"
ALONE = "encoder alone"
LONG = "encoder, optimized for 3 times the steps"
ALL_LABELS = "encoder, optimized, labels of all draws"


@dataclass(frozen=True)
class Stage:
    """A generator at one point of its training, with its distance and its encoder."""

    name: str
    digest: str  # of its weights
    generator: Generator
    distance: DiscriminatorDistance
    encoder: Encoder


@dataclass(frozen=True)
class Row:
    """Scores of one combination. `heldout` and `generated` have one value per draw."""

    name: str
    psnr_db: Estimate
    seconds_per_image: float
    heldout: list[float]
    generated: list[float] | None
    on_images: Estimate  # the segmenter's mean IoU on the held-out images
    on_reconstructions: Estimate
    gap: Estimate
    counts: list[Any]  # of the reconstructions: [images, truth, predicted]

    def to_dict(self) -> dict[str, Any]:
        """Return the scores as JSON, without the counts."""
        return {name: value for name, value in asdict(self).items() if name != "counts"}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "Row":
        """Undo `asdict`."""
        read: dict[str, Any] = {
            name: Estimate(**value) if isinstance(value, dict) else value
            for name, value in fields.items()
        }
        return cls(**read)

    def cells(self) -> list[str]:
        """Return the cells of the row."""
        generated = "-" if self.generated is None else str(Estimate.of(self.generated))
        quality = [str(Estimate.of(self.heldout)), generated]
        scores = [str(self.on_images), str(self.on_reconstructions), str(self.gap)]
        return [
            self.name,
            f"{self.psnr_db.mean:.1f}",
            f"{self.seconds_per_image:.2f}",
            *quality,
            *scores,
        ]


@dataclass(frozen=True)
class Bench:
    """A domain with the options of one run. Rows are cached in a folder, so that an interrupted run continues."""

    domain: Domain
    options: argparse.Namespace
    inverted: dict[tuple[str, str], list[Inversion]] = field(default_factory=dict)

    def row(self, stage: Stage, inversion: str) -> Row:
        """Invert every set of images once, fit on every draw, and score."""
        return self._cached(stage, inversion, lambda: self._row(stage, inversion))

    def row_of_all_labels(self, stage: Stage) -> Row:
        """Fit once on the labels of all draws, with the default inversion."""
        return self._cached(stage, ALL_LABELS, lambda: self._row_of_all_labels(stage))

    def _cached(self, stage: Stage, name: str, make: Callable[[], Row]) -> Row:
        """Return the row of the cache, or make it and put it there."""
        sizes = {
            key: value
            for key, value in vars(self.options).items()
            if key not in {"generator", "faces_generator", "data", "folder"}
        }
        key = json.dumps([self.domain.name, stage.digest, name, sizes], sort_keys=True)
        digest = hashlib.sha256(key.encode()).hexdigest()[:12]
        path = self.options.folder / f"limits-{self.domain.name}-{digest}.json"
        if path.exists():
            row = replace(Row.from_dict(json.loads(path.read_text())), name=f"{stage.name}: {name}")
        else:
            row = make()
            path.write_text(json.dumps(asdict(row)))
        print(f"{self.domain.name} | {' | '.join(row.cells())}", file=sys.stderr, flush=True)
        return row

    def _row(self, stage: Stage, inversion: str) -> Row:
        began = time.process_time()
        sets = self._sets(stage, inversion)
        num_images = sum(len(each.codes) for each in sets)
        seconds = (time.process_time() - began) / num_images
        return self._scored(f"{stage.name}: {inversion}", stage, sets, seconds)

    def _row_of_all_labels(self, stage: Stage) -> Row:
        heldout, *parts = self._sets(stage, DEFAULT)
        joined = Labelled.joined(self.domain.draws)
        codes = torch.cat([part.codes for part in parts])
        fitted = self._fit(stage, codes, joined.masks, 0)
        scores = [self._scores(fitted, heldout.codes, self._samples(stage))]
        like = self.row(stage, DEFAULT)
        return replace(like, name=f"{stage.name}: {ALL_LABELS}", **_columns(scores))

    def _sets(self, stage: Stage, inversion: str) -> list[Inversion]:
        """Return the inversions of the held-out images and of every draw."""
        key = stage.name, inversion
        if key not in self.inverted:
            sets = (self.domain.heldout, *self.domain.draws)
            self.inverted[key] = [self._invert(stage, images, inversion) for images in sets]
        return self.inverted[key]

    def _scored(self, name: str, stage: Stage, sets: list[Inversion], seconds: float) -> Row:
        heldout, *fitted = sets
        sampled = self._samples(stage)
        scores = [
            self._scores(self._fit(stage, each.codes, draw.masks, seed), heldout.codes, sampled)
            for seed, (each, draw) in enumerate(zip(fitted, self.domain.draws, strict=True))
        ]
        masks = self.domain.heldout.masks
        counts = self._segmented(heldout.reconstructions.clamp(-1, 1), masks)
        on_images, on_reconstructions, gap = bootstrap(
            self._segmented(self.domain.heldout.images, masks), counts
        )
        return Row(
            name=name,
            psnr_db=Estimate.of(heldout.psnr_db.tolist()),
            seconds_per_image=seconds,
            **_columns(scores),
            on_images=on_images,
            on_reconstructions=on_reconstructions,
            gap=gap,
            counts=counts.tolist(),
        )

    def _fit(self, stage: Stage, codes: Tensor, masks: Tensor, seed: int) -> LabelGenerator:
        changes = {"steps": self.options.ensemble_steps} if self.options.ensemble_steps else {}
        ensemble = train_ensemble(
            stage.generator,
            codes,
            Labels(label_px=stage.generator.config.image_px, segmentation=masks),
            tasks=TaskSet(SegmentationTask(self.domain.num_classes)),
            options=ensemble_options(**changes),
            seed=seed,
        )
        return LabelGenerator(stage.generator, ensemble)

    def _scores(
        self, fitted: LabelGenerator, codes: Tensor, sampled: tuple[Tensor, Tensor] | None
    ) -> tuple[float, float | None]:
        heldout = self._miou(fitted, codes, self.domain.heldout.masks)
        return heldout, None if sampled is None else self._miou(fitted, *sampled)

    def _miou(self, fitted: LabelGenerator, codes: Tensor, masks: Tensor) -> float:
        predicted = [
            fitted.render(part).labels["segmentation"]["masks"] for part in codes.split(MICRO_BATCH)
        ]
        counts = counts_of_images(torch.cat(predicted).long(), masks, self.domain.num_classes)
        return float(mean_iou(counts.sum(0)))

    def _samples(self, stage: Stage) -> tuple[Tensor, Tensor] | None:
        if not self.domain.labels_samples:
            return None
        count = self.options.generated
        return generated_truth(stage.generator, self.domain.segmenter, SAMPLE_SEED, count)

    @torch.no_grad()
    def _segmented(self, images: Tensor, masks: Tensor) -> Tensor:
        predicted = self.domain.segmenter(images).argmax(dim=1)
        return counts_of_images(predicted, masks, self.domain.num_classes)

    def _invert(self, stage: Stage, pairs: Labelled, inversion: str) -> Inversion:
        encoder = None if inversion == MEAN else stage.encoder
        tools = Tools.of(stage.generator, encoder, stage.distance)
        return invert(tools, pairs.images, _options_of(inversion, self.options.steps))


def _columns(scores: list[tuple[float, float | None]]) -> dict[str, Any]:
    """Return the fields of a row: one value per fit, or none where samples have no truth."""
    generated = [score[1] for score in scores if score[1] is not None]
    return {"heldout": [score[0] for score in scores], "generated": generated or None}


def _options_of(inversion: str, steps: int) -> InversionOptions:
    of_inversion = {DEFAULT: steps, MEAN: steps, ALONE: 0, LONG: 3 * steps}
    return inversion_options(steps=of_inversion[inversion])
