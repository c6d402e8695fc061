"""`python -m workers.training.train_generator` trains from a folder and resumes."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from models.adversarial.gan_training import AdversarialTraining
from models.generators.stylegan2.generator import build_generator
from models.generators.stylegan2.inversion.encoder import build_encoder
from workers.runtime.weights import read_network
from workers.training import train_generator, train_inverter
from workers.training.images.reading import Reading, image_paths
from workers.training.images.sources import Batches, ImageFolder
from workers.training.training_options import InputError


@pytest.fixture(autouse=True)
def _few_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure 32 samples instead of 2,000."""
    monkeypatch.setattr(AdversarialTraining, "measured_samples", 32)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Write twelve random images, 16 px high and 8 px wide; return their folder."""
    folder = tmp_path / "images"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for index in range(12):
        pixels = rng.integers(0, 256, (16, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{index:02d}.png")
    return folder


def train(images: Path, out: Path, total: int, *others: str) -> None:
    """Train a tiny generator for a few steps on the CPU."""
    command = f"{images} {out} --total-images {total} --snapshot-images 8 --batch 4 --device cpu"
    train_generator.main([*command.split(), "--channels", "4", "4", "--w-dim", "4", *others])


def logged(out: Path) -> list[int]:
    """Return the number of seen images in each line of the training log."""
    lines = (out / "training_log.jsonl").read_text().splitlines()
    return [json.loads(line)["images_seen"] for line in lines]


def test_a_second_call_resumes(images: Path, tmp_path: Path) -> None:
    """8 images, then 16: the log has one line for each snapshot, and none twice."""
    out = tmp_path / "out"
    train(images, out, 8)
    train(images, out, 16)
    assert logged(out) == [8, 16]


def test_it_writes_a_generator_with_the_size_of_the_images(images: Path, tmp_path: Path) -> None:
    """The networks can be built, there is a sheet of samples, and an inverter can be trained."""
    out = tmp_path / "out"
    train(images, out, 8)
    assert build_generator(*read_network(out, "generator")).config.image_px == (16, 8)
    assert (out / "samples-00000008.png").exists()
    train_inverter.main([str(out), "--total-images", "8", "--batch", "4", "--device", "cpu"])
    assert read_network(out, "inverter")[0]["num_ws"] == 4


def write_grey(folder: Path, count: int = 12) -> Path:
    """Write random grey images, 16 px high and 8 px wide, every second one as RGB; return the folder."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for index in range(count):
        image = Image.fromarray(rng.integers(0, 256, (16, 8), dtype=np.uint8))
        (image if index % 2 else image.convert("RGB")).save(folder / f"{index:02d}.png")
    return folder


def test_grey_images_train_a_generator_of_equal_channels(tmp_path: Path) -> None:
    """It resumes with augmentation, and its samples have three equal channels, bit by bit."""
    images, out = write_grey(tmp_path / "grey"), tmp_path / "out"
    train(images, out, 8, "--augment")
    train(images, out, 16, "--augment")
    config, tensors = read_network(out, "generator")
    assert config["image_channels"] == 1
    samples = build_generator(config, tensors)(torch.randn(4, 4))
    assert samples.shape == (4, 3, 16, 8)
    assert torch.equal(samples[:, :1].expand(-1, 3, -1, -1), samples)
    sheet = np.asarray(Image.open(out / "samples-00000016.png"))
    assert (sheet[..., :1] == sheet).all()


def test_color_in_the_folder_of_a_grey_generator_is_refused(images: Path, tmp_path: Path) -> None:
    """The message names the image."""
    out = tmp_path / "out"
    train(write_grey(tmp_path / "grey"), out, 8)
    with pytest.raises(InputError, match=r"expected grey images.*got color in .*00\.png"):
        train(images, out, 16)


