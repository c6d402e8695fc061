"""Promises of `python -m workers.training.train_generator`: it trains from a folder and resumes."""

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
    """Twelve random images of 16 by 8 px."""
    folder = tmp_path / "images"
    folder.mkdir()
    chance = np.random.default_rng(0)
    for index in range(12):
        pixels = chance.integers(0, 256, (16, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{index:02d}.png")
    return folder


def train(images: Path, out: Path, total: int, *others: str) -> None:
    """A few steps of a tiny generator on the CPU."""
    command = f"{images} {out} --total-images {total} --snapshot-images 8 --batch 4 --device cpu"
    train_generator.main([*command.split(), "--channels", "4", "4", "--w-dim", "4", *others])


def logged(out: Path) -> list[int]:
    """Images seen at each line of the training log."""
    lines = (out / "training_log.jsonl").read_text().splitlines()
    return [json.loads(line)["images_seen"] for line in lines]


def test_a_second_call_goes_on(images: Path, tmp_path: Path) -> None:
    """8 images, then 16: the log has one line for each stretch and nothing twice."""
    out = tmp_path / "out"
    train(images, out, 8)
    train(images, out, 16)
    assert logged(out) == [8, 16]


def test_what_it_writes_is_a_generator_of_the_images_shape(images: Path, tmp_path: Path) -> None:
    """Networks that their `build_...` functions take, a sheet of samples, an inverter trained on top."""
    out = tmp_path / "out"
    train(images, out, 8)
    assert build_generator(*read_network(out, "generator")).config.image_px == (16, 8)
    assert (out / "samples-00000008.png").exists()
    train_inverter.main([str(out), "--total-images", "8", "--batch", "4", "--device", "cpu"])
    assert read_network(out, "inverter")[0]["num_ws"] == 4


def test_finished_networks_can_be_trained_on(images: Path, tmp_path: Path) -> None:
    """Without a step at a rate that matters, the new generator is the old one."""
    first, second = tmp_path / "first", tmp_path / "second"
    train(images, first, 8)
    train(images, second, 8, "--start-from", str(first), "--learning-rate", "1e-12")
    old, new = (read_network(folder, "generator")[1] for folder in (first, second))
    weights = [name for name in old if name.endswith("weight")]
    assert all((old[name] - new[name]).abs().max() < 1e-6 for name in weights)


def test_every_pass_over_a_folder_sees_each_image_once(images: Path) -> None:
    """Batches run over the end of a pass; a later start gives what an earlier one would have come to."""
    folder = ImageFolder(images)
    batches = folder.batches(4, seed=1)
    seen = [next(batches) for _ in range(4)]
    first_pass = np.concatenate([batch.numpy() for batch in seen[:3]])
    assert len(np.unique(first_pass, axis=0)) == 12
    assert (next(folder.batches(4, seed=1, skip_images=12)) == seen[3]).all()


def test_images_of_different_sizes_are_named(images: Path) -> None:
    """The message names the file, both sizes and the mend."""
    Image.new("RGB", (9, 16)).save(images / "odd.png")
    with pytest.raises(InputError, match=r"odd.png has 9x16 px.*8x16; crop or resize"):
        ImageFolder(images).read(list(range(13)))


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    """Nothing to learn from is said at once."""
    with pytest.raises(ValueError, match="holds no PNG, JPEG or WebP image"):
        ImageFolder(tmp_path)


def test_images_that_do_not_halve_are_refused(images: Path, tmp_path: Path) -> None:
    """8 px halve three times, not seven; the message says what --channels means."""
    command = [str(images), str(tmp_path / "out"), "--channels", *["4"] * 8]
    with pytest.raises(ValueError, match="images that halve 7 times"):
        train_generator.main(command)


def test_two_processes_share_one_training(images: Path, tmp_path: Path) -> None:
    """Started by torchrun they see 8 images together, one writes, and a single process can go on."""
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
    """Four images for three processes: said before anything starts."""
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(ValueError, match="a multiple of"):
        train(images, tmp_path / "out", 8)


def test_half_precision_halves_the_file(images: Path, tmp_path: Path) -> None:
    """Written as float16, the inverter is loaded as float32 again."""
    out = tmp_path / "out"
    train(images, out, 8)
    train_inverter.main(
        [str(out), "--total-images", "8", "--batch", "4", "--device", "cpu", "--half"]
    )
    config, tensors = read_network(out, "inverter")
    assert all(tensor.dtype == torch.float16 for tensor in tensors.values())
    assert build_encoder(config, tensors).w_mean.dtype == torch.float32


def test_both_trainings_say_how_far_they_are(
    images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the first line to the last, with speed and losses."""
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
    """Before the first step: what it is called, and what to do."""
    (images / "zz.png").write_text("not an image")
    with pytest.raises(
        InputError, match=r"zz\.png cannot be read as PNG, JPEG or WebP .*; replace"
    ):
        train(images, tmp_path / "out", 8)
    assert not (tmp_path / "out").exists()


def test_a_truncated_image_is_named(images: Path) -> None:
    """Its header is whole, so it is found when its pixels are read."""
    path = images / "00.png"
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(InputError, match=r"00\.png cannot be read"):
        ImageFolder(images).read([0])


def test_a_folder_without_a_generator_is_refused(tmp_path: Path) -> None:
    """The message says which folder is meant."""
    with pytest.raises(InputError, match=r"expected generator\.json in .*; name the folder"):
        train_inverter.main([str(tmp_path), "--device", "cpu"])
