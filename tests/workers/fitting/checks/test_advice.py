"""The advice of a fit."""

from contracts.base import Artefact, now
from contracts.fits.metrics import Estimate, InvertedImage, KeypointMetrics
from contracts.ids import DEFAULT_TENANT, new_id
from contracts.labelsets import LabelsetEntry, LabelsetManifest
from contracts.schemas import DepthSchema, KeypointSchema, LabelSchema
from workers.codecs.registry import TASKS
from workers.codecs.task import codecs_of
from workers.fitting.checks.advice import MAX_LINES, advise

PINNED = Artefact(key="a", sha256="0" * 64, num_bytes=1)
LABELS = LabelSchema(classes=("background", "skin", "hat"))
IMAGES = tuple(InvertedImage(name=f"image-{index}", psnr_db=20.0) for index in range(10))


def labelset(labels: LabelSchema, num_hats: int = 10, num_deep: int = 10) -> LabelsetManifest:
    """Return ten images, of which `num_hats` have hats and `num_deep` have depth."""
    entries = tuple(
        LabelsetEntry(
            name=f"image-{index}",
            image=PINNED,
            mask=PINNED if labels.classes else None,
            keypoints=PINNED if labels.keypoints else None,
            depth=PINNED if labels.depth and index < num_deep else None,
            height_px=8,
            width_px=8,
            class_pixels=(40, 20, 4 if index < num_hats else 0) if labels.classes else (),
            visibility=(2,) if labels.keypoints else (),
        )
        for index in range(10)
    )
    return LabelsetManifest(
        tenant=DEFAULT_TENANT,
        id=new_id("labelset"),
        name="",
        created_at=now(),
        digest="0" * 64,
        labels=labels,
        entries=entries,
        class_pixels=(),
        ignored_pixels=0,
    )


def advise_on(
    labelset: LabelsetManifest, images: tuple[InvertedImage, ...], estimate: Estimate | None
) -> tuple[str, ...]:
    """Return the advice on the tasks of the labelset."""
    return advise(codecs_of(TASKS, labelset.labels), labelset, images, estimate)


def estimate(**metrics: object) -> Estimate:
    """Return a cross-validated score of three folds."""
    worst = {"worst_images": ({"name": "image-4", "miou": 0.1},)}
    sizes = {"num_folds": 3, "num_members": 3, "num_steps": 500}
    return Estimate.model_validate(sizes | worst | metrics)


def test_a_rare_class_is_named() -> None:
    """The line contains the number of images, and how many to add."""
    assert "class hat has 3 images; add 5" in advise_on(labelset(LABELS, num_hats=3), IMAGES, None)


def test_a_task_with_few_labelled_images_is_named() -> None:
    """Depth on two of ten images is too little."""
    labels = LabelSchema(depth=DepthSchema(unit="m", scale=1))
    assert "only 2 images have depth; add 6" in advise_on(
        labelset(labels, num_deep=2), IMAGES, None
    )


def test_a_labelset_without_gaps_needs_no_advice() -> None:
    """There is no line without a reason."""
    assert advise_on(labelset(LABELS), IMAGES, None) == ()


def test_images_that_the_generator_cannot_express_are_named() -> None:
    """They are first, because this helps most."""
    foreign = InvertedImage(name="car", psnr_db=9.0, is_expressible=False)
    first = advise_on(labelset(LABELS, num_hats=1), (*IMAGES, foreign), None)[0]
    assert "cannot express 1 of 11 images (car)" in first


def test_a_weak_class_is_named_with_its_confusion() -> None:
    """40 of 100 pixels of hats are predicted as skin."""
    confusion = [[90, 10, 0], [0, 100, 0], [5, 40, 55]]
    class_iou = {"background": 0.9, "skin": 0.8, "hat": 0.4}
    quality = estimate(class_iou=class_iou, confusion=confusion)
    (line, worst) = advise_on(labelset(LABELS), IMAGES, quality)
    assert line.startswith(
        "class hat is weak (estimated IoU 0.40); 40% of its pixels are predicted as skin;"
    )
    assert "image-4" in worst


def test_a_keypoint_that_is_often_missed_is_named() -> None:
    """The line contains the share of correct predictions."""
    labels = LabelSchema(keypoints=KeypointSchema(names=("nose",)))
    metrics = KeypointMetrics(
        pck=0.25, point_pck={"nose": 0.25}, mean_error_px=9.0, visibility_accuracy=1.0
    )
    lines = advise_on(labelset(labels), IMAGES, estimate(keypoints=metrics))
    assert lines[0].startswith("keypoint nose is predicted correctly in 25% of the images")


def test_the_number_of_lines_is_limited() -> None:
    """200 rare classes give `MAX_LINES` lines."""
    classes = tuple(f"class-{number}" for number in range(200))
    whole = labelset(LABELS)
    entries = tuple(
        entry.model_copy(update={"class_pixels": (1,) + (0,) * 199}) for entry in whole.entries
    )
    many = whole.model_copy(update={"labels": LabelSchema(classes=classes), "entries": entries})
    assert len(advise_on(many, IMAGES, None)) == MAX_LINES
