"""The HTTP server: idle connections, and the answers while it stops."""

from datetime import timedelta

from app.main import create_app
from app.serving import server_of
from state.settings import Settings
from state.store import Store


def test_idle_connections_stay_open_longer_than_clients_keep_theirs() -> None:
    """A client or a proxy closes first, so no request meets a connection that the server is closing."""
    settings = Settings(keep_alive=timedelta(seconds=90))
    assert (
        server_of(create_app(settings, Store.in_memory()), settings).config.timeout_keep_alive == 90
    )
    assert Settings().keep_alive.total_seconds() == 75
