"""A training that starts at half the resolution and then doubles it (progressive GAN, arXiv 1710.10196).

StyleGAN2's skip generator sums the images of all resolutions, so its first blocks are a smaller generator.
"""

from dataclasses import replace

import torch

from benchmarks.training.candidates import DISCRIMINATOR, GENERATOR
from models.adversarial.options import AdversarialOptions
from models.adversarial.state import AdversarialState, start
from models.inversion.squeezenet import SqueezeNet

HALF_GENERATOR = replace(GENERATOR, channels=GENERATOR.channels[:-1])
HALF_DISCRIMINATOR = replace(DISCRIMINATOR, channels=DISCRIMINATOR.channels[:-1])


def grown(
    state: AdversarialState, options: AdversarialOptions, pretrained: SqueezeNet | None
) -> AdversarialState:
    """Return networks of twice the resolution that continue those of `state`; the optimizers start again.

    The new block adds nothing to the image at first. Unlike in the paper the discriminator's new block is not faded
    in: it is random.
    """
    larger = start(GENERATOR, DISCRIMINATOR, options, state.average.device, pretrained)
    for name in ("generator", "average"):
        network = getattr(larger, name)
        network.load_state_dict(getattr(state, name).state_dict(), strict=False)
        with torch.no_grad():
            network.blocks[-1].to_rgb.weight.zero_()
    # Block k of the half-size discriminator, highest resolution first, is block k + 1 of the new one.
    old = {
        _one_block_later(name): tensor for name, tensor in state.discriminator.state_dict().items()
    }
    del old["from_rgb.weight"], old["from_rgb.bias"]
    larger.discriminator.load_state_dict(old, strict=False)
    for name in ("images_seen", "steps", "augmentation", "mean_path_length", "last_r1"):
        setattr(larger, name, getattr(state, name))
    return larger


def _one_block_later(name: str) -> str:
    head, *rest = name.split(".")
    if head != "blocks":
        return name
    return ".".join(["blocks", str(int(rest[0]) + 1), *rest[1:]])
