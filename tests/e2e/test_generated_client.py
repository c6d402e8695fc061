"""A client that openapi-python-client makes of the API's description: whole, and good for a fit and a batch."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from examples.demo.stack import REPOSITORY, Stack

pytestmark = [
    pytest.mark.client_alone,
    pytest.mark.timeout(1_800),
    pytest.mark.parametrize("stack", ["file"], indirect=True),
]

GENERATOR = "openapi-python-client==0.29.1"
# The one media type of the API that the generator does not know.
CONFIG = '{"content_type_overrides": {"application/x-tar": "application/octet-stream"}}'

WALK = """
import sys, time
from api_client import Client
from api_client.api.batches import create_batch, get_batch, list_shards
from api_client.api.fits import create_fit, get_fit
from api_client.models import BatchCreate, FitCreate, JobStatus

client = Client(base_url=sys.argv[1], raise_on_unexpected_status=True, timeout=60)

def wait(get, job):
    while job.status not in (JobStatus.SUCCEEDED, JobStatus.FAILED):
        job = get.sync(job.id, client=client, prefer="wait=30")
    assert job.status is JobStatus.SUCCEEDED, job.error
    return job

options = {"inversion": {"steps": 10}, "ensemble": {"steps": 60}, "estimate": False}
body = FitCreate.from_dict({"generator": "portraits-64", "labelset": sys.argv[2], "options": options})
fit = wait(get_fit, create_fit.sync(client=client, body=body))
body = BatchCreate.from_dict({"fit": fit.id, "n": 8, "shard_size": 4})
batch = wait(get_batch, create_batch.sync(client=client, body=body))
shards = list_shards.sync(batch.id, client=client)
print(len(shards.items), sum(one.num_samples for one in shards.items), type(fit.metrics).__name__)
refused = create_batch.sync(client=client, body=BatchCreate(fit=fit.id, n=0))
print(refused.code, refused.errors[0].pointer)
"""


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the generator and the client that it made, `api_client`."""
    folder = tmp_path_factory.mktemp("generated")
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    programs = folder / "venv" / "bin"
    install = ["-m", "pip", "install", "--quiet", GENERATOR]
    subprocess.run([programs / "python", *install], check=True)
    (folder / "config.json").write_text(CONFIG)
    command: list[str | Path] = [programs / "openapi-python-client", "generate", "--meta", "none"]
    command += ["--path", REPOSITORY / "docs" / "openapi.json", "--config", folder / "config.json"]
    command += ["--output-path", folder / "api_client", "--fail-on-warning"]
    path = f"{programs}{os.pathsep}{os.defpath}"
    subprocess.run(command, check=True, env={"PATH": path, "HOME": str(folder)})
    return folder


def test_every_operation_is_generated_and_compiles(generated: Path, stack: Stack) -> None:
    """No operation is dropped for a schema that the generator does not understand."""
    document = json.loads((REPOSITORY / "docs" / "openapi.json").read_text("utf-8"))
    names = {
        operation["operationId"]
        for path in document["paths"].values()
        for operation in path.values()
    }
    found = {file.stem for file in (generated / "api_client" / "api").glob("*/*.py")}
    assert names <= found
    assert "create_fit" in names
    compiled = [str(generated / "venv" / "bin" / "python"), "-m", "compileall", "-q", "api_client"]
    subprocess.run(compiled, check=True, cwd=generated)


def test_it_runs_a_fit_and_a_batch(generated: Path, stack: Stack, labelset: str) -> None:
    """From an uploaded labelset to shards; a refusal is a problem with its code and place."""
    command = [str(generated / "venv" / "bin" / "python"), "-c", WALK, stack.address, labelset]
    ran = subprocess.run(command, cwd=generated, check=False, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines() == ["2 8 FitMetrics", "invalid_request /n"]
