"""The estimated mIoU with classes in too few labelled images."""

import pytest

from workers.codecs.lone_classes import without_unscored


@pytest.mark.parametrize(("num_hair", "lone"), [(2, 0.6), (9, 0.35)])
def test_a_class_without_a_score_counts_by_its_images(num_hair: int, lone: float) -> None:
    """Cross-validation cannot score one image: it counts like rare classes, else as half of all; no image as 0."""
    pooled = {"miou": 0.4, "class_iou": {"skin": 0.8, "hair": 0.6, "hat": 0.0, "cap": None}}
    images = {"skin": 9, "hair": num_hair, "hat": 1, "cap": 0}
    scored = without_unscored(pooled, images)
    assert scored["class_iou"] == {"skin": 0.8, "hair": 0.6, "hat": None, "cap": None}
    assert scored["miou"] == pytest.approx((0.8 + 0.6 + lone + 0) / 4)


def test_without_any_scored_class_the_mean_is_zero() -> None:
    """A single image of each class says nothing."""
    scored = without_unscored({"miou": None, "class_iou": {"skin": None}}, {"skin": 1})
    assert scored["miou"] == 0.0


def test_a_mean_with_unscored_classes_has_no_interval() -> None:
    """Its draws would leave these classes out."""
    pooled = {"miou": 0.4, "class_iou": {"skin": 0.8, "hat": 0.0}, "miou_interval": "known"}
    assert without_unscored(pooled, {"skin": 9, "hat": 1})["miou_interval"] is None
    assert without_unscored(pooled, {"skin": 9, "hat": 2})["miou_interval"] == "known"
