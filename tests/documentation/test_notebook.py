"""`examples/quickstart.ipynb` runs in a kernel on a running service. Only steps and sizes are replaced."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.documentation.blocks import REPOSITORY
from tests.documentation.conftest import QUICK, Service

NOTEBOOK = REPOSITORY / "examples" / "quickstart.ipynb"
CLIENT = str(REPOSITORY / "client" / "src")
RUN = """
import sys, nbclient, nbformat
notebook = nbformat.read(sys.argv[1], 4)
nbclient.execute(notebook)
nbformat.write(notebook, sys.argv[1])
"""


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_notebook_runs(service: Service, tmp_path: Path) -> None:
    """Every cell succeeds, and jobs, folder and samples are shown as HTML."""
    (tmp_path / "pairs").symlink_to(service.pairs)
    text = NOTEBOOK.read_text("utf-8")
    shorter = f"labelset=labelset.id, options={QUICK})".replace('"', "'")
    text = text.replace("labelset=labelset.id)", shorter).replace("n=64", "n=8")
    (tmp_path / "run.ipynb").write_text(text)
    done = subprocess.run(
        [sys.executable, "-c", RUN, "run.ipynb"],
        cwd=tmp_path,
        env={**os.environ, "HANDSOFF_URL": service.stack.address, "PYTHONPATH": CLIENT},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    cells = json.loads((tmp_path / "run.ipynb").read_text())["cells"]
    shown = [
        one["data"].get("text/html")
        for cell in cells
        for one in cell.get("outputs", [])
        if "data" in one
    ]
    assert sum("<table>" in "".join(html or "") for html in shown) == 3


def test_the_notebook_has_no_outputs() -> None:
    """Outputs of one machine are not checked in, and every cell has code or text."""
    notebook: dict[str, Any] = json.loads(NOTEBOOK.read_text("utf-8"))
    assert [
        cell["id"] for cell in notebook["cells"] if cell.get("outputs") or not cell["source"]
    ] == []
