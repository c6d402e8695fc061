"""What the clients of a load run have seen: answers with their times, errors, and requests without an answer."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import quantiles

import httpx2

ANSWER_SECONDS = 60.0
"""A request without an answer for so long hangs. None waits for more than half of it on purpose."""


@dataclass
class Tally:
    """Seconds of each plain poll, the number of requests by kind, and what went wrong by reason."""

    poll_seconds: list[float] = field(default_factory=list)
    requests: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    hung: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def request(self, kind: str) -> Iterator[None]:
        """Count a request of a kind and time it. Its error is counted too, and ends the block."""
        self.requests[kind] += 1
        began = time.monotonic()
        try:
            yield
        except httpx2.ReadTimeout:
            self.hung[kind] += 1
        except httpx2.HTTPStatusError as error:
            self.errors[f"{kind}: {error.response.status_code}"] += 1
        except httpx2.HTTPError as error:
            self.errors[f"{kind}: {type(error).__name__}"] += 1
        else:
            if kind == "poll":
                self.poll_seconds.append(time.monotonic() - began)

    def poll_ms(self, percent: int) -> int | None:
        """Return the time that this share of the polls did not exceed, in ms; None with fewer than two polls."""
        if len(self.poll_seconds) < 2:
            return None
        return round(1_000 * quantiles(self.poll_seconds, n=100)[percent - 1])
