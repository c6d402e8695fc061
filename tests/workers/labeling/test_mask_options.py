"""Soft labels and ignored pixels of labelled real images."""

import json

import numpy as np
import pytest

from contracts.labelings import LabelingManifest
from handsoff_shards.samples import decode_sample
from tests.workers.labeling.labeling_scene import files_of, pictures, request_labeling, run
from tests.workers.labeling.test_labelings import sample
from tests.workers.rendering.test_mask_options import uncertain_fit
from tests.workers.scene import PX, Scene

LIMIT = 0.0  # the noise of the test is close to the noise that the fit has seen
COUNT = 5


def test_ignored_pixels_are_those_of_the_map(scene: Scene) -> None:
    """As in a batch: the mask, its soft labels, the counts of the manifest and the facts of each image agree."""
    fit = uncertain_fit(scene)
    plain = run(scene, request_labeling(scene, fit, pictures(COUNT)))
    options = {"soft_labels": 2, "ignore_above": LIMIT}
    refined = run(scene, request_labeling(scene, fit, pictures(COUNT), **options))
    before, after = files_of(scene, plain), files_of(scene, refined)
    num_ignored = 0
    for index in range(COUNT):
        first, second = (decode_sample(sample(files, index)) for files in (before, after))
        assert first.mask is not None
        assert second.mask is not None
        assert second.uncertainty is not None
        assert second.soft_labels is not None
        ignored = second.mask == 255
        num_ignored += int(ignored.sum())
        assert np.array_equal(ignored, second.uncertainty > LIMIT)
        assert np.array_equal(second.soft_labels.classes[0], first.mask)
        assert np.array_equal(first.mask[~ignored], second.mask[~ignored])
        assert second.facts["ignored_fraction"] == pytest.approx(ignored.mean(), abs=1e-6)
    assert refined.ignored_pixels == num_ignored > 0
    assert sum(refined.class_pixels) + num_ignored == COUNT * PX * PX
    assert plain.ignored_pixels == 0
    assert [one.score for one in plain.images] == [one.score for one in refined.images]


def test_a_manifest_of_an_earlier_version_is_read() -> None:
    """It has no count of ignored pixels: none was ignored."""
    old = {
        "status": "succeeded",
        "started_at": "2026-01-01T00:00:00Z",
        "finished_at": "2026-01-01T00:00:00Z",
    }
    assert LabelingManifest.model_validate_json(json.dumps(old)).ignored_pixels == 0
