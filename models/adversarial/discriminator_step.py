"""The discriminator's update: the loss, the gradient penalties, and the augmentation that follows overfitting."""

import torch
from jaxtyping import Float
from torch import Tensor

from models.adversarial.augmentation import augment, next_probability
from models.adversarial.losses import (
    discriminator_loss,
    gradient_penalty,
    hinge_discriminator_loss,
    relativistic_discriminator_loss,
)
from models.adversarial.mixing import mixed_codes
from models.adversarial.options import AdversarialOptions
from models.adversarial.projected import project
from models.adversarial.state import AdversarialState, Projection, optimizer_step
from models.arrays import Images
from models.parallel import average, num_processes


def update_discriminators(
    state: AdversarialState, reals: Images, options: AdversarialOptions
) -> dict[str, float]:
    """Train the discriminators on `reals` and as many samples; return their losses by name."""
    with torch.no_grad():  # the generator is not trained here
        ws = mixed_codes(state.generator, len(reals), options.style_mixing)
        fakes = state.generator.synthesize(ws, options.noise).images
    losses = {}
    # p follows the overfitting of the plain discriminator where there is one.
    if state.projection is not None:
        loss, realness = _update_projected(state, state.projection, reals, fakes)
        losses["projected"] = loss
    if options.discriminators != "projected":
        loss, realness = _update_plain(state, reals, fakes, options)
        losses |= {"discriminator": loss, "r1": state.last_r1}
    _update_augmentation(state, realness, options)
    return losses


def _update_plain(
    state: AdversarialState, reals: Images, fakes: Images, options: AdversarialOptions
) -> tuple[float, Float[Tensor, " batch"]]:
    """Train StyleGAN2's discriminator; return its loss, and how real each real image seems to it."""
    state.discriminator_optimizer.zero_grad(set_to_none=True)
    # Separate batches of fakes and reals, so that the minibatch std compares images of one kind only.
    fake_logits = state.discriminator(augmented(state, fakes))
    real_logits = state.discriminator(augmented(state, reals))
    is_r3gan = options.loss == "r3gan"
    loss_function = relativistic_discriminator_loss if is_r3gan else discriminator_loss
    loss = loss_function(real_logits, fake_logits)
    loss.backward()
    penalized = (reals, fakes) if is_r3gan else (reals,)
    if options.r1_interval == 1:
        _add_penalties(state, penalized, options)
    optimizer_step(state.discriminator, state.discriminator_optimizer)
    if options.r1_interval > 1 and state.steps % options.r1_interval == 0:
        # a separate optimizer step (lazy regularization, StyleGAN2, section 3.1)
        state.discriminator_optimizer.zero_grad(set_to_none=True)
        _add_penalties(state, penalized, options)
        optimizer_step(state.discriminator, state.discriminator_optimizer)
    # Only differences of logits have a meaning in a relativistic loss.
    realness = real_logits - fake_logits if is_r3gan else real_logits
    return loss.item(), realness.detach()


def _update_projected(
    state: AdversarialState, projection: Projection, reals: Images, fakes: Images
) -> tuple[float, Float[Tensor, " batch"]]:
    """Train the heads on pretrained features; return their loss, and how real each real image seems to them."""
    projection.optimizer.zero_grad(set_to_none=True)
    with torch.no_grad():  # the features are constants: no gradient passes through SqueezeNet
        images = torch.cat([augmented(state, reals), augmented(state, fakes)])
        taps = project(projection.network, images)
        if not projection.discriminator.is_calibrated:
            projection.discriminator.mixing.calibrate([tap[: len(reals)] for tap in taps])
    real_logits, fake_logits = projection.discriminator(taps).split(len(reals))
    loss = hinge_discriminator_loss(real_logits, fake_logits)
    loss.backward()
    optimizer_step(projection.discriminator, projection.optimizer)
    return loss.item(), real_logits.detach().mean(dim=1)


def augmented(state: AdversarialState, images: Images) -> Images:
    """Return the images as the discriminator sees them; grey ones keep equal channels."""
    is_grey = state.generator.config.image_channels == 1
    return augment(images, state.augmentation, hue=not is_grey)


def _add_penalties(
    state: AdversarialState, batches: tuple[Images, ...], options: AdversarialOptions
) -> None:
    """Add the gradients of the penalty on each batch to the discriminator's."""
    # gamma / 2 of R1's definition, times the number of steps that one penalty stands for
    weight = options.r1_gamma / 2 * options.r1_interval
    state.last_r1 = 0.0
    for images in batches:  # one graph at a time: half the memory of a sum
        penalty = gradient_penalty(state.discriminator, augmented(state, images))
        (penalty * weight).backward()
        state.last_r1 += penalty.item()


def _update_augmentation(
    state: AdversarialState, realness: Float[Tensor, " batch"], options: AdversarialOptions
) -> None:
    if options.augmentation_target is not None:
        # r_t over the reals of all processes, so that p stays equal in all of them
        state.augmentation = next_probability(
            state.augmentation,
            average(realness.sign().mean(dim=0, keepdim=True)).item(),
            batch=len(realness) * num_processes(),
            target=options.augmentation_target,
            speed_kimg=options.augmentation_speed_kimg,
        )
