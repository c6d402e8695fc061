"""The option `--target` of batches and streams."""

import json
from argparse import ArgumentTypeError

import pytest

from handsoff_client import Batch, HandsOff, InvalidRequest
from handsoff_client.cli import tables
from handsoff_client.cli.argument_types import target, target_text
from handsoff_client.http.parsing import parse
from tests.client.conftest import Run, job

PRESENCE = {"kind": "presence", "class_name": "hat"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("hat=40%", PRESENCE | {"images": 0.4}),
        ("hat=0.4", PRESENCE | {"images": 0.4}),
        ("hat>=2%", PRESENCE | {"images": 1.0, "min_pixels": 0.02}),
        ("hat>=2%=40%", PRESENCE | {"images": 0.4, "min_pixels": 0.02}),
        (" sun hat = 40%", PRESENCE | {"class_name": "sun hat", "images": 0.4}),
        (
            "hat=30%,glasses>=1%=20%",
            {
                "kind": "distribution",
                "images": {"hat": 0.3, "glasses": 0.2},
                "min_pixels": {"glasses": 0.01},
            },
        ),
        ("more:hair=1.5", {"kind": "more", "class_name": "hair", "strength": 1.5}),
        ("less:hair", {"kind": "less", "class_name": "hair", "strength": 1.0}),
    ],
)
def test_a_target_is_one_text(text: str, value: object) -> None:
    """In the forms of the table that the documentation has."""
    assert target(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hat",
        "=40%",
        "hat=",
        "hat=much",
        "hat>=%",
        "hat=1%,hat=2%",
        "more:",
        "more:hair=",
        "less:=2",
    ],
)
def test_another_text_is_refused(text: str) -> None:
    """The message shows all forms."""
    with pytest.raises(
        ArgumentTypeError, match=r"hat=40%, hat>=2%=40%, hat=30%,glasses=20% or more:hair=1\.5"
    ):
        target(text)


@pytest.mark.parametrize("text", ["hat>=2%=40%", "hat>=2%=30%,glasses>=1%=20%", "more:hair=1.5"])
def test_a_target_is_printed_as_it_is_written(text: str) -> None:
    """What `show` prints can be given to another batch."""
    assert target_text(target(text)) == text


@pytest.mark.parametrize("words", [("batch", "-n", "3"), ("stream",)])
def test_targets_are_sent_and_shown(run: Run, finished_fit_id: str, words: tuple[str, ...]) -> None:
    """Several options are several targets."""
    command, *more = words
    options = ("--target", "hair>=2%=40%", "--target", "more:skin=1.5")
    code, answer, _ = run("--json", command, finished_fit_id, *more, *options)
    assert (code, len(json.loads(answer)["targets"])) == (0, 2)
    assert "hair>=2%=40% more:skin=1.5" in run("show", json.loads(answer)["id"])[1]


def test_the_achieved_shares_are_shown() -> None:
    """Of a batch with targets, beside the rendered candidates of each sample; other batches have neither."""
    achieved = [PRESENCE | {"images": 0.4, "achieved": 0.398}]
    metrics = {"targets": achieved, "candidates_per_sample": 1.75, "classes": []}
    batch = parse(
        Batch, job("batch", "succeeded", targets=[PRESENCE | {"images": 0.4}], metrics=metrics)
    )
    shown = tables.job(batch)
    assert "hat in 39.8%" in shown
    assert "candidates_per_sample  1.75" in shown
    none: dict[str, object] = {"targets": [], "candidates_per_sample": None}
    plain = parse(Batch, job("batch", "succeeded", metrics=metrics | none))
    assert "candidates_per_sample" not in tables.job(plain)


def test_a_class_that_the_fit_lacks_is_an_error(handsoff: HandsOff, finished_fit_id: str) -> None:
    """The error of the service has its own type, as for other invalid requests."""
    with pytest.raises(InvalidRequest, match="classes of the fit"):
        handsoff.batches.create(fit=finished_fit_id, n=1, targets=[PRESENCE | {"images": 0.4}])
