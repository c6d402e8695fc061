"""Fixtures: the requests and records of the tests of the contracts."""

from tests.contracts.conftest import batch_request, filtered_request, shard_record

__all__ = ["batch_request", "filtered_request", "shard_record"]
