"""Answers as text for people: a list as a table, one thing as lines of `name  value`."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from handsoff_client.data.folders import BatchFolder
from handsoff_client.nouns.labelset_resources import CheckedLabels, Labelset
from handsoff_client.nouns.resources import Batch, Fit, Generator, Inverter, Job, Stream

Row = Sequence[object]


def table(head: Row, rows: Iterable[Row]) -> str:
    """Columns under their heads, as wide as they need to be."""
    cells = [[_text(cell) for cell in row] for row in [head, *rows]]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in cells
    )
    return "\n".join(line.rstrip() for line in lines)


def generators(found: Iterable[Generator]) -> str:
    """A list of generators."""
    rows = [(g.id, g.status, _pixels(g), g.license, g.name) for g in found]
    return table(("ID", "STATUS", "PIXELS", "LICENSE", "NAME"), rows)


def inverters(found: Iterable[Inverter]) -> str:
    """A list of inverters."""
    rows = [(i.id, i.status, i.generator.id, i.created_at) for i in found]
    return table(("ID", "STATUS", "GENERATOR", "CREATED"), rows)


def labelsets(found: Iterable[Labelset]) -> str:
    """A list of labelsets."""
    rows = [(s.id, s.num_images, len(s.labels.classes), s.created_at, s.name) for s in found]
    return table(("ID", "IMAGES", "CLASSES", "CREATED", "NAME"), rows)


def fits(found: Iterable[Fit]) -> str:
    """A list of fits."""
    rows = [(f.id, f.status, f.generator.id, f.created_at, f.name) for f in found]
    return table(("ID", "STATUS", "GENERATOR", "CREATED", "NAME"), rows)


def batches(found: Iterable[Batch]) -> str:
    """A list of batches."""
    rows = [(b.id, b.status, b.n, b.seed, b.created_at, b.fit.id) for b in found]
    return table(("ID", "STATUS", "SAMPLES", "SEED", "CREATED", "FIT"), rows)


def streams(found: Iterable[Stream]) -> str:
    """A list of streams."""
    rows = [(s.id, s.shard_size, s.seed, s.created_at, s.fit.id) for s in found]
    return table(("ID", "IN A SHARD", "SEED", "CREATED", "FIT"), rows)


def stream(found: Stream) -> str:
    """One stream: what its samples are decided by."""
    return _lines(
        id=found.id,
        created=found.created_at,
        fit=found.fit.id,
        seed=found.seed,
        truncation=found.truncation,
        drop_share=(found.filter or {}).get("drop_share"),
        shard_size=found.shard_size,
        classes=", ".join(found.labels.classes),
    )


def labelset(found: Labelset) -> str:
    """One labelset, and how often each class occurs."""
    lines = _lines(id=found.id, name=found.name, created=found.created_at, images=found.num_images)
    warnings = _bullets("warnings", [str(warning) for warning in found.warnings])
    return _blocks(lines, _class_counts(found), warnings)


def checked(found: CheckedLabels) -> str:
    """Labelled images that were checked and not kept."""
    tasks = ", ".join(f"{name} {count}" for name, count in found.tasks.items())
    return _blocks(_lines(images=found.num_images, labels=tasks), _class_counts(found))


def counts(found: Mapping[str, int]) -> str:
    """How many files there are of each part of a labelset."""
    return _lines(**{part: number for part, number in found.items() if number})


def job(found: Job) -> str:
    """One job of any kind: its state, and what was measured when it has ended."""
    lines = _lines(
        id=found.id,
        status=found.status,
        created=found.created_at,
        finished=found.finished_at,
        progress=found.progress
        and f"{found.progress.stage} {found.progress.done}/{found.progress.total}",
        error=found.error and f"{found.error.code}: {found.error.detail}",
        **(_of_generator(found) if isinstance(found, Generator) else {}),
        **(_of_fit(found) if isinstance(found, Fit) else {}),
        **(_of_batch(found) if isinstance(found, Batch) else {}),
    )
    if not isinstance(found, Fit):
        return lines
    metrics = found.metrics or {}
    return _blocks(lines, _class_scores(metrics), _bullets("advice", metrics.get("advice") or ()))


def folder(found: BatchFolder) -> str:
    """What a downloaded batch holds."""
    batch = found.batch
    return _lines(
        folder=found.folder,
        batch=batch.id,
        fit=batch.fit.id,
        seed=batch.seed,
        samples=found.num_samples,
        shards=len(found.index.shards),
        bytes=sum(shard.num_bytes for shard in found.index.shards),
        classes=", ".join(found.labels.classes) or None,
        keypoints=found.labels.keypoints and ", ".join(found.labels.keypoints.names),
        depth=found.labels.depth and f"{found.labels.depth.scale} {found.labels.depth.unit}",
    )


def _of_generator(generator: Generator) -> dict[str, object]:
    return {
        "name": generator.name,
        "pixels": _pixels(generator),
        "source": generator.source,
        "license": generator.license,
        "inverters": ", ".join(one.digest[:12] for one in generator.inverters),
        "warnings": " ".join(generator.warnings),
        "sheet": generator.sheet and generator.sheet.url,
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
    """The IoU of each class, by what was judged: held-out images, the estimate, or neither."""
    columns = {
        title: (metrics.get(name) or {}).get("class_iou") or {}
        for title, name in (("HELD-OUT IOU", "heldout"), ("ESTIMATED IOU", "estimate"))
    }
    judged = {title: scores for title, scores in columns.items() if scores}
    classes = list(dict.fromkeys(name for scores in judged.values() for name in scores))
    rows = [(name, *(_share(scores.get(name)) for scores in judged.values())) for name in classes]
    return table(("CLASS", *judged), rows) if rows else ""


def _share(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, int | float) else "-"


def _class_counts(found: CheckedLabels) -> str:
    rows = [(count.name, count.num_images, count.num_pixels) for count in found.classes]
    return table(("CLASS", "IMAGES", "PIXELS"), rows) if rows else ""


def _bullets(title: str, items: Sequence[str]) -> str:
    return "\n".join([title, *(f"  - {item}" for item in items)]) if items else ""


def _blocks(*texts: str) -> str:
    """Parts of an answer with an empty line between them; empty ones are left out."""
    return "\n\n".join(text for text in texts if text)


def _scores(where: str, scores: Mapping[str, Any]) -> dict[str, object]:
    """One number for each task that was judged, by images that were held out or by an estimate without any."""
    keypoints, depth = scores.get("keypoints") or {}, scores.get("depth") or {}
    found = {"miou": scores.get("miou"), "pck": keypoints.get("pck"), "absrel": depth.get("absrel")}
    return {f"{where}_{name}": value for name, value in found.items()}


def _of_batch(batch: Batch) -> dict[str, object]:
    metrics = batch.metrics or {}
    return {
        "fit": batch.fit.id,
        "samples": batch.n,
        "shards": batch.num_shards,
        "seed": batch.seed,
        "bytes": metrics.get("num_bytes"),
        "mean_score": metrics.get("mean_score"),
    }


def _lines(**values: object) -> str:
    shown = {name: _text(value) for name, value in values.items() if value not in (None, "")}
    width = max(map(len, shown))
    return "\n".join(f"{name.ljust(width)}  {value}" for name, value in shown.items())


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M")
    return f"{value:.4g}" if isinstance(value, float) else str(value)
