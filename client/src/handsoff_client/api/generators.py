"""Generators: upload a checkpoint, wait for its import, list the generators for fits."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from handsoff_client.api.jobs import Jobs, without_none
from handsoff_client.api.resources import Generator
from handsoff_client.http.operations import GENERATORS, STOP_TRAINING
from handsoff_client.http.transport import Transport
from handsoff_client.uploads.images import opened_images
from handsoff_client.uploads.sending import send_file
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
        return self._create(
            name=name,
            license=license,
            upload=send_file(self._transport, file),
            import_options=import_options,
        )

    def train(
        self,
        folder: Path | str,
        /,
        *,
        name: str,
        license: str = "",  # noqa: A002 - as Hugging Face and COCO spell it
        **options: Any,  # noqa: ANN401 - JSON
    ) -> Generator:
        """Upload a folder, zip or tar of unlabelled images and queue the training of a generator.

        `options` are those of the API: `px=64, hours=2`, or `images=300_000` instead of hours, `family="diffusion"`.
        Options that are None are not sent. `wait` waits for the end, `stop` ends it early with the best snapshot.
        """
        with opened_images(Path(folder)) as archive:
            return self._create(
                name=name,
                license=license,
                upload=send_file(self._transport, archive),
                training=without_none(**options),
            )

    def stop(self, generator_id: str) -> Generator:
        """End a training early: its best snapshot becomes the generator. Raises `NotTrained` for an import."""
        return self._parse(self._transport.call(STOP_TRAINING, generator_id))

    def fetch_sheet(self, generator_id: str, path: Path | str) -> Path:
        """Write the picture of samples, or that of the newest snapshot of a training, to a file; return its path.

        Raises `InvalidInput` if there is none yet.
        """
        generator = self.get(generator_id)
        snapshots = generator.training.snapshots if generator.training else ()
        sheet = generator.sheet or (snapshots[-1].sheet if snapshots else None)
        if sheet is None:
            raise InvalidInput(
                f"Generator '{generator_id}' is {generator.status} and has no picture of samples yet. Try again later."
            )
        return self._write_picture(sheet.url, generator_id, path)


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
