"""The imports of the client: its dependencies only, and torch in three files only."""

import subprocess
import sys

HTTPX2_DEPENDENCIES = {"anyio", "h11", "httpcore2", "idna", "truststore", "typing_extensions"}
HTTPX2_COMMAND = {"click", "pygments", "rich"}  # loaded by httpx2 if installed
ALLOWED = (
    {"handsoff_client", "handsoff_shards", "httpx2", "numpy", "PIL"}
    | HTTPX2_DEPENDENCIES
    | HTTPX2_COMMAND
)


def loaded_by(module: str) -> set[str]:
    """Return the packages that an import loads in a fresh interpreter, without the standard library."""
    code = (
        f"import sys; before = set(sys.modules); import {module};"
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before})"
    )
    command = [sys.executable, "-I", "-c", code]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {name for name in names.split() if not name.startswith("_")} - sys.stdlib_module_names


def test_the_command_line_needs_httpx2_numpy_and_pillow() -> None:
    """It loads no package of the service and no torch."""
    assert loaded_by("handsoff_client.cli.commands") <= ALLOWED


def test_a_forbidden_package_is_detected() -> None:
    """The test above can fail."""
    assert not loaded_by("pydantic") <= ALLOWED
