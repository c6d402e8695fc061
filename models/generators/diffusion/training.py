"""Training of a diffusion model in pixel space from images. In: batches of real images. Out: losses, and a network.

The network learns v-prediction under a variance-preserving schedule, which the family's samplers read unchanged:
    x_t = a x_0 + s e,  a^2 + s^2 = 1,  v = a e - s x_0      (Salimans and Ho, arXiv 2202.00512, appendix D)
This is EDM's preconditioning (Karras et al., arXiv 2206.00364, equation 7) with sigma = s / a and sigma_data = 1:
c_in = a, c_skip = a^2 and c_out = s, so the denoiser is D = a x_t + s F with F = -v, and the loss weight 1 / c_out^2
of their equation 8 is a weight of 1 on |F + v|^2. A plain squared error of v is therefore EDM's loss, with noise levels
distributed as the schedule's timesteps. Under the cosine schedule log sigma has its mean at 0.
"""

import copy
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, final

import torch
from jaxtyping import Int
from torch import Tensor

from models.arrays import FeatureMaps, Images
from models.generators.diffusion.config import DiffusionConfig
from models.generators.diffusion.generator import DiffusionGenerator
from models.generators.diffusion.unet import prepare_for_autocast, start_unet
from models.generators.training import BuiltNetwork
from models.parallel import average_gradients, num_processes
from models.precision import has_fast_bfloat16
from models.sampling import RandomDraws

SAMPLES_PER_PART = 32
_COUNTERS = ("images_seen", "steps")

Timesteps = Int[Tensor, " batch"]


@dataclass(frozen=True, kw_only=True)
class DiffusionTrainingOptions:
    """Hyperparameters. Half-lives, warm-up and decay count thousands of real images (kimg)."""

    learning_rate: float = 1e-3
    warm_up_kimg: float = 1.0
    # EDM2's inverse square root after this many images (Karras et al., arXiv 2312.02696, equation 67).
    decay_after_kimg: float = 30.0
    betas: tuple[float, float] = (0.9, 0.99)
    gradient_clip: float = 1.0  # the largest norm of all gradients together
    ema_half_life_kimg: float = 50.0
    ema_ramp_up: float = 0.05  # the half-life is at most 5% of the images seen
    # A flip exchanges left and right: labels that tell them apart (keypoints of the left eye) no longer fit.
    flips: bool = False
    bfloat16: bool = False  # autocast, on devices where it is faster (models/precision.py)


