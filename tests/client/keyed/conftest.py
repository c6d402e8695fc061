"""The fixtures of an app with API keys, for tests of the client."""

from tests.app.keys.conftest import app, client, issue, settings  # noqa: F401 - fixtures
