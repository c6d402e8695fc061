"""One resource of each kind on a running service, made by the API with little work, so that every page has content."""

import io
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from examples.demo.demo import render_labelset

_QUICK = {
    "inversion": {"steps": 1},
    "ensemble": {"steps": 60, "num_members": 2, "hidden": [16, 8]},
    "estimate": False,
}
_TRAININGS = {"synthetic_counts": [6], "num_seeds": 2, "steps": 12, "arms": ["real", "synthetic"]}
NUM_SAMPLES = 24
NOUNS = ("labelsets", "generators", "fits", "batches", "streams", "labelings", "evaluations")


@dataclass(frozen=True)
class Road:
    """The addresses of what a visitor may open."""

    labelset: str
    fit: str
    batch: str
    other: str
    stream: str
    evaluation: str

    @property
    def pages(self) -> tuple[str, ...]:
        """Return every page with content, and every form."""
        generator, samples = "/ui/generators/portraits-64", f"{self.batch}/samples"
        return (
            *("/ui", "/ui/workers", "/ui/usage"),
            *(f"/ui/{noun}" for noun in NOUNS),
            *(f"/ui/{noun}/new" for noun in NOUNS),
            *("/ui/generators/train", generator, f"{generator}/explore"),
            f"{generator}/explore?view=walk",
            *(self.labelset, f"{self.labelset}/images/0"),
            *(self.fit, f"{self.fit}/delete"),
            *(self.batch, samples, f"{samples}?contains=hair&least=0.01", f"{samples}/3"),
            f"{self.batch}/compare?with={self.other.rpartition('/')[2]}",
            *(self.stream, self.evaluation),
        )


class Maker:
    """Makes resources by the API, and waits for jobs."""

    def __init__(self, client: httpx2.Client) -> None:
        self._client = client

    def newest(self) -> Road | None:
        """Return what the service has already, or None if something is missing."""
        query = {"status": "succeeded", "limit": 2}
        batches = self._get("/v1/batches", query)
        evaluations, streams = self._get("/v1/evaluations", query), self._get("/v1/streams", {})
        if len(batches) < 2 or not evaluations or not streams:
            return None
        fit = self._client.get(f"/v1/fits/{batches[0]['fit']['id']}").json()
        return _road(fit, batches, streams[0], evaluations[0])

    def make(self, folder: Path) -> Road:
        """Make one of each kind."""
        labelset = self._upload(folder / "labels")
        heldout = self._upload(folder / "heldout", "--heldout")
        body: dict[str, Any] = {"generator": "portraits-64", "labelset": labelset}
        fit = self._finish("fits", {**body, "name": "quick", "options": _QUICK})
        recipe = {"fit": fit["id"], "n": NUM_SAMPLES, "seed": 3}
        batches = [self._finish("batches", recipe), self._finish("batches", recipe)]
        stream = self._client.post("/v1/streams", json={"fit": fit["id"]}).json()
        scored = {"fit": fit["id"], "heldout_labelset": heldout, "options": _TRAININGS}
        return _road(fit, batches, stream, self._finish("evaluations", scored))

    def _get(self, path: str, query: dict[str, Any]) -> list[dict[str, Any]]:
        return list(self._client.get(path, params=query).json()["items"])

    def _upload(self, folder: Path, *options: str) -> str:
        path = shutil.make_archive(str(folder), "zip", render_labelset(folder, 6, *options))
        files = {"archive": ("labels.zip", io.BytesIO(Path(path).read_bytes()))}
        answer = self._client.post("/v1/labelsets", files=files)
        assert answer.status_code == httpx2.codes.CREATED, answer.text
        return str(answer.json()["id"])

    def _finish(self, noun: str, body: dict[str, Any]) -> dict[str, Any]:
        job = self._client.post(f"/v1/{noun}", json=body, headers={"Prefer": "wait=60"}).json()
        while job["status"] in {"queued", "running"}:
            job = self._client.get(f"/v1/{noun}/{job['id']}", headers={"Prefer": "wait=60"}).json()
        assert job["status"] == "succeeded", job
        return dict(job)


def _road(
    fit: dict[str, Any],
    batches: list[dict[str, Any]],
    stream: dict[str, Any],
    evaluation: dict[str, Any],
) -> Road:
    return Road(
        labelset=f"/ui/labelsets/{fit['labelset']['id']}",
        fit=f"/ui/fits/{fit['id']}",
        batch=f"/ui/batches/{batches[0]['id']}",
        other=f"/ui/batches/{batches[1]['id']}",
        stream=f"/ui/streams/{stream['id']}",
        evaluation=f"/ui/evaluations/{evaluation['id']}",
    )
