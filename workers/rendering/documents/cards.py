"""The dataset card of a batch: its sources, its settings, the quality of its labels, and how to read it.

Markdown with Hugging Face's front matter: `datasets` and the Hub read it as the README.md of a folder of shards.
"""

import json
from collections.abc import Iterator, Sequence
from statistics import median

from contracts.base import Artefact
from contracts.batches import BatchManifest, BatchRequest
from contracts.digests import sha256_of
from contracts.fits.metrics import TaskMetrics
from contracts.recipes.targets import directions_of
from state import keys
from state.store import Store
from workers.codecs.markdown import number, share, table
from workers.codecs.task import Row, TaskCodec
from workers.rendering.documents.closeness import NEAR_COPY, Closeness, measure_closeness
from workers.rendering.documents.licenses import license_facts
from workers.rendering.documents.origins import Origin

CARD_TYPE = "text/markdown"

SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
)
MAX_CONDITIONS = 50
LARGEST = "10M<n<100M"


def store_card(
    store: Store,
    codecs: Sequence[TaskCodec],
    request: BatchRequest,
    manifest: BatchManifest,
    origin: Origin,
) -> Artefact:
    """Store the card of a batch whose shards are all stored, and return its artefact."""
    closeness = measure_closeness(store, manifest, origin)
    text = card(codecs, request, manifest, origin, closeness).encode()
    sha256 = sha256_of(text)
    key = keys.batch_file(request.ref, "cards", sha256, "md")
    store.put(key, text)
    return Artefact(key=key, sha256=sha256, num_bytes=len(text), media_type=CARD_TYPE)


