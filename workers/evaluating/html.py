"""The report of an evaluation as one self-contained HTML file.

Pictures are inline; there are no scripts and no requests; it follows the reader's light or dark colors. Texts of users
(names of classes, titles) are escaped.
"""

from collections.abc import Iterator, Mapping
from html import escape

from contracts.evaluations.report import (
    ArmRef,
    ArmScore,
    Difference,
    EvaluationReport,
    PartScore,
    TaskReport,
)
from workers.evaluating.page_style import STYLE
from workers.evaluating.plots import plots
from workers.evaluating.sentences import HELPERS, points, share, titled

TASK_TITLES = {"segmentation": "Masks", "keypoints": "Keypoints", "depth": "Depth"}
PART_NOUNS = {"segmentation": "class", "keypoints": "keypoint", "depth": "map"}
CAPTIONS = {
    "scores": "Score of each arm on the held-out images. A bar is the 95% interval, a small ring one training.",
    "differences": "Paired difference to real alone. A bar that does not touch the line is a measured difference.",
    "curves": "Score over the number of synthetic pairs; a filled dot marks the plateau.",
}
OUTCOME_MARKS = {"better": "▲", "worse": "▼", "undecided": "·"}


def render_html(
    report: EvaluationReport, *, title: str = "Evaluation", facts: Mapping[str, str] | None = None
) -> str:
    """Return the page of a report. `facts` (the fit, its labelset, the options) are shown as they are given."""
    measured = {
        "held-out images": f"{report.num_images:,}",
        "trainings of each arm": str(report.num_seeds),
        "intervals": f"{report.confidence:.0%}, {report.num_draws:,} bootstrap draws",
    }
    body = "".join(
        (
            f"<header><p class=kicker>HandsOff evaluation</p><h1>{escape(title)}</h1>",
            _facts({**measured, **(facts or {})}),
            "</header>",
            _verdict(report),
            *(section for task in report.tasks for section in _task(task)),
            _reading(),
        )
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        # Nothing is loaded: also a browser that would, may not.
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><main>{body}</main></body></html>\n"
    )


def _facts(facts: Mapping[str, str]) -> str:
    pairs = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
        for name, value in facts.items()
    )
    return f"<dl>{pairs}</dl>"


def _verdict(report: EvaluationReport) -> str:
    lines = "".join(
        f"<p{' class=lead' if number == 0 else ''}>{escape(line)}</p>"
        for number, line in enumerate(report.verdict)
    )
    warnings = "".join(f"<li>{escape(line)}</li>" for line in report.warnings)
    outcomes = [
        one.difference.outcome
        for task in report.tasks
        for one in task.comparisons
        if one.first.arm in HELPERS
    ]
    tone = outcomes[0] if outcomes else "undecided"
    box = f"<section class='verdict {tone}'><h2>Verdict</h2>{lines or '<p>Nothing was compared.</p>'}</section>"
    if not warnings:
        return box
    return box + f"<section class=warnings><h2>Read with care</h2><ul>{warnings}</ul></section>"


def _task(task: TaskReport) -> Iterator[str]:
    title = TASK_TITLES.get(task.task, task.task)
    yield f"<section><h2>{escape(title)} <small>{escape(task.measure)}</small></h2>"
    for name, canvas in plots(task).items():
        picture = canvas.svg(with_style=False)
        yield f"<figure>{picture}<figcaption>{CAPTIONS[name]}</figcaption></figure>"
    yield _table(task)
    yield "</section>"


def _table(task: TaskReport) -> str:
    """Return the table of parts: the score of each arm, and its difference to `real`."""
    columns = _shown(task)
    if not columns:
        return ""
    sign = 1 if task.higher_is_better else -1
    heads = "".join(f"<th>{escape(titled(arm.ref))}</th>" for arm in columns)
    noun = escape(PART_NOUNS.get(task.task, "part"))
    rows = []
    for name, first in columns[0].parts.items():
        cells = "".join(_cell(arm.parts[name], sign) for arm in columns)
        rows.append(f"<tr><th>{escape(name)}</th><td>{first.num_images}</td>{cells}</tr>")
    return (
        f"<div class=scroll><table><thead><tr><th>{noun}</th><th>images</th>{heads}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
        "<p class=note>Below each score: the difference to real alone in points, with its interval.</p>"
    )


def _shown(task: TaskReport) -> list[ArmScore]:
    """Return the arms of the table: of a curve, only the one with the most pairs."""
    largest: dict[str, ArmRef] = {}
    for arm in task.arms:
        known = largest.get(arm.ref.arm)
        if known is None or arm.ref.synthetic_pairs > known.synthetic_pairs:
            largest[arm.ref.arm] = arm.ref
    return [arm for arm in task.arms if arm.ref == largest[arm.ref.arm]]


def _cell(part: PartScore, sign: int) -> str:
    if part.score is None:
        return "<td class=none>not in the images</td>"
    return f"<td>{share(part.score.value)}{_change(part.difference, sign)}</td>"


def _change(difference: Difference | None, sign: int) -> str:
    if difference is None:
        return ""
    text = points(difference, sign).replace(" points", "").replace(" point", "")
    mark = OUTCOME_MARKS[difference.outcome]
    return f"<span class={difference.outcome}>{mark} {escape(text)}</span>"


def _reading() -> str:
    return (
        "<section class=reading><h2>How to read this</h2>"
        "<p>A <b>point</b> is a hundredth of the measure. <b>[3.9, 8.2]</b> is a 95% interval over held-out images and"
        " over trainings with different random numbers: if it contains 0, no difference is shown. Differences are"
        " paired: both arms are judged on the same images, so intervals of scores may overlap where the difference is"
        " clear.</p><p>All arms train for the same number of steps. The weights are the last ones, or with many"
        " training images those with the lowest loss on a share of them. Held-out images are only used for the scores."
        " The intervals do not cover the choice of the labelled images or another fit.</p></section>"
    )
