"""A client whose every request is watched. The diary notes missing answers, answers 429 and 500, and ids in answers."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2

from benchmarks.chaos.promises import Diary
from handsoff_client.client import LIMITS, HandsOff
from handsoff_client.http.retries import Retries

ANSWER_SECONDS = 60.0
"""A request without an answer for so long hangs. No fault freezes the app for a third of that."""
RETRY_SECONDS = 90.0
TIMEOUT = httpx2.Timeout(10, read=ANSWER_SECONDS)


class WatchedTransport(httpx2.BaseTransport):
    """Passes requests on, and notes what goes wrong."""

    def __init__(self, diary: Diary) -> None:
        self._diary = diary
        self._inner = httpx2.HTTPTransport(limits=LIMITS, trust_env=False)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        call = f"{request.method} {request.url.path}"
        with self._diary.calling(call):
            try:
                response = self._inner.handle_request(request)
            except httpx2.ReadTimeout:
                self._diary.hung.append(f"{call}: no answer in {ANSWER_SECONDS:.0f} s")
                raise
        if response.status_code == httpx2.codes.INTERNAL_SERVER_ERROR:
            self._diary.server_errors.append(f"{call}: {response.read().decode()[:500]}")
        if response.status_code == httpx2.codes.TOO_MANY_REQUESTS:
            self._diary.over_limits += 1
        if "json" in response.headers.get("Content-Type", ""):
            self._diary.see(response.read().decode(), asked=call)
        return response

    def close(self) -> None:
        self._inner.close()


@contextmanager
def watched_client(
    address: str, key: str, diary: Diary, stopping: threading.Event | None = None
) -> Iterator[HandsOff]:
    """Yield a client of the service. Its pauses between attempts end when `stopping` is set."""
    stopped = stopping or threading.Event()

    def pause(seconds: float) -> None:
        stopped.wait(seconds)

    retries = Retries(
        seconds=RETRY_SECONDS,
        first_attempts=None,
        longest_seconds=5.0,
        sleep=pause,
    )
    http = httpx2.Client(base_url=address, timeout=TIMEOUT, transport=WatchedTransport(diary))
    with HandsOff(address, api_key=key, retries=retries, http=http) as client:
        yield client
