"""A small HTTP client: import a checkpoint, upload labels, fit, request a batch. It needs only httpx2.

The demo, the benchmarks and the end-to-end tests use it. The curl lines in the README send the same requests.
"""

import hashlib
import io
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import httpx2

Json = dict[str, Any]
Watch = Callable[[Json], None]

POLL_SECONDS = 0.25
ENDED = frozenset({"succeeded", "failed", "cancelled"})


class JobFailed(Exception):
    """A job ended without success. The message is its error."""


class PlainClient:
    """Each method sends one request, or repeats one until a job ends."""

    def __init__(self, address: str) -> None:
        self._http = httpx2.Client(base_url=address, timeout=120)

    def close(self) -> None:
        self._http.close()

    def upload(self, folder: Path) -> str:
        """Upload a folder of images/, masks/ and labelset.json. Returns the labelset's id."""
        archive = {"archive": (f"{folder.name}.zip", zipped(folder), "application/zip")}
        return str(self._post("/v1/labelsets", files=archive)["id"])

    def send(self, data: bytes) -> str:
        """Create an upload and send the bytes to its link. Returns the upload's id."""
        declared = {"num_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        upload = self._post("/v1/uploads", json=declared)
        self._http.put(upload["put"]["url"], content=data).raise_for_status()
        return str(upload["id"])

    def start_import(self, **body: object) -> str:
        """Request the import of an uploaded checkpoint. Returns the generator's id."""
        return str(self._post("/v1/generators", json=body)["id"])

    def start_inverter(self, generator: str, **body: object) -> str:
        """Request the training of an inverter. Returns its id."""
        return str(self._post(f"/v1/generators/{generator}/inverters", json=body)["id"])

    def start_fit(self, **body: object) -> str:
        """Request a fit. Returns its id."""
        return str(self._post("/v1/fits", json=body)["id"])

    def start_batch(self, **body: object) -> str:
        """Request a batch. Returns its id."""
        return str(self._post("/v1/batches", json=body)["id"])

    def start_stream(self, **body: object) -> str:
        """Create a stream. Returns its id."""
        return str(self._post("/v1/streams", json=body)["id"])

    def read(self, path: str) -> Json:
        """Read a resource as JSON."""
        return _checked(self._http.get(path))

    def cancel(self, path: str) -> Json:
        """Request the cancellation of a job."""
        return self._post(f"{path}/cancel")

    def wait(self, path: str, watch: Watch = lambda _: None) -> Json:
        """Poll a job until it ends, and pass each state to `watch`."""
        while True:
            job = self.read(path)
            watch(job)
            if job["status"] in ENDED:
                return job
            time.sleep(POLL_SECONDS)

    def succeed(self, path: str, watch: Watch = lambda _: None) -> Json:
        """Wait for a job. Raises `JobFailed` if it does not succeed."""
        job = self.wait(path, watch)
        if job["status"] != "succeeded":
            raise JobFailed(f"expected {path} to succeed, got {job['status']}: {job['error']}")
        return job

    def fetch_shards(self, batch_id: str) -> list[bytes]:
        """Download all shards of a batch by their signed links, and check their digests."""
        shards = self.read(f"/v1/batches/{batch_id}/shards")["items"]
        return [self._fetch_shard(shard) for shard in shards]

    def fetch(self, url: str) -> bytes:
        """Download the bytes of a signed link."""
        return self._http.get(url, follow_redirects=True).raise_for_status().content

    def _fetch_shard(self, shard: Json) -> bytes:
        data = self.fetch(shard["url"])
        digest = hashlib.sha256(data).hexdigest()
        if digest != shard["sha256"]:
            raise ValueError(
                f"expected SHA-256 {shard['sha256']} for shard {shard['index']}, got {digest}"
            )
        return data

    def _post(self, path: str, **content: Any) -> Json:  # noqa: ANN401 - passed through to httpx2
        return _checked(self._http.post(path, **content))


def zipped(folder: Path) -> bytes:
    """Return a zip of all files below a folder."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder))
    return buffer.getvalue()


def _checked(response: httpx2.Response) -> Json:
    """Return the JSON of a response. Raises `HTTPStatusError` with the body if it is an error."""
    if response.is_error:
        raise httpx2.HTTPStatusError(
            f"{response.request.method} {response.request.url.path}: {response.text}",
            request=response.request,
            response=response,
        )
    return cast("Json", response.json())
