"""Finds the latent codes of labelled images, with the networks and numbers that a fit's request pins."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from contracts.fits.fit import FitRequest
from contracts.fits.metrics import InvertedImage
from contracts.fits.options import InversionOptions as WantedOptions
from models.generators.stylegan2.generator import Generator, build_generator
from models.inversion.detail import MIN_DETAIL, detail_shown
from models.inversion.encoder import build_encoder
from models.inversion.framing import MAX_IMAGES, Framing, find_framing, measure_framing
from models.inversion.invert import Tools, invert
from models.inversion.perceptual import DiscriminatorDistance, distances
from models.inversion.refinement import InversionOptions
from models.inversion.spacing import SampleSpacing, measure_spacing
from models.labels.label_generator import to_bytes
from workers.codecs.images import Pixels
from workers.fitting.pairs import Pairs
from workers.fitting.perceptual_ports import open_discriminator, open_wanted
from workers.runtime.artefacts import load_network, read_generator, read_inverter
from workers.runtime.jobs import Run
from workers.runtime.machine import Machine

TAPS_HELD, TAPS_HELD_WITH_DISTANCE = 8, 12
"""What a step holds of one image at most, in the bytes of its taps. Measured: 7.6 at 64 px, 7.9 at 256 px for the first
image and 4.9 for each further one; 11.4 at 64 px with the discriminator's distance."""


@dataclass(frozen=True)
class Inverted:
    """What stands for the labelled images: codes [n, num_ws, w_dim], what they make as bytes, and how close that is.

    Only the codes stay on the device: at 1024 px a reconstruction is 12 MB there, and a labelset may have 1,000 images.
    """

    ws: Tensor
    reconstructions: tuple[Pixels, ...]
    psnr_db: tuple[float, ...]
    perceptual_distances: tuple[float | None, ...]
    are_expressible: tuple[bool, ...]

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """All micro-batches as one."""
        return cls(
            torch.cat([part.ws for part in parts]),
            tuple(pixels for part in parts for pixels in part.reconstructions),
            tuple(psnr for part in parts for psnr in part.psnr_db),
            tuple(distance for part in parts for distance in part.perceptual_distances),
            tuple(verdict for part in parts for verdict in part.are_expressible),
        )

    def judged(self, names: Sequence[str]) -> tuple[InvertedImage, ...]:
        """How well the generator expresses each of the images that `names` names."""
        return tuple(
            InvertedImage(
                name=name,
                psnr_db=round(psnr, 3),
                perceptual_distance=None if distance is None else round(distance, 4),
                is_expressible=verdict,
            )
            for name, psnr, distance, verdict in zip(
                names, self.psnr_db, self.perceptual_distances, self.are_expressible, strict=True
            )
        )


@dataclass(frozen=True)
class Inverter:
    """A generator, what helps to invert it and to judge the result, and the options of the fit."""

    generator: Generator
    generator_digest: str
    tools: Tools
    judge: DiscriminatorDistance | None
    spacing: SampleSpacing
    options: InversionOptions
    perceptual_sha256: str | None

    @classmethod
    def open(cls, machine: Machine, request: FitRequest) -> Self:
        """Loads what the request pins, and measures the generator's samples.

        Raises:
            InputMissing: something of it is gone, or this worker has other perceptual weights mounted.
        """
        pinned, wanted = request.generator, request.options.inversion
        manifest = read_generator(machine, request.tenant, pinned.id, pinned.digest)
        encoder = None
        if request.inverter_digest is not None:
            inverter = read_inverter(machine, manifest, request.inverter_digest)
            encoder = load_network(machine, inverter.weights, build_encoder)
        port = open_wanted(machine, manifest, wanted)
        judge = open_discriminator(machine, manifest)
        generator = load_network(machine, manifest.weights, build_generator)
        return cls(
            generator=generator,
            generator_digest=manifest.digest,
            tools=Tools.of(generator, encoder, port.distance),
            judge=judge,
            spacing=machine.micro_batches.shrinking(
                "measuring samples",
                manifest.digest,
                lambda size: measure_spacing(generator, judge, size),
                largest=machine.micro_batches.most(generator.config.synthesis_bytes),
            ),
            options=to_options(
                wanted,
                inversion_micro_batch(machine, generator, has_distance=port.distance is not None),
            ),
            perceptual_sha256=port.mounted_sha256,
        )

    def find_framing(self, machine: Machine, pairs: Pairs) -> Framing:
        """The crop of the images that the generator's own framing asks for; the identity where they fit."""
        prior = machine.micro_batches.shrinking(
            "measuring the framing",
            self.generator_digest,
            lambda size: measure_framing(self.generator, size),
            largest=machine.micro_batches.most(self.generator.config.synthesis_bytes),
        )
        chosen = range(min(len(pairs), MAX_IMAGES))
        return find_framing(prior, pairs.image_tensor(chosen).to(machine.device))

    def invert(self, run: Run, stage: str, pairs: Pairs) -> Inverted:
        """The code of every image, micro-batch by micro-batch."""
        return Inverted.joined(list(self._parts(run, stage, pairs)))

    def _parts(self, run: Run, stage: str, pairs: Pairs) -> Iterator[Inverted]:
        num_finished = 0

        def work(chunk: Sequence[int]) -> Inverted:
            def progress(done: int, total: int) -> None:
                effort = total // len(chunk)
                run.step(stage, num_finished * effort + done, len(pairs) * effort)

            images = pairs.image_tensor(chunk).to(run.machine.device)
            found = invert(
                self.tools,
                images,
                self.options,
                fails_below_db=self.spacing.fails_below_db,
                on_step=progress,
            )
            seen = self._distances(found.reconstructions, images)
            detail = detail_shown(found.reconstructions.clamp(-1, 1), images)
            expressible = self.spacing.expresses(found.psnr_db, seen) & (detail >= MIN_DETAIL)
            return Inverted(
                found.ws,
                tuple(to_bytes(found.reconstructions).numpy()),
                tuple(found.psnr_db.tolist()),
                tuple([None] * len(chunk) if seen is None else seen.tolist()),
                tuple(expressible.tolist()),
            )

        for part in run.machine.micro_batches.run(
            "inverting",
            self.generator_digest,
            range(len(pairs)),
            work,
            largest=self.options.micro_batch,
        ):
            num_finished += len(part.ws)
            yield part

    def _distances(self, reconstructions: Tensor, images: Tensor) -> Tensor | None:
        if self.judge is None:
            return None
        return distances(self.judge, reconstructions.clamp(-1, 1), images)


def inversion_micro_batch(machine: Machine, generator: Generator, *, has_distance: bool) -> int:
    """How many images are inverted at once."""
    held = TAPS_HELD_WITH_DISTANCE if has_distance else TAPS_HELD
    return machine.micro_batches.most(held * generator.config.tap_bytes)


def to_options(wanted: WantedOptions, micro_batch: int) -> InversionOptions:
    """A request's numbers as the models take them; which port measures the distance is not the models' business."""
    own = wanted.model_dump(exclude={"perceptual", "perceptual_sha256"})
    return InversionOptions(**own, micro_batch=micro_batch)
