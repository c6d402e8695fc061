"""Fits: make a label generator out of a generator and a labelset."""

from collections.abc import Mapping
from typing import Any

from handsoff_client.jobs import Jobs
from handsoff_client.operations import FITS
from handsoff_client.resources import Fit
from handsoff_client.transport import Transport


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
        """Queues a fit; everything is named by its id. `options` is the request's own, as `/docs` shows it.

        `more` goes into the request as it is: fields that the service knows and this client does not yet.
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
