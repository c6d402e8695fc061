"""What an evaluation refuses before anything is queued, and what it warns of."""

from typing import Any

import httpx2
import pytest

from contracts.ids import DEFAULT_TENANT, new_id
from contracts.labelsets import LabelsetManifest
from state import keys, records
from state.settings import Settings
from state.store import Store
from tests.app.evaluations.conftest import SMP, AddLabelset

Body = dict[str, Any]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Return settings with small limits: 100 pairs of 32 x 32 px with masks take 409,600 bytes."""
    return settings.model_copy(
        update={
            "max_evaluation_pairs": 4_000,
            "max_evaluation_bytes": 100 * 32 * 32 * 4 * 35,
            "max_evaluation_steps": 100_000,
        }
    )


def flaws(client: httpx2.Client, body: Body, **changes: object) -> list[dict[str, Any]]:
    """Return the flaws of a refused body."""
    answer = client.post("/v1/evaluations", json=body | changes)
    assert answer.status_code == 422, answer.text
    found: list[dict[str, Any]] = answer.json()["errors"]
    return found


def test_a_held_out_image_that_trains_is_refused(
    client: httpx2.Client, body: Body, add_labelset: AddLabelset, labelset_id: str
) -> None:
    """The fit has learnt from image 1, so its score would be too high; the flaw names both labelsets."""
    heldout = add_labelset("new", "1")
    (flaw,) = flaws(client, body, heldout_labelset=heldout)
    assert (flaw["pointer"], flaw["file"]) == ("/heldout_labelset", "1")
    assert f"also in {labelset_id}, as 'image-1'" in flaw["detail"]


def test_other_training_pairs_do_not_hide_those_of_the_fit(
    client: httpx2.Client, body: Body, add_labelset: AddLabelset
) -> None:
    """The generated pairs still come from the fit's images, so these may not be held out either."""
    changes = {"labelset": add_labelset("x", "y"), "heldout_labelset": add_labelset("a", "0")}
    (flaw,) = flaws(client, body, **changes)
    assert flaw["file"] == "0"


def test_held_out_images_are_not_in_the_oracle(
    client: httpx2.Client, body: Body, add_labelset: AddLabelset
) -> None:
    """An oracle with the test images would be a perfect one."""
    changes = {
        "heldout_labelset": add_labelset("a", "b"),
        "oracle_labelset": add_labelset("a", "c", "d"),
    }
    (flaw,) = flaws(client, body, **changes)
    assert (flaw["pointer"], flaw["file"]) == ("/heldout_labelset", "a")


@pytest.mark.parametrize("field", ["heldout_labelset", "labelset"])
def test_classes_are_those_of_the_fit(
    client: httpx2.Client, body: Body, add_labelset: AddLabelset, field: str
) -> None:
    """The same indices with other names would be compared silently; the flaw lists both."""
    other = add_labelset("a", "b", classes=["background", "skin", "hat"])
    (flaw,) = flaws(client, body, **{field: other})
    assert flaw["pointer"] == f"/{field}"
    assert (
        "background, skin, hat, but those of the fit are background, skin, hair" in flaw["detail"]
    )


def test_held_out_labels_are_of_a_task_of_the_fit(
    client: httpx2.Client, body: Body, add_labelset: AddLabelset
) -> None:
    """A fit of masks cannot be scored on depth."""
    depth = add_labelset("a", "b", classes=[], depth={"unit": "m", "scale": 0.1})
    (flaw,) = flaws(client, body, heldout_labelset=depth)
    assert "the fit learns segmentation" in flaw["detail"]


def test_training_pairs_have_the_labels_that_are_scored(
    client: httpx2.Client, body: Body, add_labelset: AddLabelset
) -> None:
    """A network of the arm `real` could not learn masks from depth."""
    depth = add_labelset("a", "b", classes=[], depth={"unit": "m", "scale": 0.1})
    (flaw,) = flaws(client, body, labelset=depth)
    assert flaw["pointer"] == "/labelset"
    assert "no labels for segmentation" in flaw["detail"]


