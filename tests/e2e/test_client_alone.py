"""The client in an environment with only the client, against a service in another process."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from examples.demo.demo import render_labelset
from examples.demo.stack import REPOSITORY, Stack

pytestmark = [
    pytest.mark.client_alone,
    pytest.mark.timeout(1_800),
    pytest.mark.parametrize("stack", ["file"], indirect=True),
]

BLOCK_BEGINS = (
    "<!-- a test runs this block in an environment that has only the client -->\n```python\n"
)
QUICK = ', options={"inversion": {"steps": 10}, "ensemble": {"steps": 60}})'


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create an environment with the client, httpx2, NumPy and Pillow. Returns its programs folder."""
    folder = tmp_path_factory.mktemp("alone")
    source = folder / "client"
    shutil.copytree(REPOSITORY / "client", source, ignore=shutil.ignore_patterns("*.egg-info"))
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    programs = folder / "venv" / "bin"
    constraints = str(REPOSITORY / "constraints.txt")
    install = ["-m", "pip", "install", "--quiet", "-c", constraints, str(source)]
    subprocess.run([programs / "python", *install], check=True)
    return programs


def run(alone: Path, stack: Stack, folder: Path, *words: str) -> str:
    """Run a program of that environment. Returns its output."""
    environment = {"PATH": f"{alone}{os.pathsep}{os.defpath}", "HANDSOFF_URL": stack.address}
    result = subprocess.run(
        [str(alone / words[0]), *words[1:]],
        cwd=folder,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_environment_is_light(alone: Path, stack: Stack, tmp_path: Path) -> None:
    """Neither torch nor the service is installed."""
    names = ["torch", "fastapi", "pydantic", "redis", "rich", "app", "workers", "contracts"]
    code = f"from importlib.util import find_spec; print([n for n in {names} if find_spec(n)])"
    assert run(alone, stack, tmp_path, "python", "-c", code) == "[]\n"


def test_the_readme_example_trains_a_network(alone: Path, stack: Stack, tmp_path: Path) -> None:
    """The README's example has under 20 lines and works, then its commands work. Steps and samples are reduced."""
    readme = (REPOSITORY / "client" / "README.md").read_text()
    example = readme.partition(BLOCK_BEGINS)[2].partition("```")[0]
    assert 0 < len([line for line in example.splitlines() if line]) < 20
    example = example.replace("labelset=labelset.id)", f"labelset=labelset.id{QUICK}", 1)
    (tmp_path / "pairs").symlink_to(render_labelset(tmp_path / "labelled", 4))
    printed = run(alone, stack, tmp_path, "python", "-c", example.replace("n=256", "n=24"))
    assert printed.endswith("of the pixels are right\n")
    assert "background, skin" in run(alone, stack, tmp_path, "handsoff", "show", "data")
    batch = json.loads(run(alone, stack, tmp_path, "handsoff", "--json", "batches"))["id"]
    export = ["handsoff", "export", batch, "--format", "coco", "--out"]
    run(alone, stack, tmp_path, *export, "coco.zip")
    run(alone, stack, tmp_path, "handsoff", "export", "data", *export[3:], "local.zip")
    assert (tmp_path / "coco.zip").read_bytes() == (tmp_path / "local.zip").read_bytes()
