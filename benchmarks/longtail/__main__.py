"""`python -m benchmarks.longtail`: the paper's long-tail experiment, and the same with targets at generation.

HandsOff (arXiv 2212.12645) changes the share of a rare class in 50 labelled images. For each share: a fit, and networks
trained on the labelled images, on generated pairs as they come, on generated pairs with a target for the class (`none`
where the service refuses it), and on the labelled images with each kind of pairs, half and half.
Scored is the IoU of the class on held-out portraits, half of which wear it, with intervals over images and trainings.
Everything that takes long is kept in a folder, so a stopped run continues; the plot is written there too. The last
line is JSON.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.downstream.domain import Domain
from benchmarks.downstream.networks import Networks
from benchmarks.downstream.runs import Runs
from benchmarks.longtail.data import LongTail, targeted_pairs
from benchmarks.longtail.plot import plot
from benchmarks.options import BUILTIN
from contracts.evaluations.report import Interval
from examples.portraits.classes import Part
from models.downstream.options import DownstreamOptions
from models.downstream.pairs import Pairs
from workers.evaluating.reporting import build_report
from workers.evaluating.scoring import ImageScores
from workers.fitting.downstream import fastest_precision

ARMS = ("labelled", "generated", "targeted", "mixed", "mixed-targeted")


def main(arguments: Sequence[str]) -> int:
    """Run all shares and draws; print a table to stderr and the result as one line of JSON."""
    options = _parse(arguments)
    torch.set_num_threads(options.threads)
    if not (options.generator / "inverter.json").exists():
        reason = f"no generator in {options.generator}"
        print(json.dumps({"benchmark": "longtail", "skipped": reason}))
        return 0
    networks = Networks.read(options.generator)
    part = Part[options.part.upper()]
    rows = [_row(networks, part, share, options) for share in options.shares]
    print(table(rows), file=sys.stderr, flush=True)
    drawn = plot(rows, options.part)
    (options.folder / f"{options.part}.svg").write_text(drawn.svg(with_style=True))
    (options.folder / f"{options.part}.png").write_bytes(drawn.png())
    print(json.dumps({"benchmark": "longtail", "class": options.part, "rows": rows}))
    return 0


def _row(
    networks: Networks, part: Part, share: float, options: argparse.Namespace
) -> dict[str, Any]:
    """Return the IoU of the class in each arm, with all draws as further trainings."""
    domain = Domain(LongTail(part, share, options.heldout), networks, options.folder)
    training = DownstreamOptions(
        steps=options.steps, precision=fastest_precision(torch.device("cpu"))
    )
    runs = Runs(domain, training, options.seeds, (options.synthetic,))
    scores: dict[str, list[ImageScores]] = {arm: [] for arm in ARMS}
    for draw in range(options.draws):
        arms: dict[str, Callable[[], Pairs]] = {
            "labelled": partial(domain.real, draw, options.labels),
            "generated": partial(domain.synthetic, draw, options.labels, options.synthetic),
        }
        arms["mixed"] = partial(_mixed, arms["labelled"], arms["generated"])
        if (targeted := _targeted(domain, part, draw, options)) is not None:
            arms["targeted"] = partial(_same, targeted)
            arms["mixed-targeted"] = partial(_mixed, arms["labelled"], arms["targeted"])
        for arm, pairs in arms.items():
            name = f"{options.labels}-{draw}-{arm}-{options.synthetic}-{options.pilot}"
            scores[arm] += [
                runs.trained(f"{name}-{seed}", pairs, seed) for seed in range(options.seeds)
            ]
    return {"share": share} | {arm: iou_of(domain, part, scores[arm]) for arm in ARMS}


def _mixed(real: Callable[[], Pairs], generated: Callable[[], Pairs]) -> Pairs:
    return Pairs.mixed(real(), generated())


def _same(pairs: Pairs) -> Pairs:
    return pairs


def _targeted(domain: Domain, part: Part, draw: int, options: argparse.Namespace) -> Pairs | None:
    return targeted_pairs(
        domain,
        part,
        draw=draw,
        labels=options.labels,
        count=options.synthetic,
        share=options.target,
        pilot=options.pilot,
    )


def iou_of(domain: Domain, part: Part, scores: list[ImageScores]) -> dict[str, float] | None:
    """Return the IoU of a class with its interval over held-out images and trainings; None if it has none."""
    if not scores:
        return None
    report = build_report({("synthetic", len(scores)): scores}, domain.data.schema)
    score = report.tasks[0].arms[0].parts[part.name.lower()].score
    return None if score is None else _rounded(score)


def _rounded(score: Interval) -> dict[str, float]:
    return {name: round(getattr(score, name), 4) for name in ("value", "low", "high")}


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Return the result in Markdown, one row for each share of the labelled images."""
    lines = ["| share of the labels | " + " | ".join(ARMS) + " |", "|---" * (len(ARMS) + 1) + "|"]
    for row in rows:
        cells = [_cell(row[arm]) for arm in ARMS]
        lines.append(f"| {row['share']:.0%} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(score: dict[str, float] | None) -> str:
    if score is None:
        return "none"
    return f"{score['value']:.3f} [{score['low']:.3f}, {score['high']:.3f}]"


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.longtail", description=__doc__)
    parser.add_argument("--generator", type=Path, default=BUILTIN, help="folder of networks")
    parser.add_argument("--folder", type=Path, default=Path("build/benchmarks/longtail"))
    parser.add_argument("--part", choices=("glasses", "hat"), default="glasses")
    parser.add_argument("--shares", type=float, nargs="+", default=[0.02, 0.1, 0.3, 0.5, 0.7])
    parser.add_argument("--labels", type=int, default=50, help="labelled images of a fit")
    parser.add_argument("--draws", type=int, default=3, help="sets of labelled images")
    parser.add_argument("--seeds", type=int, default=2, help="trainings of each arm and draw")
    parser.add_argument("--synthetic", type=int, default=500, help="generated pairs")
    parser.add_argument("--target", type=float, default=0.5, help="share of targeted pairs")
    parser.add_argument("--pilot", type=int, default=2_000, help="samples of a pilot")
    parser.add_argument("--heldout", type=int, default=200, help="held-out portraits")
    parser.add_argument("--steps", type=int, default=DownstreamOptions.steps)
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
