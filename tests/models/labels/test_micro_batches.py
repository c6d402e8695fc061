"""What a pair owes to its micro-batch: nothing but rounding, for both generator families (decision 0035)."""

import pytest
import torch

from benchmarks.defaults import ensemble_options
from models.generators.generator import Generator
from models.generators.stylegan2.config import GeneratorConfig
from models.generators.stylegan2.generator import Generator as StyleGan2
from models.labels.label_generator import LabelGenerator, Rendered
from models.labels.training import train_ensemble
from models.sampling import Candidate, CandidateDraws
from models.tasks.segmentation import SegmentationTask
from models.tasks.task_set import Labels, TaskSet
from tests.models.generators.diffusion.test_generator import make_generator

NUM_SAMPLES = 8
CONFIG = GeneratorConfig(z_dim=16, w_dim=16, channels=(16, 16, 8, 8), num_mapping_layers=2)


def fitted(generator: Generator) -> LabelGenerator:
    """Return a label generator for bright and dark pixels."""
    codes = sample(generator, range(100, 104))
    with torch.no_grad():
        grey = generator.synthesize(codes).images.mean(dim=1)
    masks = (grey > grey.median()).long()
    height, width = generator.layout.image_px
    ensemble = train_ensemble(
        generator,
        codes,
        Labels((height, width), segmentation=masks),
        tasks=TaskSet(SegmentationTask(2)),
        options=ensemble_options(num_members=3, hidden=(16, 8), steps=60, batch_pixels=64),
        seed=0,
    )
    return LabelGenerator(generator, ensemble)


def sample(generator: Generator, indices: range) -> torch.Tensor:
    """Return the codes of some samples of one seed."""
    draws = CandidateDraws(7, [Candidate(index) for index in indices])
    with torch.no_grad():
        return generator.sample(draws, 0.7)


@pytest.fixture(scope="module", params=["stylegan2", "diffusion"])
def label_generator(request: pytest.FixtureRequest) -> LabelGenerator:
    """A label generator of each family, with random weights of the generator."""
    torch.manual_seed(0)
    generator: Generator = StyleGan2(CONFIG) if request.param == "stylegan2" else make_generator()
    return fitted(generator)


def rendered(label_generator: LabelGenerator, size: int) -> list[Rendered]:
    """Return the samples in micro-batches of a size."""
    starts = range(0, NUM_SAMPLES, size)
    parts = [range(start, min(start + size, NUM_SAMPLES)) for start in starts]
    return [label_generator.render(sample(label_generator.generator, part)) for part in parts]


def joined(parts: list[Rendered]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return bytes, masks and scores of all samples."""
    return (
        torch.cat([one.images for one in parts]).int(),
        torch.cat([one.labels["segmentation"]["masks"] for one in parts]),
        torch.cat([one.scores for one in parts]),
    )


def test_the_same_micro_batch_gives_the_same_bytes(label_generator: LabelGenerator) -> None:
    """Rendered twice in one process, every number is equal."""
    first, second = (joined(rendered(label_generator, 4)) for _ in range(2))
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


@pytest.mark.parametrize("size", [1, 3])
def test_another_micro_batch_changes_only_the_rounding(
    label_generator: LabelGenerator, size: int
) -> None:
    """A byte by at most 1, a mask only at ties, a score in the seventh digit."""
    whole, parts = (joined(rendered(label_generator, one)) for one in (NUM_SAMPLES, size))
    assert int((whole[0] - parts[0]).abs().max()) <= 1
    assert float((whole[1] == parts[1]).double().mean()) > 0.999
    assert torch.allclose(whole[2], parts[2], rtol=0, atol=1e-5)
    assert len(whole[1].unique()) == 2
