"""Soft labels and ignored pixels of a batch: what the files have, what is counted, and what stays as it is."""

import io
import json
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from contracts.batches import BatchManifest, BatchRequest
from contracts.fits.fit import FitRequest
from contracts.schemas import LabelSchema
from handsoff_shards.decoding import decode_soft_labels, decode_uncertainty
from state import keys, records
from tests.workers.rendering.streams.test_streams import queue, request_stream
from tests.workers.rendering.test_batches import render
from tests.workers.scene import ALL_TASKS, LABELS, PX, QUICK, Scene
from workers.codecs.segmentation import decode_mask
from workers.fitting import fits
from workers.rendering import streams
from workers.runtime.artefacts import read_artefact

N = 6
LIMIT = 0.1
"""Nats. Most pixels of the fit are below, and about a tenth is above."""

Files = dict[str, bytes]


@pytest.fixture
def fit(scene: Scene) -> FitRequest:
    """Return a succeeded fit."""
    return uncertain_fit(scene)


def uncertain_fit(scene: Scene, labels: LabelSchema = LABELS) -> FitRequest:
    """Run a fit that is long enough for its members to contradict each other."""
    ensemble = QUICK.ensemble.model_copy(
        update={"steps": 200, "learning_rate": 0.01, "num_members": 4}
    )
    request = scene.request_fit(QUICK.model_copy(update={"ensemble": ensemble}), labels=labels)
    fits.run(scene.machine, str(request.ref), 1)
    return request


def rendered(scene: Scene, fit: FitRequest, shard_size: int = 4, **options: Any) -> Files:
    """Render a batch with these options, and return its files."""
    return scene.shard_files(finished(scene, fit, shard_size=shard_size, **options))


def finished(scene: Scene, fit: FitRequest, *, shard_size: int = 4, **options: Any) -> BatchRequest:
    """Render a batch with these options."""
    plain = scene.request_batch(fit, n=N, shard_size=shard_size)
    batch = plain.model_copy(update=options)
    records.write(scene.machine.store, keys.job_request(batch.ref), batch)
    render(scene, batch)
    return batch


def masks(files: Files) -> NDArray[np.uint8]:
    """Return all masks as they are stored."""
    return np.stack([decode_mask(data) for name, data in files.items() if "mask" in name])


def facts_of(files: Files) -> list[dict[str, Any]]:
    """Return the facts of all samples."""
    return [json.loads(data) for name, data in files.items() if name.endswith(".json")]


def ignored_by_the_map(files: Files, limit: float) -> NDArray[np.bool_]:
    """Return the pixels that a reader of the uncertainty maps finds above the limit."""
    maps = [decode_uncertainty(data) for name, data in files.items() if "uncertainty" in name]
    return np.stack(maps) > limit


def test_options_change_only_their_own_files(scene: Scene, fit: FitRequest) -> None:
    """All other files have the bytes of a batch without options; its samples have no further file or fact."""
    plain = rendered(scene, fit)
    refined = rendered(scene, fit, soft_labels=2, ignore_above=LIMIT)
    added = {f"{index:09d}.soft_labels.png" for index in range(N)}
    assert refined.keys() == plain.keys() | added
    same = [name for name in plain if not name.endswith((".mask.png", ".json"))]
    assert all(plain[name] == refined[name] for name in same)
    for name in (name for name in plain if name.endswith(".json")):
        before, after = json.loads(plain[name]), json.loads(refined[name])
        assert after.keys() - before.keys() == {"ignored_fraction"}
        assert {**after, "class_fractions": None} == {
            **before,
            "class_fractions": None,
            "ignored_fraction": after["ignored_fraction"],
        }


def test_soft_labels_alone_change_no_mask(scene: Scene, fit: FitRequest) -> None:
    """Every file of the plain batch has its bytes."""
    plain, soft = rendered(scene, fit), rendered(scene, fit, soft_labels=1)
    assert plain.items() <= soft.items()


@pytest.mark.parametrize("kept", [1, 2])
def test_the_first_soft_class_is_that_of_the_mask(scene: Scene, fit: FitRequest, kept: int) -> None:
    """Wherever the mask is not ignored; probabilities fall from plane to plane and add up to at most 1."""
    plain = masks(rendered(scene, fit))
    files = rendered(scene, fit, soft_labels=kept, ignore_above=LIMIT)
    soft = [decode_soft_labels(data, PX) for name, data in files.items() if "soft" in name]
    classes, steps = (
        np.stack([getattr(one, name) for one in soft]) for name in ("classes", "steps")
    )
    known = masks(files) != 255
    assert steps.shape == (N, kept, PX, PX)
    assert np.array_equal(classes[:, 0], plain)
    assert np.array_equal(classes[:, 0][known], masks(files)[known])
    assert (np.diff(steps.astype(int), axis=1) <= 0).all()
    assert (steps.sum(axis=1, dtype=int) <= 255).all()


def test_readers_find_the_ignored_pixels_in_the_map(scene: Scene, fit: FitRequest) -> None:
    """The mask is ignored exactly where the stored uncertainty is above the limit; elsewhere it is the plain mask."""
    plain, files = rendered(scene, fit), rendered(scene, fit, ignore_above=LIMIT)
    ignored = masks(files) == 255
    assert 0.02 < ignored.mean() < 0.98
    assert np.array_equal(ignored, ignored_by_the_map(plain, LIMIT))
    assert np.array_equal(masks(files)[~ignored], masks(plain)[~ignored])


