"""`python -m workers.training.train_generator` trains from a folder and resumes."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from models.generators.stylegan2.generator import build_generator
from models.generators.stylegan2.inversion.encoder import build_encoder
from workers.runtime.weights import read_network
from workers.training import train_generator, train_inverter
from workers.training.image_folder import ImageFolder
from workers.training.training_options import InputError


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


def test_a_training_can_start_from_finished_networks(images: Path, tmp_path: Path) -> None:
    """With a learning rate near 0, the new generator equals the old one."""
    first, second = tmp_path / "first", tmp_path / "second"
    train(images, first, 8)
    train(images, second, 8, "--start-from", str(first), "--learning-rate", "1e-12")
    old, new = (read_network(folder, "generator")[1] for folder in (first, second))
    weights = [name for name in old if name.endswith("weight")]
    assert all((old[name] - new[name]).abs().max() < 1e-6 for name in weights)


def test_every_epoch_sees_each_image_once(images: Path) -> None:
    """Batches continue over the end of an epoch; a later start yields the same batches as an earlier one."""
    folder = ImageFolder(images)
    batches = folder.batches(4, seed=1)
    seen = [next(batches) for _ in range(4)]
    first_epoch = np.concatenate([batch.numpy() for batch in seen[:3]])
    assert len(np.unique(first_epoch, axis=0)) == 12
    assert (next(folder.batches(4, seed=1, skip_images=12)) == seen[3]).all()


def test_images_of_different_sizes_are_named(images: Path) -> None:
    """The message contains the file, both sizes and the remedy."""
    Image.new("RGB", (9, 16)).save(images / "odd.png")
    with pytest.raises(
        InputError, match=r"expected 8x16 px .*got 9x16 px in .*odd.png; crop or resize"
    ):
        ImageFolder(images).read(list(range(13)))


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    """The error is raised before any training."""
    with pytest.raises(ValueError, match="expected PNG, JPEG or WebP images"):
        ImageFolder(tmp_path)


def test_images_that_do_not_halve_are_refused(images: Path, tmp_path: Path) -> None:
    """8 px halve three times, not seven; the message explains --channels."""
    command = [str(images), str(tmp_path / "out"), "--channels", *["4"] * 8]
    with pytest.raises(ValueError, match="images that halve 7 times"):
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
    assert lines[0].startswith("training on cpu: 12 images of 8x16 px, until 8 were seen")
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


def test_a_truncated_image_is_named(images: Path) -> None:
    """Its header is valid, so the error is raised when its pixels are read."""
    path = images / "00.png"
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(InputError, match=r"00\.png cannot be read"):
        ImageFolder(images).read([0])


def test_a_folder_without_a_generator_is_refused(tmp_path: Path) -> None:
    """The message explains which folder is expected."""
    with pytest.raises(InputError, match=r"expected generator\.json in .*; name the folder"):
        train_inverter.main([str(tmp_path), "--device", "cpu"])
