"""Labelsets: upload real images with labels, list them, delete them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from handsoff_client.http.operations import (
    CREATE_LABELSET,
    DELETE_LABELSET,
    GET_LABELSET,
    LIST_LABELSETS,
)
from handsoff_client.http.shapes import parse
from handsoff_client.http.transport import Transport
from handsoff_client.nouns.jobs import page_of, walk
from handsoff_client.nouns.labelset_resources import CheckedLabels, Labelset
from handsoff_client.nouns.resources import Page
from handsoff_client.nouns.uploads import opened_archive


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
        """Uploads a folder, a zip or a tar of images/ with labels beside them and labelset.json.

        `schema` stands in for a folder's labelset.json: `{"classes": ["background", "skin"]}`. `annotations` is a COCO
        file beside a folder of images. Raises `InvalidInput` when the path is no such thing, `InvalidUpload` when a
        file in it is not what it should be.
        """
        coco = Path(annotations) if annotations is not None else None
        with opened_archive(Path(path), schema=schema, annotations=coco) as (name, archive):
            sent = {"archive": (name, archive)}
            return parse(Labelset, self._transport.call(CREATE_LABELSET, files=sent))

    def check(
        self,
        path: Path | str,
        *,
        schema: Mapping[str, Any] | None = None,
        annotations: Path | str | None = None,
    ) -> CheckedLabels:
        """Have the service check what `upload` would send, without keeping it. Takes and raises the same."""
        coco = Path(annotations) if annotations is not None else None
        with opened_archive(Path(path), schema=schema, annotations=coco) as (name, archive):
            found = self._transport.call(
                CREATE_LABELSET,
                files={"archive": (name, archive)},
                params={"validate_only": "true"},
            )
        checked = parse(CheckedLabels, found)
        made = checked.json.get("id")
        if made:  # an older service does not know the parameter and has kept it
            self.delete(str(made))
        return checked

    def get(self, labelset_id: str) -> Labelset:
        """One labelset."""
        return parse(Labelset, self._transport.call(GET_LABELSET, labelset_id))

    def list(self, *, limit: int | None = None) -> Iterator[Labelset]:
        """The labelsets, newest first."""

        def ask(params: dict[str, Any]) -> Page[Labelset]:
            return page_of(Labelset, self._transport.call(LIST_LABELSETS, params=params))

        return walk(ask, limit)

    def delete(self, labelset_id: str) -> None:
        """Erases a labelset. Fits that were made of it stay."""
        self._transport.call(DELETE_LABELSET, labelset_id)