def card(
    codecs: Sequence[TaskCodec],
    request: BatchRequest,
    manifest: BatchManifest,
    origin: Origin,
    closeness: Closeness | None = None,
) -> str:
    """Return the whole card. `codecs` are those of the batch's tasks."""
    labels = request.labels
    parts = [
        _front_matter(codecs, request, origin),
        f"# {manifest.num_samples} labelled images, batch {request.id}",
        "Every image and every label here is generated: no image is a photo, and no label was made by hand.",
        _section("Sources", table(("source", "value"), _sources(request, origin))),
        _section("Settings", table(("setting", "value"), _settings(request, manifest))),
        *_conditions(manifest),
        *_targets(request, manifest),
        _section("Label quality", *_quality(codecs, origin)),
        _section("Closeness to the labelled images", *_closeness(closeness)),
        _section(
            "Labels",
            *(text for one in codecs for text in one.card_text(labels, manifest)),
            *_options(request, manifest),
        ),
        _section("Usage", *_usage(codecs)),
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(codecs: Sequence[TaskCodec], request: BatchRequest, origin: Origin) -> str:
    """Return the front matter as YAML. Texts are written as JSON, which is valid YAML."""
    license_words = origin.generator.license if origin.generator else ""
    size = next((name for most, name in SIZES if request.n < most), LARGEST)
    facts = {
        **license_facts(license_words),
        "pretty_name": f"HandsOff {request.id}",
        "task_categories": [one.hub_category for one in codecs if one.hub_category],
        "tags": ["webdataset", "synthetic", "handsoff"],
        "size_categories": [size],
        "configs": [
            {"config_name": "default", "data_files": [{"split": "train", "path": "*.tar"}]}
        ],
    }
    return "\n".join(["---", *(f"{name}: {json.dumps(it)}" for name, it in facts.items()), "---"])


def _sources(request: BatchRequest, origin: Origin) -> Iterator[Row]:
    yield "fit", f"{request.fit.id}, digest {request.fit.known_digest[:12]}"
    if origin.fit is None:
        yield "generator, labelset", "unknown: the fit has been deleted"
        return
    pinned = origin.fit.generator
    size = f"{pinned.width_px} x {pinned.height_px} px"
    yield "generator", f"{pinned.id}, digest {pinned.digest[:12]}, {size}"
    if origin.generator is not None:
        yield "generator's name and source", f"{origin.generator.name}, {origin.generator.source}"
        yield "generator's license", origin.generator.license or "not stated"
    yield "labelset", f"{origin.fit.labelset.id}, digest {origin.fit.labelset.digest[:12]}"
    if origin.outcome is not None and origin.outcome.metrics is not None:
        yield "labelled images", len(origin.outcome.metrics.images)


def _settings(request: BatchRequest, manifest: BatchManifest) -> Iterator[Row]:
    yield "seed", request.seed
    yield "truncation", request.truncation
    yield "image format", request.image_format
    yield "dropped as uncertain", f"{request.filter.drop_share:.0%}" if request.filter else "none"
    if request.soft_labels is not None:
        yield "soft labels, classes of each pixel", request.soft_labels
    if request.ignore_above is not None:
        yield "pixels ignored above", f"{request.ignore_above:g} nats of uncertainty"
    yield "candidates drawn", manifest.num_candidates
    yield "mean uncertainty of the kept images", number(manifest.mean_score)
    yield "render version", request.render_version
    yield "rendered", manifest.finished_at.date()


def _options(request: BatchRequest, manifest: BatchManifest) -> Iterator[str]:
    """Yield the meaning of soft labels and of ignored pixels, in a batch that requested them."""
    if request.ignore_above is not None:
        total = manifest.ignored_pixels + sum(manifest.class_pixels)
        yield (
            f"Ignored: {manifest.ignored_pixels / total:.2%} of the pixels, those with an uncertainty above"
            f" {request.ignore_above:g} nats. Their mask value is {request.labels.ignore_index}; no class counts them."
            " Exports as COCO and YOLO have no object there, so most of their readers take them for background."
        )
    if request.soft_labels is not None:
        yield (
            f"Soft labels: `soft_labels.png` has the {request.soft_labels} most probable classes of each pixel, then"
            " their probabilities times 255, as pictures of the image's size one below the other. The rest up to 255"
            " is the probability of all other classes. Of the exports, only `imagefolder` keeps them."
        )


def _conditions(manifest: BatchManifest) -> Iterator[str]:
    """Yield the section on the conditions of a batch that requested some: the most frequent ones."""
    if manifest.condition is None:
        return
    shares = sorted(manifest.condition.items(), key=lambda pair: -pair[1])
    rows = [(name, f"{share:.1%}", manifest.condition_samples[name]) for name, share in shares]
    more = f"The {MAX_CONDITIONS} most frequent of {len(rows)} classes."
    yield _section(
        "Conditions",
        "The generator's class of each sample, as `condition` in its `json`.",
        table(("class", "requested share", "samples"), rows[:MAX_CONDITIONS]),
        *([more] if len(rows) > MAX_CONDITIONS else []),
    )


def _targets(request: BatchRequest, manifest: BatchManifest) -> Iterator[str]:
    """Yield the section on the targets of a batch that has some."""
    if not request.targets:
        return
    texts = [f"**Warning.** {text}" for text in request.warnings]
    texts += [
        f"Every image is moved toward {one.kind} of {one.class_name}, by {one.strength:g} standard deviations."
        for one in directions_of(request.targets)
    ]
    if manifest.targets:
        n = manifest.num_samples
        rows = [
            (one.class_name, f"{one.min_pixels:.2%}", f"{one.images:.1%}", share(one.num_images, n))
            for one in manifest.targets
        ]
        texts += [
            "Shares are requested, not the generator's. Images whose codes look least like a class are never drawn.",
            table(("class", "least share of pixels", "requested", "of images"), rows),
            (
                f"Drawn for each image: {(manifest.num_codes or 0) / n:.1f} codes, of which"
                f" {manifest.num_candidates / n:.2f} were rendered."
            ),
        ]
    yield _section("Targets", *texts)


def _quality(codecs: Sequence[TaskCodec], origin: Origin) -> Iterator[str]:
    metrics = origin.outcome.metrics if origin.outcome else None
    scores: TaskMetrics | None = None
    if metrics is not None and metrics.heldout is not None:
        scores = metrics.heldout
        yield f"Measured on {metrics.heldout.num_images} labelled images that the fit was not trained on."
    elif metrics is not None and metrics.estimate is not None:
        scores = metrics.estimate
        yield (
            f"Estimated by {metrics.estimate.num_folds}-fold cross-validation over the labelled images, with a smaller"
            " ensemble than the fit's."
        )
    if scores is None:
        yield "Not measured."
        return
    yield table(("measure", "value"), [row for one in codecs for row in one.card_measures(scores)])


def _closeness(found: Closeness | None) -> Iterator[str]:
    if found is None:
        yield "Not measured: the labelled images have been deleted."
        return
    rows: list[Row] = [
        ("generated images compared, the first of the batch", len(found.samples)),
        ("correlation with the nearest labelled image: median", number(median(found.samples))),
        ("correlation with the nearest labelled image: highest", number(max(found.samples))),
    ]
    if len(found.labelled):
        among = number(median(found.labelled)), number(max(found.labelled))
        rows.append(("the same among the labelled images: median, highest", ", ".join(among)))
    rows.append((f"near-copies, with a correlation of {NEAR_COPY} or more", found.num_copies))
    yield table(("measure", "value"), rows)
    yield (
        "Thumbnails of 16 x 16 pixels are compared. This finds copies, also recompressed ones, but not the same person"
        " or object in another view. The images that the generator was trained on are not compared."
    )


def _usage(codecs: Sequence[TaskCodec]) -> Iterator[str]:
    yield (
        "Shards are WebDataset tars. The files of a sample share a number: its image, a file for each kind of label,"
        " `uncertainty.png` (255 steps per nat) and `json` (seed, index, uncertainty, shares of classes)."
    )
    yield '```python\nimport datasets\n\nsamples = datasets.load_dataset(".", split="train", streaming=True)\n```'
    if any(codec.extension.endswith(".png") for codec in codecs):
        yield (
            "Labels are exact integers. Decoders that convert every picture to RGB or 8 bits damage them; Pillow,"
            " `datasets` and `handsoff-client` keep them."
        )


def _section(title: str, *paragraphs: str) -> str:
    return "\n\n".join([f"## {title}", *paragraphs])
