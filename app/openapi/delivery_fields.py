"""Descriptions of the fields of deliveries."""

from app.openapi.described import Described, Table

_URL = "https://bucket.s3.amazonaws.com/run-7/shard-000000.tar?X-Amz-Signature=9f86"
_TEMPLATE = "https://account.blob.core.windows.net/run-7/{name}?sig=9f86"

DELIVERY_FIELDS: Table = {
    "BatchCreate.deliver_to": Described(
        "Where to send the finished batch, the manifest last. The addresses are secrets: they are stored apart, and"
        " forgotten once everything is delivered.",
        {"kind": "template", "url": _TEMPLATE},
    ),
    "DeliverCreate.deliver_to": Described(
        "New addresses. Null: those of the last delivery, unless everything was delivered.",
        {"kind": "template", "url": _TEMPLATE},
    ),
    "BatchView.deliver_to": Described(
        "The kind and the host of the destination; null without one."
    ),
    "BatchView.delivery": Described("How far the delivery of `deliver_to` is; null without one."),
    "UrlDestination.kind": Described("One address for each file.", "urls"),
    "UrlDestination.shards": Described(
        "A presigned PUT URL for each shard, in their order.", [_URL]
    ),
    "UrlDestination.manifest": Described(
        "The address of `manifest.json`, which is sent last.", _URL
    ),
    "UrlDestination.card": Described(
        "The address of the dataset card. Null: it is not sent.", _URL
    ),
    "UrlDestination.croissant": Described(
        "The address of the Croissant. Null: it is not sent.", _URL
    ),
    "headers": Described(
        "Further headers of each request: `content-type`, or names that begin with `x-`.",
        {"x-ms-blob-type": "BlockBlob"},
    ),
    "TemplateDestination.kind": Described("One address for all files.", "template"),
    "TemplateDestination.url": Described(
        "An address with `{name}` in its path, which becomes `shard-000000.tar`, `README.md`, `croissant.json` or"
        " `manifest.json`.",
        _TEMPLATE,
    ),
    "DeliveryTarget.kind": Described("`urls` or `template`.", "urls"),
    "DeliveryTarget.host": Described("The host of the destination.", "bucket.s3.amazonaws.com"),
    "BatchDeliveryView.finished_at": Described(
        "When it was delivered or failed; null before.", "2026-01-31T12:00:00Z"
    ),
}
