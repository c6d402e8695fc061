"""The networks of a downstream benchmark: a generator of any family with its inverter, read from a folder."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.defaults import inversion_options
from benchmarks.inversion.codes import Networks as StyleGan2Networks
from models.generators.diffusion.generator import build_generator
from models.generators.diffusion.inverter import IdentityInverter
from models.generators.generator import Generator
from models.generators.stylegan2.inversion.invert import Tools
from models.generators.stylegan2.inversion.inverter import StyleGan2Inverter
from models.inversion.inverter import Inverter
from models.precision import has_fast_bfloat16
from workers.runtime.weights import read_network


@dataclass(frozen=True)
class Networks:
    """A frozen generator, the same one for rendering, and its inverter. `digest` identifies all in file names.

    Fits run in float32. A diffusion model renders in bfloat16 where that is faster.
    """

    generator: Generator
    renderer: Generator
    inverter: Inverter
    digest: str

    @classmethod
    def read(cls, folder: Path) -> "Networks":
        """Read `generator.*`, and for a StyleGAN2 `inverter.*` and `discriminator.*`."""
        if not (folder / "inverter.json").exists():  # a diffusion model needs none
            return cls._read_diffusion(folder)
        read = StyleGan2Networks.read(folder)
        tools = Tools.of(read.generator, read.encoder, read.distance)
        inverter = StyleGan2Inverter(tools, inversion_options())
        return cls(read.generator, read.generator, inverter, read.digest)

    @classmethod
    def _read_diffusion(cls, folder: Path) -> "Networks":
        generator = build_generator(*read_network(folder, "generator"))
        is_fast = has_fast_bfloat16(torch.device("cpu"))
        precision = torch.bfloat16 if is_fast else torch.float32
        renderer = build_generator(*read_network(folder, "generator")).lower_precision(precision)
        data = b"".join(
            (folder / f"generator.{suffix}").read_bytes() for suffix in ("safetensors", "json")
        )
        digest = hashlib.sha256(data + str(precision).encode()).hexdigest()[:12]
        return cls(generator, renderer, IdentityInverter(generator), digest)
