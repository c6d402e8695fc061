"""The configuration of a diffusers network and its noise schedule: allow-listed keys and values, nothing else.

Keys that change nothing here (the sampler's settings of a scheduler, dropout) are allowed and not used.
"""

from collections.abc import Callable, Mapping
from typing import Any

from models.generators.diffusion.config import (
    SAMPLERS,
    SAMPLING_STEPS,
    DiffusionConfig,
    noise_levels,
)
from workers.checkpoints.checkpoint import Recognized

PIPELINES = ("DDPMPipeline", "DDIMPipeline", "PNDMPipeline")
NETWORK = "UNet2DModel"
SCHEDULERS = ("DDPMScheduler", "DDIMScheduler", "PNDMScheduler")

DOWN_BLOCKS = ("DownBlock2D", "AttnDownBlock2D", "ResnetDownsampleBlock2D")
UP_BLOCKS = ("UpBlock2D", "AttnUpBlock2D", "ResnetUpsampleBlock2D")

MIN_PX, MAX_PX = 8, 1024
MAX_BLOCKS = 8
MAX_CHANNELS = 2048
MAX_CLASSES = 10_000
MAX_TRAINING_STEPS = 10_000
MAX_SAMPLING_STEPS = 1_000

Check = Callable[[Any], bool]


def _one_of(*values: object) -> Check:
    # `1 == True`: the types are compared too
    return lambda value: any(type(value) is type(one) and value == one for one in values)


def _integer(low: int, high: int) -> Check:
    return lambda value: type(value) is int and low <= value <= high


def _number(low: float, high: float) -> Check:
    return lambda value: type(value) in (int, float) and low <= value <= high


