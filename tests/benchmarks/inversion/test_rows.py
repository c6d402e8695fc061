"""The rows of the inversion benchmark: each changes one value, and rows without weights are skipped."""

from benchmarks.defaults import inversion_options
from benchmarks.inversion.rows import rows


def test_the_default_is_listed_with_its_parts() -> None:
    """Every table has the encoder alone, both, and the optimisation alone."""
    for quick in (True, False):
        first, both, alone = list(rows(quick=quick, squeezenet=False))[:3]
        assert (first.encoder, first.options.steps) == (True, 0)
        assert both.encoder
        assert not alone.encoder
        assert both.options == alone.options
    assert both.options == inversion_options()


def test_a_row_without_its_weights_is_skipped() -> None:
    """Row names are unique, and only the SqueezeNet row depends on a file."""
    without = {row.name for row in rows(quick=False, squeezenet=False)}
    all_rows = list(rows(quick=False, squeezenet=True))
    assert len({row.name for row in all_rows}) == len(all_rows)
    assert [row.port for row in all_rows if row.name not in without] == ["squeezenet"]
