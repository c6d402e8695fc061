"""Labelings as a job: their result, unreadable images, and attempts after a crash."""

import io
import json
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from contracts.jobs import JobStatus
from handsoff_shards.samples import decode_sample
from models.inversion.framing import Framing
from state import records
from tests.workers.labeling.labeling_scene import (
    files_of,
    picture,
    pictures,
    request_labeling,
    run,
)
from tests.workers.scene import ALL_TASKS, PX, QUICK, Scene
from workers.fitting import fits
from workers.labeling import labelings
from workers.labeling.labeler import Labeler
from workers.runtime.jobs import Run
from workers.runtime.pulse import Drained


def sample(files: dict[str, bytes], index: int) -> dict[str, bytes]:
    """Return the files of one image by extension."""
    key = f"{index:09d}."
    return {name.removeprefix(key): data for name, data in files.items() if name.startswith(key)}


def test_every_image_gets_all_labels(scene: Scene) -> None:
    """Masks, keypoints, depth and uncertainty in the format of a batch, with the image itself.

    The upload belongs to the labeling alone and is deleted at the end.
    """
    files = pictures(6)
    request = request_labeling(scene, scene.fit(ALL_TASKS), files)
    manifest = run(scene, request)
    assert manifest.status is JobStatus.SUCCEEDED, manifest.error
    assert [shard.num_samples for shard in manifest.shards] == [4, 2]
    assert (manifest.num_samples, sum(manifest.class_pixels)) == (6, 6 * PX * PX)
    assert scene.machine.store.head(request.original.key) is None
    stored = files_of(scene, manifest)
    for index, name in enumerate(files):
        decoded = decode_sample(sample(stored, index))
        assert decoded.mask is not None
        assert decoded.mask.shape == (PX, PX)
        assert decoded.keypoints is not None
        assert decoded.depth is not None
        assert decoded.uncertainty is not None
        assert np.array_equal(decoded.image, np.asarray(Image.open(io.BytesIO(files[name]))))
        assert decoded.original is not None
        assert (decoded.original.name, decoded.original.box) == (name, (0, 0, PX, PX))
        assert set(decoded.facts["scores"]) == {"segmentation", "keypoints", "depth"}


def test_the_most_uncertain_image_is_first(scene: Scene) -> None:
    """The manifest and the shards have the same scores."""
    manifest = run(scene, request_labeling(scene, scene.fit(), pictures(6)))
    scores = [image.score for image in manifest.images]
    assert scores == sorted(scores, reverse=True)
    stored = files_of(scene, manifest)
    for image in manifest.images:
        facts = json.loads(sample(stored, image.index)["json"])
        assert (facts["score"], facts["original"]["name"]) == (image.score, image.name)
        assert facts["expressibility"] == image.expressibility
    assert manifest.mean_score == pytest.approx(np.mean(scores))


def test_an_unreadable_image_costs_no_other_one(scene: Scene) -> None:
    """It is reported with its name and reason, and a shard without readable images has no tar."""
    files = pictures(9)
    for number in (1, 4, 5, 6, 7):
        files[f"photos/{number:02d}.png"] = b"no image"
    files["notes.txt"] = b"text"
    manifest = run(scene, request_labeling(scene, scene.fit(), files))
    assert manifest.status is JobStatus.SUCCEEDED, manifest.error
    assert [image.name for image in manifest.unreadable] == [
        f"photos/{number:02d}.png" for number in (1, 4, 5, 6, 7)
    ]
    assert "cannot be read as PNG, JPEG or WebP" in manifest.unreadable[0].reason
    assert "handsoff-upload" not in manifest.unreadable[0].reason
    assert [(one.index, one.num_samples) for one in manifest.shards] == [(0, 3), (1, 1)]
    assert sorted(image.index for image in manifest.images) == [0, 2, 3, 8]
    assert manifest.num_other_files == 1


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a.png": b"no image"}, "None of the 1 images can be labelled: a.png: the file cannot be"),
        ({"a.txt": b"text"}, "expected PNG, JPEG or WebP images in the archive"),
    ],
)
def test_without_a_readable_image_the_job_fails(
    scene: Scene, files: dict[str, bytes], message: str
) -> None:
    """The error says what was expected and found."""
    manifest = run(scene, request_labeling(scene, scene.fit(), files))
    assert manifest.status is JobStatus.FAILED
    assert manifest.error is not None
    assert manifest.error.code == "invalid_images"
    assert message in manifest.error.detail


