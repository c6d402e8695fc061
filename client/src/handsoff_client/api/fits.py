"""Fits: train a label generator from a generator and labelled images."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from handsoff_client.api.generators import Generators
from handsoff_client.api.jobs import Jobs, Watch
from handsoff_client.api.labelsets import Labelsets
from handsoff_client.api.resources import Fit
from handsoff_client.http.operations import FITS
from handsoff_client.http.transport import Transport
from handsoff_client.uploads.inspection import check_images
from handsoff_shards.errors import InvalidInput


class Fits(Jobs[Fit]):
    """The fits of a service: `client.fits`."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport, FITS, Fit)

    def create(
        self,
        *,
        generator: str,
        labelset: str,
        validation_labelset: str | None = None,
        inverter: str | None = None,
        seed: int = 0,
        name: str | None = None,
        options: Mapping[str, Any] | None = None,
        **more: object,
    ) -> Fit:
        """Queue a fit. Arguments are ids. `/docs` of the service documents `options`.

        `more` is sent unchanged: fields of a newer service that this client does not have yet.
        """
        return self._create(
            generator=generator,
            labelset=labelset,
            validation_labelset=validation_labelset,
            inverter=inverter,
            seed=seed,
            name=name,
            options=options,
            **more,
        )

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
        checked before the upload. Raises the errors of `Generators.find_ready`, `Labelsets.upload`, `create` and
        `wait`.
        """
        ready = Generators(self._transport).find_ready(generator)
        check_images(ready, Path(path))
        labelset = Labelsets(self._transport).upload(path)
        fit = self.create(generator=ready.id, labelset=labelset.id, **more)
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
