"""Finds the latent codes of labelled images, with the networks and numbers that a fit's request pins."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from contracts.errors import InputMissing
from contracts.fits import FitRequest
from models.inversion.encoder import build_encoder
from models.inversion.invert import Inversion, Tools, invert
from models.inversion.perceptual import DiscriminatorDistance
from models.inversion.refinement import InversionOptions
from models.labels.label_generator import to_bytes
from models.stylegan2.discriminator import build_discriminator
from models.stylegan2.generator import Generator, build_generator
from workers.artefacts import load_network, read_generator, read_inverter
from workers.images import Pixels
from workers.jobs import Run
from workers.machine import Machine
from workers.pairs import Pairs


@dataclass(frozen=True)
class Inverted:
    """What stands for the labelled images: codes [n, num_ws, w_dim], what they make as bytes, and how close that is.

    Only the codes stay on the device: at 1024 px a reconstruction is 12 MB there, and a labelset may have 1,000 images.
    """

    ws: Tensor
    reconstructions: tuple[Pixels, ...]
    psnr_db: tuple[float, ...]


@dataclass(frozen=True)
class Inverter:
    """A generator, what helps to invert it, and the options of the fit."""

    generator: Generator
    generator_digest: str
    tools: Tools
    options: InversionOptions

    @classmethod
    def open(cls, machine: Machine, request: FitRequest) -> Self:
        """Loads what the request pins. The discriminator is read only when its distance has a weight."""
        pinned, wanted = request.generator, request.options.inversion
        manifest = read_generator(machine, request.tenant, pinned.id, pinned.digest)
        encoder, perceptual = None, None
        if request.inverter_digest is not None:
            inverter = read_inverter(machine, manifest, request.inverter_digest)
            encoder = load_network(machine, inverter.weights, build_encoder)
        if wanted.perceptual_weight > 0:
            if manifest.discriminator is None:
                raise InputMissing(
                    f"The request weighs a perceptual distance, but generator '{pinned.id}' came without the"
                    " discriminator that measures it. Make the fit anew with perceptual_weight 0."
                )
            discriminator = load_network(machine, manifest.discriminator, build_discriminator)
            perceptual = DiscriminatorDistance(discriminator)
        generator = load_network(machine, manifest.weights, build_generator)
        return cls(
            generator=generator,
            generator_digest=manifest.digest,
            tools=Tools.of(generator, encoder, perceptual),
            options=InversionOptions(
                **wanted.model_dump(), micro_batch=machine.settings.micro_batch
            ),
        )

    def invert(self, run: Run, stage: str, pairs: Pairs) -> Inverted:
        """The code of every image, micro-batch by micro-batch."""
        num_finished = 0

        def work(chunk: Sequence[int]) -> Inversion:
            return invert(
                self.tools,
                pairs.image_tensor(chunk).to(run.machine.device),
                self.options,
                on_step=lambda done, total: run.step(
                    stage,
                    num_finished * (total // len(chunk)) + done,
                    len(pairs) * (total // len(chunk)),
                ),
            )

        codes: list[Tensor] = []
        reconstructions: list[Pixels] = []
        psnr_db: list[float] = []
        for part in run.machine.micro_batches.run(
            "inverting", self.generator_digest, range(len(pairs)), work
        ):
            codes.append(part.ws)
            reconstructions.extend(to_bytes(part.reconstructions).numpy())
            psnr_db.extend(part.psnr_db.tolist())
            num_finished += len(part.ws)
        return Inverted(torch.cat(codes), tuple(reconstructions), tuple(psnr_db))
