"""`python -m workers.training.train_generator` uses the job's loop: both families, best snapshots, saved states."""

import json
import math
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from contracts.generators.import_options import NO_OPTIONS
from contracts.generators.training import TrainingReport
from models.adversarial.gan_training import AdversarialTraining
from models.arrays import Images
from models.generators.diffusion.generator import build_generator
from models.generators.diffusion.training import DiffusionTraining
from workers.families.family import read_checkpoint
from workers.families.table import FAMILIES
from workers.runtime.weights import read_network
from workers.training import train_generator, train_inverter
from workers.training.training_options import InputError

TINY = {
    "stylegan2": ["--channels", "4", "4", "--w-dim", "4"],
    "diffusion": ["--family", "diffusion", "--size", "small"],
}


@pytest.fixture(autouse=True)
def _few_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure 16 samples."""
    monkeypatch.setattr(AdversarialTraining, "measured_samples", 16)
    monkeypatch.setattr(DiffusionTraining, "measured_samples", 16)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Write twelve random images of 8 px; return their folder."""
    folder = tmp_path / "images"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for index in range(12):
        pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{index:02d}.png")
    return folder


def train(images: Path, out: Path, total: int, *others: str, family: str = "diffusion") -> None:
    """Train a tiny generator for a few steps on the CPU."""
    command = f"{images} {out} --total-images {total} --snapshot-images 8 --batch 4 --device cpu"
    train_generator.main([*command.split(), *TINY[family], *others])


def report_of(out: Path) -> TrainingReport:
    """Return the report of a training."""
    return TrainingReport.model_validate_json((out / "training.json").read_bytes())


def equal(first: Path, second: Path) -> bool:
    """Return whether two folders have the same generator."""
    (_, one), (_, two) = (read_network(folder, "generator") for folder in (first, second))
    return all(torch.equal(one[name], two[name]) for name in one)


def test_a_diffusion_model_resumes_as_if_uninterrupted(images: Path, tmp_path: Path) -> None:
    """16 images at once equal 8 and 8; the log has one line for each snapshot."""
    once, twice = tmp_path / "once", tmp_path / "twice"
    train(images, once, 16, "--flips")
    for total in (8, 16):
        train(images, twice, total, "--flips")
    assert equal(once, twice)
    rows = [json.loads(row) for row in (twice / "training_log.jsonl").read_text().splitlines()]
    assert [row["images_seen"] for row in rows] == [8, 16]
    assert {"v_mse", "fd_random", "images_per_second", "options"} <= rows[0].keys()
    assert rows[0]["options"]["learning_rate"] == 0.001


def test_a_diffusion_model_can_be_uploaded(images: Path, tmp_path: Path) -> None:
    """The importer reads the folder; there is no discriminator. The inverter's command says that none is needed."""
    out = tmp_path / "out"
    train(images, out, 8)
    family, checkpoint = read_checkpoint(FAMILIES, out, NO_OPTIONS)
    assert family.contract.name == "diffusion"
    [built] = family.build(checkpoint)
    assert built.name == "generator"
    with pytest.raises(InputError, match="a diffusion model, which needs no inverter"):
        train_inverter.main([str(out), "--device", "cpu"])


def test_a_diffusion_model_can_start_from_another(images: Path, tmp_path: Path) -> None:
    """Its average hardly moves with a learning rate near 0."""
    first, second = tmp_path / "first", tmp_path / "second"
    train(images, first, 8)
    train(images, second, 8, "--start-from", str(first), "--learning-rate", "1e-12")
    (_, one), (_, two) = (read_network(folder, "generator") for folder in (first, second))
    assert all((one[name] - two[name]).abs().max() < 1e-6 for name in one)


def test_networks_of_the_other_family_are_refused(images: Path, tmp_path: Path) -> None:
    """As a checkpoint, the message names its family; as a start, the options to pass."""
    for family, other in (("diffusion", "stylegan2"), ("stylegan2", "diffusion")):
        out = tmp_path / family
        train(images, out, 8, family=family)
        with pytest.raises(InputError, match=f"expected --family {family} .*, got {other}; pass"):
            train(images, out, 16, family=other)
        with pytest.raises(InputError, match="sizes of the saved networks, got others"):
            train(images, tmp_path / "new", 8, "--start-from", str(out), family=other)


@pytest.mark.parametrize(
    ("family", "option"),
    [
        ("diffusion", ["--augment"]),
        ("diffusion", ["--r1-gamma", "0.1"]),
        ("stylegan2", ["--size", "small"]),
    ],
)
def test_options_of_the_other_family_are_refused(
    images: Path, tmp_path: Path, family: str, option: list[str]
) -> None:
    """Also with the value that is the default."""
    with pytest.raises(InputError, match=f"expected options of --family {family}, got {option[0]}"):
        train(images, tmp_path / "out", 8, *option, family=family)


def test_a_size_without_a_diffusion_network_is_refused(images: Path, tmp_path: Path) -> None:
    """The message names the nearest size."""
    with pytest.raises(InputError, match=r"multiples of 8, got 20x12 .*; choose 16x8"):
        train(images, tmp_path / "out", 8, "--px", "20x12")
    with pytest.raises(InputError, match="from 8 to 512 px, got 520x520"):
        train(images, tmp_path / "out", 8, "--px", "520x520")


