"""`python -m benchmarks.gpu_day.gpu_tests`: run the tests marked `gpu` and count them. The last line is JSON."""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

MARK = "pytest.mark.gpu"
TESTS = Path("tests")


def main() -> int:
    """Run the tests. Returns 1 if one failed or, without `--may-skip`, was skipped."""
    options = _parse()
    options.report.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-m", "gpu"]
    command += [f"--junitxml={options.report.resolve()}", *map(str, marked_files(TESTS))]
    done = subprocess.run(command, check=False, stdout=sys.stderr)
    counts = counts_of(options.report)
    print(json.dumps(counts))
    is_complete = options.may_skip or not counts["skipped"]
    return 0 if done.returncode == 0 and counts["tests"] and is_complete else 1


def marked_files(folder: Path) -> list[Path]:
    """Return the test files with the mark. Others are not collected: that would take most of the time."""
    return [path for path in sorted(folder.rglob("test_*.py")) if MARK in path.read_text()]


def counts_of(report: Path) -> dict[str, int]:
    """Return the numbers of tests, failures (errors included) and skipped tests in a JUnit report."""
    suites = list(ElementTree.parse(report).getroot().iter("testsuite"))  # noqa: S314 - see the import
    total = {
        name: sum(int(suite.get(name, 0)) for suite in suites)
        for name in ("tests", "failures", "errors", "skipped")
    }
    total["failures"] += total.pop("errors")
    return total


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu_day.gpu_tests", description=__doc__
    )
    parser.add_argument("--report", type=Path, default=Path("build/gpu-day/tests.xml"))
    parser.add_argument(
        "--may-skip", action="store_true", help="skipped tests are no failure (without a GPU)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
