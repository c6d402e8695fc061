"""The client of one service: `HandsOff("http://127.0.0.1:8000")`, with an attribute for each kind of resource."""

import os
from collections.abc import Callable
from datetime import date
from typing import Self

import httpx2

from handsoff_client.account.usage import Usage, read_usage
from handsoff_client.account.webhooks import Webhooks
from handsoff_client.api.batches import Batches
from handsoff_client.api.evaluations import Evaluations
from handsoff_client.api.fits import Fits
from handsoff_client.api.generators import Generators
from handsoff_client.api.inverters import Inverters
from handsoff_client.api.labelings import Labelings
from handsoff_client.api.labelsets import Labelsets
from handsoff_client.api.resources import Batch, Labeling
from handsoff_client.api.sharded import ShardedJobs
from handsoff_client.api.streams import Streams
from handsoff_client.http.addresses import is_loopback, service_url
from handsoff_client.http.api_keys import KEY_VARIABLE, ApiKey
from handsoff_client.http.contact import check_contact
from handsoff_client.http.retries import Retries
from handsoff_client.http.transport import DEFAULT_TIMEOUT, Transport

URL_VARIABLE = "HANDSOFF_URL"
DEFAULT_URL = "http://127.0.0.1:8000"

IDLE_SECONDS = 3.0
"""How long an unused connection stays open: shorter than any server's limit, so that no request meets a closed one."""
LIMITS = httpx2.Limits(
    max_connections=100, max_keepalive_connections=20, keepalive_expiry=IDLE_SECONDS
)


class HandsOff:
    """A connection to a service.

    >>> client = HandsOff("http://127.0.0.1:8000")
    >>> [generator.id for generator in client.generators.list()]
    ['portraits-64', 'portraits-64-diffusion']

    Threads can share a client, processes cannot.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        api_key: str | None = None,
        retries: Retries | None = None,
        http: httpx2.Client | None = None,
    ) -> None:
        """`url` is the address of the service (default: `HANDSOFF_URL`, or port 8000 of this machine).

        `127.0.0.1:8000` and `http://127.0.0.1:8000/v1/` are accepted too. `api_key` is the key of a service that needs
        one (default: `HANDSOFF_API_KEY`). `http` replaces the connection and its base URL, to use a proxy, headers, or
        a fake transport in tests. Raises `InvalidInput` for an invalid address or key.
        """
        self.url = service_url(url or os.environ.get(URL_VARIABLE) or DEFAULT_URL)
        self._http = http or httpx2.Client(
            base_url=self.url,
            timeout=DEFAULT_TIMEOUT,
            limits=LIMITS,
            trust_env=not is_loopback(self.url),
        )
        text = api_key or os.environ.get(KEY_VARIABLE)
        self.transport = Transport(
            self._http, retries or Retries.from_environment(), ApiKey(text) if text else None
        )
        self.generators = Generators(self.transport)
        self.inverters = Inverters(self.transport)
        self.labelsets = Labelsets(self.transport)
        self.fits = Fits(self.transport)
        self.batches = Batches(self.transport)
        self.labelings = Labelings(self.transport)
        self.streams = Streams(self.transport)
        self.evaluations = Evaluations(self.transport)
        self.webhooks = Webhooks(self.transport)

    def usage(self, since: date | None = None, until: date | None = None) -> Usage:
        """Return what the tenant used, by day (UTC), and its limits. By default of the last 30 days."""
        return read_usage(self.transport, since, until)

    def sharded(self, job_id: str) -> ShardedJobs[Batch | Labeling]:
        """Return the jobs of the kind of this id: labelings, or batches."""
        return self.labelings if job_id.startswith("labeling_") else self.batches

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def check_contact(self, notify: Callable[[str], None] | None = None) -> None:
        """Return when a HandsOff service has answered at the address.

        Raises `Unreachable` or `InvalidAnswer`, whose message says what to do. A wrong address takes at most 2 s. A
        server that accepts the connection and stays silent gets 20 s more; `notify` is called with a message before.
        """
        check_contact(self._http, notify or (lambda _: None))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()
