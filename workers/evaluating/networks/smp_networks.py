"""Opens the downstream network that a request names: none for our own U-Net, else one of another library.

A network of segmentation-models-pytorch starts with random weights, or with those of its encoder that the operator
mounted. Nothing is downloaded.
"""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from torch import nn

from contracts.errors.jobs import InputMissing
from contracts.evaluations.networks import Network, SmpNetwork, network_name
from models.downstream.adapted import IMAGENET, AdaptedNetwork, NetworkBuilder
from models.downstream.options import DownstreamOptions
from state.settings import Settings
from workers.evaluating.networks import weights
from workers.evaluating.networks.libraries import import_smp

PACKAGE = "segmentation-models-pytorch"
SETTING = "HANDSOFF_ENCODER_WEIGHTS"
MULTIPLE = 32
"""Sides of images must be multiples of the coarsest stride of an encoder."""
MOUNTED_RATE = 1e-3
"""The learning rate beside mounted weights: a higher one would forget them. Not measured: none were at hand.

From random weights, Unet/resnet18 on 16 portraits reaches a mIoU of .622 in 150 steps with the rate of our U-Net
(4e-3), .578 with 1e-3 and .416 with 3e-4 (one seed).
"""


def open_network(settings: Settings, network: Network) -> NetworkBuilder | None:
    """Return what builds a network; None for our U-Net.

    Raises:
        InputMissing: the worker lacks the library, or weights that fit.
    """
    if not isinstance(network, SmpNetwork):
        return None
    smp = import_smp(instead="send a new request with the network 'unet'")
    path = _mounted(settings, network)
    tensors = weights.read_weights(path, setting=SETTING) if path else None

    def build(outputs: int) -> nn.Module:
        body = smp.create_model(
            network.architecture,
            encoder_name=network.encoder,
            encoder_weights=None,  # any other value downloads
            classes=outputs,
        )
        if tensors is not None:
            weights.load(body.encoder, dict(tensors), named=network.encoder, source=str(path))
        return AdaptedNetwork(
            body, last_layer="segmentation_head.0", multiple=MULTIPLE, normalization=IMAGENET
        )

    build(1)  # finds weights that do not fit before the first training
    return build


def describe_network(network: Network) -> str:
    """Return a network for people, with the version of its library."""
    if not isinstance(network, SmpNetwork):
        return "U-Net of HandsOff"
    try:
        library = f"{PACKAGE} {version(PACKAGE)}"
    except PackageNotFoundError:  # this worker only writes the report
        library = PACKAGE
    return f"{network_name(network)} ({library}), {network.weights} first weights"


def learning_rate(network: Network) -> float:
    """Return the learning rate of a network: that of our U-Net, unless it starts from mounted weights."""
    is_mounted = isinstance(network, SmpNetwork) and network.weights == "mounted"
    return MOUNTED_RATE if is_mounted else DownstreamOptions.learning_rate


def _mounted(settings: Settings, network: SmpNetwork) -> Path | None:
    """Return the file of an encoder's weights; None for random ones."""
    if network.weights == "random":
        return None
    folder = settings.encoder_weights
    if folder is None:
        raise InputMissing(
            f"The request uses mounted weights of {network.encoder}, but this worker has none. Ask the operator to set"
            f" {SETTING}, or send a new request with random weights."
        )
    endings = (".safetensors", *weights.PICKLED)
    for path in (folder / f"{network.encoder}{ending}" for ending in endings):
        if path.exists():
            return path
    raise InputMissing(
        f"Expected {network.encoder}.safetensors in {folder} ({SETTING}), got no such file. Ask the operator to mount"
        " it, or send a new request with random weights."
    )
