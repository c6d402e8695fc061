"""`python -m benchmarks.labels.ensembles`: compare numbers of ensemble members and choices of feature taps.

The task is masks on portraits, over several draws of labelled sets. Each row changes one or two defaults and is fitted
on the same codes. Scores use held-out inverted portraits with exact truth, and samples labelled by the reference
segmenter. The last line is JSON.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from benchmarks.defaults import ensemble_options, inversion_options
from benchmarks.inversion.codes import CodeStore, Networks
from benchmarks.labels.quality import SAMPLE_SEED, generated_truth
from benchmarks.labels.tasks import ONLY_MASKS, Portraits, score
from benchmarks.options import network_parser
from benchmarks.segmenter.reference import reference_segmenter
from models.arrays import StyleCodes
from models.generators.generator import Synthesis
from models.generators.stylegan2.generator import Generator, NoiseMode
from models.generators.stylegan2.layers import channels_last
from models.labels.label_generator import LabelGenerator
from models.labels.training import train_ensemble
from models.tasks.task_set import Labels


@dataclass(frozen=True)
class Row:
    """One configuration: changed ensemble options, the heights in pixels of the taps it reads, and a tap stride."""

    name: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    heights: range = range(1 << 12)
    every: int = 1


ROWS = (
    Row("default"),
    Row("1 member", {"num_members": 1}),
    Row("3 members", {"num_members": 3}),
    Row("balance 0", {"balance": 0.0}),
    Row("balance 0.25", {"balance": 0.25}),
    Row("hidden 128-32", {"hidden": (128, 32)}),
    Row("taps to 16 px", heights=range(17)),
    Row("taps to 32 px", heights=range(33)),
    Row("taps from 8 px", {"min_tap_px": 8}),
    Row("taps from 16 px", {"min_tap_px": 16}),
    Row("taps from 16 px, balance 0", {"min_tap_px": 16, "balance": 0.0}),
    Row("one tap a resolution", every=2),
)


class Muted(Generator):
    """A generator that sets to zero the feature taps a row does not read, so the ensemble cannot learn from them."""

    def __init__(self, generator: Generator, row: Row) -> None:
        super().__init__(generator.config)
        self.load_state_dict(generator.state_dict())
        heights = enumerate(px[0] for px in generator.config.tap_px)
        self._reads = [px in row.heights and (k + 1) % row.every == 0 for k, px in heights]
        channels_last(self).eval().requires_grad_(requires_grad=False)

    def synthesize(self, ws: StyleCodes, noise: NoiseMode = "const") -> Synthesis:
        """Return the same images, with the unread taps set to zero."""
        synthesis = super().synthesize(ws, noise)
        each = zip(synthesis.taps, self._reads, strict=True)
        return Synthesis(synthesis.images, [tap if read else tap * 0 for tap, read in each])


def main() -> None:
    """Run every row for every number of labels and every draw. Print the summary as one line of JSON."""
    parsed = _parse()
    codes = CodeStore(parsed.folder, Networks.read(parsed.generator), inversion_options())
    rows = [row for row in ROWS if row.name in ("default", *parsed.rows)]
    truth = {"heldout": Portraits.read(codes, "heldout", 0, parsed.heldout)}
    if parsed.generated:
        truth["generated"] = _generated(codes.networks.generator, parsed.folder, parsed.generated)
    results: dict[str, Any] = {"benchmark": "ensembles", "draws": parsed.draws}
    for count in parsed.labels:
        scores: dict[str, list[dict[str, float]]] = {row.name: [] for row in rows}
        for draw in range(parsed.draws):
            training = Portraits.read(codes, "labelled", draw, count)
            for row in rows:
                scores[row.name].append(_score(codes.networks.generator, training, truth, row))
                figures = scores[row.name][-1]
                print(count, draw, row.name, json.dumps(figures), file=sys.stderr, flush=True)
        results[str(count)] = {
            name: _summary(runs, scores["default"]) for name, runs in scores.items()
        }
    print(json.dumps(results))


def _generated(generator: Generator, folder: Path, count: int) -> Portraits:
    """Return samples labelled by the reference segmenter."""
    ws, masks = generated_truth(generator, reference_segmenter(folder), SAMPLE_SEED, count)
    labels = Labels(label_px=generator.config.image_px, segmentation=masks)
    return Portraits(ws, labels)


def _score(
    generator: Generator, training: Portraits, truth: Mapping[str, Portraits], row: Row
) -> dict[str, float]:
    muted = Muted(generator, row)
    options = ensemble_options(**row.changes)
    ensemble = train_ensemble(
        muted, training.ws, training.labels, tasks=ONLY_MASKS, options=options, seed=0
    )
    fitted = LabelGenerator(muted, ensemble)
    return {
        f"{kind}_{name}": value
        for kind, portraits in truth.items()
        for name, value in score(fitted, portraits).items()
    }


def _summary(
    runs: list[dict[str, float]], defaults: list[dict[str, float]]
) -> dict[str, float | None]:
    """Return means over the draws. `gain` is the mIoU minus the default's on the same draws, `gain_error` its error."""
    means: dict[str, float | None] = {}
    for name in runs[0]:
        means[name] = round(fmean(run[name] for run in runs), 4)
        if name.endswith("miou"):
            gains = [run[name] - default[name] for run, default in zip(runs, defaults, strict=True)]
            means[f"{name}_gain"] = round(fmean(gains), 4)
            error = round(stdev(gains) / len(gains) ** 0.5, 4) if len(gains) > 1 else None
            means[f"{name}_gain_error"] = error
    return means


def _parse() -> argparse.Namespace:
    parser = network_parser("benchmarks.labels.ensembles", __doc__)
    parser.add_argument("--labels", type=int, nargs="+", default=[16, 50])
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--heldout", type=int, default=200)
    parser.add_argument("--generated", type=int, default=1_000, help="samples; 0: none")
    names = [row.name for row in ROWS]
    parser.add_argument(
        "--rows", nargs="+", choices=names, default=names, help="in addition to the default"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
