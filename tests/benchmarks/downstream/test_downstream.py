"""The downstream benchmark: its summary, and runs that continue."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.defaults import ensemble_options
from benchmarks.downstream import domain as domains
from benchmarks.downstream.domain import Domain
from benchmarks.downstream.networks import Networks
from benchmarks.downstream.options import BUILTIN, downstream_parser, open_domains
from benchmarks.downstream.real_data import Photographs, Portraits
from benchmarks.downstream.runs import Runs
from benchmarks.downstream.summary import scores_of, summary, table
from contracts.evaluations.report import EvaluationReport
from models.downstream.options import DownstreamOptions
from models.downstream.pairs import Pairs
from tests.workers.evaluating.confusions import LABELS, HeldOut, arm
from workers.evaluating.reporting import build_report


@pytest.fixture
def reports() -> list[EvaluationReport]:
    """Return the reports of two draws."""
    rng = np.random.default_rng(0)
    held_out = HeldOut.drawn(60, rng)
    return [
        build_report(
            {
                ("real", 0): arm(held_out, rng, loss=0.5),
                ("mixed", 100): arm(held_out, rng, loss=0.9),
                ("mixed", 400): arm(held_out, rng, loss=0.2),
                ("labelled", 300): arm(held_out, rng, loss=0.1),
                ("oracle", 0): arm(held_out, rng, loss=-0.5),
                ("direct", 0): arm(held_out, rng, seeds=1),
            },
            LABELS,
            num_draws=50,
        )
        for _ in range(2)
    ]


def test_the_line_has_a_score_for_each_arm(reports: list[EvaluationReport]) -> None:
    """Arms with synthetic pairs have the score of their largest number."""
    line = summary({16: reports})
    assert list(line) == ["16"]
    assert list(line["16"]) == ["real", "mixed", "labelled", "direct", "oracle"]
    largest = [scores_of(report)["mixed"] for report in reports]
    assert line["16"]["mixed"] == pytest.approx(np.mean(largest), abs=1e-4)
    assert line["16"]["mixed"] > line["16"]["real"]


def test_the_table_has_errors_and_the_closed_gap(reports: list[EvaluationReport]) -> None:
    """Numbers are paired over the draws and have a standard error."""
    lines = table(16, reports).splitlines()
    assert lines[0] == "16 labels, 2 draws"
    mixed = next(line for line in lines if line.startswith("| mixed"))
    assert mixed.count("±") == 2
    assert "%" in mixed


@pytest.fixture(scope="module")
def networks() -> Networks:
    """Return the networks of the built-in diffusion model."""
    return Networks.read(BUILTIN)


def test_a_finished_training_is_not_repeated(tmp_path: Path, networks: Networks) -> None:
    """The second call reads the file."""
    options = DownstreamOptions(channels=(4, 8), steps=2, batch=4)
    domain = Domain(Portraits(num_heldout=6, num_oracle=8), networks, tmp_path)
    runs = Runs(domain, options, num_seeds=1, synthetic=(4,))
    calls = []

    def pairs() -> Pairs:
        calls.append(1)
        return domain.real(0, 8)

    first, second = (runs.trained("8-0-real-0-0", pairs, 0) for _ in range(2))
    assert len(calls) == 1
    np.testing.assert_array_equal(first.features("segmentation"), second.features("segmentation"))
    assert len(list(tmp_path.glob("portraits-runs-*/*.npz"))) == 1


def test_all_fits_label_the_same_samples(tmp_path: Path, networks: Networks) -> None:
    """Samples are drawn once, and belong to the generator that drew them."""
    domain = Domain(Portraits(num_heldout=6, num_oracle=8), networks, tmp_path)
    first = domain._samples(2)
    assert torch.equal(domain._samples(2), first)
    [kept] = tmp_path.glob("*/samples-2.npz")
    assert kept.parent.name == f"portraits-{networks.digest}"


def write_photographs(folder: Path) -> Path:
    """Write 60 grey photographs whose mask is the class index of their number modulo 2, and 3 without a mask."""
    names = [f"{number:02}" for number in range(60)]
    for part in ("images64/labelled", "images64/unlabelled_ffhq", "mask8_64"):
        (folder / part).mkdir(parents=True)
    for number, name in enumerate(names):
        image = Image.new("RGB", (64, 64), (number, number, number))
        image.save(folder / "images64/labelled" / f"{name}.jpg")
        Image.new("L", (64, 64), number % 2).save(folder / "mask8_64" / f"{name}.png")
    for number in range(3):
        image = Image.new("RGB", (64, 64), (200 + number,) * 3)
        image.save(folder / "images64/unlabelled_ffhq" / f"0000{number}.jpg")
    (folder / "meta.json").write_text(json.dumps({"classes8": ["background", "skin"]}))
    splits = {"label_train_50": names[:50], "label_val": names[50:]}
    (folder / "split.json").write_text(json.dumps(splits))
    return folder


def test_photographs_are_read_by_their_lists(tmp_path: Path) -> None:
    """Draw 0 has the first names, another draw has others, and the oracle has no held-out image."""
    faces = Photographs.faces(write_photographs(tmp_path))
    assert faces.schema.classes == ("background", "skin")
    assert [len(faces.heldout), len(faces.labelled(0, 16))] == [10, 16]
    assert faces.labelled(0, 16).images[3].unique().tolist() == [3]
    assert faces.labelled(0, 16).labels["segmentation"][3].unique().tolist() == [1]
    assert not torch.equal(faces.labelled(1, 16).images, faces.labelled(0, 16).images)
    everything = faces.oracle(16)
    assert everything is not None
    assert len(everything) == 50
    assert faces.oracle(50) is None
    with pytest.raises(ValueError, match="at most 50 labels of faces"):
        faces.labelled(0, 51)


def test_the_first_photographs_without_a_mask_are_own_images(tmp_path: Path) -> None:
    """Faces have a folder of them, in the order of their names; with too few, all are used."""
    faces = Photographs.faces(write_photographs(tmp_path))
    assert faces.unlabelled(2)[:, 0].flatten(1).median(dim=1).values.tolist() == [200, 201]
    assert faces.unlabelled(9).shape == (3, 3, 64, 64)


def test_own_images_of_a_split_have_no_mask(tmp_path: Path) -> None:
    """Clothing names them in a list, which has the labelled ones too."""
    folder = write_photographs(tmp_path)
    (folder / "images64").joinpath("labelled").rename(folder / "photographs")
    for path in (folder / "photographs").iterdir():
        path.rename(folder / "images64" / path.name)
    (folder / "mask8_64").rename(folder / "mask10_64")
    for name in ("03", "07"):
        (folder / "mask10_64" / f"{name}.png").unlink()
    (folder / "split.json").write_text(json.dumps({"gan_train": ["07", "01", "03"]}))
    own = Photographs.clothing(folder).unlabelled(5)
    assert own[:, 0].flatten(1).median(dim=1).values.tolist() == [7, 3]


def test_own_portraits_are_no_other_ones() -> None:
    """They are neither labelled, nor held out, nor the oracle's."""
    data = Portraits(num_heldout=4, num_oracle=4)
    own = data.unlabelled(4)
    everything = data.oracle(4)
    assert everything is not None
    for others in (data.labelled(0, 4), everything, data.heldout):
        assert not any(torch.equal(one, other) for one in own for other in others.images)


