"""Promises of `models.labels.training`: the ensemble learns what features show, repeatably, and honours 255."""

from dataclasses import replace

import pytest
import torch

from models.arrays import IGNORE_INDEX
from models.labels.ensemble import Ensemble
from models.labels.label_generator import LabelGenerator
from models.labels.training import EnsembleOptions, LabelledFeatures, train_ensemble
from models.stylegan2.generator import Generator

OPTIONS = EnsembleOptions(num_members=3, hidden=(16, 8), steps=150, batch_pixels=128)
LONGER = replace(OPTIONS, steps=600)


def expressible_masks(generator: Generator, ws: torch.Tensor) -> torch.Tensor:
    """A label that the features hold: whether one channel of the last tap is low, middling or high."""
    channel = generator.synthesize(ws).taps[-1][:, 0]
    low, high = channel.quantile(0.33), channel.quantile(0.66)
    return (channel > low).long() + (channel > high).long()


def fit(generator: Generator, ws: torch.Tensor, masks: torch.Tensor, seed: int = 0) -> Ensemble:
    """An ensemble for three classes with the options above."""
    return train_ensemble(generator, ws, masks, num_classes=3, options=OPTIONS, seed=seed)


def test_it_labels_images_that_it_never_saw(generator: Generator) -> None:
    """Fitted on 8 labelled samples, it labels 8 fresh ones far better than chance."""
    ws = generator.map(torch.randn(16, 16))
    masks = expressible_masks(generator, ws)
    ensemble = train_ensemble(generator, ws[:8], masks[:8], num_classes=3, options=LONGER, seed=0)
    right = LabelGenerator(generator, ensemble).render(ws[8:]).masks == masks[8:]
    assert right.float().mean() > 0.8  # chance is a third


def test_the_same_seed_gives_the_same_ensemble(generator: Generator) -> None:
    """Training is a function of its inputs and the seed, and leaves torch's own random state alone."""
    ws = generator.map(torch.randn(4, 16))
    masks = expressible_masks(generator, ws)
    state = torch.get_rng_state()
    first, second, other = (fit(generator, ws, masks, seed) for seed in (1, 1, 2))
    assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(first.layer1.weight, second.layer1.weight)
    assert not torch.equal(first.layer1.weight, other.layer1.weight)


def test_ignored_pixels_are_never_drawn(generator: Generator) -> None:
    """255 is no class: only labelled pixels reach the loss."""
    ws = generator.map(torch.randn(2, 16))
    masks = torch.full((2, 32, 32), IGNORE_INDEX)
    masks[:, 5, 7] = 2
    data = LabelledFeatures(generator, ws, masks, cache_bytes=1 << 20)
    _, classes = data.draw(torch.tensor([0, 1]), 50)
    assert set(classes.tolist()) == {2}


def test_features_are_the_same_stored_or_made_again(generator: Generator) -> None:
    """Beyond the memory limit taps are synthesised anew; what is drawn does not change."""
    ws = generator.map(torch.randn(4, 16))
    masks = torch.randint(0, 3, (4, 32, 32))
    drawn = []
    for cache_bytes in (0, 1 << 30):
        torch.manual_seed(0)
        data = LabelledFeatures(generator, ws, masks, cache_bytes=cache_bytes)
        drawn.append(data.draw(torch.tensor([3, 1]), 20))
    assert torch.allclose(drawn[0][0], drawn[1][0], atol=1e-5)
    assert torch.equal(drawn[0][1], drawn[1][1])


def test_an_image_without_labels_is_named(generator: Generator) -> None:
    """A mask of nothing but 255 cannot be learnt from; the message says which."""
    ws = generator.map(torch.randn(2, 16))
    masks = torch.zeros(2, 32, 32, dtype=torch.int64)
    masks[1] = IGNORE_INDEX
    with pytest.raises(ValueError, match=r"masks \[1\] have only ignored pixels"):
        fit(generator, ws, masks)


def test_a_stop_passes_through(generator: Generator) -> None:
    """What the progress callback raises ends the training at once: the seam of a cooperative cancel."""
    seen = []

    def stop(done: int, total: int) -> None:
        seen.append((done, total))
        raise KeyboardInterrupt

    ws = generator.map(torch.randn(2, 16))
    with pytest.raises(KeyboardInterrupt):
        train_ensemble(
            generator,
            ws,
            torch.zeros(2, 32, 32, dtype=torch.int64),
            num_classes=2,
            options=OPTIONS,
            seed=0,
            on_step=stop,
        )
    assert seen == [(1, 150)]
