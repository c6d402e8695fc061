"""The option `--condition` of batches and streams, and the conditions of a labelset."""

import json
from argparse import ArgumentTypeError
from pathlib import Path

import pytest

from handsoff_client import HandsOff, InvalidRequest
from handsoff_client.cli.argument_types import condition
from tests.client.conftest import Run


@pytest.mark.parametrize(
    ("text", "value"),
    [("3", 3), ("0,3", [0, 3]), (" 0, 3", [0, 3]), ("0:0.7,3:0.3", {0: 0.7, 3: 0.3})],
)
def test_a_condition_is_one_class_several_or_weights(text: str, value: object) -> None:
    """In the form of the table that the documentation has."""
    assert condition(text) == value


@pytest.mark.parametrize("text", ["", "cat", "0:0.7,3", "0,0", "0:1,0:2", "0:", "1.5"])
def test_another_text_is_refused(text: str) -> None:
    """The message shows all three forms; a class that is named twice is an error too."""
    with pytest.raises(ArgumentTypeError, match=r"3, 0,3 or 0:0\.7,3:0\.3"):
        condition(text)


@pytest.mark.usefixtures("conditional")
@pytest.mark.parametrize("words", [("batch", "-n", "3"), ("stream",)])
def test_the_condition_is_sent_and_shown(
    run: Run, finished_fit_id: str, words: tuple[str, ...]
) -> None:
    """The service resolves it to shares."""
    command, *more = words
    code, answer, _ = run("--json", command, finished_fit_id, *more, "--condition", "2:3,0:1")
    assert (code, json.loads(answer)["condition"]) == (0, {"0": 0.25, "2": 0.75})
    assert "0:0.25,2:0.75" in run("show", json.loads(answer)["id"])[1]


@pytest.mark.usefixtures("conditional")
def test_a_mapping_of_numbers_is_accepted(handsoff: HandsOff, finished_fit_id: str) -> None:
    """JSON has only text as keys; the client converts them."""
    batch = handsoff.batches.create(fit=finished_fit_id, n=1, condition={2: 1.0})
    assert batch.condition == {"2": 1.0}


def test_an_unconditional_generator_is_an_error(handsoff: HandsOff, finished_fit_id: str) -> None:
    """The error of the service has its own type, as for other invalid requests."""
    with pytest.raises(InvalidRequest, match="has no classes"):
        handsoff.streams.create(fit=finished_fit_id, condition=[0])


def test_a_check_shows_the_images_of_each_condition(run: Run, folder: Path) -> None:
    """A table below that of the mask's classes."""
    schema = json.loads((folder / "labelset.json").read_text())
    schema["conditions"] = {"image-0": 7, "image-1": 2, "image-2": 7}
    (folder / "labelset.json").write_text(json.dumps(schema))
    code, out, _ = run("check", str(folder))
    assert code == 0
    assert "CONDITION  IMAGES\n2          1\n7          2" in out
