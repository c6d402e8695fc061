"""`python -m benchmarks.downstream`: are networks better when they also learn from generated pairs?

The paper's protocol on portraits and, with their folders and generators, on real faces and clothing: a fit on 16 or 50
labelled images, a network trained on real pairs, generated pairs, both, own images that the fit labels, or all real
labels, and the fit's own labels of the held-out images. Finished trainings are kept in a folder, so a stopped run
continues. Each draw also gets the report of an evaluation as HTML. The last line is JSON.
"""

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import Any

import torch

from benchmarks.downstream.domain import Domain
from benchmarks.downstream.options import (
    downstream_parser,
    network_of,
    open_domains,
    training_options,
)
from benchmarks.downstream.runs import Runs
from benchmarks.downstream.summary import summary, table
from contracts.evaluations.networks import network_name
from contracts.evaluations.report import EvaluationReport
from workers.evaluating.html import render_html
from workers.evaluating.reporting import build_report


def main(arguments: Sequence[str]) -> int:
    """Run all draws, print a table for each domain and number of labels, and the summary as one line of JSON."""
    options = _parse(arguments)
    torch.set_num_threads(options.threads)
    print(json.dumps({one.name: _measure(one, options) for one in open_domains(options)}))
    return 0


def _measure(domain: Domain, options: Namespace) -> dict[str, Any]:
    training, counts = training_options(options), tuple(sorted(options.synthetic))
    runs = Runs(domain, training, options.seeds, counts, options.network, options.own)
    reports: dict[int, list[EvaluationReport]] = {}
    for labels in options.labels:
        for draw in range(options.draws):
            report = build_report(
                runs.scores(labels, draw),
                domain.data.schema,
                network=network_name(options.network),
            )
            reports.setdefault(labels, []).append(report)
            _write(domain, report, labels, draw)
        print(f"{domain.name}, {table(labels, reports[labels])}", file=sys.stderr, flush=True)
    return summary(reports)


def _write(domain: Domain, report: EvaluationReport, labels: int, draw: int) -> None:
    title = f"{domain.name.capitalize()}, {labels} labels, draw {draw}"
    path = domain.folder / f"{domain.name}-evaluation-{labels}-{draw}.html"
    path.write_text(render_html(report, title=title), encoding="utf-8")
    print(f"{title}: {report.verdict[0]} ({path})", file=sys.stderr, flush=True)


def _parse(arguments: Sequence[str]) -> Namespace:
    parser = downstream_parser("benchmarks.downstream", __doc__)
    parser.add_argument("--synthetic", type=int, nargs="+", default=[500, 2_000])
    parser.add_argument(
        "--own", type=int, default=1_000, help="own images that the fit labels; 0: none"
    )
    parser.add_argument(
        "--network", type=network_of, default="unet", help="unet or smp:ARCHITECTURE/ENCODER"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
