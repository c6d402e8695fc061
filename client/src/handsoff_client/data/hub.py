"""Push a downloaded batch to a dataset repository of the Hugging Face Hub: `push(folder, "owner/name")`.

`batch.json` is first: it says which batch the repository has. Shards follow, the README is last, so a repository with a
README is complete. Files with equal digests are kept, so a push that stopped continues when it is repeated.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import httpx2

from handsoff_client.api.batch_folders import INDEX_FILE, BatchFolder
from handsoff_client.api.sharded import CARD_FILE, CROISSANT_FILE
from handsoff_client.errors import ChecksumMismatch, PushFailed
from handsoff_client.http.downloads import sha256_of
from handsoff_shards.errors import InvalidInput

if TYPE_CHECKING:
    from huggingface_hub import HfApi, RepoFile

LABELS_FILE = "labels.json"
SHARDS_PER_COMMIT = 50
"""The Hub limits the commits per hour."""
BYTES_PER_COMMIT = 2 * 1024**3
"""So a push that stops repeats little."""
NAMES_PER_QUESTION = 200

KIND = "dataset"


@dataclass(frozen=True)
class Pushed:
    """The address of the repository, and how many files were sent, or were there already."""

    url: str
    num_sent: int
    num_kept: int


@dataclass(frozen=True)
class File:
    """A file of the repository: its name, and its bytes or its path. `sha256` is that of a shard."""

    name: str
    content: bytes | Path
    num_bytes: int
    sha256: str | None = None

    def equals(self, stored: "RepoFile") -> bool:
        """Whether the repository has the same bytes: large files by SHA-256, others by the id of git."""
        if stored.lfs is not None:
            return bool(stored.lfs.sha256 == self._digest())
        return stored.blob_id == _git_id(self._bytes()) if stored.size == self.num_bytes else False

    def is_damaged(self) -> bool:
        """Whether a shard has another digest than `batch.json` says."""
        if self.sha256 is None or isinstance(self.content, bytes):
            return False
        return sha256_of(self.content) != self.sha256

    def _digest(self) -> str:
        return self.sha256 or hashlib.sha256(self._bytes()).hexdigest()

    def _bytes(self) -> bytes:
        return self.content if isinstance(self.content, bytes) else self.content.read_bytes()


def push(
    folder: BatchFolder,
    repository: str,
    *,
    private: bool = True,
    watch: Callable[[int, int], None] | None = None,
) -> Pushed:
    """Push a downloaded batch: shards, `batch.json`, `labels.json`, `croissant.json` and the card as README.

    `repository` is `owner/name`; a new one is private unless `private` is False. `watch` is called with the number of
    files that are there and of all files. The token is that of `hf auth login`, or `HF_TOKEN`. Raises `PushFailed`
    when the Hub refuses it, and `InvalidInput` for a labeling, whose images are yours and not generated.
    """
    if folder.index.batch.get("kind") == "labeling":
        raise InvalidInput("Expected a batch, got a labeling: its images are real, not generated.")
    with _refusals(repository):
        hub = _Repository(repository)
        url = hub.create(private=private)
        hub.check_owner(folder.job.id)
        groups = [[_index(folder)], *_shard_groups(folder), list(_documents(folder))]
        total, num_sent, num_done = sum(map(len, groups)), 0, 0
        for group in filter(None, groups):
            missing = hub.missing(group)
            hub.commit(missing)
            num_sent, num_done = num_sent + len(missing), num_done + len(group)
            if watch:
                watch(num_done, total)
    return Pushed(url, num_sent, total - num_sent)


class _Repository:
    """One dataset repository. Raises the errors of `huggingface_hub`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._api = _api()

    def create(self, *, private: bool) -> str:
        """Create the repository unless it exists, and return its address."""
        made = self._api.create_repo(self._name, repo_type=KIND, private=private, exist_ok=True)
        return str(made)

    def check_owner(self, batch_id: str) -> None:
        """Raise `PushFailed` if the repository has other files than those of this batch."""
        siblings = self._api.dataset_info(self._name).siblings or ()
        names = {one.rfilename for one in siblings} - {".gitattributes"}
        if not names:
            return
        if INDEX_FILE not in names:
            raise PushFailed(
                f"'{self._name}' has files of another origin, such as '{min(names)}'. Give a new repository."
            )
        with TemporaryDirectory(prefix="handsoff-") as place:
            path = self._api.hf_hub_download(
                self._name, INDEX_FILE, repo_type=KIND, local_dir=place
            )
            stored = _id_in(Path(path).read_bytes())
        if stored != batch_id:
            raise PushFailed(
                f"'{self._name}' has the batch {stored}, not {batch_id}. Give a new repository, or delete that one."
            )

    def missing(self, files: Sequence[File]) -> list[File]:
        """Return the files that the repository lacks or has with other bytes."""
        stored: dict[str, RepoFile] = {}
        for first in range(0, len(files), NAMES_PER_QUESTION):
            names = [file.name for file in files[first : first + NAMES_PER_QUESTION]]
            found = self._api.get_paths_info(self._name, names, repo_type=KIND)
            stored |= {one.path: one for one in found}  # type: ignore[misc]  # these names are no folders
        return [one for one in files if one.name not in stored or not one.equals(stored[one.name])]

    def commit(self, files: Sequence[File]) -> None:
        """Send files as one commit. Raises `ChecksumMismatch` for a damaged shard."""
        from huggingface_hub import CommitOperationAdd  # noqa: PLC0415 - optional

        for file in files:
            if file.is_damaged():
                raise ChecksumMismatch(f"'{file.name}' is damaged. Download the batch again.")
        if files:
            operations = [CommitOperationAdd(file.name, file.content) for file in files]
            more = f" and {len(files) - 1} more" if len(files) > 1 else ""
            message = f"Add {files[0].name}{more}"
            self._api.create_commit(self._name, operations, commit_message=message, repo_type=KIND)


