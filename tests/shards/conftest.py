"""Use the shards of the client's tests."""

from tests.client.conftest import batch_of_14

__all__ = ["batch_of_14"]
