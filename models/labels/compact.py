"""The compact ensemble: the trained one, with members that read a few shared sums of the features instead of all.

The first layers of all members together have members x hidden outputs at a pixel (10 x 64 = 640), of which few are
independent: in an ensemble for portraits, 64 principal components hold 99.9% of what the second layers read (decision
0017). The components become one projection, computed at the sizes of the taps; members keep their other layers.

Measured, paired over 10 fits of 16 and 50 labels (benchmarks/LOG.md, "A compact ensemble"): -0.04 +- 0.02 points of
held-out mIoU, +0.03 +- 0.02 generated. Rendering at 256 px takes 1.26 times the image alone instead of 1.85. A first
layer that is shared during training was tried instead: it makes 5 to 10% more pixel errors.
"""

from collections.abc import Iterator
from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from models.arrays import Codes, Taps
from models.generators.generator import Generator
from models.labels.ensemble import Ensemble
from models.labels.hypercolumns import gather
from models.sampling import RandomDraws

NUM_SAMPLES = 64
PIXELS_PER_IMAGE = (
    64  # with 16 labeled images 80 x 64 = 5,120 pixels for a covariance of 640 numbers
)
MIN_IMPORTANCE = (
    1e-6  # of the largest; avoids a division by 0 for a hidden value that no output reads
)

Columns = Float[Tensor, "pixels channels"]


@torch.no_grad()
def compress(
    ensemble: Ensemble,
    generator: Generator,
    codes: Codes,
    *,
    rank: int,
    seed: int,
    micro_batch: int,
) -> Ensemble:
    """Reduce the first layers of a trained ensemble to the `rank` dimensions that matter on this generator.

    Let y be the first layers' outputs without their biases, and D the norm of the second layer's weights for each.
    Among all projections to `rank` dimensions, y ~ mean + D^-1 V V^T D (y - mean) with the leading eigenvectors V of
    the covariance of D y has the smallest mean square error of D y (Eckart and Young, 1936). It is measured at random
    pixels of the labeled images (`codes`) and of `NUM_SAMPLES` samples, which cover the rest of the generator's range.
    The default rank is 96: 64 lost 0.44 points on one draw of three, 128 gained nothing.
    """
    # [members, channels, hidden] => W [channels, members x hidden]
    weight = ensemble.layer1.weight.transpose(0, 1).flatten(1)
    importance = _importance(ensemble)
    drawn = _draw(generator, codes.to(weight.device), seed=seed, micro_batch=micro_batch)
    columns = (
        gather(ensemble.config.read(taps), pixels, generator.layout.image_px).flatten(0, 1)
        for taps, pixels in drawn
    )
    scaled = weight * importance  # W D, so that columns @ scaled = D y
    mean, covariance = _moments(columns, scaled)
    rank = min(rank, *weight.shape)
    # V [members x hidden, rank]; `eigh` sorts from small to large
    leading = torch.linalg.eigh(covariance).eigenvectors[:, -rank:].float()
    members = (ensemble.config.num_members, -1)
    # The part of the mean outside of the span, which no input restores, becomes part of the bias.
    lost = (mean - mean @ leading @ leading.T) / importance
    changed = {
        "projection": scaled @ leading,  # W D V [channels, rank]
        # V^T D^-1 [rank, members x hidden] => [members, rank, hidden]
        "layer1.weight": (leading.T / importance).unflatten(1, members).transpose(0, 1),
        "layer1.bias": ensemble.layer1.bias + lost.view(members),
    }
    return _rebuilt(ensemble, changed, rank)


def _rebuilt(ensemble: Ensemble, changed: dict[str, Tensor], rank: int) -> Ensemble:
    """Return the compact ensemble with the changed tensors, frozen."""
    # On the meta device initial weights take neither memory nor random numbers.
    with torch.device("meta"):
        compact = Ensemble(replace(ensemble.config, rank=rank))
    tensors = {**ensemble.state_dict(), **changed}
    copies = {
        name: tensor.detach().clone(memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }
    compact.load_state_dict(copies, assign=True)
    return compact.eval().requires_grad_(False)


def _importance(ensemble: Ensemble) -> Float[Tensor, " all_hidden"]:
    """Return D: how strongly the second layer weighs each hidden value, including the normalization."""
    norm, second = ensemble.norm1, ensemble.layer2.weight
    # |scale_j| |W2_j.|: the factor from hidden value j to the length of its effect on the second layer => [640]
    scales = [norm.affine(member)[0] for member in range(ensemble.config.num_members)]
    lengths: Tensor = (torch.stack(scales).abs() * second.norm(dim=2)).flatten()
    return lengths.clamp(min=MIN_IMPORTANCE * float(lengths.max()))


def _draw(
    generator: Generator, codes: Codes, *, seed: int, micro_batch: int
) -> Iterator[tuple[Taps, Int[Tensor, "batch count"]]]:
    """Yield feature taps and random pixels, `micro_batch` images at a time."""
    rng = torch.Generator().manual_seed(seed)
    samples = generator.sample(RandomDraws(rng, NUM_SAMPLES))
    height, width = generator.layout.image_px
    for part in torch.cat([codes, samples]).split(micro_batch):
        pixels = torch.randint(height * width, (len(part), PIXELS_PER_IMAGE), generator=rng)
        yield generator.synthesize(part).taps, pixels.to(codes.device)


def _moments(
    columns: Iterator[Columns], weight: Float[Tensor, "channels all_hidden"]
) -> tuple[Float[Tensor, " all_hidden"], Float[Tensor, "all_hidden all_hidden"]]:
    """Return mean (float32) and covariance (float64) of the columns times the weights."""
    # Sums in float64, part by part: the columns of all pixels never exist together.
    total = weight.new_zeros(weight.shape[1], dtype=torch.float64)
    products = torch.zeros_like(total).diag()
    count = 0
    for part in columns:
        values = (part @ weight).double()
        total += values.sum(dim=0)
        products += values.T @ values
        count += len(values)
    # C = E[y y^T] - E[y] E[y]^T
    mean = total / count
    return mean.float(), products / count - mean.outer(mean)
