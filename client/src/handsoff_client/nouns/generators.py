"""Generators: upload a checkpoint, watch its import, list what a fit can be made of."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from handsoff_client.http.downloads import sha256_of
from handsoff_client.http.operations import CREATE_UPLOAD, GENERATORS, GET_UPLOAD
from handsoff_client.http.service_errors import InvalidLink
from handsoff_client.http.transport import Transport
from handsoff_client.nouns.jobs import Jobs
from handsoff_client.nouns.resources import Generator
from handsoff_shards.errors import InvalidInput

MAX_OFFERED = 5
"""How many generators a message names."""


class Generators(Jobs[Generator]):
    """The generators of a service: `client.generators`. One that is uploaded is a job until its import has ended."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport, GENERATORS, Generator)

    def find(self, name_or_id: str) -> Generator:
        """Return the generator of an id, or the one whose name this is.

        Of several generators of one name, the only one that is ready is meant. Raises `InvalidInput` when there is no
        such generator, or when the name is ambiguous; the message lists the ids.
        """
        found = list(self.list())
        by_id = [one for one in found if one.id == name_or_id]
        named = [one for one in found if one.name == name_or_id]
        ready = [one for one in named if one.status == "succeeded"]
        matches = by_id or ready or named
        if len(matches) > 1:
            raise InvalidInput(
                f"{len(matches)} generators are named '{name_or_id}': {_ids(matches)}. Give an id."
            )
        if not matches:
            raise InvalidInput(f"There is no generator '{name_or_id}'. {_offer(found)}")
        return matches[0]

    def find_ready(self, name_or_id: str) -> Generator:
        """Return a generator that a fit can use. Raises `InvalidInput` for one whose import has not succeeded."""
        found = self.find(name_or_id)
        if found.status == "succeeded":
            return found
        why = f" ({found.error.detail})" if found.error else ""
        todo = (
            "Upload the checkpoint again, or name another generator."
            if found.has_ended
            else f"Wait for its import: `handsoff wait {found.id}`."
        )
        raise InvalidInput(
            f"Generator '{name_or_id}' is {found.status}, not ready for a fit{why}. {todo}"
        )

    def upload(self, path: Path | str, *, name: str, license: str = "") -> Generator:  # noqa: A002 - as Hugging Face and COCO spell it
        """Sends a StyleGAN2 checkpoint and has it imported; `wait` waits for the end.

        The file goes straight to the service's store where that can take it, and is never wholly in memory. `license`
        says what terms it is used under.
        """
        file = Path(path)
        if not file.is_file():
            raise InvalidInput(
                f"There is no file '{file}'. Name a checkpoint (.pkl, .pt, .safetensors)."
            )
        announced = {"num_bytes": file.stat().st_size, "sha256": sha256_of(file)}
        upload = self._transport.call(CREATE_UPLOAD, json=announced)
        self._send(file, upload)
        return self._create(name=name, license=license, upload=upload["id"])

    def _send(self, file: Path, upload: Any) -> None:  # noqa: ANN401 - JSON
        """A link is good for a while only: one that has expired is asked for anew, once."""
        try:
            self._transport.send(upload["put"]["url"], file)
        except InvalidLink:
            fresh = self._transport.call(GET_UPLOAD, upload["id"])
            self._transport.send(fresh["put"]["url"], file)


def _ids(found: Sequence[Generator]) -> str:
    return ", ".join(one.id for one in found)


def _offer(found: Sequence[Generator]) -> str:
    """What could have been meant. The newest come first."""
    if not found:
        return "The service has none yet; upload one with `handsoff generator FILE --name NAME`."
    shown = [
        f"{one.id} ({one.name})" if one.name != one.id else one.id for one in found[:MAX_OFFERED]
    ]
    return f"There is: {', '.join(shown)}. `handsoff generators` lists all."
