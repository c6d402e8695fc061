"""Promises of the inversion benchmark's rows: each changes one thing, and those without weights are left out."""

from benchmarks.defaults import inversion_options
from benchmarks.inversion_rows import rows


def test_the_default_stands_beside_what_it_is_made_of() -> None:
    """The encoder alone, both, and the optimisation alone, in every table."""
    for quick in (True, False):
        first, both, alone = list(rows(quick=quick, squeezenet=False))[:3]
        assert (first.encoder, first.options.steps) == (True, 0)
        assert both.encoder
        assert not alone.encoder
        assert both.options == alone.options
    assert both.options == inversion_options()


def test_a_row_without_its_weights_is_left_out() -> None:
    """Names are told apart, and only the mounted port's row depends on a file."""
    without = {row.name for row in rows(quick=False, squeezenet=False)}
    all_rows = list(rows(quick=False, squeezenet=True))
    assert len({row.name for row in all_rows}) == len(all_rows)
    assert [row.port for row in all_rows if row.name not in without] == ["squeezenet"]
