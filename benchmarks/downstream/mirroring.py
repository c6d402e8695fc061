"""`python -m benchmarks.downstream.mirroring`: what do mirrored images bring to a fit?

Fits on the labelled images alone, fits that also train on their mirror images, and, where the generator can mirror
codes, the same fits with a second vote on the mirror image. All are scored on the same held-out real images;
differences are paired over draws. The last line is JSON.
"""

import json
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import mean
from typing import Any

import torch

from benchmarks.defaults import ensemble_options
from benchmarks.downstream.domain import Domain
from benchmarks.downstream.options import downstream_parser, open_domains
from benchmarks.downstream.summary import difference, miou
from models.arrays import Codes
from models.generators.generator import Mirrorable
from models.labels.ensemble import Ensemble
from models.labels.label_generator import LabelGenerator
from models.labels.training import train_ensemble
from models.tasks.mirroring import Swaps, mirrored
from models.tasks.task_set import Labels
from workers.fitting.downstream import mirror_swaps

ALONE, TRAINED, VOTED = "images alone", "mirrored images too", "both vote"


def main(arguments: Sequence[str]) -> int:
    """Print a table for each domain and number of labels, and all scores as one line of JSON."""
    options = _parse(arguments)
    torch.set_num_threads(options.threads)
    results: dict[str, Any] = {"benchmark": "mirroring"}
    for domain in open_domains(options):
        results[domain.name] = {}
        for labels in options.labels:
            scores: dict[str, list[float]] = {}
            for draw in range(options.draws):
                for name, fitted in _fits(domain, draw, labels):
                    scores.setdefault(name, []).append(round(miou(domain.score(fitted)), 4))
                print(f"{domain.name} {labels}-{draw}: {scores}", file=sys.stderr, flush=True)
            print(_table(domain.name, labels, scores), file=sys.stderr, flush=True)
            results[domain.name][str(labels)] = scores
    print(json.dumps(results))
    return 0


def _fits(domain: Domain, draw: int, count: int) -> Iterator[tuple[str, LabelGenerator]]:
    real, swaps = domain.real(draw, count), mirror_swaps(domain.data.schema)
    assert swaps is not None, "a class with a side has no partner"
    labels = Labels(real.px, segmentation=real.labels["segmentation"].long())
    flipped = mirrored(labels, domain.tasks, swaps)
    codes = domain.codes(f"labelled-{draw}-{count}", real.images)
    more = domain.codes(f"mirrored-{draw}-{count}", real.images.flip(3))
    renderer = domain.networks.renderer
    yield ALONE, LabelGenerator(renderer, _train(domain, codes, labels, draw))
    trained = _train(domain, torch.cat([codes, more]), labels.with_more(flipped), draw)
    yield TRAINED, LabelGenerator(renderer, trained)
    if isinstance(renderer, Mirrorable):
        yield VOTED, LabelGenerator(renderer, _with_votes(trained, swaps))


def _train(domain: Domain, codes: Codes, labels: Labels, seed: int) -> Ensemble:
    return train_ensemble(
        domain.networks.generator,
        codes,
        labels,
        tasks=domain.tasks,
        options=ensemble_options(),
        seed=seed,
    )


def _with_votes(ensemble: Ensemble, swaps: Swaps) -> Ensemble:
    """Return the same members, which vote on the mirror image too."""
    listed = {name: list(swap) for name, swap in swaps.items()}
    copy = Ensemble(replace(ensemble.config, swaps=listed))
    copy.load_state_dict(ensemble.state_dict())
    return copy.eval().requires_grad_(False)


def _table(name: str, labels: int, scores: dict[str, list[float]]) -> str:
    """Return a table in Markdown. Numbers after ± are standard errors over draws; each gain is to the row before."""
    lines = [f"{name}, {labels} labels", "| fit | mIoU | gain, points |", "|---|---|---|"]
    before: list[float] | None = None
    for row, values in scores.items():
        gain = difference(values, before) if before else ""
        lines.append(f"| {row} | {mean(values):.4f} | {gain} |")
        before = values
    return "\n".join(lines)


def _parse(arguments: Sequence[str]) -> Namespace:
    parser = downstream_parser("benchmarks.downstream.mirroring", __doc__)
    parser.set_defaults(labels=[16], draws=4)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
