"""Labelsets: upload real images with labels, list them, delete them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from handsoff_client.api.labelset_resources import CheckedLabels, Labelset
from handsoff_client.api.pages import items_of
from handsoff_client.http.operations import (
    CREATE_LABELSET,
    DELETE_LABELSET,
    GET_LABELSET,
    LIST_LABELSETS,
)
from handsoff_client.http.parsing import parse
from handsoff_client.http.transport import Transport
from handsoff_client.uploads.packing import opened_archive


class Labelsets:
    """The labelsets of a service: `client.labelsets`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def upload(
        self,
        path: Path | str,
        *,
        schema: Mapping[str, Any] | None = None,
        annotations: Path | str | None = None,
    ) -> Labelset:
        """Upload a folder, zip or tar of images/, their labels and labelset.json.

        `schema` replaces the labelset.json of a folder: `{"classes": ["background", "skin"]}`. `annotations` is a COCO
        file for a folder of images. Raises `InvalidInput` for an invalid path, `InvalidUpload` for an invalid file in
        the upload.
        """
        return parse(Labelset, self._send(path, schema, annotations))

    def check(
        self,
        path: Path | str,
        *,
        schema: Mapping[str, Any] | None = None,
        annotations: Path | str | None = None,
    ) -> CheckedLabels:
        """Have the service check labelled images without storing them. Arguments and errors are those of `upload`."""
        return parse(CheckedLabels, self._send(path, schema, annotations, validate_only="true"))

    def get(self, labelset_id: str) -> Labelset:
        """Return one labelset."""
        return parse(Labelset, self._transport.call(GET_LABELSET, labelset_id))

    def list(self, *, limit: int | None = None) -> Iterator[Labelset]:
        """Yield the labelsets, newest first."""
        return items_of(Labelset, self._transport, LIST_LABELSETS, limit=limit)

    def delete(self, labelset_id: str) -> None:
        """Delete a labelset. Its fits are kept."""
        self._transport.call(DELETE_LABELSET, labelset_id)

    def _send(
        self,
        path: Path | str,
        schema: Mapping[str, Any] | None,
        annotations: Path | str | None,
        **params: str,
    ) -> Any:  # noqa: ANN401 - JSON
        coco = Path(annotations) if annotations is not None else None
        with opened_archive(Path(path), schema=schema, annotations=coco) as (name, archive):
            files = {"archive": (name, archive)}
            return self._transport.call(CREATE_LABELSET, files=files, params=params)
