"""Promises of the compact ensemble: nearly what the paper's says, nearer with every dimension, and always the same."""

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
    """Three small members."""
    taps = generator.config.tap_channels
    config = EnsembleConfig(tap_channels=taps, tasks=TASKS, hidden=(32, 8), num_members=3)
    ensemble = Ensemble(config)
    for parameter in ensemble.parameters():
        parameter.data.normal_(std=0.5)
    return ensemble.eval().requires_grad_(False)


def made_compact(ensemble: Ensemble, generator: Generator, rank: int) -> Ensemble:
    """With two labelled images and one seed."""
    ws = generator.map(torch.ones(2, 16))
    return compress(ensemble, generator, ws, rank=rank, seed=0, micro_batch=8)


def probabilities(generator: Generator, ensemble: Ensemble, ws: Tensor) -> Tensor:
    """Of the classes, at every pixel."""
    taps = generator.synthesize(ws).taps
    votes = LabelGenerator(generator, ensemble).label(taps).of(ClassVotes)
    return votes.probabilities


def test_nothing_is_lost_with_all_dimensions(any_generator: Generator) -> None:
    """A rank as large as the features is the paper's ensemble in another form, on codes that it never saw."""
    paper = random_ensemble(any_generator)
    compact = made_compact(paper, any_generator, rank=sum(any_generator.config.tap_channels))
    ws = any_generator.map(torch.randn(2, 16))
    expected, found = (probabilities(any_generator, one, ws) for one in (paper, compact))
    assert torch.allclose(found, expected, atol=1e-3)


def test_more_dimensions_are_nearer(generator: Generator) -> None:
    """Every rank errs less than the one before."""
    paper, ws = random_ensemble(generator), generator.map(torch.randn(4, 16))
    truth = probabilities(generator, paper, ws)
    errors = [
        float((probabilities(generator, made_compact(paper, generator, rank), ws) - truth).norm())
        for rank in (2, 16, 48)
    ]
    assert errors[0] > errors[1] > errors[2]


def test_a_rank_beyond_what_there_is_is_lowered(generator: Generator) -> None:
    """Neither features nor hidden values have so many dimensions; nothing is padded."""
    compact = made_compact(random_ensemble(generator), generator, rank=512)
    assert compact.config.rank == sum(generator.config.tap_channels)


def test_a_compact_fit_is_the_papers_made_compact(discs: Discs) -> None:
    """Same seed, same members; so the two kinds can be compared by one training."""
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


def test_a_hidden_value_that_nothing_reads_does_no_harm(generator: Generator) -> None:
    """Its importance is zero, and dividing by it would spoil all others."""
    paper = random_ensemble(generator)
    paper.layer2.weight[:, 0] = 0
    compact = made_compact(paper, generator, rank=24)
    assert all(tensor.isfinite().all() for tensor in compact.state_dict().values())


def test_the_second_layer_says_which_values_matter(generator: Generator) -> None:
    """One dimension is spent on the one hidden value that is read."""
    paper = random_ensemble(generator)
    paper.layer2.weight[:] = 0
    paper.layer2.weight[2, 5] = 1
    compact = made_compact(paper, generator, rank=1)
    columns = torch.randn(1, 50, sum(generator.config.tap_channels)).expand(3, -1, -1)
    exact, ours = (one.layer1 for one in (paper, compact))
    projection = given(compact.projection)
    found = ours(columns @ projection)[2, :, 5]
    assert torch.allclose(found, exact(columns)[2, :, 5], atol=1e-3)
