"""`handsoff evaluate` with the real app, its stages, and the tables of an evaluation."""

import json
from argparse import ArgumentTypeError
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from handsoff_client import Evaluation
from handsoff_client.api.resources import Job
from handsoff_client.cli import tables
from handsoff_client.cli.argument_types import counts, network
from handsoff_client.cli.stages import evaluation_schedule
from handsoff_client.http.parsing import parse
from tests.app.evaluations.conftest import AddLabeling
from tests.app.uploading import pairs
from tests.client.api.test_evaluations import evaluation
from tests.client.conftest import Run


@pytest.fixture
def heldout(tmp_path: Path) -> Path:
    """Write a folder of four labelled images that no fit has."""
    for name, data in pairs(4).items():
        path = tmp_path / "heldout" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return tmp_path / "heldout"


def test_a_folder_is_uploaded_and_evaluated(run: Run, finished_fit_id: str, heldout: Path) -> None:
    """Only given options are sent; few images are a warning, and so is a missing worker."""
    words = ("--arms", "real,mixed", "--counts", "100,200", "--seeds", "2")
    code, output, message = run("evaluate", finished_fit_id, "--heldout", str(heldout), *words)
    assert code == 0, message
    shown = json.loads(run("--json", "show", output.strip())[1])
    options = shown["options"]
    assert (options["arms"], options["synthetic_counts"]) == (["real", "mixed"], [100, 200])
    assert (options["num_seeds"], options["steps"], options["truncation"]) == (2, 600, 0.7)
    assert "warning: 4 held-out images are too few" in message
    assert "no worker evaluates at the moment" in message
    assert "(`python -m workers evaluate`)" in message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("unet", "unet"),
        ("smp:fpn/resnet34", {"kind": "smp", "architecture": "fpn", "encoder": "resnet34"}),
        (
            "smp:fpn/resnet34/mounted",
            {"kind": "smp", "architecture": "fpn", "encoder": "resnet34", "weights": "mounted"},
        ),
    ],
)
def test_a_network_is_one_word(text: str, value: object) -> None:
    """The service checks the names."""
    assert network(text) == value


@pytest.mark.parametrize("text", ["smp:unet", "smp:unet/", "timm:a/b", "smp:a/b/c/d"])
def test_other_forms_of_a_network_are_refused(text: str) -> None:
    """The message shows the form."""
    with pytest.raises(ArgumentTypeError, match="smp:ARCHITECTURE/ENCODER"):
        network(text)


def test_the_network_is_sent(run: Run, finished_fit_id: str, heldout: Path) -> None:
    """It is stored with the first weights; a name that the service does not have is refused."""
    words = ("evaluate", finished_fit_id, "--heldout", str(heldout), "--network")
    output = run(*words, "smp:unet/resnet18")[1].strip()
    shown = json.loads(run("--json", "show", output)[1])
    assert shown["options"]["network"] == {
        "kind": "smp",
        "architecture": "unet",
        "encoder": "resnet18",
        "weights": "random",
    }
    assert "/options/network/encoder" in run(*words, "smp:unet/vgg99")[2]


def test_a_labeling_is_sent(
    run: Run, finished_fit_id: str, heldout: Path, add_labeling: AddLabeling
) -> None:
    """It adds its arm, and `show` names it."""
    own = add_labeling(finished_fit_id)
    words = ("evaluate", finished_fit_id, "--heldout", str(heldout), "--labeling", own)
    evaluation_id = run(*words)[1].strip()
    shown = run("show", evaluation_id)[1]
    assert own in shown
    assert "labelled 0/4" in shown


def test_evaluations_are_listed_cancelled_and_deleted(
    run: Run, finished_fit_id: str, heldout: Path, client: httpx2.Client
) -> None:
    """They are jobs like all others."""
    output = run("evaluate", finished_fit_id, "--heldout", str(heldout))[1].strip()
    listed = run("evaluations")[1]
    assert output in listed
    assert "real 0/4, synthetic 0/12, mixed 0/12, direct 0/1" in listed
    assert "cancelling" in run("cancel", output)[1]
    assert client.get(f"/v1/evaluations/{output}").json()["status"] == "cancelling"
    assert run("rm", output)[0] == 1


