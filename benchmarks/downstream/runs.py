"""The trainings of the downstream benchmark. Each finished one is kept as image scores, so a stopped run continues."""

import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch

from benchmarks.downstream.domain import Domain
from contracts.evaluations.networks import Network, network_name
from contracts.evaluations.report import ArmName
from models.downstream.network import DownstreamNetwork
from models.downstream.options import DownstreamOptions
from models.downstream.pairs import Pairs
from models.downstream.training import Plan, train
from state.settings import Settings
from workers.evaluating.networks.smp_networks import open_network
from workers.evaluating.scoring import ImageScores, score_network
from workers.fitting.downstream import mirror_swaps

Key = tuple[ArmName, int]
"""An arm and its number of pairs with labels of the fit."""


@dataclass(frozen=True)
class Runs:
    """Trains and scores what the folder lacks. Files of other options or other held-out images are not reused.

    `own` is the number of unlabelled real images that the fit labels, 0 for none.
    """

    domain: Domain
    options: DownstreamOptions
    num_seeds: int
    synthetic: tuple[int, ...]
    architecture: Network = "unet"
    own: int = 0

    def scores(self, labels: int, draw: int) -> dict[Key, list[ImageScores]]:
        """Return the image scores of all arms on one draw of labelled images, by arm and number of pairs."""
        found: dict[Key, list[ImageScores]] = {
            ("direct", 0): [
                self._kept(f"{labels}-{draw}-direct", lambda: self.domain.direct(draw, labels))
            ]
        }
        oracle = self.domain.data.oracle(labels)
        for arm, count, pairs in self._arms(labels, draw, oracle):
            # The oracle does not depend on the draw, so it is trained once.
            where = f"{len(oracle)}-all" if arm == "oracle" and oracle else f"{labels}-{draw}"
            found[arm, count] = [
                self.trained(f"{where}-{arm}-{count}-{seed}", pairs, seed)
                for seed in range(self.num_seeds)
            ]
        return found

    def _arms(
        self, labels: int, draw: int, oracle: Pairs | None
    ) -> Iterator[tuple[ArmName, int, Callable[[], Pairs]]]:
        """Yield every trained arm with the function that makes its pairs, the cheapest first."""

        def real() -> Pairs:
            return self.domain.real(draw, labels)

        def synthetic(count: int) -> Pairs:
            most = max(self.synthetic)
            return self.domain.synthetic(draw, labels, most).select(torch.arange(count))

        def mixed(count: int) -> Pairs:
            return Pairs.mixed(real(), synthetic(count))

        yield "real", 0, real
        for count in self.synthetic:
            yield "synthetic", count, partial(synthetic, count)
            yield "mixed", count, partial(mixed, count)
        if self.own:
            own = self.domain.own(draw, labels, self.own)
            yield "labelled", len(own), lambda: Pairs.mixed(real(), own)
        if oracle is not None:
            yield "oracle", 0, lambda: oracle

    def trained(self, name: str, pairs: Callable[[], Pairs], seed: int) -> ImageScores:
        """Return the scores of a network that was trained on some pairs; `name` is that of its file."""
        domain = self.domain
        return self._kept(
            name, lambda: score_network(self.network(pairs(), seed), domain.heldout, domain.tasks)
        )

    def network(self, pairs: Pairs, seed: int) -> DownstreamNetwork:
        """Train a network."""
        swaps = mirror_swaps(self.domain.data.schema)
        plan = Plan(
            pairs=pairs,
            tasks=self.domain.tasks,
            options=self.options,
            seed=seed,
            swaps=swaps,
            build=open_network(Settings(), self.architecture),
        )
        return train(plan)

    def _kept(self, name: str, make: Callable[[], ImageScores]) -> ImageScores:
        path = self._folder / f"{name}.npz"
        if not path.exists():
            began = time.process_time()
            made = make()
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_suffix(".part")
            unfinished.write_bytes(made.to_bytes())
            unfinished.replace(path)
            seconds = time.process_time() - began
            print(f"{self.domain.name} {name}: {seconds:.0f} CPU s", file=sys.stderr, flush=True)
        return ImageScores.from_bytes(path.read_bytes())

    @property
    def _folder(self) -> Path:
        recipe = {
            "options": asdict(self.options),
            "generator": self.domain.networks.digest,
            "heldout": len(self.domain.heldout),
            "synthetic": max(self.synthetic),
        }
        if self.architecture != "unet":
            recipe["network"] = network_name(self.architecture)
        digest = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:12]
        return self.domain.folder / f"{self.domain.name}-runs-{digest}"
