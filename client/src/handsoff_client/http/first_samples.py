"""Read the first samples of a shard from its link without the rest: for a preview, not for training."""

import tarfile
import time
from collections.abc import Iterator
from contextlib import closing

import httpx2

from handsoff_client.http.answers import ANSWER_SECONDS, Answer, open_response
from handsoff_client.http.diagnosis import display_url, unreachable
from handsoff_shards.errors import InvalidInput
from handsoff_shards.members import Files, split_name

MAX_FILE_BYTES = 64 * 1024**2
"""Larger than any file of a sample: a 1024 px image has 2 MB."""


def first_samples(http: httpx2.Client, url: str, count: int) -> list[tuple[str, Files]]:
    """Return key and files of the first `count` samples of a tar behind a link. Their digest is not checked.

    Raises `Unreachable`, the `ServiceError` of the answer, and `InvalidInput` when the file is not a tar of samples.
    """
    request = http.build_request("GET", url, headers={"Accept-Encoding": "identity"})
    try:
        with closing(open_response(http, request)) as response:
            if not response.is_success:
                raise Answer.read(response).error()
            return _take(_Body(response), count)
    except httpx2.HTTPError as error:
        raise unreachable(error, request.url) from error
    except tarfile.TarError as error:
        raise InvalidInput(
            f"{display_url(request.url)} is not a tar of samples ({error})."
        ) from error


def _take(body: "_Body", count: int) -> list[tuple[str, Files]]:
    """Return the first samples. A sample is complete when the next one begins or the tar ends."""
    samples: dict[str, dict[str, bytes]] = {}
    for key, extension, data in _members(body):
        if key not in samples and len(samples) == count:
            break
        samples.setdefault(key, {})[extension] = data
    return list(samples.items())


def _members(body: "_Body") -> Iterator[tuple[str, str, bytes]]:
    with tarfile.open(fileobj=body, mode="r|") as tar:  # type: ignore[call-overload]  # needs only `read`
        for member in tar:
            content = tar.extractfile(member) if member.isfile() else None
            if content is None or member.size > MAX_FILE_BYTES:
                raise InvalidInput(
                    f"Expected only files of samples in the shard, got '{member.name[:100]}'."
                )
            yield *split_name(member.name), content.read()


class _Body:
    """A response as a file. It is read once, from its start."""

    def __init__(self, response: httpx2.Response) -> None:
        self._chunks = response.iter_raw()
        self._rest = b""
        self._until = time.monotonic() + ANSWER_SECONDS

    def read(self, size: int) -> bytes:
        """Return `size` bytes, or fewer at the end."""
        while len(self._rest) < size and time.monotonic() < self._until:
            chunk = next(self._chunks, b"")
            if not chunk:
                break
            self._rest += chunk
        data, self._rest = self._rest[:size], self._rest[size:]
        return data
