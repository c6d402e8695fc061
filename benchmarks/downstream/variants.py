"""`python -m benchmarks.downstream.variants`: which labels of generated images train the best network?

Every variant labels the same generated images: the fit's masks, classes drawn from its probabilities (soft labels, in
expectation), its most uncertain pixels or images left out, and co-training: a second network, trained on the real
pairs alone, labels the images too, and both are multiplied, or pixels on which they disagree are ignored. A network is
trained on the real pairs and on each variant, half and half; differences are paired over draws and seeds. The last line
is JSON.
"""

import json
import sys
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from statistics import mean
from typing import Any

import torch
from torch import Tensor

from benchmarks.downstream.domain import Domain, Generated
from benchmarks.downstream.options import downstream_parser, open_domains, training_options
from benchmarks.downstream.runs import Runs
from benchmarks.downstream.summary import difference, miou
from models.arrays import IGNORE_INDEX
from models.downstream.pairs import Pairs

SECOND_SEED = 100
"""Seeds of the second networks begin here: none of them is one that is scored as `real`."""

HARD = "hard"
Scores = dict[str, list[float]]


@dataclass(frozen=True)
class Labelled:
    """Generated images with the opinions of the fit and of a network that was trained on the real pairs."""

    generated: Generated
    second: Tensor  # uint8 [n, classes, h, w], probabilities of the second network

    @cached_property
    def product(self) -> Tensor:
        """The class with the largest product of both probabilities, uint8 [n, h, w]."""
        both = self.generated.probabilities.float().clamp(min=0.5) * self.second.float().clamp(
            min=0.5
        )
        return both.argmax(dim=1).byte()

    def masked(self, unknown: Tensor, masks: Tensor | None = None) -> Pairs:
        """Return the pairs without a class where `unknown` is true."""
        masks = self.generated.masks if masks is None else masks
        return self.generated.pairs(masks.masked_fill(unknown, IGNORE_INDEX))

    def without_uncertain_pixels(self, share: float) -> Pairs:
        uncertainty = self.generated.uncertainty.float()
        return self.masked(uncertainty >= _quantile(uncertainty.flatten(), 1 - share))

    def without_uncertain_images(self, share: float) -> Pairs:
        scores = self.generated.scores
        return self.generated.pairs().select(
            (scores < _quantile(scores, 1 - share)).nonzero().flatten()
        )

    def sampled(self) -> Pairs:
        """Return masks whose classes are drawn from the probabilities of each pixel."""
        rng = torch.Generator().manual_seed(0)
        masks = []
        for image in self.generated.probabilities:
            flat = image.flatten(1).T.float() + 1e-6  # [pixels, classes]
            drawn = torch.multinomial(flat, 1, generator=rng)
            masks.append(drawn.view(image.shape[1:]).byte())
        return self.generated.pairs(torch.stack(masks))

    def agreed(self) -> Pairs:
        """Return the masks of the fit where the second network has the same class."""
        return self.masked(self.second.argmax(dim=1) != self.generated.masks)


VARIANTS: Mapping[str, Callable[[Labelled], Pairs]] = {
    HARD: lambda one: one.generated.pairs(),
    "sampled": Labelled.sampled,
    "ignore 10%": partial(Labelled.without_uncertain_pixels, share=0.1),
    "ignore 20%": partial(Labelled.without_uncertain_pixels, share=0.2),
    "drop 10%": partial(Labelled.without_uncertain_images, share=0.1),
    "drop 20%": partial(Labelled.without_uncertain_images, share=0.2),
    "second": lambda one: one.generated.pairs(one.second.argmax(dim=1).byte()),
    "product": lambda one: one.generated.pairs(one.product),
    "agreed": Labelled.agreed,
}


def main(arguments: Sequence[str]) -> int:
    """Train every variant, print a table for each domain and number of labels, and all scores as one line of JSON."""
    options = _parse(arguments)
    torch.set_num_threads(options.threads)
    results: dict[str, Any] = {"benchmark": "label_variants"}
    for domain in open_domains(options):
        results[domain.name] = {}
        for labels in options.labels:
            scores = _measure(domain, labels, options)
            print(f"{domain.name}, {table(labels, scores)}", file=sys.stderr, flush=True)
            results[domain.name][str(labels)] = {
                name: round(mean(values), 4) for name, values in scores.items()
            }
    print(json.dumps(results))
    return 0


def _measure(domain: Domain, labels: int, options: Namespace) -> Scores:
    """Return the score of every variant on every draw and seed, in the same order."""
    runs = Runs(domain, training_options(options), options.seeds, (options.synthetic,))
    scores: Scores = {name: [] for name in ("real", *options.variants)}
    for draw in range(options.draws):
        real = domain.real(draw, labels)
        labelled = _Once(partial(_labelled, runs, draw, labels, options.synthetic))
        for seed in range(options.seeds):
            name = f"{labels}-{draw}-real-0-{seed}"
            scores["real"].append(miou(runs.trained(name, partial(_itself, real), seed)))
            for variant in options.variants:
                # The same networks as those of `benchmarks.downstream`, which are not trained again.
                arm = "mixed" if variant == HARD else variant.replace("%", "")
                name = f"{labels}-{draw}-{arm}-{options.synthetic}-{seed}"
                pairs = partial(_mixed, real, labelled, variant)
                scores[variant].append(miou(runs.trained(name, pairs, seed)))
    return scores


class _Once:
    """A value that is made when it is first needed, and kept."""

    def __init__(self, make: Callable[[], Labelled]) -> None:
        self._make = make

    @cached_property
    def value(self) -> Labelled:
        return self._make()


def _labelled(runs: Runs, draw: int, labels: int, count: int) -> Labelled:
    """Label the generated images of a draw by its fit and by a second network."""
    generated = runs.domain.generated(draw, labels, count)
    network = runs.network(runs.domain.real(draw, labels), SECOND_SEED + draw)
    # One task: the outputs are the logits of its classes.
    parts = [(one.softmax(dim=1) * 255).round().byte() for one in network.outputs(generated.images)]
    return Labelled(generated, torch.cat(parts))


def _itself(pairs: Pairs) -> Pairs:
    return pairs


def _mixed(real: Pairs, labelled: _Once, variant: str) -> Pairs:
    return Pairs.mixed(real, VARIANTS[variant](labelled.value))


def _quantile(values: Tensor, share: float) -> Tensor:
    """Return the first value above the lowest share; `torch.quantile` refuses more than 16 million."""
    return values.sort().values[min(int(share * len(values)), len(values) - 1)]


def table(labels: int, scores: Scores) -> str:
    """Return a table in Markdown. Numbers after ± are standard errors of paired differences over draws and seeds."""
    lines = [
        f"{labels} labels, {len(scores['real'])} networks of each",
        "| generated labels | mIoU | minus hard, points | minus real, points |",
        "|---|---|---|---|",
    ]
    for name, values in scores.items():
        cells = [difference(values, scores[other]) for other in (HARD, "real") if other in scores]
        lines.append(f"| {name} | {mean(values):.4f} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _parse(arguments: Sequence[str]) -> Namespace:
    parser = downstream_parser("benchmarks.downstream.variants", __doc__)
    parser.set_defaults(labels=[16], draws=3, seeds=2)
    parser.add_argument("--synthetic", type=int, default=1_000, help="generated images")
    parser.add_argument(
        "--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS), metavar="NAME"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
