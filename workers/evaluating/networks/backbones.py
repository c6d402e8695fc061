"""Opens the network whose features the arm `frozen` uses: SqueezeNet, or a network of timm by name.

Both need weights that the operator mounted. Nothing is downloaded.
"""

from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from contracts.digests import sha256_of_file
from contracts.errors.jobs import InputMissing
from models.downstream.adapted import AdaptedBackbone, Normalization
from models.downstream.frozen import FeatureFunction, tap_channels
from state.settings import Settings
from workers.codecs.task import Px
from workers.evaluating.networks import weights
from workers.evaluating.networks.libraries import import_timm
from workers.fitting.perceptual_ports import read_mounted
from workers.runtime.loading import NetworkLoader

LIBRARY = "timm:"
INSTEAD = "send a new request without the arm frozen"
LEAST_PX = 224
"""Most networks of timm were trained on images of this size."""
COARSEST = 32
NUM_BLOCKS = 4
"""The last blocks of a vision transformer, whose maps have one size, give its features."""


def open_features(loader: NetworkLoader, settings: Settings, px: Px) -> FeatureFunction:
    """Return the features of the network that the operator chose, for images of (height, width).

    Raises:
        InputMissing: there is none, or its library, its name or its weights are wrong.
    """
    if settings.frozen_network is not None:
        return _open_timm(loader, settings, px)
    path: Path | None = settings.perceptual_weights
    if path is None:
        raise InputMissing(
            "The arm frozen needs a mounted network, but this worker has none. Ask the operator to set"
            f" HANDSOFF_FROZEN_NETWORK or HANDSOFF_PERCEPTUAL_WEIGHTS, or {INSTEAD}."
        )
    return loader.load_mounted(sha256_of_file(path), lambda: read_mounted(path))


def describe_features(settings: Settings) -> str:
    """Return the network for people."""
    return settings.frozen_network or "SqueezeNet 1.1"


def _open_timm(loader: NetworkLoader, settings: Settings, px: Px) -> FeatureFunction:
    path, named = settings.frozen_weights, settings.frozen_network
    assert named is not None
    if path is None:
        raise InputMissing(
            f"HANDSOFF_FROZEN_NETWORK names {named}, but this worker has no weights for it. Ask the operator to set"
            f" HANDSOFF_FROZEN_WEIGHTS, or {INSTEAD}."
        )
    if not path.is_file():
        raise InputMissing(
            f"Expected the file {path} of HANDSOFF_FROZEN_WEIGHTS, got none. Ask the operator to mount it, or"
            f" {INSTEAD}."
        )
    timm = import_timm(instead=INSTEAD)
    key = f"{named} {sha256_of_file(path)}"
    backbone = loader.load_mounted(key, lambda: read_backbone(timm, named, path))
    _try(backbone, named, px, loader.device)
    return backbone


def read_backbone(timm: Any, named: str, path: Path) -> AdaptedBackbone:  # noqa: ANN401 - a module without types
    """Return a network of timm with the weights in a file. `named` is `timm:` and its name.

    Raises:
        InputMissing: timm has no such network, it gives no maps, or the weights do not fit.
    """
    name = named.removeprefix(LIBRARY)
    body = _body(timm, name)
    tensors = weights.read_weights(path, setting="HANDSOFF_FROZEN_WEIGHTS")
    weights.load(body, tensors, named=named, source=str(path))
    reductions = {one["reduction"] for one in body.feature_info}
    is_flat = len(reductions) == 1  # a vision transformer: every block has maps of one size
    features = partial(
        body.forward_intermediates,
        indices=min(NUM_BLOCKS, len(body.feature_info)) if is_flat else None,
        output_fmt="NCHW",
        intermediates_only=True,
    )
    config = body.pretrained_cfg
    return AdaptedBackbone(
        body,
        features,
        multiple=reductions.pop() if is_flat else COARSEST,
        least_px=LEAST_PX,
        normalization=Normalization(config["mean"], config["std"]),
    )


def _body(timm: Any, name: str) -> Any:  # noqa: ANN401 - a module without types
    # A name of another form ("hf-hub:...") would be downloaded; the settings refuse it too.
    if not timm.is_model(name):
        near = ", ".join(timm.list_models(f"*{name.partition('_')[0]}*")[:3]) or "none near it"
        raise InputMissing(
            f"Expected the name of a network of timm {timm.__version__} in HANDSOFF_FROZEN_NETWORK, got '{name}'"
            f" (timm has {near}). Ask the operator to correct it."
        )
    create = partial(timm.create_model, name, pretrained=False, num_classes=0)
    try:
        body: nn.Module = create(dynamic_img_size=True)  # transformers take one size without it
    except TypeError:  # other networks take every size, and have no such option
        body = create()
    if not hasattr(body, "forward_intermediates") or not hasattr(body, "feature_info"):
        raise InputMissing(
            f"timm's {name} gives no feature maps. Ask the operator to choose another network, such as"
            " vit_small_patch14_dinov2 or resnet50."
        )
    return body


@torch.no_grad()
def _try(backbone: AdaptedBackbone, named: str, px: Px, device: torch.device) -> None:
    """Raise `InputMissing` where a network cannot take images of this size."""
    try:
        tap_channels(backbone, torch.zeros(1, 3, *px, device=device))
    except (RuntimeError, AssertionError, ValueError, TypeError) as error:
        reason = str(error).partition("\n")[0][:120]
        raise InputMissing(
            f"{named} cannot take images of {px[1]} x {px[0]} px ({reason}). Ask the operator to choose another"
            f" network, or {INSTEAD}."
        ) from error
