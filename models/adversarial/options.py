"""The hyperparameters of adversarial training."""

from dataclasses import dataclass
from typing import Literal

from models.generators.stylegan2.generator import NoiseMode

LossName = Literal["nonsaturating", "r3gan"]
# Which discriminators train the generator: StyleGAN2's, that on SqueezeNet's features, or the sum of both losses.
Discriminators = Literal["plain", "projected", "both"]


@dataclass(frozen=True, kw_only=True)
class AdversarialOptions:
    """Hyperparameters. Intervals count steps; half-lives and speeds count thousands of real images (kimg).

    `loss="r3gan"` compares pairs of a real and a generated image, and penalizes gradients at both (R1 and R2).
    `noise="none"` keeps the strengths of the noise inputs at zero; "random" suits domains with random detail.
    """

    loss: LossName = "nonsaturating"
    # "projected" and "both" need the network of `start`. With "projected" the plain one stays as it started, so a
    # generator without "plain" or "both" in its training has no perceptual distance for fits.
    discriminators: Discriminators = "plain"
    projected_weight: float = (
        1.0  # of the projected loss in the generator's, beside the plain one's
    )
    learning_rate: float = 0.0025
    # Close to the rule of the stylegan2-ada code, 0.0002 px^2 / batch: 0.10 at 64 px and batch 8.
    r1_gamma: float = 0.1
    # StyleGAN2, section 3.1. 1 adds the penalties to the loss of every step, as R3GAN does.
    r1_interval: int = 16
    path_length_weight: float = 0.0  # 0 = off
    path_length_interval: int = 4
    style_mixing: float = 0.1  # the probability per sample
    # Published: "random". Portraits have no random detail: with "random" the 64 px layer learned a strength of 0.13
    # and samples had specks; 4,000 images with "none" removed them (LOG.md, "Noise inputs").
    noise: NoiseMode = "none"
    ema_half_life_kimg: float = 5.0
    ema_ramp_up: float = 0.05  # the half-life is at most 5% of the images seen
    w_mean_decay: float = 0.995  # per step
    augmentation: float = 0.0  # the probability p at the start; without a target it stays
    augmentation_target: float | None = None  # of r_t, `augmentation.py`; None = p stays
    augmentation_speed_kimg: float = 200.0