def test_a_task_that_no_image_is_labelled_for_cannot_be_scored(
    client: httpx2.Client, body: Body, add_labelset: AddLabelset, store: Store
) -> None:
    """A schema alone is no label."""
    heldout = add_labelset("a", "b")
    key = keys.manifest(DEFAULT_TENANT, "labelsets", heldout)
    manifest = records.read(store, key, LabelsetManifest)
    assert manifest is not None
    entries = tuple(entry.model_copy(update={"mask": None}) for entry in manifest.entries)
    records.write(store, key, manifest.model_copy(update={"entries": entries}))
    (flaw,) = flaws(client, body, heldout_labelset=heldout)
    assert flaw["pointer"] == "/heldout_labelset"


def test_images_have_the_aspect_ratio_of_the_generator(
    client: httpx2.Client, body: Body, add_labelset: AddLabelset
) -> None:
    """All networks see images of one size."""
    wide = add_labelset("a", "b", px=(32, 64))
    assert {flaw["file"] for flaw in flaws(client, body, heldout_labelset=wide)} == {"a", "b"}


def test_conditions_are_those_of_the_generator(
    client: httpx2.Client, body: Body, add_labelset: AddLabelset
) -> None:
    """A generator without classes cannot label conditional images directly."""
    (flaw,) = flaws(client, body, heldout_labelset=add_labelset("a", "b", condition=1))
    assert "has no classes" in flaw["detail"]


def test_one_held_out_image_is_refused(
    client: httpx2.Client, body: Body, add_labelset: AddLabelset
) -> None:
    """There is no interval over one image."""
    (flaw,) = flaws(client, body, heldout_labelset=add_labelset("a"))
    assert "at least 2 held-out images" in flaw["detail"]


@pytest.mark.parametrize(("count", "codes"), [(49, ["few_heldout_images"]), (50, [])])
def test_few_held_out_images_are_allowed_with_a_warning(
    client: httpx2.Client, body: Body, add_labelset: AddLabelset, count: int, codes: list[str]
) -> None:
    """Fewer than 50 give wide intervals."""
    heldout = add_labelset(*(f"h{number}" for number in range(count)))
    shown = client.post("/v1/evaluations", json=body | {"heldout_labelset": heldout}).json()
    assert [one["code"] for one in shown["warnings"]] == codes


def test_few_seeds_are_allowed_with_a_warning(client: httpx2.Client, body: Body) -> None:
    """Two trainings hardly show how much a result depends on chance."""
    shown = client.post("/v1/evaluations", json=body | {"options": {"num_seeds": 2}}).json()
    assert [one["code"] for one in shown["warnings"]] == ["few_seeds"]


def test_a_deleted_labelset_of_the_fit_is_replaced_or_named(
    client: httpx2.Client, body: Body, add_labelset: AddLabelset, labelset_id: str
) -> None:
    """Without it another one must be given, and a warning says that an overlap stays unknown."""
    assert client.delete(f"/v1/labelsets/{labelset_id}").status_code == 204
    (flaw,) = flaws(client, body)
    assert flaw["pointer"] == "/labelset"
    shown = client.post("/v1/evaluations", json=body | {"labelset": add_labelset("x", "y")}).json()
    assert [one["code"] for one in shown["warnings"]] == ["training_images_unknown"]


def test_an_oracle_has_more_images(
    client: httpx2.Client, body: Body, add_labelset: AddLabelset
) -> None:
    """As many as the training pairs show nothing more."""
    (flaw,) = flaws(client, body, oracle_labelset=add_labelset("a", "b"))
    assert (flaw["pointer"], "more images than the 2" in flaw["detail"]) == (
        "/oracle_labelset",
        True,
    )


def test_an_arm_needs_its_input_and_an_input_its_arm(
    client: httpx2.Client, body: Body, add_labelset: AddLabelset
) -> None:
    """An oracle without images cannot train; an oracle labelset without the arm would have no effect."""
    (flaw,) = flaws(client, body, options={"arms": ["real", "oracle"]})
    assert flaw["pointer"] == "/options/arms"
    oracle, arms = add_labelset("a", "b", "c"), {"arms": ["real", "mixed"]}
    (flaw,) = flaws(client, body, options=arms, oracle_labelset=oracle)
    assert flaw["pointer"] == "/oracle_labelset"


