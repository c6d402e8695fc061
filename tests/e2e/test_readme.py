"""The examples in the READMEs: the curl lines that `make serve` prints, and those of the client."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from examples.demo.demo import render_labelset
from examples.demo.serve import curl_lines
from examples.demo.stack import REPOSITORY, Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

QUICK = '"seed": 1, "options": {"inversion": {"steps": 10}, "ensemble": {"steps": 60}}}'
EXAMPLE_BEGINS = "<!-- a test runs this block -->\n```python\n"
FIVE_LINES_BEGIN = "<!-- a test runs these five lines -->\n```python\n"


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a folder of four labelled portraits."""
    return render_labelset(tmp_path_factory.mktemp("portraits") / "labelled", 4)


@pytest.mark.parametrize("stack", ["file"], indirect=True)
def test_the_curl_lines_lead_to_a_shard(stack: Stack, tmp_path: Path) -> None:
    """The pasted lines produce labelled images. Only the steps of the fit are reduced."""
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


@pytest.mark.parametrize("stack", ["file"], indirect=True)
def test_the_clients_example_trains_a_network(stack: Stack, labelled: Path, tmp_path: Path) -> None:
    """It trains a toy network from a folder of pairs in under 20 lines. Only steps and samples are reduced."""
    readme = (REPOSITORY / "client" / "README.md").read_text()
    example = readme.partition(EXAMPLE_BEGINS)[2].partition("```")[0]
    assert len([line for line in example.splitlines() if line]) < 20
    quick = ', options={"inversion": {"steps": 10}, "ensemble": {"steps": 60}})'
    example = example.replace("labelset=labelset.id)", f"labelset=labelset.id{quick}").replace(
        "256", "40"
    )
    (tmp_path / "pairs").symlink_to(labelled)
    environment = {"HANDSOFF_URL": stack.address, "HANDSOFF_CACHE": str(tmp_path / "cache")}
    result = subprocess.run(
        [sys.executable, "-c", example],
        cwd=tmp_path,
        env=os.environ | environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("loss ")
    assert len(list((tmp_path / "cache" / "shards").glob("*.tar"))) == 1


@pytest.mark.parametrize("stack", ["file"], indirect=True)
def test_five_lines_lead_to_labelled_samples(stack: Stack, labelled: Path, tmp_path: Path) -> None:
    """They produce new pairs from a folder of pairs. Only the steps of the fit are reduced."""
    readme = (REPOSITORY / "client" / "README.md").read_text()
    lines = readme.partition(FIVE_LINES_BEGIN)[2].partition("```")[0]
    assert len(ast.parse(lines).body) == 5
    quick = ', options={"inversion": {"steps": 10}, "ensemble": {"steps": 60}})'
    lines = lines.replace('"portraits-64")', f'"portraits-64"{quick}', 1)
    (tmp_path / "pairs").symlink_to(labelled)
    result = subprocess.run(
        [sys.executable, "-c", lines],
        cwd=tmp_path,
        env=os.environ | {"HANDSOFF_URL": stack.address},
        check=False,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert len(result.stdout.splitlines()) == 64
    assert result.stdout.startswith("0 (64, 64, 3) (64, 64)")


def test_the_readme_shows_the_lines_that_are_tested() -> None:
    """The README has the same five lines as the client's README."""
    lines = (REPOSITORY / "client" / "README.md").read_text().partition(FIVE_LINES_BEGIN)[2]
    assert lines.partition("```")[0] in (REPOSITORY / "README.md").read_text()
