"""The road over HTTP: import a checkpoint, upload labels, fit, ask for a batch. Plain requests, as anybody may send.

Used by the demo and by the end-to-end tests; the curl lines in the README do the same.
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
    """A job has ended, but not well; the message is its error."""


class Road:
    """Each method is one request, or one request repeated until the job has ended."""

    def __init__(self, address: str) -> None:
        self._http = httpx2.Client(base_url=address, timeout=120)

    def close(self) -> None:
        self._http.close()

    def upload(self, folder: Path) -> str:
        """Uploads a folder of images/, masks/ and labelset.json; returns the labelset's id."""
        archive = {"archive": (f"{folder.name}.zip", zipped(folder), "application/zip")}
        return str(self._post("/v1/labelsets", files=archive)["id"])

    def send(self, data: bytes) -> str:
        """Announces bytes and sends them to the link that is answered; returns the upload's id."""
        announced = {"num_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        upload = self._post("/v1/uploads", json=announced)
        self._http.put(upload["put"]["url"], content=data).raise_for_status()
        return str(upload["id"])

    def start_import(self, **body: object) -> str:
        """Asks for a sent checkpoint to be imported; returns the generator's id."""
        return str(self._post("/v1/generators", json=body)["id"])

    def start_inverter(self, generator: str, **body: object) -> str:
        """Asks for an inverter of a generator to be trained; returns its id."""
        return str(self._post(f"/v1/generators/{generator}/inverters", json=body)["id"])

    def start_fit(self, **body: object) -> str:
        """Asks for a fit; returns its id."""
        return str(self._post("/v1/fits", json=body)["id"])

    def start_batch(self, **body: object) -> str:
        """Asks for a batch; returns its id."""
        return str(self._post("/v1/batches", json=body)["id"])

    def start_stream(self, **body: object) -> str:
        """Makes a stream; returns its id."""
        return str(self._post("/v1/streams", json=body)["id"])

    def read(self, path: str) -> Json:
        """Any resource as JSON."""
        return _checked(self._http.get(path))

    def cancel(self, path: str) -> Json:
        """Asks a job to stop."""
        return self._post(f"{path}/cancel")

    def wait(self, path: str, watch: Watch = lambda _: None) -> Json:
        """Polls a job until it has ended, showing `watch` every answer."""
        while True:
            job = self.read(path)
            watch(job)
            if job["status"] in ENDED:
                return job
            time.sleep(POLL_SECONDS)

    def succeed(self, path: str, watch: Watch = lambda _: None) -> Json:
        """`wait`, and raises `JobFailed` unless the job has succeeded."""
        job = self.wait(path, watch)
        if job["status"] != "succeeded":
            raise JobFailed(f"{path} is {job['status']}: {job['error']}")
        return job

    def fetch_shards(self, batch_id: str) -> list[bytes]:
        """All shards of a batch by their signed links, each checked against its digest."""
        shards = self.read(f"/v1/batches/{batch_id}/shards")["items"]
        return [self._fetch_shard(shard) for shard in shards]

    def fetch(self, url: str) -> bytes:
        """The bytes behind a signed link."""
        return self._http.get(url, follow_redirects=True).raise_for_status().content

    def _fetch_shard(self, shard: Json) -> bytes:
        data = self.fetch(shard["url"])
        digest = hashlib.sha256(data).hexdigest()
        if digest != shard["sha256"]:
            raise ValueError(
                f"shard {shard['index']} has SHA-256 {digest}, but the manifest says {shard['sha256']}"
            )
        return data

    def _post(self, path: str, **content: Any) -> Json:  # noqa: ANN401 - passed through to httpx2
        return _checked(self._http.post(path, **content))


def zipped(folder: Path) -> bytes:
    """Every file below a folder as one zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder))
    return buffer.getvalue()


def _checked(response: httpx2.Response) -> Json:
    """The JSON of a good answer; a bad one raises with the problem's own words."""
    if response.is_error:
        raise httpx2.HTTPStatusError(
            f"{response.request.method} {response.request.url.path}: {response.text}",
            request=response.request,
            response=response,
        )
    return cast("Json", response.json())