@final
class DiffusionTraining:
    """Implements `models/generators/training.py`. Each call draws from torch's global generators.

    Images of a grey network (`image_channels` 1) are averaged over their channels, and its samples have three equal
    channels.
    """

    measured_samples = 256  # a sample takes 20 passes of the network, a GAN's takes one
    # The distance of so few samples did not order snapshots: it was lowest after 30,000 of 75,000 images of faces, and
    # labels by the later networks were better (LOG.md, "Which snapshot of a diffusion model").
    keeps_latest = True

    def __init__(
        self,
        config: DiffusionConfig,
        options: DiffusionTrainingOptions,
        device: torch.device,
    ) -> None:
        if config.prediction_type != "v_prediction" or config.num_classes:
            raise ValueError(
                "expected an unconditional configuration with prediction_type 'v_prediction',"
                f" got '{config.prediction_type}' and {config.num_classes} classes; use `default_config`"
            )
        self.config, self.options = config, options
        # NHWC weights: 1.05 times the images per second at 32 px on a CPU core, 1.07 times at 64 px.
        self.unet: Any = start_unet(config, device).to(memory_format=torch.channels_last)
        self.average = DiffusionGenerator(config)
        average = copy.deepcopy(self.unet).eval().requires_grad_(False)
        self.average.unet.load_state_dict(average.state_dict(), assign=True)
        self.average.to(device).eval().requires_grad_(False)
        self.optimizer = torch.optim.Adam(
            self.unet.parameters(), lr=options.learning_rate, betas=options.betas
        )
        alphas = self.average.scheduler.alphas_cumprod.to(device)
        self._signal, self._noise = alphas.sqrt(), (1.0 - alphas).sqrt()  # a and s of every t
        self._is_autocast = options.bfloat16 and has_fast_bfloat16(device)
        if self._is_autocast:
            prepare_for_autocast(self.unet)
        self.images_seen = 0
        self.steps = 0

    @property
    def device(self) -> torch.device:
        return self.average.device

    def step(self, reals: Images) -> dict[str, float]:
        """Update the network and its average on a batch; return the losses by name.

        Several processes in one torch process group each pass a different share of the batch; their weights stay equal.
        `v_mse` is about 1 for a new network; `x0_mse` is the error of the clean image, of pixels in [-1, 1].
        """
        images = self._prepared(reals)
        self.unet.train()
        for group in self.optimizer.param_groups:
            group["lr"] = self._learning_rate()
        timesteps = self._timesteps(len(images))
        noise = torch.randn_like(images)
        a, s = (table[timesteps][:, None, None, None] for table in (self._signal, self._noise))
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self._is_autocast):
            predicted: Tensor = self.unet(a * images + s * noise, timesteps, return_dict=False)[0]
        # v of 2202.00512, appendix D; the loss in float32
        errors = (predicted.float() - (a * noise - s * images)).square().mean(dim=(1, 2, 3))
        loss = errors.mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        average_gradients(self.unet)
        torch.nn.utils.clip_grad_norm_(self.unet.parameters(), self.options.gradient_clip)
        self.optimizer.step()
        count = len(images) * num_processes()
        self.images_seen += count
        self.steps += 1
        self._update_average(count)
        # x_0 - D = s (v_predicted - v), by D = a x_t - s v
        clean = (errors.detach() * s.flatten().square()).mean()
        return {"v_mse": loss.item(), "x0_mse": clean.item()}

    def samples(self, count: int, seed: int) -> Iterator[Images]:
        """Yield `count` samples of the averaged network in parts: the config's sampler with its few steps."""
        for draws in RandomDraws.seeded(seed, count).split(SAMPLES_PER_PART):
            yield self.average.sample(draws)

    def networks(self) -> tuple[BuiltNetwork, ...]:
        """Return the averaged generator; the family needs no other network."""
        return (BuiltNetwork("generator", self.average, self.config.to_dict()),)

    def state_dict(self) -> dict[str, Any]:
        parts = {name: part.state_dict() for name, part in self._parts().items()}
        return {**parts, **{name: getattr(self, name) for name in _COUNTERS}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state.

        Raises:
            RuntimeError: it is of other networks; nothing is changed.
        """
        self._check(state)
        for name, part in self._parts().items():
            part.load_state_dict(state[name])
        for name in _COUNTERS:
            setattr(self, name, state[name])

    def load_networks(self, weights: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Start from a finished generator; optimizer and counters stay new.

        Raises:
            RuntimeError: the weights are of another network.
        """
        self.average.load_state_dict(dict(weights["generator"]))
        self.unet.load_state_dict(self.average.unet.state_dict())

    def _parts(self) -> dict[str, Any]:
        return {"unet": self.unet, "average": self.average, "optimizer": self.optimizer}

    def _check(self, state: Mapping[str, Any]) -> None:
        missing = [name for name in (*self._parts(), *_COUNTERS) if name not in state]
        if missing:
            raise RuntimeError(
                f"expected the state of a diffusion training, got one without {', '.join(missing)};"
                " resume with the family that wrote it"
            )
        own = {name: tensor.shape for name, tensor in self.unet.state_dict().items()}
        if own != {name: tensor.shape for name, tensor in state["unet"].items()}:
            raise RuntimeError(
                "expected the state of a network with the same layers and channels, got another one;"
                " resume with the options of the first run"
            )

    def _prepared(self, reals: Images) -> FeatureMaps:
        """Return the batch on the device, with the network's channels, half of it flipped if the options say so."""
        height, width = self.config.image_px
        if reals.shape[2:] != (height, width):
            raise ValueError(
                f"expected images of {height}x{width} px, got {reals.shape[2]}x{reals.shape[3]}"
            )
        images = self.average.network_images(reals.to(self.device))
        images = images.contiguous(memory_format=torch.channels_last)
        if self.options.flips:
            flipped = torch.rand(len(images), device=self.device) < 0.5
            images = torch.where(flipped[:, None, None, None], images.flip(3), images)
        return images

    def _timesteps(self, count: int) -> Timesteps:
        """Return one timestep from each of `count` equal parts of the schedule, in random order.

        One offset for the batch (Kingma et al., arXiv 2107.00630, appendix I.1): the losses of a batch vary less.
        """
        shares = (
            torch.rand(1, device=self.device) + torch.arange(count, device=self.device)
        ) / count
        total = self.config.num_train_timesteps
        return (shares * total).long().clamp(max=total - 1)

    def _learning_rate(self) -> float:
        """Return the rate of the next step: linear warm-up, then constant, then as 1 / sqrt(images)."""
        options, kimg = self.options, self.images_seen / 1000.0
        warm = min(1.0, (kimg + 1e-3) / options.warm_up_kimg) if options.warm_up_kimg else 1.0
        decay = max(kimg / options.decay_after_kimg, 1.0)
        return options.learning_rate * warm / math.sqrt(decay)

    def _update_average(self, count: int) -> None:
        """Update the exponential moving average of the weights; at first its half-life grows with training."""
        half_life = self.options.ema_half_life_kimg * 1000.0
        half_life = min(half_life, max(self.images_seen * self.options.ema_ramp_up, 1.0))
        # Half-lives in images, not in steps: the average does not depend on the batch size.
        decay = 0.5 ** (count / half_life)
        averaged = list(self.average.unet.parameters())
        with torch.no_grad():
            torch._foreach_lerp_(averaged, list(self.unet.parameters()), 1.0 - decay)
