"""`handsoff push` against a local stub of the Hub: complete, private, continued after a kill, and clear refusals."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from handsoff_client import BatchFolder
from tests.client.conftest import batch_folder
from tests.client.data.hub_stub import OWNER, TOKEN, Hub, served

pytest.importorskip("huggingface_hub")

REPOSITORY = Path(__file__).resolve().parents[3]
NAME = f"{OWNER}/faces"
PUSHED = ["batch.json", "shard-000000.tar", "shard-000001.tar", "shard-000002.tar"]


@pytest.fixture
def hub() -> Iterator[Hub]:
    """Serve a Hub without a repository."""
    with served(Hub()) as hub:
        yield hub


@pytest.fixture
def folder(tmp_path: Path) -> BatchFolder:
    """Return a downloaded batch of three shards with its card and its Croissant."""
    folder = batch_folder(tmp_path / "batch", 14)
    (folder.folder / "README.md").write_text("---\ntags: [synthetic]\n---\n# 14 images\n")
    (folder.folder / "croissant.json").write_text("{}")
    return folder


def started(
    hub: Hub, folder: BatchFolder, *words: str, token: str | None = TOKEN
) -> "subprocess.Popen[str]":
    """Start `handsoff push` in a process, because the library reads its variables when it is imported."""
    home = folder.folder.parent / "home"
    variables = {
        "PATH": os.defpath,
        "PYTHONPATH": str(REPOSITORY / "client/src"),
        "HOME": str(home),
        "HF_HOME": str(home),
        "HF_ENDPOINT": hub.url,
        "HF_HUB_DISABLE_XET": "1",
        **({"HF_TOKEN": token} if token else {}),
    }
    command = [sys.executable, "-m", "handsoff_client", "--json", "push", str(folder.folder)]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [*command, *(words or (NAME,))], env=variables, stdout=pipe, stderr=pipe, text=True
    )


def pushed(
    hub: Hub, folder: BatchFolder, *words: str, **options: str | None
) -> tuple[int, str, str]:
    """Push; return exit code, output and messages."""
    process = started(hub, folder, *words, **options)
    out, messages = process.communicate()
    assert TOKEN not in out + messages
    return process.returncode, out, messages


def test_a_killed_push_continues(hub: Hub, folder: BatchFolder) -> None:
    """Files sent before the kill are not sent again; README and labels are last; a further push sends nothing."""
    hub.hold_after = 2
    with started(hub, folder) as process:
        assert hub.held.wait(60)
        process.kill()
    assert list(hub.repositories[NAME]) == [".gitattributes", "batch.json"]
    hub.hold_after = None
    hub.release.set()
    code, out, messages = pushed(hub, folder)
    assert (code, json.loads(out)["url"]) == (0, f"{hub.url}/datasets/{NAME}"), messages
    assert len(hub.sent) == len(set(hub.sent)) == 3
    assert hub.committed == [*PUSHED, "labels.json", "croissant.json", "README.md"]
    assert hub.private == {NAME: True}
    assert json.loads(pushed(hub, folder)[1])["sent"] == 0
    assert len(hub.committed) == 7


def test_a_pushed_repository_is_a_downloaded_batch(
    hub: Hub, folder: BatchFolder, tmp_path: Path
) -> None:
    """A clone can be opened, exported and used for training. It has no link to the service."""
    assert pushed(hub, folder, NAME, "--public")[0] == 0
    assert hub.private == {NAME: False}
    (tmp_path / "clone").mkdir()
    for name, data in hub.repositories[NAME].items():
        (tmp_path / "clone" / name).write_bytes(data)
    clone = BatchFolder.open(tmp_path / "clone")
    assert [one.facts for one in clone.samples()] == [one.facts for one in folder.samples()]
    assert json.loads((tmp_path / "clone/labels.json").read_text()) == folder.index.batch["labels"]
    assert b"links" not in hub.repositories[NAME]["batch.json"]


def test_a_repository_of_another_batch_is_refused(hub: Hub, folder: BatchFolder) -> None:
    """Neither files of another batch nor foreign files are mixed with those of the batch."""
    for name, data, message in (
        ("batch.json", b'{"batch": {"id": "batch_other"}}', "has the batch batch_other, not"),
        ("train.csv", b"1,2", "has files of another origin, such as 'train.csv'"),
    ):
        hub.repositories[NAME] = {".gitattributes": b"", name: data}
        code, _, messages = pushed(hub, folder)
        assert code == 1
        assert message in messages
    assert hub.committed == []


@pytest.mark.parametrize(
    ("name", "token", "message"),
    [
        (NAME, None, "No token of the Hugging Face Hub. Run `hf auth login`, or set HF_TOKEN."),
        (NAME, "hf_wrong", "The Hub does not accept the token."),
        ("grace/faces", TOKEN, "The token has no right to write to 'grace/faces'."),
        ("a/b/c", TOKEN, "'a/b/c': "),
    ],
)
def test_a_refused_push_says_what_to_do(
    hub: Hub, folder: BatchFolder, name: str, token: str | None, message: str
) -> None:
    """One line, exit code 1, and no token."""
    code, _, messages = pushed(hub, folder, name, token=token)
    assert code == 1
    assert message in messages
    assert len(messages.splitlines()) == 1
    assert hub.committed == []


def test_a_damaged_shard_is_not_pushed(hub: Hub, folder: BatchFolder) -> None:
    """Its digest differs from that in `batch.json`."""
    folder.path_of(1).write_bytes(b"damaged")
    code, _, messages = pushed(hub, folder)
    assert code == 1
    assert "is damaged. Download the batch again." in messages
    assert hub.objects == {}
