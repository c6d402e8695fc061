"""Hundreds of requests with `Prefer: wait` at the same time."""

import asyncio

import httpx2
import pytest

from state.ledger import Ledger

WAITS = 300


async def wait_for(address: str, path: str, seconds: int) -> list[httpx2.Response]:
    """Send the requests at once and return the answers. Without an answer in time it raises `ReadTimeout`."""
    limits = httpx2.Limits(max_connections=WAITS)
    async with httpx2.AsyncClient(base_url=address, timeout=seconds + 20, limits=limits) as http:
        headers = {"Prefer": f"wait={seconds}"}
        return await asyncio.gather(*(http.get(path, headers=headers) for _ in range(WAITS)))


@pytest.mark.parametrize(
    "seconds", [4]
)  # reads of two seconds ended at the same moment as the waits
def test_all_waits_are_answered(
    client: httpx2.Client, fit_id: str, ledger: Ledger, seconds: int
) -> None:
    """At their limit, and with a few connections to Redis for all of them together."""
    before = ledger.redis.info("stats")["total_connections_received"]
    answers = asyncio.run(wait_for(str(client.base_url), f"/v1/fits/{fit_id}", seconds))
    assert {answer.json()["status"] for answer in answers} == {"queued"}
    assert min(answer.elapsed.total_seconds() for answer in answers) >= seconds
    assert ledger.redis.info("stats")["total_connections_received"] - before < WAITS / 2
