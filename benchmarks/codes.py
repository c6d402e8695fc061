"""Labelled portraits with the latent codes that inversion finds for them, kept in a folder so that a run can go on."""

import hashlib
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.renderings import render_pairs
from benchmarks.segmenter import to_input
from examples.portraits.labelset import stratified_indices
from examples.portraits.splits import seed_of
from models.generators.stylegan2.discriminator import build_discriminator
from models.generators.stylegan2.generator import Generator, build_generator
from models.generators.stylegan2.inversion.discriminator_distance import DiscriminatorDistance
from models.generators.stylegan2.inversion.encoder import Encoder, build_encoder
from models.generators.stylegan2.inversion.invert import Tools, invert
from models.generators.stylegan2.inversion.refinement import InversionOptions
from workers.runtime.weights import read_network


@dataclass(frozen=True)
class Networks:
    """A generator with its inverter and its discriminator's distance; `digest` names all three in file names."""

    generator: Generator
    encoder: Encoder
    distance: DiscriminatorDistance
    digest: str

    @classmethod
    def read(cls, folder: Path) -> "Networks":
        """From the three safetensors + JSON pairs of a built-in generator's folder."""
        names = ("generator", "inverter", "discriminator")
        files = [folder / f"{name}.safetensors" for name in names]
        digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]
        discriminator = build_discriminator(*read_network(folder, "discriminator"))
        return cls(
            build_generator(*read_network(folder, "generator")),
            build_encoder(*read_network(folder, "inverter")),
            DiscriminatorDistance(discriminator),
            digest,
        )


@dataclass(frozen=True)
class Coded:
    """ws [n, num_ws, w_dim] float32, masks int64 [n, h, w], psnr_db [n]."""

    ws: Tensor
    masks: Tensor
    psnr_db: Tensor


@dataclass(frozen=True)
class CodeStore:
    """Finds codes once per (networks, options, set) and keeps them in `folder`."""

    folder: Path
    networks: Networks
    options: InversionOptions

    def labelled(self, split: str, draw: int, count: int) -> Coded:
        """The stratified set of `count` portraits of a split's draw."""
        seed = seed_of(split, draw)
        pairs = render_pairs(seed, stratified_indices(seed, count))
        path = self.folder / f"codes-{self._recipe()}-{split}-{draw}-{count}.npz"
        if not path.exists():
            self._find(path, to_input(pairs.images))
        with np.load(path) as found:
            ws, psnr_db = torch.from_numpy(found["ws"]), torch.from_numpy(found["psnr_db"])
        return Coded(ws, torch.from_numpy(pairs.masks).long(), psnr_db)

    def _find(self, path: Path, images: Tensor) -> None:
        began = time.monotonic()
        networks = self.networks
        tools = Tools.of(networks.generator, networks.encoder, networks.distance)
        found = invert(tools, images, self.options)
        took = time.monotonic() - began
        print(f"{path.name}: {took / len(images):.2f} s per image", file=sys.stderr, flush=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        np.savez(path, ws=found.codes.numpy(), psnr_db=found.psnr_db.numpy())

    def _recipe(self) -> str:
        options = json.dumps(asdict(self.options), sort_keys=True)
        return hashlib.sha256(f"{self.networks.digest} {options}".encode()).hexdigest()[:12]
