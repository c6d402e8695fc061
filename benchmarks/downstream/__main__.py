"""`python -m benchmarks.downstream`: are networks better when they also learn from generated pairs?

The paper's protocol on portraits: a fit on 16 or 50 labelled images, a network trained on real pairs, generated pairs,
both or all real labels, and the fit's labels of the inverted held-out images. Finished trainings are kept in a folder,
so a stopped run continues. Each draw also gets the report of an evaluation as HTML. The last line is JSON.
"""

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

import torch

from benchmarks.downstream.portraits import SCHEMA, Portraits
from benchmarks.downstream.runs import Runs
from benchmarks.downstream.summary import summary, table
from benchmarks.options import network_parser
from contracts.evaluations.report import EvaluationReport
from models.downstream.options import DownstreamOptions
from workers.evaluating.html import render_html
from workers.evaluating.reporting import build_report
from workers.evaluating.training import fastest_precision


def main(arguments: Sequence[str]) -> int:
    """Run all draws, print a table for each number of labels, and the summary as one line of JSON."""
    options = _parse(arguments)
    torch.set_num_threads(options.threads)
    domain = Portraits(options.generator, options.folder, options.heldout, options.oracle)
    training = DownstreamOptions(
        steps=options.steps, precision=fastest_precision(torch.device("cpu"))
    )
    runs = Runs(domain, training, options.seeds, tuple(sorted(options.synthetic)))
    reports: dict[int, list[EvaluationReport]] = {}
    for labels in options.labels:
        for draw in range(options.draws):
            report = build_report(runs.scores(labels, draw), SCHEMA)
            reports.setdefault(labels, []).append(report)
            _write(options.folder, report, labels, draw)
        print(table(labels, reports[labels]), file=sys.stderr, flush=True)
    print(json.dumps({"portraits": summary(reports)}))
    return 0


def _write(folder: Path, report: EvaluationReport, labels: int, draw: int) -> None:
    title = f"Portraits, {labels} labels, draw {draw}"
    path = folder / f"evaluation-{labels}-{draw}.html"
    path.write_text(render_html(report, title=title), encoding="utf-8")
    print(f"{title}: {report.verdict[0]} ({path})", file=sys.stderr, flush=True)


def _parse(arguments: Sequence[str]) -> Namespace:
    parser = network_parser("benchmarks.downstream", __doc__)
    parser.set_defaults(folder=Path("build/benchmarks/downstream"))
    parser.add_argument("--labels", type=int, nargs="+", default=[16, 50])
    parser.add_argument("--draws", type=int, default=5, help="sets of labelled images")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each arm")
    parser.add_argument("--synthetic", type=int, nargs="+", default=[500, 2_000])
    parser.add_argument("--steps", type=int, default=DownstreamOptions.steps)
    parser.add_argument("--heldout", type=int, default=200)
    parser.add_argument("--oracle", type=int, default=500, help="real labels of the oracle")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