def test_a_labeling_continues_after_a_crash(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A labelled shard is not labelled again; the result is that of an uninterrupted run."""
    fit, files = scene.fit(), pictures(9)
    whole = run(scene, request_labeling(scene, fit, files))
    request = request_labeling(scene, fit, files)
    labelled: list[int] = []
    label = Labeler.label

    def counted(
        self: Labeler, images: object, on_step: Callable[[str, int, int], None], *options: object
    ) -> object:
        labelled.append(len(images))  # type: ignore[arg-type]
        if len(labelled) == 2:
            raise Drained
        return label(self, images, on_step, *options)  # type: ignore[arg-type]

    monkeypatch.setattr(Labeler, "label", counted)
    with pytest.raises(Drained):
        labelings.run(scene.machine, str(request.ref), 1)
    assert records.finished_shards(scene.machine.store, request.ref) == {0}
    resumed = run(scene, request)
    assert labelled == [4, 4, 4, 1]
    assert files_of(scene, resumed) == files_of(scene, whole)
    assert resumed.images == whole.images


def test_a_cancelled_labeling_stops_between_micro_batches(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends as cancelled, without shards."""
    request = request_labeling(scene, scene.fit(), pictures(3))
    label = Labeler.label

    def cancelled(self: Labeler, images: object, on_step: object, *options: object) -> object:
        scene.cancel(request.ref)
        return label(self, images, on_step, *options)  # type: ignore[arg-type]

    monkeypatch.setattr(Labeler, "label", cancelled)
    manifest = run(scene, request)
    assert (manifest.status, manifest.shards) == (JobStatus.CANCELLED, ())


def test_progress_counts_images(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the whole archive, never backwards, up to all of them."""
    request = request_labeling(scene, scene.fit(), pictures(6))
    steps: list[tuple[int, int]] = []
    step = Run.step

    def noted(self: Run, stage: str, done: int, total: int) -> None:
        if stage == labelings.STAGE:
            steps.append((done, total))
        step(self, stage, done, total)

    monkeypatch.setattr(Run, "step", noted)
    run(scene, request)
    assert steps == sorted(steps)
    assert steps[0] == (0, 6)
    assert steps[-1] == (6, 6)


def test_a_large_shard_is_inverted_in_pieces(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pieces bound the memory; images, order and labels are the same."""
    fit, files = scene.fit(), pictures(8)
    whole = run(scene, request_labeling(scene, fit, files, shard_size=8))
    monkeypatch.setattr("workers.labeling.shards.MAX_INVERTED", 4)
    monkeypatch.setattr(scene.machine.micro_batches, "_largest", 4)
    pieces = run(scene, request_labeling(scene, fit, files, shard_size=8))
    first, second = files_of(scene, whole), files_of(scene, pieces)
    assert list(first) == list(second)
    images = [name for name in first if name.count(".") == 1 and name.endswith(".png")]
    assert len(images) == 8
    assert all(first[name] == second[name] for name in images)
    assert [one.num_samples for one in pieces.shards] == [8]


def test_images_of_another_aspect_ratio_are_cropped_or_padded(scene: Scene) -> None:
    """The box says which part of the original is labelled."""
    fit, wide = scene.fit(), {"wide.png": picture(0, (3 * PX, PX))}
    boxes: dict[str, list[float]] = {}
    for aspect in ("crop", "pad"):
        manifest = run(scene, request_labeling(scene, fit, wide, aspect=aspect))
        [image] = manifest.images
        box = image.box
        boxes[aspect] = [box.left, box.top, box.right, box.bottom]
        assert (image.width_px, image.height_px) == (3 * PX, PX)
    assert boxes["crop"] == [PX, 0, 2 * PX, PX]
    left, top, right, bottom = boxes["pad"]
    assert (left, right) == (0, 3 * PX)
    assert top < -0.9 * PX
    assert bottom > 1.9 * PX


def test_the_crop_of_the_fit_is_applied(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fit with framing "center" labels the same part of every image."""
    quarter = Framing(2.0, 0.25, -0.25)
    monkeypatch.setattr("workers.fitting.inverting.find_framing", lambda *_: quarter)
    fit = scene.request_fit(QUICK.model_copy(update={"framing": "center"}))
    fits.run(scene.machine, str(fit.ref), 1)
    manifest = run(scene, request_labeling(scene, fit, {"a.png": picture(0, (2 * PX, 2 * PX))}))
    box = manifest.images[0].box
    assert (box.left, box.top, box.right, box.bottom) == (PX, 0, 2 * PX, PX)
