"""Sends every operation of the OpenAPI document."""

import re
from collections.abc import Callable, Iterator, Mapping

import httpx2

from app.main import create_app
from app.openapi.security import OPEN
from contracts.ids import new_id
from state.settings import Settings
from state.store import Store

DOCUMENT = create_app(Settings(), Store.in_memory()).openapi()
PREFIXES = set(re.findall(r"{(\w+)_id}", " ".join(DOCUMENT["paths"])))
NEW_IDS = {f"{prefix}_id": new_id(prefix) for prefix in PREFIXES}
QUERY = {"format": "coco", "wait": "0"}
"""Values of parameters that are required, or make an answer quick."""
KEYED = [
    (path, method, {one["name"] for one in operation.get("parameters", ())})
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
    if operation["operationId"] not in OPEN
]
"""Path, method and parameters of each operation that needs a key."""

BODIES: Mapping[str, Mapping[str, object]] = {
    "/v1/webhooks/{webhook_id}": {"url": "https://example.com/"},
    "/v1/streams/{stream_id}/reports": {"losses": {"skin": 1.0}},
}
"""Valid bodies, by path, of operations with an id that need fields."""


def walk(
    client: httpx2.Client,
    headers: Mapping[str, str],
    ids: Mapping[str, str] = NEW_IDS,
    *,
    where: Callable[[str, str], bool] = lambda _path, _method: True,
) -> Iterator[tuple[str, httpx2.Response]]:
    """Send each operation that needs a key and passes `where`. Yields its name and the answer."""
    for path, method, parameters in KEYED:
        if where(path, method):
            answer = client.request(
                method,
                path.format(**ids, shard=0),
                params={name: value for name, value in QUERY.items() if name in parameters},
                json=None if method == "get" else BODIES.get(path, {}),
                headers=headers,
            )
            yield f"{method} {path}", answer


def names_one(path: str, _method: str) -> bool:
    """Return whether an operation is about one resource of a tenant. Operators see all tenants."""
    return "_id}" in path and "{tenant_id}" not in path
