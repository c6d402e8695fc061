"""Fits: train a label generator from a generator and labelled images."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from handsoff_client.api.generators import Generators
from handsoff_client.api.jobs import Jobs, Watch, without_none
from handsoff_client.api.resources import Fit
from handsoff_client.http.operations import FITS
from handsoff_client.http.transport import Transport
from handsoff_client.uploads.inspection import check_images
from handsoff_client.uploads.packing import opened_archive
from handsoff_shards.errors import InvalidInput


class Fits(Jobs[Fit]):
    """The fits of a service: `client.fits`."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport, FITS, Fit)

    def create(
        self,
        *,
        generator: str,
        labelset: str | None = None,
        files: Path | str | None = None,
        validation_labelset: str | None = None,
        inverter: str | None = None,
        seed: int = 0,
        name: str | None = None,
        options: Mapping[str, Any] | None = None,
        **more: object,
    ) -> Fit:
        """Queue a fit to a labelset, or to `files`: a folder, zip or tar as `client.labelsets.upload` takes it.

        The other arguments are ids. `/docs` of the service documents `options`. Files are stored as a labelset, which
        the answer names, unless the fit is refused. `more` is sent unchanged: fields of a newer service that this
        client does not have yet.

        Raises `InvalidInput` for an invalid path, or without exactly one of `labelset` and `files`.
        """
        if (labelset is None) == (files is None):
            raise InvalidInput("Expected either `labelset`, an id, or `files`, a path. Give one.")
        fields = without_none(
            generator=generator,
            labelset=labelset,
            validation_labelset=validation_labelset,
            inverter=inverter,
            seed=seed,
            name=name,
            options=options,
            **more,
        )
        if files is None:
            return self._create(**fields)
        with opened_archive(Path(files)) as archive:
            data, parts = {"fit": json.dumps(fields)}, {"archive": archive}
            answer = self._transport.call(self._operations.create, data=data, files=parts)
            return self._parse(answer)

    def from_folder(
        self,
        path: Path | str,
        *,
        generator: str,
        watch: Watch | None = None,
        **more: Any,  # noqa: ANN401 - the arguments of `create`
    ) -> Fit:
        """Upload a folder, zip or tar of labelled images, fit the generator to them, and wait for the fit to succeed.

        `generator` is an id or a name. `watch` is passed to `wait`, `more` to `create`. Generator and aspect ratio are
        checked before the upload. Raises the errors of `Generators.find_ready`, `create` and `wait`.
        """
        ready = Generators(self._transport).find_ready(generator)
        check_images(ready, Path(path))
        fit = self.create(generator=ready.id, files=path, **more)
        return self.wait(fit.id, watch=watch)

    def fetch_sheet(self, fit_id: str, target: Path | str) -> Path:
        """Write a fit's sheet (PNG: images, reconstructions, labels, predictions) to `target`. It replaces a file.

        Raises `InvalidInput` when the fit has not succeeded and so has no sheet.
        """
        fit = self.get(fit_id)
        if fit.sheet is None:
            raise InvalidInput(
                f"{fit_id} is {fit.status} and has no sheet yet. `handsoff wait {fit_id}` waits for it."
            )
        return self._write_picture(fit.sheet.url, fit_id, target)
