"""Run the tests of networks of other libraries in an environment that has them (`make network-check`).

They need torchvision, which must be built for the torch beside it. Where no such pair can be installed, the test is
skipped.
"""

import os
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.environments import environment

pytestmark = [pytest.mark.network_check, pytest.mark.timeout(3_600)]

REPOSITORY = Path(__file__).resolve().parents[4]
# The pair of `tests/shards/test_consumers.py`. The constraints have another one, which needs the index of torch.
PAIR = ("torch==2.14.1", "torchvision==0.29.1")
SMP = "segmentation-models-pytorch"
GROUPS = ("workers", "test-light", "redis-server", "downstream")
TESTS = (
    "tests/workers/evaluating/networks",
    "tests/workers/evaluating/test_evaluations.py",
    "tests/models/downstream",
    "tests/workers/runtime/test_machine.py",
    "tests/e2e/test_evaluation.py",
)


def requirements(group: str) -> Iterator[str]:
    """Yield the requirements of a dependency group and of the groups that it includes."""
    groups = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["dependency-groups"]
    for entry in groups[group]:
        if isinstance(entry, str):
            yield entry
        else:
            yield from requirements(entry["include-group"])


def constraints(folder: Path) -> Path:
    """Write the constraints without torch and torchvision."""
    lines = (REPOSITORY / "constraints.txt").read_text().splitlines()
    path = folder / "constraints.txt"
    path.write_text("\n".join(one for one in lines if not re.match(r"torch(vision)?==", one)))
    return path


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a Python with the packages of the workers, the tests and the extra `downstream` (6 GB)."""
    folder = tmp_path_factory.mktemp("networks")
    names = {one for group in GROUPS for one in requirements(group)}
    # The last one gives the environment its name.
    others = sorted(names - {"torch", "torchvision", SMP})
    packages = ("-c", str(constraints(folder)), *PAIR, *others, "rich", SMP)
    return environment(folder, packages)


def test_the_tests_of_other_libraries_pass_where_they_are_installed(python: Path) -> None:
    """None is skipped: the environment has both libraries."""
    variables = {**os.environ, "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'client' / 'src'}"}
    others = ("-m", "not network_check")  # without this test
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *others, *TESTS]
    done = subprocess.run(
        command, cwd=REPOSITORY, env=variables, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-5_000:] + done.stderr[-1_000:]
    assert "libraries.py: could not import" not in done.stdout
    assert re.search(r"\d+ passed", done.stdout)
