"""What is put together and checked before a fit is asked for."""

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from handsoff_client import InvalidInput
from handsoff_client.nouns.fitting import nested, parse_option
from tests.app.uploading import png
from tests.client.conftest import Service, job


def generators(*found: dict[str, Any]) -> httpx2.Response:
    """A list of generators."""
    own = {"source": "", "license": "", "width_px": 32, "height_px": 32}
    items = [job("generator", one.pop("status", "succeeded")) | own | one for one in found]
    return httpx2.Response(200, json={"items": items, "has_more": False})


@pytest.mark.parametrize(
    ("text", "option"),
    [
        ("ensemble.steps=500", ("ensemble.steps", 500)),
        ("estimate=false", ("estimate", False)),
        ("ensemble=paper", ("ensemble", "paper")),
        ("ensemble.hidden=[64, 32]", ("ensemble.hidden", [64, 32])),
        ("min_tap_px=null", ("min_tap_px", None)),
        ("name=a=b", ("name", "a=b")),
        ("x=NaN", ("x", "NaN")),
        ("x=", ("x", "")),
    ],
)
def test_an_option_is_a_name_and_json_or_text(text: str, option: tuple[str, object]) -> None:
    """Numbers, words, lists; what is no JSON stays text, NaN as well."""
    assert parse_option(text) == option


@pytest.mark.parametrize("text", ["ensemble.steps", "=5", "a..b=5", ".a=5", " a=5"])
def test_what_is_no_option_says_what_one_is(text: str) -> None:
    """With an example."""
    with pytest.raises(ValueError, match=r"expected KEY=VALUE such as ensemble\.steps=500"):
        parse_option(text)


def test_dotted_options_become_one_object() -> None:
    """As the request has it."""
    given = [("ensemble.steps", 5), ("ensemble.rank", 8), ("estimate", False)]
    assert nested(given) == {"ensemble": {"steps": 5, "rank": 8}, "estimate": False}


@pytest.mark.parametrize(
    "given",
    [
        [("a", 1), ("a", 2)],
        [("a", 1), ("a.b", 2)],
        [("a.b", 1), ("a", 2)],
        [("a.b", 1), ("a.b.c", 2)],
    ],
)
def test_an_option_is_given_once(given: list[tuple[str, object]]) -> None:
    """Which of two is meant is not guessed."""
    with pytest.raises(InvalidInput, match="Keep one"):
        nested(given)


def test_a_generator_is_found_by_id_or_name(service: Service) -> None:
    """An id comes before a name; of two of one name, the one that is ready."""
    listed = [
        {"id": "generator_1", "name": "faces"},
        {"id": "generator_2", "name": "faces", "status": "failed"},
        {"id": "faces-64", "name": "generator_1"},
    ]
    service.answers = [generators(*map(dict, listed)) for _ in range(3)]
    find = service.client().generators.find
    assert find("faces").id == "generator_1"
    assert find("generator_1").id == "generator_1"
    assert find("generator_2").status == "failed"


def test_an_ambiguous_name_lists_the_ids(service: Service) -> None:
    """Nothing is guessed."""
    service.answers = [generators({"id": "one", "name": "faces"}, {"id": "two", "name": "faces"})]
    with pytest.raises(
        InvalidInput, match=r"2 generators are named 'faces': one, two\. Give an id"
    ):
        service.client().generators.find("faces")


def test_an_unknown_generator_is_answered_with_those_there_are(service: Service) -> None:
    """The newest of them."""
    service.answers = [generators({"id": "portraits-64", "name": "portraits-64"}), generators()]
    find = service.client().generators.find
    with pytest.raises(InvalidInput, match=r"no generator 'x'\. There is: portraits-64\."):
        find("x")
    with pytest.raises(InvalidInput, match="has none yet; upload one"):
        find("x")


@pytest.mark.parametrize(("status", "todo"), [("queued", "handsoff wait g"), ("failed", "again")])
def test_a_generator_that_is_not_ready_is_refused(service: Service, status: str, todo: str) -> None:
    """With what to do."""
    service.answers = [generators({"id": "g", "name": "g", "status": status})]
    with pytest.raises(InvalidInput, match=f"is {status}, not ready for a fit.*{todo}"):
        service.client().generators.find_ready("g")


def test_a_fit_of_a_folder_is_one_call(service: Service, tmp_path: Path) -> None:
    """Checked, uploaded, asked for, waited for."""
    for part, mode in (("images", "RGB"), ("masks", "L")):
        (tmp_path / part).mkdir()
        (tmp_path / part / "a.png").write_bytes(png(mode, (32, 32), 0))
    (tmp_path / "labelset.json").write_text('{"classes": ["background", "skin"]}')
    labelset = {"id": "labelset_1", "name": "", "digest": "", "num_images": 1, "labels": {}}
    service.answers = [
        generators({"id": "generator_1", "name": "faces"}),
        httpx2.Response(201, json=labelset | {"created_at": "2026-11-22T10:00:00Z"}),
        httpx2.Response(202, json=job("fit", "queued")),
        httpx2.Response(200, json=job("fit", "succeeded")),
    ]
    fit = service.client().fits.from_folder(tmp_path, generator="faces", seed=3)
    assert fit.status == "succeeded"
    sent = json.loads(service.asked[2].content)
    assert sent == {"generator": "generator_1", "labelset": "labelset_1", "seed": 3}


def test_images_of_another_shape_are_not_uploaded(service: Service, tmp_path: Path) -> None:
    """The generator's shape is known before."""
    (tmp_path / "images").mkdir()
    (tmp_path / "images/a.png").write_bytes(png("RGB", (64, 48), (0, 0, 0)))
    service.answers = [generators({"id": "g", "name": "g"})]
    with pytest.raises(InvalidInput, match=r"images/a\.png: The image is 64 x 48.*Nothing was upl"):
        service.client().fits.from_folder(tmp_path, generator="g")
    assert len(service.asked) == 1
