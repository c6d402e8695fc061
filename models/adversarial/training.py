"""One step of adversarial training and the state it changes. In: a batch of real images. Out: losses by name.

The recipe is StyleGAN2's (arXiv 1912.04958, appendix B): Adam with beta1 = 0, lazy regularization, an exponential
moving average of the generator, style mixing; optionally adaptive augmentation, the path-length regularizer and
R3GAN's loss (arXiv 2501.05441).
Measured at 64 px: 14 to 15 images per second on one CPU core (benchmarks/LOG.md, "second weights").
"""

import torch

from models.adversarial.averaging import update_average
from models.adversarial.discriminator_step import update_discriminators
from models.adversarial.generator_step import update_generator
from models.adversarial.mixing import mixed_codes
from models.adversarial.options import AdversarialOptions, LossName
from models.adversarial.state import AdversarialState, start
from models.arrays import Images
from models.parallel import num_processes

__all__ = [
    "AdversarialOptions",
    "AdversarialState",
    "LossName",
    "mixed_codes",
    "start",
    "training_step",
]


def training_step(
    state: AdversarialState, reals: Images, options: AdversarialOptions
) -> dict[str, float]:
    """Update the discriminator on `reals`, then the generator, then its average; return the losses by name.

    Several processes in one torch process group each pass a different share of the batch; their weights stay equal.
    """
    reals = reals.contiguous(memory_format=torch.channels_last)
    losses = update_discriminators(state, reals, options)
    losses |= update_generator(state, reals, options)
    batch = len(reals) * num_processes()
    state.images_seen += batch
    state.steps += 1
    update_average(state, batch, options)
    return losses
