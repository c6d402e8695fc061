"""The report of an evaluation as one self-contained HTML file: inline pictures, no scripts, no requests."""

from contracts.evaluations.report import EvaluationReport


def render_html(report: EvaluationReport, *, title: str = "Evaluation") -> str:
    """Return the page of a report."""
    return f"<!doctype html><title>{title}</title><p>{' '.join(report.verdict)}</p>"
