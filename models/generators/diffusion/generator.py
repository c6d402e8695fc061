"""A diffusion model as a generator: codes are clean images, features are decoder maps at fixed noise levels.

Flow: normal numbers [n, 3 h w] => a deterministic sampler => codes [n, 3, h, w], the images.
Features as in DDPM-segmentation (Baranchuk et al., ICLR 2022): the image is mixed with one fixed noise at several
levels, and the outputs of the decoder's blocks are the taps.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from models.arrays import Classes, Codes, FeatureMaps, Images, Taps
from models.generators.diffusion.config import DiffusionConfig
from models.generators.diffusion.solver import Solver
from models.generators.diffusion.unet import build_scheduler, build_unet, prepare_for_autocast
from models.generators.generator import Layout, Synthesis
from models.sampling import Candidate, Draws, Stream, latents

NOISE_SEED = 2022
"""The seed of the noise for features, of the stream `PILOT`. Fitted heads depend on it: it never changes."""

IMAGES_PER_PASS = 8
"""Of the sampler on a CPU: a caller may request many samples at once, as their codes alone take little memory."""

MOST_IMAGES_PER_PASS, PASS_BYTES = 256, 1 << 30
"""Likewise on an accelerator, which needs larger passes: 256 images took half the time of 8 (LOG.md)."""


class DiffusionGenerator(nn.Module):
    """A UNet2DModel, its sampler and its features. Implements `Generator` and `Mirrorable`."""

    noise: Tensor

    def __init__(self, config: DiffusionConfig) -> None:
        super().__init__()
        self.config = config
        self.layout: Layout = config.layout
        self.unet: Any = build_unet(config)
        self.scheduler = build_scheduler(config)
        self.solver = Solver.of(config, self.scheduler.alphas_cumprod)
        noise = fixed_noise(config.image_px)[:, : config.image_channels]
        self.register_buffer("noise", noise, persistent=False)
        self.precision = torch.float32

    def lower_precision(self, precision: torch.dtype) -> "DiffusionGenerator":
        """Compute the convolutions and attention of the network in another precision; changes the network in place.

        Samples and taps change: an ensemble that was fitted in float32 labels them nearly the same (LOG.md, "Diffusion
        in bfloat16").
        """
        if precision != torch.float32:
            self.precision = precision
            prepare_for_autocast(self.unet)
        return self

    @property
    def device(self) -> torch.device:
        return self.noise.device

    def sample(
        self, draws: Draws, truncation: float = 1.0, condition: Classes | None = None
    ) -> Codes:
        """Return one image per draw; the family has no truncation.

        Raises:
            ValueError: classes for a generator without classes, or a class out of range.
        """
        height, width = self.config.image_px
        channels = self.config.image_channels
        count = channels * height * width
        conditional = self.config.num_classes > 0
        numbers = draws.normals(count + conditional)
        classes = self._classes(numbers[:, -1], condition)
        x = numbers[:, :count].reshape(-1, channels, height, width).to(self.device)
        size = images_per_pass(self.config, self.device)
        parts = [None] * len(x) if classes is None else classes.split(size)
        with torch.no_grad():
            return torch.cat(
                [
                    self._denoise(part, of_part)
                    for part, of_part in zip(x.split(size), parts, strict=False)
                ]
            )

    def synthesize(self, codes: Codes) -> Synthesis:
        """Return the codes, which are the images, and one tap per decoder block and noise level."""
        blocks: list[Taps] = [[] for _ in self.config.block_out_channels]
        # A photograph has no class: a conditional network reads every image with the mean of its embeddings.
        classes = None
        if self.config.num_classes:
            classes = torch.zeros(len(codes), dtype=torch.long, device=self.device)
        with self._recording(blocks):
            for level in self.config.noise_levels:
                self._predict(self.add_noise(codes, level), level, classes)
        return Synthesis(codes, [tap for block in blocks for tap in block])

    def mirrored(self, codes: Codes) -> Codes:
        """Return the mirrored codes, which are the mirrored images."""
        return codes.flip(3)

    def add_noise(self, images: Images, level: int) -> FeatureMaps:
        """Return the images with the fixed noise of a training step: q(x_t | x_0) of DDPM with a constant epsilon."""
        images = self.network_images(images)
        alpha = float(self.scheduler.alphas_cumprod[level])
        return math.sqrt(alpha) * images + math.sqrt(1 - alpha) * self.noise

    def network_images(self, images: Images) -> FeatureMaps:
        """Return the images with the network's channels: one for grey images, the mean of the three."""
        return images.mean(dim=1, keepdim=True) if self.config.image_channels == 1 else images

    def _denoise(self, x: FeatureMaps, classes: Classes | None) -> Images:
        """Return the images that the sampler makes of pure noise; grey ones with three equal channels."""
        if self.config.sampler == "ddim":
            for step in self.scheduler.timesteps.tolist():
                predicted = self._predict(x, step, classes)
                x = self.scheduler.step(predicted, step, x, eta=0.0).prev_sample
        else:
            x = self.solver.run(x, lambda noisy, step: self._predict(noisy, step, classes))
        return x.clamp(-1, 1).expand(-1, 3, -1, -1)

    def _predict(self, x: FeatureMaps, step: int, classes: Classes | None) -> FeatureMaps:
        lowered = self.precision != torch.float32
        with torch.autocast(self.device.type, self.precision, enabled=lowered):
            predicted: Tensor = self.unet(x, step, class_labels=classes, return_dict=False)[0]
        return predicted.float()

    @contextmanager
    def _recording(self, blocks: list[Taps]) -> Iterator[None]:
        """Append the output of every decoder block to its list, and read with the mean class, inside the block."""
        hooks = [
            block.register_forward_hook(_appender(taps))
            for block, taps in zip(self.unet.up_blocks, blocks, strict=True)
        ]
        if self.config.num_classes:
            hooks.append(self.unet.class_embedding.register_forward_hook(_mean_embedding))
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _classes(self, normals: Tensor, condition: Classes | None) -> Classes | None:
        """Return the class of every draw: the condition, or a uniform one that follows from a normal number."""
        count = self.config.num_classes
        if count == 0:
            if condition is not None:
                raise ValueError(
                    "expected no classes, because this generator is unconditional; leave them out"
                )
            return None
        if condition is None:
            fraction: Tensor = torch.special.ndtr(normals.double())
            return (fraction * count).long().clamp(max=count - 1).to(self.device)
        if int(condition.min()) < 0 or int(condition.max()) >= count:
            raise ValueError(
                f"expected classes from 0 to {count - 1}, got {condition.unique().tolist()[:10]}"
            )
        return condition.long().to(self.device)


def fixed_noise(image_px: tuple[int, int]) -> Tensor:
    """Return the noise [1, 3, h, w] of the features: the same on every machine, a function of the size alone."""
    height, width = image_px
    numbers = latents(NOISE_SEED, [Candidate(0)], 3 * height * width, Stream.PILOT)
    return numbers.reshape(1, 3, height, width)


def images_per_pass(config: DiffusionConfig, device: torch.device) -> int:
    """Return how many images the sampler denoises at once: on an accelerator as many as take a gibibyte."""
    if device.type == "cpu":
        return IMAGES_PER_PASS
    return min(max(PASS_BYTES // config.pass_bytes, 1), MOST_IMAGES_PER_PASS)


def build_generator(config: dict[str, Any], tensors: dict[str, Tensor]) -> DiffusionGenerator:
    """Build a frozen generator on the CPU from its JSON and its tensors, which may be stored in half precision.

    Raises:
        RuntimeError: a tensor is missing, unknown or of another shape.
    """
    generator = DiffusionGenerator(DiffusionConfig.from_dict(config))
    generator.load_state_dict({name: each.float() for name, each in tensors.items()}, assign=True)
    # NHWC weights: a sample of 64 px takes 0.82 times the processor time.
    generator.unet.to(memory_format=torch.channels_last)
    return generator.eval().requires_grad_(False)


def _appender(taps: Taps) -> Callable[[nn.Module, object, Tensor], None]:
    def append(_block: nn.Module, _inputs: object, output: Tensor) -> None:
        taps.append(output)

    return append


def _mean_embedding(embedding: nn.Module, _inputs: object, output: Tensor) -> Tensor:
    weight = embedding.get_parameter("weight")
    return weight.mean(dim=0).expand_as(output)