def test_a_color_generator_continues_with_grey_images(images: Path, tmp_path: Path) -> None:
    """Trainings of version 0.1.0 rendered three channels for grey images too; they resume."""
    out = tmp_path / "out"
    train(images, out, 8)
    train(write_grey(tmp_path / "grey"), out, 16)
    assert logged(out) == [8, 16]
    assert "image_channels" not in read_network(out, "generator")[0]


def test_a_tall_size_is_trained_from_images_of_any_size(images: Path, tmp_path: Path) -> None:
    """--px is height x width; one number takes the aspect ratio of the folder, here 2:1."""
    Image.new("RGB", (30, 40)).save(images / "odd.png")
    for px in ("8x4", "8"):
        out = tmp_path / px
        train(images, out, 8, "--px", px, "--fit", "pad", "--augment")
        assert build_generator(*read_network(out, "generator")).config.image_px == (8, 4)


def test_a_resumed_training_keeps_its_size(images: Path, tmp_path: Path) -> None:
    """The message names the options that fix the size of the networks."""
    out = tmp_path / "out"
    train(images, out, 8)
    with pytest.raises(InputError, match="sizes of the saved networks, got others; pass the --px"):
        train(images, out, 16, "--px", "8x4")


def test_a_training_can_start_from_finished_networks(images: Path, tmp_path: Path) -> None:
    """With a learning rate near 0, the new generator equals the old one."""
    first, second = tmp_path / "first", tmp_path / "second"
    train(images, first, 8)
    train(images, second, 8, "--start-from", str(first), "--learning-rate", "1e-12")
    old, new = (read_network(folder, "generator")[1] for folder in (first, second))
    weights = [name for name in old if name.endswith("weight")]
    assert all((old[name] - new[name]).abs().max() < 1e-6 for name in weights)


def test_a_start_from_an_empty_folder_is_refused(images: Path, tmp_path: Path) -> None:
    """The message names the missing file."""
    with pytest.raises(InputError, match=r"found no .*generator\.json; pass a folder"):
        train(images, tmp_path / "out", 8, "--start-from", str(tmp_path))


def test_r3gan_resumes_as_if_uninterrupted(images: Path, tmp_path: Path) -> None:
    """16 images at once equal 8 and 8, bit by bit, with lazy penalties and with those of every step."""
    for interval in ("1", "3"):
        once, twice = tmp_path / f"once{interval}", tmp_path / f"twice{interval}"
        others = ("--loss", "r3gan", "--r1-interval", interval, "--augment")
        train(images, once, 16, *others)
        for total in (8, 16):
            train(images, twice, total, *others)
        for network in ("generator", "discriminator"):
            first, second = (read_network(out, network)[1] for out in (once, twice))
            assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_resumed_training_keeps_its_loss(images: Path, tmp_path: Path) -> None:
    """The message names the loss of the checkpoint; another folder may start from its networks."""
    for first, other in (("r3gan", "nonsaturating"), ("nonsaturating", "r3gan")):
        out = tmp_path / first
        train(images, out, 8, "--loss", first)
        with pytest.raises(InputError, match=f"expected --loss {first} .*, got {other}; pass"):
            train(images, out, 16, "--loss", other)
        train(images, tmp_path / f"{first}-2", 8, "--loss", other, "--start-from", str(out))


def test_a_checkpoint_without_a_loss_is_nonsaturating(images: Path, tmp_path: Path) -> None:
    """Version 0.1.0 wrote no name of a loss; its trainings resume."""
    out = tmp_path / "out"
    train(images, out, 8)
    saved = torch.load(out / "checkpoint.pt")
    del saved["loss"]
    torch.save(saved, out / "checkpoint.pt")
    train(images, out, 16)
    assert logged(out) == [8, 16]


def test_r3gan_refuses_the_path_length_penalty(images: Path, tmp_path: Path) -> None:
    """The error is raised before the images are read."""
    with pytest.raises(InputError, match="expected --path-length-weight 0 with --loss r3gan"):
        train(images, tmp_path / "out", 8, "--loss", "r3gan", "--path-length-weight", "2")


