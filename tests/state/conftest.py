"""The requests and records that tests of the contracts use."""

from tests.contracts.conftest import batch_request, filtered_request, shard_record

__all__ = ["batch_request", "filtered_request", "shard_record"]
