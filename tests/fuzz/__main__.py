"""`python -m tests.fuzz`: run schemathesis against a running service on loopback. The last line is JSON.

The app and a Redis run as processes on a folder. Every request has an API key with all scopes, except those that must
be refused without one. All checks of responses against the description of the API are on, except the check that a valid
body is accepted, because an id that matches its pattern may not exist.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2

from contracts.ids import DEFAULT_TENANT
from contracts.kinds import KINDS
from examples.demo.stack import REPOSITORY, Stack
from state.settings import Settings
from tests.fuzz.objects import create_objects

SKIPPED_CHECKS = "positive_data_acceptance"
FUZZER = "fuzzer"
SCOPES = "read,write,admin,operator"
# These operations wait for a worker, and no worker runs.
SLOW = ("read_tar", *(f"follow_{kind.name}" for kind in KINDS))


def main() -> int:
    """Start a service, fuzz it, and print the failures and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--examples", type=int, default=100, help="cases for each operation and phase"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--program", default="schemathesis", help="the fuzzer")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as name,
        Stack(Path(name), settings={"HANDSOFF_AUTH": "keys"}) as stack,
    ):
        stack.start_redis()
        key = _create_key(stack)
        stack.start_app()
        status, report = _fuzz(stack, key, arguments)
        log = (stack.folder / "app.log").read_text(errors="replace")
        cases = list(_cases(report))
    failures = Counter(check for case in cases for check in case["failures"])
    summary = {
        "cases": len(cases),
        "responses_5xx": sum(
            500 <= case["status"] < 600 and case["status"] != 503 for case in cases
        ),
        "responses_503_not_ready": sum(case["status"] == 503 for case in cases),
        "unexpected_errors_in_log": log.count("unexpected error"),
        "failures": dict(failures),
        "exit_status": status,
    }
    sys.stdout.write(json.dumps(summary) + "\n")
    return 1 if status or summary["unexpected_errors_in_log"] or summary["responses_5xx"] else 0


def _create_key(stack: Stack) -> str:
    """Create a key as an operator does. Returns its secret."""
    command = [sys.executable, "-m", "app", "keys", "create", FUZZER, "--scopes", SCOPES]
    done = subprocess.run(
        command,
        cwd=REPOSITORY,
        env=stack.environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def _fuzz(stack: Stack, key: str, arguments: argparse.Namespace) -> tuple[int, Path]:
    environment = stack.environment
    settings = Settings.model_validate(
        {name: environment[f"HANDSOFF_{name.upper()}"] for name in ("redis_url", "store_url")}
    )
    ids = create_objects(stack.address, key, settings)
    report = stack.folder / "fuzz.ndjson"
    hooks = {
        "SCHEMATHESIS_HOOKS": str(REPOSITORY / "tests" / "fuzz" / "hooks.py"),
        "HANDSOFF_FUZZ_IDS": json.dumps(ids),
        "HANDSOFF_FUZZ_KEPT": json.dumps(_kept_ids(stack, key)),
    }
    program = shutil.which(arguments.program) or arguments.program
    config = str(REPOSITORY / "tests" / "fuzz" / "schemathesis.toml")
    command = [str(Path(program).absolute()), "--config-file", config]
    command += ["run", f"{stack.address}/openapi.json"]
    examples, seed = str(arguments.examples), str(arguments.seed)
    options = [
        "--max-examples",
        examples,
        "--seed",
        seed,
        "--report",
        "ndjson",
        "--continue-on-failure",
    ]
    options += [
        "--report-ndjson-path",
        str(report),
        "--exclude-checks",
        SKIPPED_CHECKS,
        "--request-timeout",
        "20",
        "--header",
        f"Authorization: Bearer {key}",
    ]
    options += [word for name in SLOW for word in ("--exclude-operation-id", name)]
    result = subprocess.run(
        [*command, *options], env={**os.environ, **hooks}, cwd=stack.folder, check=False
    )
    return result.returncode, report


def _kept_ids(stack: Stack, key: str) -> list[str]:
    """Return the ids that the fuzzer must leave alone: without its key or its tenant, every answer is a refusal."""
    headers = {"Authorization": f"Bearer {key}"}
    listed = httpx2.get(f"{stack.address}/v1/keys", headers=headers).raise_for_status().json()
    own = [item["id"] for item in listed["items"] if item["name"] == FUZZER]
    return [DEFAULT_TENANT, *own]


def _cases(report: Path) -> Iterator[dict[str, Any]]:
    """Yield the status and the failed checks of each sent case."""
    for line in report.read_text("utf-8", errors="replace").splitlines():
        recorder = json.loads(line).get("ScenarioFinished", {}).get("recorder", {})
        for case_id, interaction in recorder.get("interactions", {}).items():
            checks = recorder.get("checks", {}).get(case_id, [])
            failures = [check["name"] for check in checks if check["status"] == "failure"]
            response = interaction.get("response") or {}
            yield {"status": response.get("status_code", 0), "failures": failures}


if __name__ == "__main__":
    sys.exit(main())
