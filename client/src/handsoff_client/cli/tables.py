"""Format answers as text: a list as a table, one resource as lines of `name  value`."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from handsoff_client.api.batch_folders import BatchFolder
from handsoff_client.api.evaluations import Evaluation
from handsoff_client.api.labelset_resources import CheckedLabels, Labelset
from handsoff_client.api.resources import (
    Batch,
    Fit,
    Generator,
    Inverter,
    Job,
    Labeling,
    Stream,
    Training,
)
from handsoff_client.cli.job_facts import (
    arm_scores,
    batch_facts,
    evaluation_facts,
    labeling_facts,
    sample_facts,
    trainings,
)

Row = Sequence[object]


def table(head: Row, rows: Iterable[Row]) -> str:
    """Return a table with a heading over each column. Columns are as wide as needed."""
    cells = [[_text(cell) for cell in row] for row in [head, *rows]]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in cells
    )
    return "\n".join(line.rstrip() for line in lines)


def generators(items: Iterable[Generator]) -> str:
    """Return a table of generators."""
    rows = [(g.id, g.status, _pixels(g), g.license, g.name) for g in items]
    return table(("ID", "STATUS", "PIXELS", "LICENSE", "NAME"), rows)


def inverters(items: Iterable[Inverter]) -> str:
    """Return a table of inverters."""
    rows = [(i.id, i.status, i.generator.id, i.created_at) for i in items]
    return table(("ID", "STATUS", "GENERATOR", "CREATED"), rows)


def labelsets(items: Iterable[Labelset]) -> str:
    """Return a table of labelsets."""
    rows = [(s.id, s.num_images, len(s.labels.classes), s.created_at, s.name) for s in items]
    return table(("ID", "IMAGES", "CLASSES", "CREATED", "NAME"), rows)


def fits(items: Iterable[Fit]) -> str:
    """Return a table of fits."""
    rows = [(f.id, f.status, f.generator.id, f.created_at, f.name) for f in items]
    return table(("ID", "STATUS", "GENERATOR", "CREATED", "NAME"), rows)


def batches(items: Iterable[Batch]) -> str:
    """Return a table of batches."""
    rows = [(b.id, b.status, b.n, b.seed, b.created_at, b.fit.id) for b in items]
    return table(("ID", "STATUS", "SAMPLES", "SEED", "CREATED", "FIT"), rows)


def labelings(items: Iterable[Labeling]) -> str:
    """Return a table of labelings."""
    rows = [
        (one.id, one.status, (one.metrics or {}).get("num_samples", ""), one.created_at, one.name)
        for one in items
    ]
    return table(("ID", "STATUS", "LABELLED", "CREATED", "NAME"), rows)


def evaluations(items: Iterable[Evaluation]) -> str:
    """Return a table of evaluations."""
    rows = [(e.id, e.status, trainings(e), e.fit.id, e.created_at, e.name) for e in items]
    return table(("ID", "STATUS", "TRAININGS", "FIT", "CREATED", "NAME"), rows)


def streams(items: Iterable[Stream]) -> str:
    """Return a table of streams."""
    rows = [(s.id, s.shard_size, s.seed, s.created_at, s.fit.id) for s in items]
    return table(("ID", "SHARD SIZE", "SEED", "CREATED", "FIT"), rows)


def stream(item: Stream) -> str:
    """Return the facts of a stream that decide its samples."""
    return _lines(
        id=item.id,
        created=item.created_at,
        fit=item.fit.id,
        seed=item.seed,
        truncation=item.truncation,
        drop_share=(item.filter or {}).get("drop_share"),
        **sample_facts(item),
        soft_labels=item.soft_labels,
        ignore_above=item.ignore_above,
        shard_size=item.shard_size,
        classes=", ".join(item.labels.classes),
    )


def labelset(item: Labelset) -> str:
    """Return the facts of a labelset, with the counts of each class."""
    lines = _lines(id=item.id, name=item.name, created=item.created_at, images=item.num_images)
    warnings = _bullets("warnings", [str(warning) for warning in item.warnings])
    return _blocks(lines, _class_counts(item), _condition_counts(item), warnings)


def checked(labels: CheckedLabels) -> str:
    """Return the facts of labelled images that were checked and not stored."""
    tasks = ", ".join(f"{name} {count}" for name, count in labels.tasks.items())
    lines = _lines(images=labels.num_images, labels=tasks)
    return _blocks(lines, _class_counts(labels), _condition_counts(labels))


def counts(parts: Mapping[str, int]) -> str:
    """Return the number of files of each part of a labelset."""
    return _lines(**{part: number for part, number in parts.items() if number})


def job(item: Job) -> str:
    """Return the state of a job of any kind, and its metrics after its end."""
    lines = _lines(
        id=item.id,
        status=item.status,
        created=item.created_at,
        finished=item.finished_at,
        progress=item.progress
        and f"{item.progress.stage} {item.progress.done}/{item.progress.total}",
        error=item.error and f"{item.error.code}: {item.error.detail}",
        **(_of_generator(item) if isinstance(item, Generator) else {}),
        **(_of_fit(item) if isinstance(item, Fit) else {}),
        **(batch_facts(item) if isinstance(item, Batch) else {}),
        **(labeling_facts(item) if isinstance(item, Labeling) else {}),
        **(evaluation_facts(item) if isinstance(item, Evaluation) else {}),
    )
    if isinstance(item, Evaluation):
        scores = (table(head, rows) for head, rows in arm_scores(item.report or {}))
        return _blocks(lines, *scores, _bullets("verdict", item.verdict))
    if not isinstance(item, Fit):
        return lines
    metrics = item.metrics or {}
    sentences = (_bullets(title, metrics.get(title) or ()) for title in ("warnings", "advice"))
    return _blocks(lines, _class_scores(metrics), *sentences)


def folder(item: BatchFolder) -> str:
    """Return the facts of a downloaded batch or labeling."""
    job, labels = item.job, item.labels
    return _lines(
        folder=item.folder,
        **{job.kind: job.id},
        fit=job.fit.id,
        seed=job.seed if isinstance(job, Batch) else None,
        samples=item.num_samples,
        shards=len(item.index.shards),
        bytes=sum(shard.num_bytes for shard in item.index.shards),
        classes=", ".join(labels.classes) or None,
        keypoints=labels.keypoints and ", ".join(labels.keypoints.names),
        depth=labels.depth and f"{labels.depth.scale} {labels.depth.unit}",
    )


def _of_generator(generator: Generator) -> dict[str, object]:
    return {
        "name": generator.name,
        "pixels": _pixels(generator),
        "source": generator.source,
        "license": generator.license,
        "inverters": ", ".join(one.digest[:12] for one in generator.inverters),
        "warnings": " ".join(generator.warnings),
        **(_of_training(generator.training) if generator.training else {}),
        "sheet": generator.sheet and generator.sheet.url,
    }


def _of_training(training: Training) -> dict[str, object]:
    newest = training.snapshots[-1] if training.snapshots else None
    return {
        "images": "; ".join(training.facts),
        "advice": "; ".join(training.warnings),
        "images_seen": training.images_seen,
        "images_per_second": training.images_per_second,
        "seconds_left": training.seconds_left,
        "distances": ", ".join(f"{s.images_seen:,}: {s.fd:.3f}" for s in training.snapshots),
        "best_images_seen": training.best_images_seen,
        "newest_sheet": newest and newest.sheet.url,
    }


def _pixels(generator: Generator) -> str:
    return f"{generator.width_px} x {generator.height_px}" if generator.width_px else ""


def _of_fit(fit: Fit) -> dict[str, object]:
    metrics = fit.metrics or {}
    return {
        "generator": fit.generator.id,
        "labelset": fit.labelset.id,
        "reconstruction_psnr_db": metrics.get("reconstruction_psnr_db"),
        **_scores("heldout", metrics.get("heldout") or {}),
        **_scores("estimate", metrics.get("estimate") or {}),
        "sheet": fit.sheet and fit.sheet.url,
    }


def _class_scores(metrics: Mapping[str, Any]) -> str:
    """Return a table of the IoU of each class on held-out images and by estimate; empty without both."""
    columns = {
        title: (metrics.get(name) or {}).get("class_iou") or {}
        for title, name in (("HELD-OUT IOU", "heldout"), ("ESTIMATED IOU", "estimate"))
    }
    measured = {title: scores for title, scores in columns.items() if scores}
    classes = list(dict.fromkeys(name for scores in measured.values() for name in scores))
    rows = [(name, *(_share(scores.get(name)) for scores in measured.values())) for name in classes]
    return table(("CLASS", *measured), rows) if rows else ""


def _share(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, int | float) else "-"


def _class_counts(labels: CheckedLabels) -> str:
    rows = [(count.name, count.num_images, count.num_pixels) for count in labels.classes]
    return table(("CLASS", "IMAGES", "PIXELS"), rows) if rows else ""


def _condition_counts(labels: CheckedLabels) -> str:
    rows = [(count.condition, count.num_images) for count in labels.conditions]
    return table(("CONDITION", "IMAGES"), rows) if rows else ""


def _bullets(title: str, items: Sequence[str]) -> str:
    return "\n".join([title, *(f"  - {item}" for item in items)]) if items else ""


def _blocks(*texts: str) -> str:
    """Return the texts that are not empty, with an empty line between them."""
    return "\n\n".join(text for text in texts if text)


def _scores(where: str, scores: Mapping[str, Any]) -> dict[str, object]:
    """Return the main score of each task; `where` is the prefix of the names: heldout or estimate."""
    keypoints, depth = scores.get("keypoints") or {}, scores.get("depth") or {}
    main = {"miou": scores.get("miou"), "pck": keypoints.get("pck"), "absrel": depth.get("absrel")}
    return {f"{where}_{name}": value for name, value in main.items()}


def _lines(**values: object) -> str:
    shown = {name: _text(value) for name, value in values.items() if value not in (None, "")}
    width = max(map(len, shown))
    return "\n".join(f"{name.ljust(width)}  {value}" for name, value in shown.items())


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M")
    return f"{value:.4g}" if isinstance(value, float) else str(value)
