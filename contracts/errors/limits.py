"""The errors of requests that are valid, but not now: too much was requested already."""

from contracts.errors.tree import HandsOffError, Unavailable


class QueueFull(Unavailable):
    """Too much work waits; `queue` is the name of the queue. Nothing was stored."""

    code = "queue_full"
    title = "Too much work is waiting"

    def __init__(self, queue: str, limit: str) -> None:
        super().__init__(
            f"Expected the queue '{queue}' to hold at most {limit}. Nothing was stored. Retry later, request less, or"
            " start more workers."
        )
        self.queue = queue


class TooManyRequests(HandsOffError):
    """The tenant has sent as many requests in this minute as it may."""

    code = "too_many_requests"
    status = 429
    title = "Too many requests"

    def __init__(self, limit: int, seconds: int, noun: str = "requests") -> None:
        super().__init__(
            f"Expected at most {limit} {noun} in a minute, got one more. Retry in {seconds} s."
        )
        self.retry_after_seconds = seconds


class QuotaExceeded(HandsOffError):
    """A limit of the tenant is reached; `quota` is its name in the tenant's limits. Nothing was stored."""

    code = "quota_exceeded"
    status = 429
    title = "A limit of the tenant is reached"

    def __init__(self, quota: str, limit: int, used: str, seconds: int) -> None:
        super().__init__(
            f"Expected at most {limit} as {quota} of this tenant; {used}. Nothing was stored. Request less, retry"
            " later, or ask the operator for a higher limit. GET /v1/usage shows the usage."
        )
        self.quota = quota
        self.retry_after_seconds = seconds
