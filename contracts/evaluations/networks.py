"""The downstream network of an evaluation: our U-Net, or a network of segmentation-models-pytorch by its names.

A name is one of the lists below and never anything else, so no request decides what a worker imports. Each combination
has run forward and backward on a small batch; only unet with resnet18 was trained for longer.
"""

from typing import Literal

from contracts.base import Model

SmpArchitecture = Literal[
    "unet",
    "unetplusplus",
    "manet",
    "linknet",
    "fpn",
    "pspnet",
    "deeplabv3",
    "deeplabv3plus",
    "upernet",
    "segformer",
]
SmpEncoder = Literal["resnet18", "resnet34", "resnet50", "mobilenet_v2", "efficientnet-b0"]
FirstWeights = Literal["random", "mounted"]


class SmpNetwork(Model):
    """An architecture and an encoder of segmentation-models-pytorch.

    All weights are random at first. With `mounted` those of the encoder are the operator's.
    """

    kind: Literal["smp"]
    architecture: SmpArchitecture
    encoder: SmpEncoder
    weights: FirstWeights = "random"


Network = Literal["unet"] | SmpNetwork
"""`unet` is our small U-Net, which learns every task. The others learn masks alone."""


def network_name(network: Network) -> str:
    """Return a network as the command line takes it.

    >>> network_name(SmpNetwork(kind="smp", architecture="fpn", encoder="resnet18", weights="mounted"))
    'smp:fpn/resnet18/mounted'
    """
    if not isinstance(network, SmpNetwork):
        return network
    weights = "" if network.weights == "random" else f"/{network.weights}"
    return f"smp:{network.architecture}/{network.encoder}{weights}"
