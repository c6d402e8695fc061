"""`python -m benchmarks.service.labelings`: label held-out portraits with a fit, through the service.

A fit of the built-in generator is scored on held-out portraits. A labeling gets the same portraits without labels; its
masks are compared with the truth. Its mIoU should be that of the fit, and its uncertainty should rank the images by
their true error (Spearman's rank correlation). The last line is JSON.
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from examples.demo.demo import render_labelset
from examples.demo.stack import Stack
from handsoff_client import HandsOff, bar
from handsoff_client.api.batch_folders import BatchFolder
from handsoff_client.api.resources import Job
from handsoff_shards.decoding import decode_mask

IGNORE = 255
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Judged:
    """One labelled image: its confusion matrix [truth, predicted], and the measures that may rank it."""

    name: str
    confusion: NDArray[np.int64]
    measures: dict[str, float]

    @property
    def pixel_error(self) -> float:
        """The share of wrong pixels."""
        return float(1 - np.trace(self.confusion) / self.confusion.sum())

    @property
    def iou_error(self) -> float:
        """1 - mIoU over the classes of the image's truth."""
        return 1 - miou(self.confusion)

    def row(self) -> dict[str, Any]:
        """Return name, errors and measures for the table."""
        errors = {"pixel_error": self.pixel_error, "iou_error": self.iou_error}
        return {"name": self.name, **errors, **self.measures}


def main(arguments: Sequence[str] | None = None) -> None:
    """Start the service, fit, label, and print the summary as one line of JSON."""
    parsed = _parser().parse_args(arguments)
    with (
        tempfile.TemporaryDirectory(prefix="handsoff-labelings-") as name,
        Stack(Path(name), settings={"HANDSOFF_CPU_THREADS": "1"}) as stack,
    ):
        stack.start()
        with HandsOff(stack.address) as client:
            result, judged = measure(client, Path(name), parsed)
    if parsed.table:
        rows = [one.row() for one in judged]
        parsed.table.write_text(json.dumps(rows, indent=1))
    print(json.dumps(result))


def measure(
    client: HandsOff, folder: Path, parsed: argparse.Namespace
) -> tuple[dict[str, Any], list[Judged]]:
    """Fit, label the held-out images, and compare."""
    labelled = render_labelset(folder / "labelled", parsed.labels)
    heldout = render_labelset(folder / "heldout", parsed.heldout, "--heldout")
    with bar() as watch:
        labelset, validation = (client.labelsets.upload(each) for each in (labelled, heldout))
        created = client.fits.create(
            generator="portraits-64",
            labelset=labelset.id,
            validation_labelset=validation.id,
            options=_options(parsed),
        )
        fit = client.fits.wait(created.id, watch=watch)
        labeling = client.labelings.create(heldout / "images", fit=fit.id)
        ended = client.labelings.wait(labeling.id, watch=watch)
        client.labelings.download(labeling.id, folder / "labels")
    judged = judge(BatchFolder.open(folder / "labels"), heldout, len(fit.labels.classes))
    metrics = fit.metrics or {}
    result = {
        "benchmark": "labelings",
        "labels": parsed.labels,
        "heldout": len(judged),
        "fit_heldout_miou": round(metrics["heldout"]["miou"], 6),
        "labeling_miou": round(miou(np.sum([one.confusion for one in judged], axis=0)), 6),
        "spearman": {
            error: {
                name: round(spearman(values, [getattr(one, error) for one in judged]), 3)
                for name, values in _measures(judged).items()
            }
            for error in ("pixel_error", "iou_error")
        },
        "num_inexpressible": (ended.metrics or {})["num_inexpressible"],
        "fit_seconds": round(_seconds(fit)),
        "labeling_seconds": round(_seconds(ended)),
    }
    return result, judged


def judge(folder: BatchFolder, heldout: Path, num_classes: int) -> list[Judged]:
    """Compare every labelled image with its true mask."""
    judged = []
    for sample in folder.samples():
        original, facts = sample.original, sample.facts
        assert original is not None
        assert sample.mask is not None
        assert sample.uncertainty is not None
        truth = decode_mask((heldout / "masks" / original.name).read_bytes())
        measures = {
            "score": float(facts["score"]),
            "mean_uncertainty": float(sample.uncertainty.mean()),
            "inexpressibility": 1 - float(facts["expressibility"]),
        }
        confusion = confusion_of(truth, sample.mask, num_classes)
        judged.append(Judged(original.name, confusion, measures))
    return judged


def confusion_of(
    truth: NDArray[np.uint8], predicted: NDArray[np.uint8], num_classes: int
) -> NDArray[np.int64]:
    """Return the number of pixels by [truth, predicted], without ignored ones."""
    known = truth != IGNORE
    cells = truth[known].astype(np.int64) * num_classes + predicted[known]
    return np.bincount(cells, minlength=num_classes**2).reshape(num_classes, num_classes)


def miou(confusion: NDArray[np.int64]) -> float:
    """Return the mean IoU over the classes that the truth contains."""
    hits = np.diag(confusion)
    union = confusion.sum(0) + confusion.sum(1) - hits
    present = confusion.sum(1) > 0
    return float((hits[present] / union[present]).mean())


def spearman(first: Sequence[float], second: Sequence[float]) -> float:
    """Return Spearman's rank correlation; equal values share their mean rank."""
    return float(np.corrcoef(ranks(first), ranks(second))[0, 1])


def ranks(values: Sequence[float]) -> Numbers:
    """Return the rank of each value from 0; equal values have the mean of their ranks."""
    array = np.asarray(values, dtype=np.float64)
    below = (array[None] < array[:, None]).sum(axis=1)
    equal = (array[None] == array[:, None]).sum(axis=1)
    mean_ranks: Numbers = below + (equal - 1) / 2
    return mean_ranks


def _measures(judged: Sequence[Judged]) -> dict[str, list[float]]:
    return {name: [one.measures[name] for one in judged] for name in judged[0].measures}


def _options(parsed: argparse.Namespace) -> dict[str, Any]:
    options: dict[str, Any] = {"estimate": False}
    if parsed.inversion_steps is not None:
        options["inversion"] = {"steps": parsed.inversion_steps}
    if parsed.steps is not None:
        options["ensemble"] = {"steps": parsed.steps}
    return options


def _seconds(job: Job) -> float:
    began, ended = job.started_at, job.finished_at
    assert isinstance(began, datetime)
    assert isinstance(ended, datetime)
    return (ended - began).total_seconds()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.service.labelings", description=__doc__
    )
    parser.add_argument("--labels", type=int, default=16, help="labelled portraits of the fit")
    parser.add_argument("--heldout", type=int, default=50, help="portraits to label")
    parser.add_argument("--inversion-steps", type=int, help="default: those of a fit")
    parser.add_argument("--steps", type=int, help="of the ensemble; default: those of a fit")
    parser.add_argument("--table", type=Path, metavar="FILE", help="write every image as JSON")
    return parser


if __name__ == "__main__":
    main()