@pytest.mark.parametrize(
    ("options", "pointer"),
    [
        ({"arms": ["real"]}, "/options/arms"),
        ({"arms": ["real", "real"]}, "/options/arms"),
        ({"arms": ["real", "imaginary"]}, "/options/arms/1"),
        ({"synthetic_counts": [100, 100]}, "/options/synthetic_counts"),
        ({"synthetic_counts": []}, "/options/synthetic_counts"),
        ({"synthetic_counts": [0]}, "/options/synthetic_counts/0"),
        ({"num_seeds": 21}, "/options/num_seeds"),
        ({"steps": 0}, "/options/steps"),
        ({"network": "resnet"}, "/options/network"),
        ({"network": {"kind": "smp", "architecture": "unet"}}, "/options/network/encoder"),
        ({"network": SMP | {"architecture": "os"}}, "/options/network/architecture"),
        ({"network": SMP | {"encoder": "tu-resnet18"}}, "/options/network/encoder"),
        ({"seeds": 3}, "/options/seeds"),
    ],
)
def test_options_out_of_range_are_refused(
    client: httpx2.Client, body: Body, options: dict[str, object], pointer: str
) -> None:
    """The error names the option."""
    assert flaws(client, body, options=options)[0]["pointer"] == pointer


@pytest.mark.parametrize(
    ("options", "pointer", "message"),
    [
        (
            {"synthetic_counts": [4_001]},
            "/options/synthetic_counts",
            "at most 4000 generated pairs",
        ),
        ({"synthetic_counts": [3_501]}, "/options/synthetic_counts", "3500 are possible"),
        ({"steps": 3_572}, "/options/steps", "28 trainings of 3,572"),
    ],
)
def test_limits_of_the_operator_are_kept(
    client: httpx2.Client, body: Body, options: dict[str, object], pointer: str, message: str
) -> None:
    """Pairs, their memory, and the steps of all trainings together have limits; the message has the number."""
    (flaw,) = flaws(client, body, options=options)
    assert flaw["pointer"] == pointer
    assert message in flaw["detail"]


def test_largest_requests_within_the_limits_are_accepted(client: httpx2.Client, body: Body) -> None:
    """One pair or step less than in the test above is allowed."""
    for options in ({"synthetic_counts": [3_500]}, {"steps": 3_571}):
        answer = client.post("/v1/evaluations", json=body | {"options": options})
        assert answer.status_code == 202, answer.text


def test_counts_have_no_limit_without_generated_pairs(client: httpx2.Client, body: Body) -> None:
    """Arms that use none make none."""
    options = {"synthetic_counts": [1_000_000], "arms": ["real", "direct"]}
    assert client.post("/v1/evaluations", json=body | {"options": options}).status_code == 202


def test_unknown_inputs_are_refused(client: httpx2.Client, body: Body) -> None:
    """A fit and a labelset that do not exist are named."""
    for field, missing in (
        ("fit", new_id("fit")),
        ("heldout_labelset", new_id("labelset")),
        ("labelset", new_id("labelset")),
        ("oracle_labelset", new_id("labelset")),
    ):
        (flaw,) = flaws(client, body, **{field: missing})
        assert (flaw["pointer"], missing in flaw["detail"]) == (f"/{field}", True)


def test_a_fit_that_has_not_succeeded_is_a_conflict(
    client: httpx2.Client, fit_id: str, heldout: str
) -> None:
    """It may succeed later."""
    answer = client.post("/v1/evaluations", json={"fit": fit_id, "heldout_labelset": heldout})
    assert (answer.status_code, answer.json()["code"]) == (409, "fit_not_ready")


def test_a_deleted_generator_is_named(client: httpx2.Client, body: Body, store: Store) -> None:
    """Without it the fit can generate nothing."""
    store.delete(keys.manifest(DEFAULT_TENANT, "generators", "tiny-32"))
    (flaw,) = flaws(client, body)
    assert (flaw["pointer"], "tiny-32" in flaw["detail"]) == ("/fit", True)


def test_a_refused_evaluation_stores_nothing(
    client: httpx2.Client, body: Body, store: Store
) -> None:
    """The store has no object of an evaluation."""
    flaws(client, body, options={"steps": 0})
    assert list(store.list(keys.noun_prefix(DEFAULT_TENANT, "evaluations"))) == []