def _optional(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _list_of(check: Check) -> Check:
    return lambda value: (
        type(value) is list and 1 <= len(value) <= MAX_BLOCKS and all(map(check, value))
    )


def _anything(_value: object) -> bool:
    return True


def _is_size(value: object) -> bool:
    sides = value if type(value) is list and len(value) == 2 else [value]
    return all(map(_integer(MIN_PX, MAX_PX), sides))


# The fields that `DiffusionConfig` has under the same name.
NETWORK_VALUES: Mapping[str, Check] = {
    "block_out_channels": _list_of(_integer(1, MAX_CHANNELS)),
    "down_block_types": _list_of(_one_of(*DOWN_BLOCKS)),
    "up_block_types": _list_of(_one_of(*UP_BLOCKS)),
    "layers_per_block": _integer(1, 4),
    "time_embedding_dim": _optional(_integer(1, 4 * MAX_CHANNELS)),
    "freq_shift": _integer(0, 1),
    "flip_sin_to_cos": _one_of(False, True),
    "mid_block_scale_factor": _number(0.01, 100),
    "downsample_padding": _integer(0, 1),
    "downsample_type": _one_of("conv", "resnet"),
    "upsample_type": _one_of("conv", "resnet"),
    "act_fn": _one_of("silu", "swish", "mish", "gelu", "relu"),
    "attention_head_dim": _optional(_integer(1, MAX_CHANNELS)),
    "norm_num_groups": _integer(1, MAX_CHANNELS),
    "attn_norm_num_groups": _optional(_integer(1, MAX_CHANNELS)),
    "norm_eps": _number(1e-12, 0.1),
    "resnet_time_scale_shift": _one_of("default", "scale_shift"),
    "add_attention": _one_of(False, True),
}
NETWORK_CONSTANTS: Mapping[str, Check] = {
    "sample_size": _is_size,
    "in_channels": _one_of(3),
    "out_channels": _one_of(3),
    "center_input_sample": _one_of(False),
    "time_embedding_type": _one_of("positional"),
    "mid_block_type": _one_of("UNetMidBlock2D"),
    "dropout": _number(0, 1),
    "class_embed_type": _one_of(None),
    "num_class_embeds": _optional(_integer(1, MAX_CLASSES)),
    "num_train_timesteps": _optional(_integer(1, MAX_TRAINING_STEPS)),
}

SCHEDULE_VALUES: Mapping[str, Check] = {
    "num_train_timesteps": _integer(10, MAX_TRAINING_STEPS),
    "beta_start": _number(1e-8, 0.5),
    "beta_end": _number(1e-8, 0.5),
    "beta_schedule": _one_of("linear", "scaled_linear", "squaredcos_cap_v2"),
    "prediction_type": _one_of("epsilon", "sample", "v_prediction"),
}
SCHEDULE_CONSTANTS: Mapping[str, Check] = {
    "clip_sample": _one_of(False, True),
    "clip_sample_range": _number(0.1, 100),
    "trained_betas": _one_of(None),
    "rescale_betas_zero_snr": _one_of(False),
    "thresholding": _one_of(False),
    # The sampler's own settings.
    "variance_type": _anything,
    "timestep_spacing": _anything,
    "steps_offset": _anything,
    "set_alpha_to_one": _anything,
    "dynamic_thresholding_ratio": _anything,
    "sample_max_value": _anything,
    "skip_prk_steps": _anything,
    # Of early versions.
    "tensor_format": _anything,
    "timestep_values": _one_of(None),
}
# The fields of `DiffusionConfig` that diffusers does not have; those that this version has.
OWN_VALUES: Mapping[str, Check] = {
    name: check
    for name, check in {
        "attention_heads": _optional(_integer(1, MAX_CHANNELS)),
        "timestep_scale": _number(0.01, 100),
        "image_channels": _one_of(1, 3),
        "sampler": _one_of(*SAMPLERS),
        "sampling_steps": _integer(1, MAX_SAMPLING_STEPS),
        "noise_levels": _list_of(_integer(0, MAX_TRAINING_STEPS)),
    }.items()
    if name in DiffusionConfig.__dataclass_fields__
}
LIBRARY_KEYS: Mapping[str, Check] = {"_diffusers_version": _anything, "_name_or_path": _anything}


def check_index(values: Mapping[str, Any]) -> None:
    """Refuse a pipeline that is not one network in pixel space and its scheduler, all of the library's own classes."""
    checks = {
        "_class_name": _one_of(*PIPELINES),
        "unet": _one_of(["diffusers", NETWORK]),
        "scheduler": _one_of(*(["diffusers", name] for name in SCHEDULERS)),
        **LIBRARY_KEYS,
    }
    _check("model_index.json", values, checks)


def check_own(values: Mapping[str, Any]) -> None:
    """Refuse fields that `DiffusionConfig` does not have, and values that its own fields may not have."""
    size_and_classes = {
        "image_px": _is_size,
        "num_classes": _integer(0, MAX_CLASSES),
        "clip_sample_range": _optional(_number(0.1, 100)),
    }
    checks = {**NETWORK_VALUES, **SCHEDULE_VALUES, **OWN_VALUES, **size_and_classes}
    _check("configuration", values, checks)


def read_config(network: Mapping[str, Any], schedule: Mapping[str, Any]) -> DiffusionConfig:
    """Return our configuration of a network and its noise schedule. Raises `Recognized`."""
    checks = {**NETWORK_VALUES, **NETWORK_CONSTANTS, **LIBRARY_KEYS}
    _check("network's config", network, {"_class_name": _one_of(NETWORK), **checks})
    checks = {**SCHEDULE_VALUES, **SCHEDULE_CONSTANTS, **LIBRARY_KEYS}
    _check("scheduler's config", schedule, {"_class_name": _one_of(*SCHEDULERS), **checks})
    _require(network, "sample_size", "block_out_channels", "down_block_types", "up_block_types")
    steps = schedule.get("num_train_timesteps", 1000)
    size = network["sample_size"]
    clips = schedule.get("clip_sample", True)
    config = DiffusionConfig.from_dict(
        {
            **{key: value for key, value in network.items() if key in NETWORK_VALUES},
            **{key: value for key, value in schedule.items() if key in SCHEDULE_VALUES},
            "image_px": size if isinstance(size, list) else [size, size],
            "num_classes": network.get("num_class_embeds") or 0,
            "clip_sample_range": schedule.get("clip_sample_range", 1.0) if clips else None,
            "sampler": "dpm++",
            "sampling_steps": min(SAMPLING_STEPS, steps),
            "noise_levels": list(noise_levels(steps)),
        }
    )
    _check_blocks(config)
    return config


def _check(place: str, values: Mapping[str, Any], checks: Mapping[str, Check]) -> None:
    for key, value in values.items():
        if key not in checks:
            raise Recognized(f"its {place} has the unknown key {key[:60]!r}")
        if not checks[key](value):
            raise Recognized(f"{str(value)[:60]!r} is no supported value of {key} in its {place}")


def _require(values: Mapping[str, Any], *keys: str) -> None:
    for key in keys:
        if key not in values:
            raise Recognized(f"expected {key} in its network's config, got none")


def _check_blocks(config: DiffusionConfig) -> None:
    count = len(config.block_out_channels)
    if not count == len(config.down_block_types) == len(config.up_block_types):
        raise Recognized(
            "expected as many down_block_types and up_block_types as block_out_channels"
        )
    head = config.attention_head_dim or 1
    blocks = zip(
        config.block_out_channels, config.down_block_types, config.up_block_types[::-1], strict=True
    )
    narrow = [n for n, *types in blocks if n < head and any("Attn" in name for name in types)]
    if narrow or config.block_out_channels[-1] < head:
        raise Recognized(
            f"expected attention_head_dim of at most the channels of its blocks, got {head}"
        )
    multiple = 2 ** (count - 1)
    if any(side % multiple for side in config.image_px):
        raise Recognized(
            f"expected a sample_size that {multiple} divides, got {list(config.image_px)}"
        )
