"""What the client loads: its own three packages, and torch in two files only."""

import subprocess
import sys

BROUGHT_BY_HTTPX2 = {"anyio", "h11", "httpcore2", "idna", "truststore", "typing_extensions"}
HTTPX2_COMMAND = {"click", "pygments", "rich"}  # which httpx2 loads where they are there
ALLOWED = (
    {"handsoff_client", "handsoff_shards", "httpx2", "numpy", "PIL"}
    | BROUGHT_BY_HTTPX2
    | HTTPX2_COMMAND
)


def loaded_by(module: str) -> set[str]:
    """The packages that a fresh interpreter has after an import, beyond the standard library and what it began with."""
    code = (
        f"import sys; before = set(sys.modules); import {module};"
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before})"
    )
    command = [sys.executable, "-I", "-c", code]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {name for name in found.split() if not name.startswith("_")} - sys.stdlib_module_names


def test_the_command_line_needs_httpx2_numpy_and_pillow() -> None:
    """Nothing of the service, no torch."""
    assert loaded_by("handsoff_client.cli.commands") <= ALLOWED


def test_more_would_be_seen() -> None:
    """So the test above could fail."""
    assert not loaded_by("pydantic") <= ALLOWED
