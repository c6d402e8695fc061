"""`python -m benchmarks.labels.precision`: compare pairs in bfloat16 and float32, for both kinds of ensemble.

Images are compared by PSNR. Labels are compared by the share of pixels that keep their class, over all pixels and over
those whose two most likely classes differ by more than 0.02. Image scores are compared by Spearman's rank correlation.
The last line is JSON.
"""

import argparse
import json
import math
import sys
from copy import deepcopy
from dataclasses import dataclass, field

import torch
from torch import Tensor

from benchmarks.defaults import ensemble_options, inversion_options
from benchmarks.inversion.codes import Coded, CodeStore, Networks
from benchmarks.labels.compact import fit_paper
from benchmarks.labels.quality import MICRO_BATCH
from benchmarks.options import network_parser
from models.generators.stylegan2.generator import Generator
from models.labels.compact import compress
from models.labels.ensemble import Ensemble
from models.labels.features import SYNTHESIS_BATCH
from models.labels.label_generator import LabelGenerator, to_bytes
from models.sampling import Candidate, latents
from models.tasks.segmentation import ClassVotes

SAMPLE_SEED = 7
MARGIN = 0.02


@dataclass
class Agreement:
    """Agreement of the votes on the same samples in two precisions, accumulated over micro-batches."""

    same: list[Tensor] = field(default_factory=list)
    clear: list[Tensor] = field(default_factory=list)
    largest: float = 0.0
    scores: list[Tensor] = field(default_factory=list)

    def add(self, exact: ClassVotes, lowered: ClassVotes) -> None:
        """Add one micro-batch."""
        first, second = exact.probabilities.topk(2, dim=1).values.unbind(dim=1)
        classes = (votes.probabilities.argmax(dim=1) for votes in (exact, lowered))
        self.same.append(torch.eq(*classes).flatten())
        self.clear.append((first - second > MARGIN).flatten())
        largest = (exact.probabilities - lowered.probabilities).abs().max()
        self.largest = max(self.largest, float(largest))
        self.scores.append(torch.stack([exact.scores, lowered.scores]))

    def figures(self) -> dict[str, float]:
        """Return the shares of pixels, the largest probability difference, and the rank correlation of the scores."""
        same, clear = torch.cat(self.same).double(), torch.cat(self.clear)
        ranks = torch.cat(self.scores, dim=1).argsort(dim=1).argsort(dim=1).double()
        return {
            "same_where_clear": round(float(same[clear].mean()), 6),
            "same": round(float(same.mean()), 6),
            "largest_difference": round(self.largest, 3),
            "spearman": round(float(ranks.corrcoef()[0, 1]), 5),
        }


def main() -> None:
    """Fit for every number of labels, compare, and print one line of JSON."""
    parsed = _parse()
    codes = CodeStore(parsed.folder, Networks.read(parsed.generator), inversion_options())
    generator = codes.networks.generator
    z = latents(SAMPLE_SEED, [Candidate(k) for k in range(parsed.samples)], generator.config.z_dim)
    ws = generator.map(z)
    results: dict[str, object] = {"benchmark": "precision", "samples": parsed.samples}
    results["psnr_db"] = round(image_psnr_db(generator, ws), 2)
    for count in parsed.labels:
        fits = _fit(generator, codes.labelled("labelled", parsed.draw, count))
        figures = {kind: compare(generator, fit, ws) for kind, fit in fits.items()}
        print(f"{count} labels: {figures}", file=sys.stderr, flush=True)
        results[str(count)] = figures
    print(json.dumps(results))


def _fit(generator: Generator, coded: Coded) -> dict[str, Ensemble]:
    paper, rank = fit_paper(generator, coded, seed=0), ensemble_options().rank
    compact = compress(paper, generator, coded.ws, rank=rank, seed=0, micro_batch=SYNTHESIS_BATCH)
    return {"paper": paper, "compact": compact}


def compare(generator: Generator, ensemble: Ensemble, ws: Tensor) -> dict[str, float]:
    """Return the agreement of the labels of codes in bfloat16 and float32."""
    agreement = Agreement()
    both = [LabelGenerator(each, ensemble) for each in (generator, _lowered(generator))]
    for part in ws.split(MICRO_BATCH):
        votes = [each.label(each.generator.synthesize(part).taps).of(ClassVotes) for each in both]
        exact, lowered = votes
        agreement.add(exact, lowered)
    return agreement.figures()


def image_psnr_db(generator: Generator, ws: Tensor) -> float:
    """Return the PSNR in dB of the 8-bit images."""
    exact, lowered = (_pixels(each, ws) for each in (generator, _lowered(generator)))
    return 10 * math.log10(255**2 / float((exact - lowered).square().mean()))


def _pixels(generator: Generator, ws: Tensor) -> Tensor:
    parts = [to_bytes(generator.synthesize(part).images) for part in ws.split(MICRO_BATCH)]
    return torch.cat(parts).double()


def _lowered(generator: Generator) -> Generator:
    return deepcopy(generator).lower_precision(torch.bfloat16)


def _parse() -> argparse.Namespace:
    parser = network_parser("benchmarks.labels.precision", __doc__)
    parser.add_argument("--labels", type=int, nargs="+", default=[16, 50])
    parser.add_argument("--draw", type=int, default=0)
    parser.add_argument("--samples", type=int, default=256)
    return parser.parse_args()


if __name__ == "__main__":
    main()
