"""The blocks of a page as one shell script, on a running service. Only sizes, steps and ids are replaced."""

import os
import re
import subprocess
from pathlib import Path

from tests.documentation.blocks import REPOSITORY, Block, all_blocks
from tests.documentation.conftest import Service
from tests.documentation.preparations import BEFORE, NAMES

SHELL = """
json() { python -c "import json, sys; a = json.load(sys.stdin); 'detail' in a and sys.exit(a['detail']); print(a$1)"; }
your-loader() { head -c 100000 > /dev/null; }
"""
QUICK_OPTIONS = "--option inversion.steps=10 --option ensemble.steps=60"
QUICK_JSON = '"seed": 1, "options": {"inversion": {"steps": 10}, "ensemble": {"steps": 60}}}'
SHORTER = {
    r"-n 1000\b": "-n 8",
    r"(handsoff fit .*--wait)": rf"\1 {QUICK_OPTIONS}",
    r'("labelset": "\'\$LABELSET\'"|"generator": "portraits-64"), "seed": 1}': rf"\1, {QUICK_JSON}",
}
"""Sizes and steps."""


def replaced(text: str, service: Service) -> str:
    """Return a block with the address and ids of this service, and smaller sizes."""
    ids = service.ids
    for pattern, shorter in SHORTER.items():
        text = re.sub(pattern, shorter, text)
    text = text.replace("http://127.0.0.1:8000", service.stack.address)
    text = re.sub(r"\b(fit|stream)_\.\.\.", lambda name: ids[name[1].upper()], text)
    return re.sub(r"(?<![\w$])FIT(?![\w=])", ids["FIT"], text)


def script_of(page: str, service: Service) -> str:
    """Return the blocks of a page as one shell script."""
    blocks = [block for block in all_blocks() if block.page == page and block.kind == "run"]
    parts = [SHELL, BEFORE.get(page, ""), *(_part(block, service) for block in blocks)]
    return "\n".join(parts)


def _part(block: Block, service: Service) -> str:
    text = replaced(block.text, service)
    if block.language == "sh":
        return text
    return f"python - <<'END_OF_PYTHON'\n{NAMES.get(block.page, '')}\n{text}\nEND_OF_PYTHON\n"


def run(script: str, folder: Path, service: Service) -> subprocess.CompletedProcess[str]:
    """Run a script with the settings and the ids of the service."""
    environment = {
        **service.stack.environment,
        **service.ids,
        "API": f"{service.stack.address}/v1",
        "URL": service.stack.address,
        "HANDSOFF_URL": service.stack.address,
        "HANDSOFF_CACHE": str(folder / "cache"),
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "client" / "src")]),
        "PATH": os.pathsep.join([str(REPOSITORY / ".venv" / "bin"), os.environ["PATH"]]),
    }
    return subprocess.run(
        ["bash", "-eu", "-c", script],
        cwd=folder,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
