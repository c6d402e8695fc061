"""Promises of the compact ensemble: close to the trained one, closer with each dimension, and repeatable."""

from dataclasses import replace

import torch
from torch import Tensor

from benchmarks.defaults import ensemble_options
from models.generators.stylegan2.generator import Generator
from models.labels.compact import compress
from models.labels.ensemble import Ensemble, EnsembleConfig
from models.labels.label_generator import LabelGenerator
from models.labels.training import train_ensemble
from models.tasks.segmentation import ClassVotes
from tests.models.labels.conftest import Discs, given
from tests.models.labels.test_ensemble import TASKS

OPTIONS = ensemble_options(num_members=2, hidden=(8, 8), steps=3, batch_pixels=32, rank=5)


def random_ensemble(generator: Generator) -> Ensemble:
    """Return an ensemble of three small members with random weights."""
    taps = generator.config.tap_channels
    config = EnsembleConfig(tap_channels=taps, tasks=TASKS, hidden=(32, 8), num_members=3)
    ensemble = Ensemble(config)
    for parameter in ensemble.parameters():
        parameter.data.normal_(std=0.5)
    return ensemble.eval().requires_grad_(False)


def compressed(ensemble: Ensemble, generator: Generator, rank: int) -> Ensemble:
    """Compress with two labeled images and a fixed seed."""
    ws = generator.map(torch.ones(2, 16))
    return compress(ensemble, generator, ws, rank=rank, seed=0, micro_batch=8)


def probabilities(generator: Generator, ensemble: Ensemble, ws: Tensor) -> Tensor:
    """Return the class probabilities at every pixel."""
    taps = generator.synthesize(ws).taps
    votes = LabelGenerator(generator, ensemble).label(taps).of(ClassVotes)
    return votes.probabilities


def test_nothing_is_lost_with_all_dimensions(any_generator: Generator) -> None:
    """With a rank equal to the number of features the outputs are equal, on new codes too."""
    paper = random_ensemble(any_generator)
    compact = compressed(paper, any_generator, rank=sum(any_generator.config.tap_channels))
    ws = any_generator.map(torch.randn(2, 16))
    expected, actual = (probabilities(any_generator, one, ws) for one in (paper, compact))
    assert torch.allclose(actual, expected, atol=1e-3)


def test_more_dimensions_are_closer(generator: Generator) -> None:
    """Each larger rank has a smaller error."""
    paper, ws = random_ensemble(generator), generator.map(torch.randn(4, 16))
    truth = probabilities(generator, paper, ws)
    errors = [
        float((probabilities(generator, compressed(paper, generator, rank), ws) - truth).norm())
        for rank in (2, 16, 48)
    ]
    assert errors[0] > errors[1] > errors[2]


def test_a_rank_above_the_features_is_lowered(generator: Generator) -> None:
    """The rank is at most the number of features and of hidden values; nothing is padded."""
    compact = compressed(random_ensemble(generator), generator, rank=512)
    assert compact.config.rank == sum(generator.config.tap_channels)


def test_a_compact_fit_is_the_papers_compressed(discs: Discs) -> None:
    """Both kinds of one seed have the same members, so one training compares them."""
    fits = {}
    for kind in ("compact", "paper"):
        fits[kind] = train_ensemble(
            discs.generator,
            discs.ws,
            discs.labels,
            tasks=discs.tasks,
            options=replace(OPTIONS, kind=kind),
            seed=3,
        )
    again = compress(
        fits["paper"], discs.generator, discs.ws, rank=OPTIONS.rank, seed=3, micro_batch=8
    )
    assert fits["paper"].config.rank is None
    for name, tensor in fits["compact"].state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name


def test_an_unread_hidden_value_gives_finite_weights(generator: Generator) -> None:
    """Its importance is 0, and weights are divided by the importance."""
    paper = random_ensemble(generator)
    paper.layer2.weight[:, 0] = 0
    compact = compressed(paper, generator, rank=24)
    assert all(tensor.isfinite().all() for tensor in compact.state_dict().values())


def test_the_second_layer_decides_the_importance(generator: Generator) -> None:
    """With rank 1 the only hidden value that is read is restored."""
    paper = random_ensemble(generator)
    paper.layer2.weight[:] = 0
    paper.layer2.weight[2, 5] = 1
    compact = compressed(paper, generator, rank=1)
    columns = torch.randn(1, 50, sum(generator.config.tap_channels)).expand(3, -1, -1)
    exact, reduced = (each.layer1 for each in (paper, compact))
    projection = given(compact.projection)
    restored = reduced(columns @ projection)[2, :, 5]
    assert torch.allclose(restored, exact(columns)[2, :, 5], atol=1e-3)
