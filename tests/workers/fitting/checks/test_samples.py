"""Generated samples of a new fit, and the shares of their classes and keypoints."""

from contracts.fits.metrics import FitMetrics
from contracts.jobs import JobStatus
from tests.workers.scene import ALL_TASKS, QUICK, Scene
from workers.codecs.registry import TASKS
from workers.fitting import fits
from workers.fitting.checks.samples import MAX_SAMPLES, shares_of
from workers.fitting.pairs import Pairs


def metrics_of(scene: Scene, *, estimate: bool) -> FitMetrics:
    """Return the metrics of a fit of all tasks on two images."""
    options = QUICK.model_copy(update={"estimate": estimate})
    labelset = scene.add_labelset(2, labels=ALL_TASKS)
    fit = scene.request_fit(options, labelset=labelset, labels=ALL_TASKS)
    fits.run(scene.machine, str(fit.ref), 1)
    manifest = scene.fit_manifest(fit.ref)
    assert manifest.status is JobStatus.SUCCEEDED, manifest.error
    assert manifest.metrics is not None
    return manifest.metrics


def test_a_fit_reports_the_shares_in_samples(scene: Scene) -> None:
    """Classes have shares of the pixels, keypoints of the images in which they are visible; depth has neither."""
    generated = metrics_of(scene, estimate=True).generated
    assert generated is not None
    assert (generated.num_samples, generated.truncation) == (MAX_SAMPLES, 0.7)
    assert set(generated.tasks) == {"segmentation", "keypoints"}
    classes = generated.tasks["segmentation"]
    assert {name: one.labelled for name, one in classes.items()} == {"left": 0.5, "right": 0.5}
    assert abs(sum(one.generated for one in classes.values()) - 1) < 1e-4
    points = generated.tasks["keypoints"]
    assert {name: one.labelled for name, one in points.items()} == {"head_top": 1.0, "chin": 0.0}


def test_a_fit_without_an_estimate_draws_no_samples(scene: Scene) -> None:
    """It has neither shares nor a comparison, so no warning."""
    metrics = metrics_of(scene, estimate=False)
    assert (metrics.generated, metrics.comparison, metrics.warnings) == (None, None, ())
    assert "sampling" not in metrics.stage_seconds


def test_images_without_labels_of_a_task_do_not_count() -> None:
    """Of two images one has no mask: the share is that of the other one. Without keypoints there is no comparison."""
    half = {codec.name: codec.unlabelled(ALL_TASKS, (2, 2)) for codec in TASKS}
    mask = half["segmentation"].copy()
    mask[0] = 1
    labels = (half, {**half, "segmentation": mask})
    pairs = Pairs(
        names=("a", "b"), images=(), labels=labels, schema=ALL_TASKS, codecs=TASKS, px=(2, 2)
    )
    tasks = shares_of(pairs, labels[1:]).tasks
    shares = tasks["segmentation"]["right"]
    assert (shares.labelled, shares.labelled_images) == (1.0, 1.0)
    assert set(tasks) == {"segmentation"}