def test_own_images_have_the_labels_of_the_fit(
    tmp_path: Path, networks: Networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are labelled once for each draw, and train with the real pairs, half and half."""
    monkeypatch.setattr(
        domains, "ensemble_options", lambda: ensemble_options(num_members=1, steps=1, kind="paper")
    )
    domain = Domain(Portraits(num_heldout=4, num_oracle=4), networks, tmp_path)
    options = DownstreamOptions(channels=(4, 8), steps=1, batch=4)
    runs = Runs(domain, options, num_seeds=1, synthetic=(2,), own=5)
    arms = {arm: pairs for arm, _, pairs in runs._arms(4, 0, None)}
    mixture = arms["labelled"]()
    assert [part.count for part in mixture.parts] == [4, 5]
    assert [part.share for part in mixture.parts] == [0.5, 0.5]
    assert torch.equal(mixture.images[4:], domain.data.unlabelled(5))
    expected = domain.fit(0, 4).render(domain.codes("own-5", domain.data.unlabelled(5)))
    assert torch.equal(mixture.labels["segmentation"][4:], expected.labels["segmentation"]["masks"])
    assert (tmp_path / f"portraits-{networks.digest}" / "own-4-0-5.npz").exists()
    plain = Runs(domain, options, num_seeds=1, synthetic=(2,))
    assert "labelled" not in [arm for arm, *_ in plain._arms(4, 0, None)]


def test_a_domain_without_data_is_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message names the options that it needs."""
    parser = downstream_parser("test", None)
    options = parser.parse_args(["--only", "faces", "--folder", str(tmp_path)])
    assert list(open_domains(options)) == []
    assert "--faces and --faces-generator" in capsys.readouterr().err
