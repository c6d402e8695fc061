"""`python -m benchmarks.precision`: what bfloat16 changes of pairs, against float32, on fitted ensembles of both kinds.

Images by PSNR; labels by the share of pixels that keep their class, of all and of those whose two likeliest classes are
more than 0.02 apart; image scores by their rank correlation (Spearman). Ends in one line of JSON.
"""

import argparse
import json
import math
import sys
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.codes import Coded, CodeStore, Networks
from benchmarks.compact import fit_paper
from benchmarks.defaults import ensemble_options, inversion_options
from benchmarks.quality import BUILTIN, MICRO_BATCH
from benchmarks.reference_segmenter import FOLDER
from models.generators.stylegan2.generator import Generator
from models.labels.compact import compress
from models.labels.ensemble import Ensemble
from models.labels.features import SYNTHESIS_BATCH
from models.labels.label_generator import LabelGenerator, to_bytes
from models.labels.votes import ClassVotes
from models.sampling import Candidate, latents

SAMPLE_SEED = 7
MARGIN = 0.02


@dataclass
class Agreement:
    """Votes of the same samples in two precisions, compared micro-batch by micro-batch."""

    same: list[Tensor] = field(default_factory=list)
    clear: list[Tensor] = field(default_factory=list)
    largest: float = 0.0
    scores: list[Tensor] = field(default_factory=list)

    def add(self, exact: ClassVotes, found: ClassVotes) -> None:
        """One micro-batch."""
        first, second = exact.probabilities.topk(2, dim=1).values.unbind(dim=1)
        classes = (votes.probabilities.argmax(dim=1) for votes in (exact, found))
        self.same.append(torch.eq(*classes).flatten())
        self.clear.append((first - second > MARGIN).flatten())
        away = (exact.probabilities - found.probabilities).abs().max()
        self.largest = max(self.largest, float(away))
        self.scores.append(torch.stack([exact.scores, found.scores]))

    def figures(self) -> dict[str, float]:
        """Shares of pixels, the largest difference of a probability, and the correlation of the scores' ranks."""
        same, clear = torch.cat(self.same).double(), torch.cat(self.clear)
        ranks = torch.cat(self.scores, dim=1).argsort(dim=1).argsort(dim=1).double()
        return {
            "same_where_clear": round(float(same[clear].mean()), 6),
            "same": round(float(same.mean()), 6),
            "largest_difference": round(self.largest, 3),
            "spearman": round(float(ranks.corrcoef()[0, 1]), 5),
        }


def main() -> None:
    """Fit at every number of labels, compare, and print one line of JSON."""
    parsed = _parse()
    codes = CodeStore(parsed.folder, Networks.read(parsed.generator), inversion_options())
    generator = codes.networks.generator
    z = latents(SAMPLE_SEED, [Candidate(k) for k in range(parsed.samples)], generator.config.z_dim)
    ws = generator.map(z)
    results: dict[str, object] = {"benchmark": "precision", "samples": parsed.samples}
    results["psnr_db"] = round(_psnr(generator, ws), 2)
    for count in parsed.labels:
        fits = _fit(generator, codes.labelled("labelled", parsed.draw, count))
        found = {kind: _compare(generator, fit, ws) for kind, fit in fits.items()}
        print(f"{count} labels: {found}", file=sys.stderr, flush=True)
        results[str(count)] = found
    print(json.dumps(results))


def _fit(generator: Generator, coded: Coded) -> dict[str, Ensemble]:
    paper, rank = fit_paper(generator, coded, seed=0), ensemble_options().rank
    compact = compress(paper, generator, coded.ws, rank=rank, seed=0, micro_batch=SYNTHESIS_BATCH)
    return {"paper": paper, "compact": compact}


def _compare(generator: Generator, ensemble: Ensemble, ws: Tensor) -> dict[str, float]:
    agreement = Agreement()
    both = [LabelGenerator(each, ensemble) for each in (generator, _lowered(generator))]
    for part in ws.split(MICRO_BATCH):
        votes = [each.label(each.generator.synthesize(part).taps).segmentation for each in both]
        exact, found = votes
        assert exact is not None
        assert found is not None
        agreement.add(exact, found)
    return agreement.figures()


def _psnr(generator: Generator, ws: Tensor) -> float:
    """Of the images as bytes."""
    both = (generator, _lowered(generator))
    exact, found = (_pixels(each, ws) for each in both)
    return 10 * math.log10(255**2 / float((exact - found).square().mean()))


def _pixels(generator: Generator, ws: Tensor) -> Tensor:
    parts = [to_bytes(generator.synthesize(part).images) for part in ws.split(MICRO_BATCH)]
    return torch.cat(parts).double()


def _lowered(generator: Generator) -> Generator:
    return deepcopy(generator).lower_precision(torch.bfloat16)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.precision", description=__doc__)
    parser.add_argument("--generator", type=Path, default=BUILTIN, help="folder of networks")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="codes")
    parser.add_argument("--labels", type=int, nargs="+", default=[16, 50])
    parser.add_argument("--draw", type=int, default=0)
    parser.add_argument("--samples", type=int, default=256)
    return parser.parse_args()


if __name__ == "__main__":
    main()
