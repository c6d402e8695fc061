"""The networks of the diffusers library: UNet2DModel and DDIMScheduler, built from our configuration.

This module alone names diffusers. It imports the library inside the functions: the import takes 2 s and 1,300 modules,
which a worker needs only once it has a diffusion generator.
"""

from typing import Any

import torch
from torch import Tensor, nn

from models.generators.diffusion.config import DiffusionConfig


def build_unet(config: DiffusionConfig) -> Any:  # noqa: ANN401 - the library is not type checked
    """Return the network on the meta device: parameters with shapes and without numbers.

    Raises:
        ValueError: the numbers do not fit each other (channels that the groups do not divide).
    """
    from diffusers.models.unets.unet_2d import UNet2DModel  # noqa: PLC0415 - see the docstring

    with torch.device("meta"):
        unet = UNet2DModel(**config.network_arguments())
    _apply_own_fields(unet, config)
    return unet


def _apply_own_fields(unet: Any, config: DiffusionConfig) -> None:  # noqa: ANN401 - as above
    """Change what UNet2DModel has no argument for."""
    unet.time_proj.scale = config.timestep_scale
    if config.attention_heads is not None:
        _set_heads(unet, config.attention_heads)


def _set_heads(unet: nn.Module, heads: int) -> None:
    """Split every attention layer into this many heads. The weights of a layer do not depend on their number."""
    from diffusers.models.attention_processor import Attention  # noqa: PLC0415 - see the docstring

    for module in unet.modules():
        if isinstance(module, Attention):
            channels = module.inner_dim
            if channels % heads:
                raise ValueError(f"{heads} heads do not divide {channels} channels")
            module.heads, module.scale = heads, (channels // heads) ** -0.5


def start_unet(config: DiffusionConfig, device: torch.device) -> Any:  # noqa: ANN401 - as above
    """Return a new network for training. Its numbers come from torch's global generator of the CPU.

    The last convolutions of all residual blocks and of the network are zero, as in guided diffusion (Dhariwal and
    Nichol, arXiv 2105.05233): a new network predicts 0, and its blocks are the identity.
    """
    from diffusers.models.resnet import ResnetBlock2D  # noqa: PLC0415 - see the docstring
    from diffusers.models.unets.unet_2d import UNet2DModel  # noqa: PLC0415

    unet = UNet2DModel(**config.network_arguments())
    _apply_own_fields(unet, config)
    blocks = [module for module in unet.modules() if isinstance(module, ResnetBlock2D)]
    for convolution in (unet.conv_out, *(block.conv2 for block in blocks)):
        torch.nn.init.zeros_(convolution.weight)
        torch.nn.init.zeros_(convolution.bias)
    return unet.to(device)


def build_scheduler(config: DiffusionConfig) -> Any:  # noqa: ANN401 - the library is not type checked
    """Return a DDIMScheduler, which has the noise schedule; its timesteps are set if it is the sampler."""
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler  # noqa: PLC0415 - see the docstring

    clip = config.clip_sample_range
    scheduler = DDIMScheduler(
        num_train_timesteps=config.num_train_timesteps,
        beta_start=config.beta_start,
        beta_end=config.beta_end,
        beta_schedule=config.beta_schedule,
        prediction_type=config.prediction_type,
        clip_sample=clip is not None,
        clip_sample_range=1.0 if clip is None else clip,
        # The first step starts from pure noise (Lin et al., arXiv 2305.08891), the last one ends at the clean image.
        timestep_spacing="trailing",
        set_alpha_to_one=True,
    )
    if config.sampler == "ddim":
        scheduler.set_timesteps(config.sampling_steps)
    return scheduler


MOST_TOKENS = 1024
"""Up to this number of positions attention may be computed as two matrix products, which keep all pairs in memory."""


def prepare_for_autocast(unet: nn.Module) -> None:
    """Make a network fast under bfloat16 autocast on a CPU, in place; results differ by rounding only.

    64 px, one core with AMX, training steps per second against float32: autocast alone 1.25 times, attention as matrix
    products 1.48 times, and normalization in float32, whose gradient is slow in bfloat16, 1.77 times.
    """
    from diffusers.models.attention_processor import Attention  # noqa: PLC0415 - see `build_unet`

    for module in unet.modules():
        if isinstance(module, Attention):
            module.set_processor(_AttentionBySize())
        elif isinstance(module, nn.GroupNorm):
            module.register_forward_pre_hook(_in_float32)


class _AttentionBySize:
    """A processor of the library: matrix products for few positions on a CPU, fused attention elsewhere."""

    def __init__(self) -> None:
        from diffusers.models.attention_processor import AttnProcessor, AttnProcessor2_0  # noqa: PLC0415 - see `build_unet`

        self._products, self._fused = AttnProcessor(), AttnProcessor2_0()

    # The library passes on those arguments that it finds in this signature.
    def __call__(
        self,
        attention: nn.Module,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
    ) -> Tensor:
        few = hidden_states.device.type == "cpu" and hidden_states.shape[2:].numel() <= MOST_TOKENS
        attend = self._products if few else self._fused
        attended: Tensor = attend(
            attention, hidden_states, encoder_hidden_states, attention_mask, temb
        )
        return attended


def _in_float32(_module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(each.float() if each.device.type == "cpu" else each for each in inputs)
