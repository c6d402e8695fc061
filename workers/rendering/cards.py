"""The dataset card of a batch: what it was made of, how, how good its labels are, and how to read it.

Markdown with Hugging Face's front matter: as the README.md of a folder of shards, `datasets` and the Hub understand it.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from contracts.base import Artefact
from contracts.batches import BatchManifest, BatchRequest
from contracts.digests import sha256_of
from contracts.fits.fit import FitManifest, FitRequest
from contracts.fits.metrics import TaskMetrics
from contracts.generators.generator import StoredGenerator
from contracts.jobs import JobRef
from contracts.schemas import LabelSchema, TaskName
from state import keys, records
from state.store import Store
from workers.rendering.licenses import license_facts

CARD_TYPE = "text/markdown"

TASK_CATEGORIES: dict[TaskName, str] = {
    "segmentation": "image-segmentation",
    "keypoints": "keypoint-detection",
    "depth": "depth-estimation",
}
"""What the Hub calls the tasks."""

SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
LARGEST = "1M<n<10M"

Row = Sequence[object]


@dataclass(frozen=True)
class Origin:
    """What a batch was made of, as far as it is still there: a fit may be deleted when its batch has been rendered."""

    fit: FitRequest | None
    made: FitManifest | None
    generator: StoredGenerator | None


def store_card(store: Store, request: BatchRequest, manifest: BatchManifest) -> Artefact:
    """Writes the card of a batch whose shards are all there, and pins it."""
    text = card(request, manifest, _origin(store, request)).encode()
    sha256 = sha256_of(text)
    key = keys.batch_card(request.ref, sha256)
    store.put(key, text)
    return Artefact(key=key, sha256=sha256, num_bytes=len(text), media_type=CARD_TYPE)


def card(request: BatchRequest, manifest: BatchManifest, origin: Origin) -> str:
    """The whole card."""
    labels = request.labels
    parts = [
        _front_matter(request, origin),
        f"# {manifest.num_samples} labelled images, batch {request.id}",
        "Every image and every label here was generated: no camera took it, and nobody labelled it by hand.",
        _section("Made of", _table(("what", "is"), _ingredients(request, origin))),
        _section("Settings", _table(("setting", "value"), _settings(request, manifest))),
        _section("Label quality", *_quality(origin)),
        _section("Labels", *_labels(labels, manifest)),
        _section("Reading it", *_reading(labels)),
    ]
    return "\n\n".join(parts) + "\n"


def _origin(store: Store, request: BatchRequest) -> Origin:
    ref = JobRef(tenant=request.tenant, id=request.fit.id)
    fit = records.read_request(store, ref, FitRequest)
    manifest = records.read_manifest(store, ref, FitManifest)
    if fit is None or manifest is None:
        return Origin(None, None, None)
    return Origin(fit, manifest, records.read_generator(store, request.tenant, fit.generator.id))


def _front_matter(request: BatchRequest, origin: Origin) -> str:
    """YAML. Every text is written as JSON, which is YAML and quotes what needs it."""
    license_words = origin.generator.license if origin.generator else ""
    size = next((name for most, name in SIZES if request.n < most), LARGEST)
    facts = {
        **license_facts(license_words),
        "pretty_name": f"HandsOff {request.id}",
        "task_categories": [TASK_CATEGORIES[task] for task in request.labels.tasks],
        "tags": ["webdataset", "synthetic", "handsoff"],
        "size_categories": [size],
        "configs": [
            {"config_name": "default", "data_files": [{"split": "train", "path": "*.tar"}]}
        ],
    }
    return "\n".join(["---", *(f"{name}: {json.dumps(it)}" for name, it in facts.items()), "---"])


def _ingredients(request: BatchRequest, origin: Origin) -> Iterator[Row]:
    yield "fit", f"{request.fit.id}, digest {request.fit.digest[:12]}"
    if origin.fit is None:
        yield "generator, labelset", "not known: the fit has been deleted"
        return
    pinned = origin.fit.generator
    size = f"{pinned.width_px} x {pinned.height_px} px"
    yield "generator", f"{pinned.id}, digest {pinned.digest[:12]}, {size}"
    if origin.generator is not None:
        yield "its name and source", f"{origin.generator.name}, {origin.generator.source}"
        yield "its license", origin.generator.license or "not stated"
    yield "labelset", f"{origin.fit.labelset.id}, digest {origin.fit.labelset.digest[:12]}"
    if origin.made is not None and origin.made.metrics is not None:
        yield "labelled images", len(origin.made.metrics.images)


def _settings(request: BatchRequest, manifest: BatchManifest) -> Iterator[Row]:
    yield "seed", request.seed
    yield "truncation", request.truncation
    yield "images as", request.image_format
    yield "left out as uncertain", f"{request.filter.drop_share:.0%}" if request.filter else "none"
    yield "candidates drawn", manifest.num_candidates
    yield "mean uncertainty of the images kept", _number(manifest.mean_score)
    yield "render version", request.render_version
    yield "rendered", manifest.finished_at.date()


def _quality(origin: Origin) -> Iterator[str]:
    metrics = origin.made.metrics if origin.made else None
    scores: TaskMetrics | None = None
    if metrics is not None and metrics.heldout is not None:
        scores = metrics.heldout
        yield f"Measured on {metrics.heldout.num_images} labelled images that the fit was not trained on."
    elif metrics is not None and metrics.estimate is not None:
        scores = metrics.estimate
        yield (
            f"Estimated by {metrics.estimate.num_folds}-fold cross-validation over the labelled images, with a smaller"
            " ensemble than that of the fit."
        )
    if scores is None:
        yield "Not measured."
        return
    yield _table(("measure", "value"), _scores(scores))


def _scores(scores: TaskMetrics) -> Iterator[Row]:
    yield "mIoU", _number(scores.miou)
    for name, iou in scores.class_iou.items():
        yield f"IoU of {name}", _number(iou)
    if scores.keypoints is not None:
        yield "keypoints found (PCK@0.1)", _number(scores.keypoints.pck)
    if scores.depth is not None:
        yield "depth: mean relative error", _number(scores.depth.absrel)


def _labels(labels: LabelSchema, manifest: BatchManifest) -> Iterator[str]:
    if labels.classes:
        counted = zip(
            labels.classes,
            manifest.class_images,
            manifest.candidate_class_images,
            manifest.class_pixels,
            strict=True,
        )
        rows = [
            (
                index,
                name,
                _share(kept, manifest.num_samples),
                _share(drawn, manifest.num_candidates),
                pixels,
            )
            for index, (name, kept, drawn, pixels) in enumerate(counted)
        ]
        head = ("index", "class", "of images", "of candidates", "pixels")
        yield _table(head, rows)
        yield f"Masks: {labels.ignore_index} stands for no label."
    if labels.keypoints is not None:
        names = ", ".join(labels.keypoints.names)
        yield f"Keypoints, in pixels (the first pixel's centre is 0.5, 0.5): {names}."
    if labels.depth is not None:
        unknown = labels.depth.unknown
        ends = "" if unknown is None else f"; {unknown} says that nothing is known"
        yield f"Depth: a 16-bit value times {labels.depth.scale:g} is the depth in {labels.depth.unit}{ends}."


def _reading(labels: LabelSchema) -> Iterator[str]:
    yield (
        "Shards are WebDataset tars. A sample is some files of one number: its image, a file for each kind of label,"
        " `uncertainty.png` (255 steps to the nat) and `json` (seed, index, uncertainty, shares of classes)."
    )
    yield '```python\nimport datasets\n\nsamples = datasets.load_dataset(".", split="train", streaming=True)\n```'
    if labels.classes or labels.depth:
        yield (
            "Labels are exact integers. Decoders that make RGB or 8 bits of every picture ruin them; Pillow, `datasets`"
            " and `handsoff-client` do not."
        )


def _section(title: str, *paragraphs: str) -> str:
    return "\n\n".join([f"## {title}", *paragraphs])


def _table(head: Row, rows: Iterable[Row]) -> str:
    lines = [_line(head), _line(["---"] * len(head)), *map(_line, rows)]
    return "\n".join(lines)


def _line(cells: Row) -> str:
    """Names are the callers' own: a bar in one would end its cell, and a line break its row."""
    texts = (" ".join(str(cell).split()).replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(texts)} |"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.3g}"
