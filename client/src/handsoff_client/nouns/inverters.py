"""Inverters: have an encoder trained that starts the inversions of a generator's fits."""

from collections.abc import Mapping
from typing import Any

from handsoff_client.http.operations import INVERTERS
from handsoff_client.http.transport import Transport
from handsoff_client.nouns.jobs import Jobs
from handsoff_client.nouns.resources import Inverter


class Inverters(Jobs[Inverter]):
    """The inverters of a service: `client.inverters`."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport, INVERTERS, Inverter)

    def create(
        self, *, generator: str, seed: int = 0, options: Mapping[str, Any] | None = None
    ) -> Inverter:
        """Queues the training of an inverter on the generator's own samples. `options` is the request's own."""
        return self._create(generator, seed=seed, options=options)
