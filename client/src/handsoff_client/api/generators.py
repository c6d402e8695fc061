"""Generators: upload a checkpoint, wait for its import, list the generators for fits."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from handsoff_client.api.jobs import Jobs
from handsoff_client.api.resources import Generator
from handsoff_client.http.downloads import sha256_of
from handsoff_client.http.operations import CREATE_UPLOAD, GENERATORS, GET_UPLOAD
from handsoff_client.http.service_errors import InvalidLink
from handsoff_client.http.transport import Transport
from handsoff_shards.errors import InvalidInput

MAX_LISTED = 5
"""How many generators a message names."""


class Generators(Jobs[Generator]):
    """The generators of a service: `client.generators`. The import of an uploaded generator is a job."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport, GENERATORS, Generator)

    def find(self, name_or_id: str) -> Generator:
        """Return the generator with this id, or else with this name.

        When several generators have this name, only the ready ones count. Raises `InvalidInput` when there is no such
        generator, or when the name is ambiguous; the message lists the ids.
        """
        generators = list(self.list())
        by_id = [one for one in generators if one.id == name_or_id]
        by_name = [one for one in generators if one.name == name_or_id]
        ready = [one for one in by_name if one.status == "succeeded"]
        matches = by_id or ready or by_name
        if len(matches) > 1:
            raise InvalidInput(
                f"{len(matches)} generators have the name '{name_or_id}': {_ids(matches)}. Give an id."
            )
        if not matches:
            raise InvalidInput(f"There is no generator '{name_or_id}'. {_available(generators)}")
        return matches[0]

    def find_ready(self, name_or_id: str) -> Generator:
        """Return a generator that a fit can use. Raises `InvalidInput` when its import has not succeeded."""
        generator = self.find(name_or_id)
        if generator.status == "succeeded":
            return generator
        why = f" ({generator.error.detail})" if generator.error else ""
        advice = (
            "Upload the checkpoint again, or use another generator."
            if generator.has_ended
            else f"Wait for its import: `handsoff wait {generator.id}`."
        )
        raise InvalidInput(
            f"Generator '{name_or_id}' is {generator.status}, not ready for a fit{why}. {advice}"
        )

    def upload(
        self,
        path: Path | str,
        *,
        name: str,
        license: str = "",  # noqa: A002 - as Hugging Face and COCO spell it
        import_options: Mapping[str, Any] | None = None,
    ) -> Generator:
        """Upload a checkpoint (StyleGAN2, diffusers, guided-diffusion) and queue its import. `wait` waits for the end.

        The file is sent directly to the service's object store if possible, and is never completely in memory.
        `license` is the license of the checkpoint. `import_options` state what the weights of guided-diffusion (.pt)
        do not: `{"attention_order": "head_major", "noise_schedule": "linear", "px": 256}`.
        """
        file = Path(path)
        if not file.is_file():
            raise InvalidInput(
                f"There is no file '{file}'. Give a checkpoint (.pkl, .pt, .safetensors, .zip)."
            )
        announced = {"num_bytes": file.stat().st_size, "sha256": sha256_of(file)}
        upload = self._transport.call(CREATE_UPLOAD, json=announced)
        self._send(file, upload)
        return self._create(
            name=name, license=license, upload=upload["id"], import_options=import_options
        )

    def _send(self, file: Path, upload: Any) -> None:  # noqa: ANN401 - JSON
        """Send the file. An expired link is renewed once."""
        try:
            self._transport.send(upload["put"]["url"], file)
        except InvalidLink:
            renewed = self._transport.call(GET_UPLOAD, upload["id"])
            self._transport.send(renewed["put"]["url"], file)


def _ids(generators: Sequence[Generator]) -> str:
    return ", ".join(one.id for one in generators)


def _available(generators: Sequence[Generator]) -> str:
    """Return a sentence that names the newest generators."""
    if not generators:
        return "The service has no generators. Upload one: `handsoff generator FILE --name NAME`."
    newest = [
        f"{one.id} ({one.name})" if one.name != one.id else one.id
        for one in generators[:MAX_LISTED]
    ]
    return f"Available: {', '.join(newest)}. `handsoff generators` lists all."