def test_ignored_pixels_are_counted_apart(scene: Scene, fit: FitRequest) -> None:
    """No class counts them: in the manifest, in the facts of a sample, and on the card."""
    batch = finished(scene, fit, ignore_above=LIMIT)
    files, manifest = scene.shard_files(batch), scene.batch_manifest(batch.ref)
    ignored = (masks(files) == 255).sum(axis=(1, 2))
    assert manifest.ignored_pixels == ignored.sum() > 0
    assert manifest.class_pixels == tuple((masks(files) == index).sum() for index in range(2))
    assert sum(manifest.class_pixels) + manifest.ignored_pixels == N * PX * PX
    for count, fact in zip(ignored.tolist(), facts_of(files), strict=True):
        assert fact["ignored_fraction"] == pytest.approx(count / PX**2, abs=1e-6)
        assert sum(fact["class_fractions"].values()) == pytest.approx(1 - count / PX**2, abs=1e-5)
    assert manifest.card is not None
    card = read_artefact(scene.machine.store, manifest.card).decode()
    assert f"Ignored: {ignored.sum() / (N * PX * PX):.2%} of the pixels" in card


def test_a_class_that_is_ignored_everywhere_does_not_occur(scene: Scene, fit: FitRequest) -> None:
    """With a limit of 0 every pixel of any doubt is ignored, so a class may lose all pixels of an image."""
    batch = finished(scene, fit, ignore_above=0.0)
    manifest, stored = scene.batch_manifest(batch.ref), masks(scene.shard_files(batch))
    occurs = [int((stored == index).any(axis=(1, 2)).sum()) for index in range(2)]
    assert list(manifest.class_images) == occurs
    assert list(manifest.candidate_class_images) == occurs  # no filter


def test_options_do_not_depend_on_shards(scene: Scene, fit: FitRequest) -> None:
    """Shards of 2 and of 6 samples have the same files."""
    options = {"soft_labels": 2, "ignore_above": LIMIT}
    assert rendered(scene, fit, 2, **options) == rendered(scene, fit, N, **options)


def test_a_stream_has_the_files_of_a_batch(scene: Scene, fit: FitRequest) -> None:
    """Its first shard has the bytes of the batch's first shard."""
    options = {"soft_labels": 2, "ignore_above": LIMIT}
    batch = finished(scene, fit, shard_size=3, **options)
    stream = request_stream(scene, batch.fit)
    stream = stream.model_copy(update={"seed": batch.seed, "shard_size": 3, **options})
    records.write(scene.machine.store, keys.stream_request(stream.ref), stream)
    queue(scene, stream, 0)
    streams.run_shard(scene.machine, f"{stream.ref}/0", 1)
    key = keys.shard_record(stream.ref, 0)
    record = records.read(scene.machine.store, key, type(scene.batch_manifest(batch.ref).shards[0]))
    assert record is not None
    assert record.tar.sha256 == scene.batch_manifest(batch.ref).shards[0].tar.sha256
    assert record.ignored_pixels == scene.batch_manifest(batch.ref).shards[0].ignored_pixels > 0


def test_ignored_pixels_do_not_change_a_score(scene: Scene, fit: FitRequest) -> None:
    """So a filter keeps the same samples: each has its candidate and its score."""
    plain = facts_of(rendered(scene, fit))
    refined = facts_of(rendered(scene, fit, ignore_above=0.0))
    for before, after in zip(plain, refined, strict=True):
        assert (before["attempt"], before["score"]) == (after["attempt"], after["score"])


@pytest.mark.parametrize("labels", [LABELS, ALL_TASKS], ids=["masks", "all tasks"])
def test_the_value_of_ignored_pixels_is_that_of_the_labelset(
    scene: Scene, labels: LabelSchema
) -> None:
    """Not always 255. Its color in the palette is that of no class, and other tasks keep their labels."""
    own = labels.model_copy(
        update={"ignore_index": 7, "colors": (LABELS_COLOR_OF_7, (200, 100, 50))}
    )
    fit = uncertain_fit(scene, own)
    plain, files = rendered(scene, fit), rendered(scene, fit, ignore_above=LIMIT)
    assert set(np.unique(masks(files)).tolist()) <= {0, 1, 7}
    assert np.array_equal(masks(files) == 7, ignored_by_the_map(plain, LIMIT))
    assert (masks(files) == 7).any()
    with Image.open(io.BytesIO(files["000000000.mask.png"])) as mask:
        palette = np.array(mask.getpalette()).reshape(-1, 3).tolist()
    assert palette[:2] == [list(LABELS_COLOR_OF_7), [200, 100, 50]]
    assert palette[7] not in palette[:2]
    others = [name for name in plain if "keypoints" in name or "depth" in name]
    assert bool(others) == (labels is ALL_TASKS)
    assert all(plain[name] == files[name] for name in others)


LABELS_COLOR_OF_7 = (128, 128, 128)
"""The color that the usual palette gives to the index 7."""


def test_a_card_without_options_says_nothing_about_them(scene: Scene, fit: FitRequest) -> None:
    """The card of a plain batch is as before."""
    manifest: BatchManifest = scene.batch_manifest(finished(scene, fit).ref)
    assert manifest.card is not None
    card = read_artefact(scene.machine.store, manifest.card).decode()
    assert "Ignored" not in card
    assert "oft labels" not in card
