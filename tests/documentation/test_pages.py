"""The blocks of a page run in its order, in one shell, on a running service. Only sizes, steps and ids are replaced."""

from pathlib import Path

import pytest

from tests.documentation.blocks import REPOSITORY, all_blocks
from tests.documentation.conftest import Service
from tests.documentation.preparations import FILES, NEED_DATA
from tests.documentation.scripts import run, script_of

pytestmark = [pytest.mark.long, pytest.mark.slow, pytest.mark.timeout(600)]

PAGES = list(dict.fromkeys(block.page for block in all_blocks() if block.kind == "run"))


@pytest.fixture
def folder(service: Service, tmp_path: Path) -> Path:
    """A working folder with the environment, the examples and labelled images."""
    for name in (".venv", "examples"):
        (tmp_path / name).symlink_to(REPOSITORY / name)
    (tmp_path / "pairs").symlink_to(service.pairs)
    (tmp_path / "var").mkdir()
    return tmp_path


@pytest.mark.parametrize("page", PAGES)
def test_the_blocks_of_a_page_run(page: str, service: Service, folder: Path) -> None:
    """Each command succeeds."""
    if page in FILES:
        FILES[page](folder)
    download = "handsoff download $BATCH --out data\n" if page in NEED_DATA else ""
    done = run(download + script_of(page, service), folder, service)
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-3000:]}"


def test_a_wrong_block_fails(service: Service, folder: Path) -> None:
    """An unknown route ends the script with an error."""
    assert run("curl -sSf $API/nothing", folder, service).returncode != 0