def test_every_epoch_sees_each_image_once(images: Path) -> None:
    """Batches continue over the end of an epoch; a later start yields the same batches as an earlier one."""
    folder = ImageFolder(image_paths(images), Reading(image_px=(16, 8)))
    batches = Batches(folder, 4, seed=1).after(0)
    seen = [next(batches) for _ in range(4)]
    first_epoch = np.concatenate([batch.numpy() for batch in seen[:3]])
    assert len(np.unique(first_epoch, axis=0)) == 12
    assert (next(Batches(folder, 4, seed=1).after(12)) == seen[3]).all()


def test_images_that_do_not_halve_are_refused(images: Path, tmp_path: Path) -> None:
    """8 px halve three times, not seven; the message explains --channels."""
    command = [str(images), str(tmp_path / "out"), "--channels", *["4"] * 8]
    with pytest.raises(ValueError, match="sizes that halve 7 times"):
        train_generator.main(command)


def test_two_processes_share_one_training(images: Path, tmp_path: Path) -> None:
    """Two processes of torchrun see 8 images together and one of them writes; a single process can resume."""
    out = tmp_path / "out"
    command = f"-m torch.distributed.run --nproc-per-node 2 -m workers.training.train_generator {images} {out}"
    small = "--total-images 8 --snapshot-images 8 --batch 4 --device cpu --channels 4 4 --w-dim 4"
    subprocess.run([sys.executable, *command.split(), *small.split()], check=True, timeout=120)
    assert logged(out) == [8]
    train(images, out, 16)
    assert logged(out) == [8, 16]


def test_a_batch_that_cannot_be_shared_is_refused(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three processes cannot divide a batch of four images; the error is raised before the start."""
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(ValueError, match="a multiple of"):
        train(images, tmp_path / "out", 8)


def test_half_precision_halves_the_file(images: Path, tmp_path: Path) -> None:
    """The inverter is written as float16 and loaded as float32."""
    out = tmp_path / "out"
    train(images, out, 8)
    train_inverter.main(
        [str(out), "--total-images", "8", "--batch", "4", "--device", "cpu", "--half"]
    )
    config, tensors = read_network(out, "inverter")
    assert all(tensor.dtype == torch.float16 for tensor in tensors.values())
    assert build_encoder(config, tensors).w_mean.dtype == torch.float32


def test_both_trainings_print_their_progress(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lines from start to end contain images, speed and losses."""
    out = tmp_path / "out"
    train(images, out, 8)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"checking 12 images in {images}"
    assert any(
        line.startswith("training on cpu: 12 images at 16x8 px, until 8 were seen")
        for line in lines
    )
    assert lines[-1].startswith("done: 8 of 8 images (100.0%)")
    assert any(" images/s " in line and " discriminator " in line for line in lines)
    train_inverter.main([str(out), "--total-images", "8", "--batch", "4", "--device", "cpu"])
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("training on cpu: the generator in ")
    assert printed[-1].startswith("done: 8 of 8 images (100.0%)")
    assert any(" images/s " in line and " code " in line for line in printed)


def test_a_file_that_is_no_image_is_named(images: Path, tmp_path: Path) -> None:
    """The error is raised before the first step; it names the file and the remedy."""
    (images / "zz.png").write_text("not an image")
    with pytest.raises(
        InputError, match=r"zz\.png cannot be read as PNG, JPEG or WebP .*; replace"
    ):
        train(images, tmp_path / "out", 8)
    assert not (tmp_path / "out").exists()


def test_a_folder_without_a_generator_is_refused(tmp_path: Path) -> None:
    """The message explains which folder is expected."""
    with pytest.raises(InputError, match=r"expected generator\.json in .*; name the folder"):
        train_inverter.main([str(tmp_path), "--device", "cpu"])
