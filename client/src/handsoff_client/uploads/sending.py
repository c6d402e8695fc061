"""Send a large file directly to the service's object store, if it can receive files, for one later request."""

from pathlib import Path
from typing import Any

from handsoff_client.http.downloads import sha256_of
from handsoff_client.http.operations import CREATE_UPLOAD, GET_UPLOAD
from handsoff_client.http.service_errors import InvalidLink
from handsoff_client.http.transport import Transport


def send_file(transport: Transport, file: Path) -> str:
    """Send a file and return the id of its upload. The file is never completely in memory."""
    announced = {"num_bytes": file.stat().st_size, "sha256": sha256_of(file)}
    upload = transport.call(CREATE_UPLOAD, json=announced)
    _send(transport, file, upload)
    upload_id: str = upload["id"]
    return upload_id


def _send(transport: Transport, file: Path, upload: Any) -> None:  # noqa: ANN401 - JSON
    """Send the file. An expired link is renewed once."""
    try:
        transport.send(upload["put"]["url"], file)
    except InvalidLink:
        renewed = transport.call(GET_UPLOAD, upload["id"])
        transport.send(renewed["put"]["url"], file)
