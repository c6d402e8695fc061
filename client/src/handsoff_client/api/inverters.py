"""Inverters: train an encoder that initializes the inversions of a generator's fits."""

from collections.abc import Mapping
from typing import Any

from handsoff_client.api.jobs import Jobs
from handsoff_client.api.resources import Inverter
from handsoff_client.http.operations import INVERTERS
from handsoff_client.http.transport import Transport


class Inverters(Jobs[Inverter]):
    """The inverters of a service: `client.inverters`."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport, INVERTERS, Inverter)

    def create(
        self, *, generator: str, seed: int = 0, options: Mapping[str, Any] | None = None
    ) -> Inverter:
        """Queue the training of an inverter on samples of the generator. `options` are the options of the request."""
        return self._create(generator, seed=seed, options=options)