@pytest.mark.parametrize(("family", "kept"), [("stylegan2", 8), ("diffusion", 16)])
def test_the_networks_are_those_of_the_kept_snapshot(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, family: str, kept: int
) -> None:
    """If the second snapshot is further from the images, a StyleGAN2 stays the first one, a diffusion model does not.

    The distance of a diffusion model's few samples does not order its snapshots.
    """
    first, both = tmp_path / "first", tmp_path / "both"
    distances = iter([1.0, 1.0, 2.0])
    monkeypatch.setattr("workers.training.snapshots.frechet_distance", lambda *_: next(distances))
    train(images, first, 8, family=family)
    train(images, both, 16, family=family)
    assert equal(first, both) == (kept == 8)
    best = report_of(both).best
    assert best is not None
    assert (best.images_seen, report_of(both).images_seen) == (kept, 16)


def test_the_state_is_saved_between_two_snapshots(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A training that ends in its third step continues after the second one, as if uninterrupted."""
    once, twice = tmp_path / "once", tmp_path / "twice"
    monkeypatch.setattr("workers.training.generator_folder.KEEP_INTERVAL", timedelta(0))
    monkeypatch.setattr("workers.saving.save_timer.LONGEST_SHARE", math.inf)
    rare = ("--snapshot-images", "1000")
    train(images, once, 16, *rare, family="stylegan2")
    step, seen = AdversarialTraining.step, list[int]()

    def interrupted(training: AdversarialTraining, reals: Images) -> dict[str, float]:
        losses = step(training, reals)
        seen.append(training.images_seen)
        if seen == [4, 8, 12]:
            raise KeyboardInterrupt
        return losses

    monkeypatch.setattr(AdversarialTraining, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(images, twice, 16, *rare, family="stylegan2")
    train(images, twice, 16, *rare, family="stylegan2")
    assert seen == [4, 8, 12, 12, 16]
    assert equal(once, twice)


@pytest.mark.parametrize("family", ["stylegan2", "diffusion"])
def test_a_resumed_training_uses_the_new_learning_rate(
    images: Path, tmp_path: Path, family: str
) -> None:
    """With one near 0, the trained weights do not move any more."""
    out, network = tmp_path / "out", {"stylegan2": "generator", "diffusion": "unet"}[family]
    train(images, out, 8, family=family)
    before = torch.load(out / "checkpoint.pt")["state"][network]
    train(images, out, 16, "--learning-rate", "1e-12", family=family)
    after = torch.load(out / "checkpoint.pt")["state"][network]
    weights = [name for name in before if name.endswith(("weight", "bias"))]
    assert all((before[name] - after[name]).abs().max() < 1e-6 for name in weights)


@pytest.mark.parametrize("at", [4, 12])
def test_a_training_that_diverges_keeps_the_best_snapshot(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """It ends with an error that says what to change, before and after the first snapshot."""
    out, step = tmp_path / "out", AdversarialTraining.step

    def broken(training: AdversarialTraining, reals: Images) -> dict[str, float]:
        losses = step(training, reals)
        return {"generator": math.nan} if training.images_seen == at else losses

    monkeypatch.setattr(AdversarialTraining, "step", broken)
    message = (
        "Training diverged.*another seed" if at == 4 else "diverged after 12 .* keeps the best"
    )
    with pytest.raises(InputError, match=message):
        train(images, out, 16, family="stylegan2")
    assert (out / "generator.json").exists() == (at == 12)


def test_a_folder_of_version_0_1_0_resumes(images: Path, tmp_path: Path) -> None:
    """It has no report, and its checkpoint names no family, no loss and no time."""
    out = tmp_path / "out"
    train(images, out, 8, family="stylegan2")
    saved = torch.load(out / "checkpoint.pt")
    torch.save({"state": saved["state"], "rng": saved["rng"]}, out / "checkpoint.pt")
    (out / "training.json").unlink()
    train(images, out, 16, family="stylegan2")
    report = report_of(out)
    assert [each.images_seen for each in report.snapshots] == [16]
    assert report.images_per_second is not None
    assert report.images_per_second < 10_000


@pytest.mark.parametrize("content", [b"no checkpoint", None])
def test_a_damaged_checkpoint_is_refused(
    images: Path, tmp_path: Path, content: bytes | None
) -> None:
    """The message names the file; nothing is overwritten."""
    path = tmp_path / "out" / "checkpoint.pt"
    path.parent.mkdir()
    torch.save({"weights": 1}, path)
    if content is not None:
        path.write_bytes(content)
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"checkpoint\.pt"):
        train(images, path.parent, 8)
    assert path.read_bytes() == before


def test_grey_images_train_a_grey_diffusion_model(tmp_path: Path) -> None:
    """It resumes with one channel."""
    images, out = tmp_path / "grey", tmp_path / "out"
    images.mkdir()
    rng = np.random.default_rng(0)
    for index in range(12):
        Image.fromarray(rng.integers(0, 256, (8, 8), dtype=np.uint8)).save(images / f"{index}.png")
    for total in (8, 16):
        train(images, out, total)
    assert build_generator(*read_network(out, "generator")).config.image_channels == 1