def test_held_out_images_are_needed(run: Run, finished_fit_id: str) -> None:
    """The message says what they are for."""
    code, _, message = run("evaluate", finished_fit_id)
    assert (code, "Every arm is scored on them" in message) == (1, True)


def test_the_report_of_an_earlier_evaluation_is_written(
    run: Run,
    finished_fit_id: str,
    heldout: Path,
    tmp_path: Path,
    finish_evaluation: Callable[[str], None],
) -> None:
    """After an interrupted wait, the id of the evaluation gives verdict and report."""
    evaluation_id = run("evaluate", finished_fit_id, "--heldout", str(heldout))[1].strip()
    finish_evaluation(evaluation_id)
    out = tmp_path / "report.html"
    code, output, message = run("evaluate", evaluation_id, "--out", str(out))
    assert (code, output) == (0, "Masks: synthetic pairs help.\n")
    assert "warning: only 4 images" in message
    assert out.read_text() == "<!doctype html>"
    shown = run("show", evaluation_id)[1]
    assert "verdict\n  - Masks: synthetic pairs help." in shown


@pytest.mark.parametrize("words", [("--out", "report.pdf"), ("--option", "epochs=3")])
def test_wrong_arguments_are_refused_before_the_upload(
    run: Run, finished_fit_id: str, heldout: Path, words: tuple[str, str], client: httpx2.Client
) -> None:
    """A format that reports do not have, and an option that the service does not have."""
    before = client.get("/v1/labelsets").json()["items"]
    code, _, message = run("evaluate", finished_fit_id, "--heldout", str(heldout), *words)
    assert code == 1
    assert "Expected a report file" in message or "Expected an option of" in message
    assert client.get("/v1/labelsets").json()["items"] == before


def test_numbers_are_separated_by_commas() -> None:
    """Spaces are allowed."""
    assert counts("300, 1000") == [300, 1_000]


def interval(value: float, **more: Any) -> dict[str, Any]:
    """Return a number with an interval of two points."""
    return {"value": value, "low": value - 0.01, "high": value + 0.01, **more}


def test_an_evaluation_is_a_table_and_a_verdict() -> None:
    """Each arm has its score and its difference to real pairs, with intervals."""
    arms = [
        {"ref": {"arm": "real", "synthetic_pairs": 0}, "score": interval(0.5), "difference": None},
        {
            "ref": {"arm": "mixed", "synthetic_pairs": 300},
            "score": interval(0.561),
            "difference": interval(0.061, outcome="better"),
        },
    ]
    report = {"verdict": ["Mixed pairs help."], "tasks": [{"measure": "mIoU", "arms": arms}]}
    text = tables.job(parse(Evaluation, evaluation(report=report)))
    assert "mixed  300               0.561 [0.551, 0.571]  0.061 [0.051, 0.071]" in text
    assert text.endswith("verdict\n  - Mixed pairs help.")


def running(stage: str, done: int, total: int, eta: float) -> Job:
    """Return an evaluation in a stage."""
    arms = [
        {"arm": "real", "done": 0, "total": 3},
        {"arm": "mixed", "done": 0, "total": 9},
        {"arm": "direct", "done": 0, "total": 1},
    ]
    progress = {"stage": stage, "done": done, "total": total, "eta_seconds": eta}
    return parse(
        Evaluation, evaluation("running", arms=arms, progress=progress, report=None, files=[])
    )


def test_the_stages_are_the_arms() -> None:
    """An arm is a stage; direct labels are two."""
    job = running("real", 900, 1_800, 90.0)
    assert isinstance(job, Evaluation)
    stages = evaluation_schedule(job).stages(job)
    assert stages.names == (
        "reading",
        "generating",
        "real",
        "mixed",
        "inverting",
        "labelling",
        "reporting",
    )
    assert stages.place == 2


def test_the_time_left_counts_the_trainings_of_later_arms() -> None:
    """Three trainings take 180 s, so nine more take 540 s; the rest is short."""
    job = running("real", 900, 1_800, 90.0)
    assert isinstance(job, Evaluation)
    left = evaluation_schedule(job).seconds_left(job)
    assert left == pytest.approx(90 + 540 + 67)
