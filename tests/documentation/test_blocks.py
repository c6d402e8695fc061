"""Every code block of the pages has a class, and the checks of its class pass. `test_pages.py` runs those that run."""

import json
import re

import pytest

from tests.documentation.blocks import PAGES, REPOSITORY, Block, all_blocks, blocks_of
from tests.documentation.commands import check_settings, check_shell
from tests.documentation.snippets import MODELS, check_client, check_sketch

REASONS = {
    "bucket": r"\baws s3api\b",
    "checkpoints": r"\.pt\b|\bFILE\b|--condition",
    "docker": r"\bdocker\b",
    "failures": r"\bresume\b",
    "hours": r"make demo|--hours|--wait|evaluat|GENERATOR|train_|\bOUT\b|num_images|targets|train\(",
    "hub": r"\bpush\b|from_pretrained",
    "installs": r"\bpip (install|wheel)\b",
    "delivery": r"deliver_to|/reports",
    "keys": r"Authorization|api_key",
    "processes": r"make serve|python -m (app|workers)\b",
    "programs": r"\bexiftool\b|\bmlcroissant\b",
    "settings": r"\bHANDSOFF_|>> \.env\b",
    "ssh": r"\bssh\b",
}
"""Why a block is not run: it takes hours, needs another program, a file or a service. The block must show it."""
KINDS = {"check", "copy", "json", "own", "run", "sketch"}
BLOCKS = {block.place: block for block in all_blocks()}
SOURCES = sorted([*REPOSITORY.glob("tests/**/*.py"), *REPOSITORY.glob("examples/**/*.py")])


def of(kind: str) -> list[str]:
    """Return the places of the blocks of a class."""
    return [place for place, block in BLOCKS.items() if block.kind == kind]


def flaw_of(block: Block) -> str:
    """Return the flaw of a block's class; nothing if it is right."""
    if block.kind not in KINDS:
        return f"{block.place}: expected a comment <!-- block: KIND --> above the block, got '{block.kind}'"
    if block.kind == "check" and not re.search(REASONS.get(block.detail, "$^"), block.text):
        return f"{block.place}: the block does not show the reason '{block.detail}'"
    if (block.kind == "json") != (block.language == "json"):
        return f"{block.place}: JSON needs the class json, and only JSON"
    return ""


def test_every_block_has_a_class() -> None:
    """A new block needs a comment with one, and a reason if it does not run."""
    assert [flaw for block in BLOCKS.values() if (flaw := flaw_of(block))] == []
    assert set(REASONS) == {block.detail for block in BLOCKS.values() if block.kind == "check"}


@pytest.mark.parametrize(
    "text",
    [
        "```sh\nls\n```\n",
        "<!-- block: check, docker -->\n```sh\nls\n```\n",
        "<!-- block: run -->\n```json\n{}\n```\n",
    ],
    ids=["no class", "a reason that is not visible", "another language"],
)
def test_a_wrong_class_is_reported(text: str) -> None:
    """The check can fail."""
    (block,) = blocks_of("page.md", text)
    assert flaw_of(block)


@pytest.mark.parametrize(
    "place", [*of("check"), *[one for one in of("run") if BLOCKS[one].language == "sh"]]
)
def test_commands_exist(place: str) -> None:
    """Options, routes, modules, services and settings. Blocks that run are checked too: their test is long."""
    block = BLOCKS[place]
    if block.language == "python":
        check_client(block.text)
    elif block.detail == "settings":
        check_settings(block.text)
    else:
        check_shell(block.text)


@pytest.mark.parametrize("place", of("json"))
def test_documents_are_valid(place: str) -> None:
    """They fit the model of their name."""
    MODELS[BLOCKS[place].detail](json.loads(BLOCKS[place].text))


@pytest.mark.parametrize("place", of("sketch"))
def test_sketches_use_names_that_exist(place: str) -> None:
    """Code for new files has no service to run on."""
    check_sketch(BLOCKS[place].text)


@pytest.mark.parametrize("place", of("own"))
def test_tests_find_their_block(place: str) -> None:
    """The comment is in the test that cuts the block out."""
    assert any(BLOCKS[place].detail in path.read_text() for path in SOURCES)


@pytest.mark.parametrize("place", of("copy"))
def test_copies_are_equal(place: str) -> None:
    """The other page has the same block, which a test runs."""
    block = BLOCKS[place]
    assert block.detail in PAGES
    assert block.text in [one.text for one in blocks_of(block.detail) if one.kind in ("own", "run")]


@pytest.mark.parametrize(
    "line",
    [
        "handsoff batch FIT --number 3",
        "curl -s $API/batchs/$BATCH",
        "python -m app.nothing",
        "make nothing",
        "docker compose up --scale renderer=2",
        "export HANDSOFF_NOTHING=1",
        "unknown-program --help",
    ],
    ids=["option", "route", "module", "target", "service", "setting", "program"],
)
def test_wrong_commands_are_reported(line: str) -> None:
    """Each check can fail."""
    with pytest.raises(AssertionError):
        check_shell(line + "\n")


@pytest.mark.parametrize(
    "text",
    ["client.fits.creates()", "client.fits.wait('x', colour=1)"],
    ids=["name", "argument"],
)
def test_wrong_calls_are_reported(text: str) -> None:
    """A method and an argument that the client lacks."""
    with pytest.raises((AssertionError, AttributeError)):
        check_client(text)


def test_wrong_names_are_reported() -> None:
    """A class that no room has."""
    with pytest.raises(AssertionError):
        check_sketch("class A(NoSuchBase):\n    pass\n")
