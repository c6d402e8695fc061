"""Labelled portraits and their inverted latent codes, cached in a folder so that an interrupted run continues."""

import hashlib
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.segmenter.network import to_input
from benchmarks.segmenter.renderings import render_pairs
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
    """A generator, its inverter and its discriminator's distance. `digest` identifies all three in file names."""

    generator: Generator
    encoder: Encoder
    distance: DiscriminatorDistance
    digest: str

    @classmethod
    def read(cls, folder: Path) -> "Networks":
        """Read the three safetensors + JSON pairs in the folder of a built-in generator."""
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
    """Inverts each (networks, options, set) once and caches the codes in `folder`."""

    folder: Path
    networks: Networks
    options: InversionOptions

    def labelled(self, split: str, draw: int, count: int) -> Coded:
        """Return the stratified set of `count` portraits for one draw of a split."""
        seed = seed_of(split, draw)
        pairs = render_pairs(seed, stratified_indices(seed, count))
        path = self.folder / f"codes-{self._recipe()}-{split}-{draw}-{count}.npz"
        if not path.exists():
            self._invert(path, to_input(pairs.images))
        with np.load(path) as arrays:
            ws, psnr_db = torch.from_numpy(arrays["ws"]), torch.from_numpy(arrays["psnr_db"])
        return Coded(ws, torch.from_numpy(pairs.masks).long(), psnr_db)

    def _invert(self, path: Path, images: Tensor) -> None:
        began = time.monotonic()
        networks = self.networks
        tools = Tools.of(networks.generator, networks.encoder, networks.distance)
        inversion = invert(tools, images, self.options)
        seconds = time.monotonic() - began
        print(f"{path.name}: {seconds / len(images):.2f} s per image", file=sys.stderr, flush=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        np.savez(path, ws=inversion.codes.numpy(), psnr_db=inversion.psnr_db.numpy())

    def _recipe(self) -> str:
        options = json.dumps(asdict(self.options), sort_keys=True)
        return hashlib.sha256(f"{self.networks.digest} {options}".encode()).hexdigest()[:12]
