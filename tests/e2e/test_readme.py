"""The README's own lines, run as they are printed by `make serve`."""

import subprocess
from pathlib import Path

import pytest

from examples.demo.serve import curl_lines
from examples.demo.stack import REPOSITORY, Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

QUICK = '"seed": 1, "options": {"inversion": {"steps": 10}, "ensemble": {"steps": 60}}}'


def test_the_curl_lines_lead_to_a_shard(stack: Stack, tmp_path: Path) -> None:
    """A stranger who pastes them gets labelled images. Only the fit's steps are cut short here."""
    for name in (".venv", "examples"):
        (tmp_path / name).symlink_to(REPOSITORY / name)
    (tmp_path / "var").mkdir()
    lines = curl_lines(stack.address).replace('"seed": 1}', QUICK, 1)
    pasted = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", lines],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
    )
    assert pasted.returncode == 0, pasted.stderr
    assert pasted.stdout.splitlines()[-1] == "000000063.json"
    assert (tmp_path / "var" / "fit.png").stat().st_size > 0
