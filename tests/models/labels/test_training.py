"""Promises of `models.labels.training`: the ensemble learns every task from the features, repeatably."""

from dataclasses import replace

import pytest
import torch

from benchmarks.defaults import ensemble_options
from models.arrays import IGNORE_INDEX
from models.generators.stylegan2.generator import Generator
from models.labels.ensemble import Ensemble, EnsembleKind
from models.labels.label_generator import LabelGenerator, Rendered
from models.labels.training import train_ensemble
from models.tasks.depth_scores import DepthScore
from models.tasks.keypoint_scores import KeypointScore
from models.tasks.segmentation import ClassVotes, SegmentationTask
from models.tasks.segmentation_scores import ConfusionMatrix
from models.tasks.task_set import Labels, TaskSet
from tests.models.labels.conftest import Discs

OPTIONS = ensemble_options(num_members=3, hidden=(16, 8), steps=150, batch_pixels=128)
LONGER = replace(OPTIONS, steps=600)
QUICK = replace(OPTIONS, hidden=(32, 16), learning_rate=1e-2)
MASKS = TaskSet(SegmentationTask(3))


def expressible_masks(generator: Generator, ws: torch.Tensor) -> torch.Tensor:
    """Return masks that the features determine: low, medium or high values of one channel of the last tap."""
    channel = generator.synthesize(ws).taps[-1][:, 0]
    low, high = channel.quantile(0.33), channel.quantile(0.66)
    return (channel > low).long() + (channel > high).long()


def fit(generator: Generator, ws: torch.Tensor, masks: torch.Tensor, seed: int = 0) -> Ensemble:
    """Train an ensemble for three classes with `OPTIONS`."""
    labels = Labels(label_px=(32, 32), segmentation=masks)
    return train_ensemble(generator, ws, labels, tasks=MASKS, options=OPTIONS, seed=seed)


def test_it_labels_new_images(generator: Generator) -> None:
    """Trained on 8 labeled samples, it is right on 80% of the pixels of 8 new ones."""
    ws = generator.map(torch.randn(16, 16))
    masks = expressible_masks(generator, ws)
    labels = Labels(label_px=(32, 32), segmentation=masks[:8])
    ensemble = train_ensemble(generator, ws[:8], labels, tasks=MASKS, options=LONGER, seed=0)
    right = (
        LabelGenerator(generator, ensemble).render(ws[8:]).labels["segmentation"]["masks"]
        == masks[8:]
    )
    assert right.sum() > 0.8 * right.numel()  # random: a third


@pytest.mark.parametrize("kind", ["compact", "paper"])
def test_taps_below_the_minimum_are_not_read(generator: Generator, kind: EnsembleKind) -> None:
    """Of taps of 4, 8, 16 and 32 px the two highest are read; there are no weights for the others."""
    ws = generator.map(torch.randn(2, 16))
    labels = Labels(label_px=(32, 32), segmentation=expressible_masks(generator, ws))
    options = replace(QUICK, kind=kind, steps=2, min_tap_px=16)
    ensemble = train_ensemble(generator, ws, labels, tasks=MASKS, options=options, seed=0)
    read = ensemble.layer1.weight[0] if ensemble.projection is None else ensemble.projection
    assert ensemble.config.first_tap == 4
    assert len(read) == sum(generator.config.tap_channels[4:])


def errors(rendered: Rendered, truth: Labels) -> tuple[float, float]:
    """Return the error of the points in pixels, and of depth in its unit."""
    points, depth = KeypointScore(1), DepthScore()
    labels = rendered.labels["keypoints"]
    lengths = torch.ones(len(rendered))
    points.add(labels["points"], labels["visibility"], truth["keypoints"], lengths)
    depth.add(rendered.labels["depth"]["depth"], truth["depth"])
    return points.mean_error_px(), depth.rmse()


def test_three_tasks_are_learned_at_once(discs: Discs) -> None:
    """One fit on 8 scenes, which are not square, predicts disc, center and depth of 4 others."""
    seen, unseen = Discs.at(discs.ws[:8, 0]), Discs.at(discs.ws[8:, 0])
    ensemble = train_ensemble(
        seen.generator, seen.ws, seen.labels, tasks=seen.tasks, options=QUICK, seed=0
    )
    rendered = LabelGenerator(seen.generator, ensemble).render(unseen.ws)
    masks = ConfusionMatrix(2)
    masks.add(rendered.labels["segmentation"]["masks"], unseen.labels["segmentation"])
    error_px, rmse = errors(rendered, unseen.labels)
    assert masks.mean_iou() > 0.9
    assert error_px < 0.5
    assert rmse < 20  # of a range of 300


