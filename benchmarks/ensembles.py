"""`python -m benchmarks.ensembles`: how many members an ensemble needs, and which feature taps it reads.

Masks on portraits, over several draws of labelled sets; each row differs from the default in one thing and is fitted on
the same codes. Scored on held-out inverted portraits against exact truth. Ends in one line of JSON.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from benchmarks.codes import CodeStore, Networks
from benchmarks.quality import BUILTIN
from benchmarks.reference_segmenter import FOLDER
from benchmarks.tasks import ONLY_MASKS, Portraits, judge
from models.arrays import StyleCodes
from models.inversion.refinement import InversionOptions
from models.labels.label_generator import LabelGenerator
from models.labels.training import EnsembleOptions, train_ensemble
from models.stylegan2.generator import Generator, NoiseMode, Synthesis
from models.stylegan2.layers import channels_last


@dataclass(frozen=True)
class Row:
    """One way: how the ensemble's options differ, and the heights of the taps that it reads (or every other tap)."""

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
    Row("taps from 16 px", heights=range(16, 1 << 12)),
    Row("one tap a resolution", every=2),
)


class Muted(Generator):
    """A generator whose feature taps are zero where a row does not read them: an ensemble learns nothing from those."""

    def __init__(self, generator: Generator, row: Row) -> None:
        super().__init__(generator.config)
        self.load_state_dict(generator.state_dict())
        heights = enumerate(px[0] for px in generator.config.tap_px)
        self._reads = [px in row.heights and (k + 1) % row.every == 0 for k, px in heights]
        channels_last(self).eval().requires_grad_(requires_grad=False)

    def synthesize(self, ws: StyleCodes, noise: NoiseMode = "const") -> Synthesis:
        """The same images, some taps zero."""
        found = super().synthesize(ws, noise)
        each = zip(found.taps, self._reads, strict=True)
        return Synthesis(found.images, [tap if read else tap * 0 for tap, read in each])


def main() -> None:
    """Every row at every number of labels and draw; the summary is one line of JSON."""
    parsed = _parse()
    codes = CodeStore(parsed.folder, Networks.read(parsed.generator), InversionOptions())
    heldout = Portraits.read(codes, "heldout", 0, parsed.heldout)
    results: dict[str, Any] = {"benchmark": "ensembles", "draws": parsed.draws}
    for count in parsed.labels:
        scores: dict[str, list[dict[str, float]]] = {row.name: [] for row in ROWS}
        for draw in range(parsed.draws):
            training = Portraits.read(codes, "labelled", draw, count)
            for row in ROWS:
                scores[row.name].append(_score(codes.networks.generator, training, heldout, row))
                found = scores[row.name][-1]
                print(count, draw, row.name, json.dumps(found), file=sys.stderr, flush=True)
        results[str(count)] = {
            name: _summary(runs, scores["default"]) for name, runs in scores.items()
        }
    print(json.dumps(results))


def _score(
    generator: Generator, training: Portraits, heldout: Portraits, row: Row
) -> dict[str, float]:
    muted = Muted(generator, row)
    options = replace(EnsembleOptions(), **row.changes)
    ensemble = train_ensemble(
        muted, training.ws, training.labels, tasks=ONLY_MASKS, options=options, seed=0
    )
    return judge(LabelGenerator(muted, ensemble), heldout)


def _summary(
    runs: list[dict[str, float]], defaults: list[dict[str, float]]
) -> dict[str, float | None]:
    """Means over the draws; `gain` is the mIoU beside the default's on the same draws, with its standard error."""
    gains = [run["miou"] - default["miou"] for run, default in zip(runs, defaults, strict=True)]
    means = {name: round(fmean(run[name] for run in runs), 4) for name in runs[0]}
    error = round(stdev(gains) / len(gains) ** 0.5, 4) if len(gains) > 1 else None
    return means | {"gain": round(fmean(gains), 4), "gain_error": error}


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ensembles", description=__doc__)
    parser.add_argument("--generator", type=Path, default=BUILTIN, help="folder of networks")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="codes")
    parser.add_argument("--labels", type=int, nargs="+", default=[16, 50])
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--heldout", type=int, default=200)
    return parser.parse_args()


if __name__ == "__main__":
    main()
