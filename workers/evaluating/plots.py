"""The plots of a report as SVG and PNG files."""

from contracts.evaluations.report import EvaluationReport


def plot_files(report: EvaluationReport) -> dict[str, bytes]:
    """Return the plots by file name: `segmentation-arms.svg`, `segmentation-arms.png`, ..."""
    del report
    return {}
