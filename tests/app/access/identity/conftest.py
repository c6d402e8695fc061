"""A local identity provider, and the check of its tokens without a thread."""

from collections.abc import Iterator

import pytest

from app.access.identity.key_source import KeySource
from app.access.identity.provider import Provider
from app.access.identity.tokens import Tokens
from tests.app.access.identity.issuer import AUDIENCE, Issuer, issuing
from tests.app.access.test_table import Clock


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """Return a running identity provider."""
    with issuing() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    """Return a clock at 0."""
    return Clock()


@pytest.fixture
def source(issuer: Issuer, clock: Clock) -> KeySource:
    """Return the keys of the provider, not read yet."""
    return KeySource(Provider(issuer.url, AUDIENCE), clock)


@pytest.fixture
def tokens(source: KeySource) -> Tokens:
    """Return the check of tokens, with keys that are read."""
    source.refresh()
    return Tokens(Provider(source._provider.issuer, AUDIENCE), source)
