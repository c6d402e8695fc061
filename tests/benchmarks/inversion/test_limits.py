"""The table that separates the limit of the inversion from that of the generator."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.inversion import limits
from benchmarks.inversion.limit_domains import reduced
from benchmarks.inversion.limit_scores import bootstrap, counts_of_images, mean_iou, paired
from benchmarks.segmenter.renderings import Renderings
from models.generators.stylegan2.config import DiscriminatorConfig, GeneratorConfig
from models.generators.stylegan2.discriminator import Discriminator
from models.generators.stylegan2.generator import Generator
from models.tasks.segmentation_scores import ConfusionMatrix
from workers.runtime.weights import write_network


def write_stage(folder: Path, seed: int) -> str:
    """Write a 16 px generator and discriminator with random weights."""
    torch.manual_seed(seed)
    generator = Generator(
        GeneratorConfig(z_dim=8, w_dim=8, channels=(8, 8, 8), num_mapping_layers=1)
    )
    discriminator = Discriminator(DiscriminatorConfig(channels=(8, 8, 8)))
    write_network(folder, "generator", generator, generator.config.to_dict())
    write_network(folder, "discriminator", discriminator, discriminator.config.to_dict())
    return str(folder)


@pytest.mark.long
def test_the_table_has_every_generator_and_every_inversion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two generators and four inversions of the last one, then all labels: six rows, five gains, one line of JSON."""
    stages = [write_stage(tmp_path / name, seed) for seed, name in enumerate(("half", "all"))]
    sizes = "--draws 2 --labels 4 --heldout 4 --generated 4 --renderings 64"
    lengths = "--steps 2 --encoder-images 8 --ensemble-steps 2"
    arguments = ["limits", "--generator", *stages, "--folder", str(tmp_path)]
    arguments += [*sizes.split(), *lengths.split()]
    monkeypatch.setattr("sys.argv", arguments)
    limits.main()
    *lines, last = capsys.readouterr().out.splitlines()
    rows = json.loads(last)["portraits"]
    assert list(rows) == [
        "half: encoder, optimized",
        "all: encoder, optimized",
        "all: mean code, optimized",
        "all: encoder alone",
        "all: encoder, optimized for 3 times the steps",
        "all: encoder, optimized, labels of all draws",
    ]
    assert [len(row["heldout"]) for row in rows.values()] == [2, 2, 2, 2, 2, 1]
    gains = [
        line for line in lines if line.startswith(("| generator:", "| inversion:", "| labels:"))
    ]
    assert len(gains) == 5


def test_the_scores_are_those_of_the_product() -> None:
    """The mean IoU of pooled counts equals that of `ConfusionMatrix`."""
    torch.manual_seed(0)
    predicted, truth = torch.randint(0, 4, (2, 3, 8, 8))
    confusion = ConfusionMatrix(5)
    confusion.add(predicted, truth)
    counts = counts_of_images(predicted, truth, 5)
    assert float(mean_iou(counts.sum(0))) == pytest.approx(confusion.mean_iou())


def test_a_loss_is_compared_on_the_same_images() -> None:
    """Equal predictions lose nothing, with an error of zero, though the scores themselves have errors."""
    torch.manual_seed(0)
    predicted, truth = torch.randint(0, 3, (2, 6, 4, 4))
    counts = counts_of_images(predicted, truth, 3)
    first, _, loss = bootstrap(counts, counts)
    assert first.error
    assert first.error > 0.0
    assert (loss.mean, loss.error) == (0.0, 0.0)


def test_gains_are_paired_by_draw() -> None:
    """A constant gain has no error, however much the draws differ."""
    gain = paired([0.75, 0.25], [0.5, 0.0])
    assert gain is not None
    assert (gain.mean, gain.error) == (0.25, 0.0)


def test_pairs_are_reduced_in_whole_squares() -> None:
    """Images get the mean of four pixels, masks their most frequent class."""
    images = np.zeros((1, 4, 4, 3), np.uint8)
    images[0, :2, :2] = [[[0], [100]], [[100], [200]]]
    masks = np.zeros((1, 4, 4), np.uint8)
    masks[0, 2:, 2:] = [[2, 2], [2, 1]]
    small = reduced(Renderings(images, masks), 2)
    assert small.images[0, :, :, 0].tolist() == [[100, 0], [0, 0]]
    assert small.masks[0].tolist() == [[0, 0], [0, 2]]
    with pytest.raises(ValueError, match="expected a generator whose size divides 4 px, got 3 px"):
        reduced(Renderings(images, masks), 3)
