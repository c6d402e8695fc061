"""The pairs of an evaluation: those of a batch with the same seed, at the size of the networks."""

import io

import numpy as np
import torch
from PIL import Image

from contracts.jobs import JobRef, ShardRef
from tests.workers.evaluating.conftest import QUICK, Evaluating
from tests.workers.scene import ALL_TASKS
from workers.codecs.segmentation import decode_mask
from workers.evaluating.gathering import RealPairs, as_training_pairs, first_pairs, generate_pairs
from workers.rendering import batches
from workers.runtime.jobs import Run

EIGHT = QUICK.model_copy(update={"synthetic_counts": (4, 8)})


def run_of(evaluating: Evaluating, ref: JobRef) -> Run:
    """Return an attempt at a job."""
    return Run(evaluating.scene.machine, ref)


def test_generated_pairs_are_those_of_a_batch(evaluating: Evaluating) -> None:
    """Pair i has the pixels and the mask of sample i of a batch with the same seed and truncation."""
    scene = evaluating.scene
    batch = scene.request_batch(evaluating.fit, n=8, shard_size=8)
    request = evaluating.request(EIGHT).model_copy(update={"seed": batch.seed})
    batches.run_shard(scene.machine, str(ShardRef(batch=batch.ref, index=0)), 1)
    files = scene.shard_files(batch)
    pairs = generate_pairs(run_of(evaluating, request.ref), request, (32, 32))
    assert len(pairs) == 8
    for index in range(8):
        image = np.asarray(Image.open(io.BytesIO(files[f"{index:09d}.png"])))
        assert np.array_equal(pairs.images[index].permute(1, 2, 0).numpy(), image)
        mask = decode_mask(files[f"{index:09d}.mask.png"])
        assert np.array_equal(pairs.labels["segmentation"][index].numpy(), mask)


def test_all_tasks_have_the_format_of_real_labels(evaluating: Evaluating) -> None:
    """Points have their visibility in the third column, not a confidence; depth is in its unit."""
    request = evaluating.request(labels=ALL_TASKS)
    run = run_of(evaluating, request.ref)
    generated = generate_pairs(run, request, (32, 32)).labels
    real = as_training_pairs(RealPairs.of(run, request).read(request.labelset, (32, 32))).labels
    assert set(generated.by_task) == set(real.by_task) == {"segmentation", "keypoints", "depth"}
    for task in generated.by_task:
        assert generated[task].shape[1:] == real[task].shape[1:]
        assert generated[task].dtype == real[task].dtype
    assert set(generated["keypoints"][..., 2].unique().tolist()) <= {0.0, 1.0, 2.0}


def test_smaller_networks_get_smaller_pairs(evaluating: Evaluating) -> None:
    """Images and labels are resized alike, real and generated ones."""
    request = evaluating.request(EIGHT)
    run = run_of(evaluating, request.ref)
    generated = generate_pairs(run, request, (16, 16))
    real = as_training_pairs(RealPairs.of(run, request).read(request.labelset, (16, 16)))
    for pairs in (generated, real):
        assert pairs.images.shape[1:] == (3, 16, 16)
        assert pairs.labels["segmentation"].shape[1:] == (16, 16)


def test_fewer_pairs_are_the_first_ones(evaluating: Evaluating) -> None:
    """A curve over numbers of pairs adds pairs, and replaces none."""
    request = evaluating.request(EIGHT)
    pairs = generate_pairs(run_of(evaluating, request.ref), request, (32, 32))
    few = first_pairs(pairs, 4)
    assert len(few) == 4
    assert torch.equal(few.images, pairs.images[:4])
    assert few.images.data_ptr() == pairs.images.data_ptr()