def test_unlabelled_pixels_and_points_are_ignored(discs: Discs) -> None:
    """Unknown depth, absent keypoints at false positions and ignored pixels do not lower the quality."""
    truth = Discs.at(discs.ws[:, 0]).labels
    discs.labels["keypoints"][:4] = 0.0
    discs.labels["depth"][4:8] = torch.nan
    discs.labels["segmentation"][:, :, :3] = IGNORE_INDEX
    ensemble = train_ensemble(
        discs.generator, discs.ws, discs.labels, tasks=discs.tasks, options=QUICK, seed=0
    )
    error_px, rmse = errors(LabelGenerator(discs.generator, ensemble).render(discs.ws), truth)
    assert error_px < 0.5
    assert rmse < 20


def test_a_class_of_three_pixels_is_learned() -> None:
    """Three pixels in one image of nine are learned with the default balance."""
    discs = Discs.at(torch.tensor([[4.0 * i, 8.0] for i in range(8)] + [[-16.0, 8.0]]))
    masks = discs.labels["segmentation"].clone()
    masks[8, :, 20:] = IGNORE_INDEX
    masks[8, 7:10, 31] = 2
    labels = Labels(label_px=discs.labels.label_px, segmentation=masks)
    ensemble = train_ensemble(discs.generator, discs.ws, labels, tasks=MASKS, options=QUICK, seed=0)
    masks = (
        LabelGenerator(discs.generator, ensemble).render(discs.ws).labels["segmentation"]["masks"]
    )
    assert masks[8, 7:10, 31].tolist() == [2, 2, 2]
    assert masks[:8].max() == 1


@pytest.mark.parametrize("balance", [0.0, 1.0])
def test_probabilities_are_those_of_the_true_prior(discs: Discs, balance: float) -> None:
    """A random class on 4% of one region and 40% of another: probabilities match both, for any balance."""
    from_center = discs.generator.synthesize(discs.ws).taps[-1][:, 2]
    masks = torch.where(from_center < 1, 0.4, 0.04).bernoulli().long()
    ensemble = train_ensemble(
        discs.generator,
        discs.ws,
        Labels(label_px=discs.labels.label_px, segmentation=masks),
        tasks=TaskSet(SegmentationTask(2)),
        options=replace(QUICK, balance=balance, boundary_share=0.0),
        seed=0,
    )
    taps = discs.generator.synthesize(discs.ws).taps
    votes = LabelGenerator(discs.generator, ensemble).label(taps).of(ClassVotes)
    predicted = votes.probabilities[:, 1]
    for region, tolerance in ((from_center < 0.8, 0.06), (from_center > 1.5, 0.015)):
        expected = masks[region].float().mean().item()
        assert predicted[region].mean().item() == pytest.approx(expected, abs=tolerance)


def test_the_same_seed_gives_the_same_ensemble(generator: Generator) -> None:
    """Training is a function of its inputs and the seed, and does not change torch's random state."""
    ws = generator.map(torch.randn(4, 16))
    masks = expressible_masks(generator, ws)
    state = torch.get_rng_state()
    first, second, other = (fit(generator, ws, masks, seed) for seed in (1, 1, 2))
    assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(first.layer1.weight, second.layer1.weight)
    assert not torch.equal(first.layer1.weight, other.layer1.weight)


def test_an_image_without_labels_is_named(generator: Generator) -> None:
    """A mask of only 255 is refused; the message names the image."""
    ws = generator.map(torch.randn(2, 16))
    masks = torch.zeros(2, 32, 32, dtype=torch.int64)
    masks[1] = IGNORE_INDEX
    with pytest.raises(ValueError, match=r"images \[1\] have nothing labelled"):
        fit(generator, ws, masks)


def test_a_stop_passes_through(generator: Generator) -> None:
    """An exception of the progress callback ends the training at once, so that a job can be canceled."""
    seen = []

    def stop(done: int, total: int) -> None:
        seen.append((done, total))
        raise KeyboardInterrupt

    ws = generator.map(torch.randn(2, 16))
    with pytest.raises(KeyboardInterrupt):
        train_ensemble(
            generator,
            ws,
            Labels(label_px=(32, 32), segmentation=torch.zeros(2, 32, 32, dtype=torch.int64)),
            tasks=MASKS,
            options=OPTIONS,
            seed=0,
            on_step=stop,
        )
    assert seen == [(1, 150)]
