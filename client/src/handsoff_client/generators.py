"""Generators: upload a checkpoint, watch its import, list what a fit can be made of."""

from pathlib import Path
from typing import Any

from handsoff_client.downloads import sha256_of
from handsoff_client.jobs import Jobs
from handsoff_client.operations import CREATE_UPLOAD, GENERATORS, GET_UPLOAD
from handsoff_client.resources import Generator
from handsoff_client.service_errors import InvalidLink
from handsoff_client.transport import Transport
from handsoff_shards.errors import InvalidInput


class Generators(Jobs[Generator]):
    """The generators of a service: `client.generators`. One that is uploaded is a job until its import has ended."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport, GENERATORS, Generator)

    def upload(self, path: Path | str, *, name: str, licence: str = "") -> Generator:
        """Sends a StyleGAN2 checkpoint and has it imported; `wait` waits for the end.

        The file goes straight to the service's store where that can take it, and is never wholly in memory. `licence`
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
        return self._create(name=name, licence=licence, upload=upload["id"])

    def _send(self, file: Path, upload: Any) -> None:  # noqa: ANN401 - JSON
        """A link is good for a while only: one that has expired is asked for anew, once."""
        try:
            self._transport.send(upload["put"]["url"], file)
        except InvalidLink:
            fresh = self._transport.call(GET_UPLOAD, upload["id"])
            self._transport.send(fresh["put"]["url"], file)