def _api() -> "HfApi":
    """Return the API of the Hub with the user's token. Raises `PushFailed` without the package or a token."""
    try:
        import huggingface_hub  # noqa: PLC0415 - optional
        from huggingface_hub.utils.tqdm import disable_progress_bars  # noqa: PLC0415 - optional
    except ImportError:
        raise PushFailed(
            "The package huggingface_hub is missing. Install it: pip install huggingface_hub."
        ) from None
    token = huggingface_hub.get_token()
    if token is None:
        raise PushFailed("No token of the Hugging Face Hub. Run `hf auth login`, or set HF_TOKEN.")
    disable_progress_bars()
    return huggingface_hub.HfApi(token=token, library_name="handsoff-client")


@contextmanager
def _refusals(repository: str) -> Iterator[None]:
    """Raise what the Hub refuses as `PushFailed`. No message has the token."""
    try:
        yield
    except httpx2.HTTPError as error:  # also the library's own, which has an answer
        answer = getattr(error, "response", None)
        text = f"The Hub does not answer ({type(error).__name__}). Repeat the push: it continues."
        raise PushFailed(text if answer is None else _refusal(repository, answer)) from None
    except ValueError as error:  # a name or a card that the Hub does not accept
        raise PushFailed(f"'{repository}': {error}") from None


def _refusal(repository: str, answer: httpx2.Response) -> str:
    advice = {
        401: "The Hub does not accept the token. Run `hf auth login` again, or set another HF_TOKEN.",
        403: f"The token has no right to write to '{repository}'. Use a token with the role write, and your own name.",
        404: f"'{repository}' does not exist, or the token may not see it.",
        429: "The Hub limits the number of requests. Repeat the push later: it continues.",
    }
    known = advice.get(answer.status_code)
    return (
        known
        or f"The Hub answered {answer.status_code} for '{repository}'. Repeat the push: it continues."
    )


def _index(folder: BatchFolder) -> File:
    """Return `batch.json` without the links, which lead to the service."""
    batch = {name: value for name, value in folder.index.batch.items() if name != "links"}
    shards = [shard.__dict__ for shard in folder.index.shards]
    return _json_file(INDEX_FILE, {"batch": batch, "shards": shards})


def _json_file(name: str, content: object) -> File:
    data = json.dumps(content, indent=1).encode()
    return File(name, data, len(data))


def _shard_groups(folder: BatchFolder) -> Iterable[list[File]]:
    """Yield the shards of each commit."""
    group: list[File] = []
    for place, shard in enumerate(folder.index.shards):
        size = sum(file.num_bytes for file in group)
        if group and (len(group) == SHARDS_PER_COMMIT or size + shard.num_bytes > BYTES_PER_COMMIT):
            yield group
            group = []
        group.append(File(shard.file, folder.path_of(place), shard.num_bytes, shard.sha256))
    yield group


def _documents(folder: BatchFolder) -> Iterator[File]:
    yield _json_file(LABELS_FILE, folder.index.batch.get("labels"))
    for name in (CROISSANT_FILE, CARD_FILE):
        path = folder.folder / name
        if path.exists():
            yield File(name, path, path.stat().st_size)


def _git_id(data: bytes) -> str:
    """Return the id of a file in git."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _id_in(index: bytes) -> str:
    """Return the id of the batch in a `batch.json`; an empty text if it has none."""
    try:
        return str(json.loads(index)["batch"]["id"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return "of a damaged batch.json"
