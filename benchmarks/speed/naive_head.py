"""The paper's labelling of an image (arXiv 2212.12645, section 3.2), as a reference for the product's.

All taps are upsampled to label resolution and concatenated. Ten MLPs then read about 6,080 numbers at every pixel.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from models.arrays import Taps
from models.labels.ensemble import Ensemble
from models.tasks.ensemble_votes import EnsembleVotes


def naive_label(ensemble: Ensemble, taps: Taps, label_px: tuple[int, int]) -> EnsembleVotes:
    """Return the members' votes for every task, like `LabelGenerator.label`, in the precision of the ensemble.

    Votes are accumulated in float32 or higher.
    """
    kind = ensemble.layer1.weight.dtype
    maps = [
        F.interpolate(tap.to(kind), size=label_px, mode="bilinear")
        for tap in ensemble.config.read(taps)
    ]
    columns = torch.cat(maps, dim=1).permute(0, 2, 3, 1)
    flat = columns.reshape(1, -1, columns.shape[-1])
    return EnsembleVotes(ensemble.config.tasks, label_px).count(
        _member(ensemble, member, flat)
        .unflatten(1, columns.shape[:3])[0]
        .permute(0, 3, 1, 2)
        .to(torch.promote_types(kind, torch.float32))
        for member in range(ensemble.config.num_members)
    )


def _member(ensemble: Ensemble, member: int, columns: Tensor) -> Tensor:
    """Apply one MLP to every pixel: (linear, ReLU, normalisation) twice, then linear."""
    x = columns
    for layer, norm in ((ensemble.layer1, ensemble.norm1), (ensemble.layer2, ensemble.norm2)):
        x = (x @ layer.weight[member] + layer.bias[member]).relu()
        scale, shift = norm.affine(member)
        x = x * scale + shift
    return x @ ensemble.layer3.weight[member] + ensemble.layer3.bias[member]
