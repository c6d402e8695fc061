"""Descriptions of parameters, request headers and response headers."""

from app.openapi.described import Described, Table, example_id

PARAMETERS: Table = {
    "generator_id": Described("The id of the generator, or the name of a built-in one.", "portraits-64"),
    "shard": Described("Index of the shard, from 0. Any shard, in any order.", 0),
    "key": Described("The key of the stored object, from the signed link.", "tenants/default/sheet.png"),
    "expires": Described("When the link expires, in seconds since 1970, from the signed link.", 1_769_860_800),
    "signature": Described("The signature of the link.", "k3Jr8vX0"),
    "validate_only": Described("Check the request and return what it would create, with 200. Store nothing.", True),
    "instances": Described("One object per connected region (coco). Default: one object per class.", False),
    "limit": Described("Maximum number of items.", 20),
    "after": Described("`next_cursor` of the previous page. Omit it for the first page.", "Zml0XzAxOTIg"),
    "list_events.after": Described("The id of your last event. Omit it for the first page.", "1700000000000-0"),
    "status": Described("Return only jobs with this status.", "succeeded"),
    "format": Described("The export format.", "coco"),
    "tenant_id": Described("The name of the tenant.", "vision-team"),
    "day": Described("Only entries of this day (UTC).", "2026-01-31"),
    "since": Described("The first day (UTC). Default: 29 days before `until`.", "2026-01-01"),
    "until": Described("The last day (UTC). Default: today.", "2026-01-31"),
    "wait": Described("Seconds to wait if the object is not ready.", 30),
    "start": Described("The first shard.", 0),
    "shards": Described("Number of shards. If omitted, the stream has no end.", 4),
    "Idempotency-Key": Described(
        "Makes the request safe to repeat for 24 hours: the same key gives the same response.",
        "7d1f0c8e",
    ),
    "Prefer": Described("`wait=N` waits up to N seconds (at most 60) for the end of the job.", "wait=30"),
    "Last-Event-ID": Described("The id of your last event. Later events follow.", "1700000000000-0"),
    "Range": Described("`bytes=FIRST-LAST` returns a part.", "bytes=0-1023"),
    "If-None-Match": Described("Your `ETag`. The response is 304 if it is still current.", '"9f86d081"'),
    "If-Range": Described("The `ETag` of your part. The response is the whole object if it has changed.", '"9f86d081"'),
}  # fmt: skip
"""By name, or by `list_events.name` where the operation is a list of events."""


def id_parameter(name: str) -> Described:
    """Return the description of `fit_id` and its like. Raises `KeyError` for a parameter that is no id."""
    prefix = name.removesuffix("_id")
    if prefix == name:
        raise KeyError(name)
    return Described(f"The id of the {prefix}.", example_id(prefix))


ANSWER_HEADERS: Table = {
    "X-Request-Id": Described("The id under which the service logged the request.", "0192f0c1a5b37c8e9d1f2a3b4c5d6e7f"),
    "Location": Described("The URL of the new object, or of the bytes.", "http://127.0.0.1:8000/v1/fits/fit_0192"),
    "Retry-After": Described("Seconds to wait before the next request.", 1),
    "ETag": Described("Identifies this version of the object, for `If-None-Match`.", 'W/"9f86d081"'),
    "Cache-Control": Described("Who may cache the response, and for how long.", "private, no-cache"),
    "Link": Described(
        "The URL of the next page, with `rel=next`, if there is one.",
        '<http://127.0.0.1:8000/v1/fits?after=Zml0>; rel="next"',
    ),
    "Idempotent-Replayed": Described("`true` if an earlier request with this key gave this response.", "true"),
    "Preference-Applied": Described("The wait that was applied.", "wait=30"),
    "Accept-Ranges": Described("Range requests are supported, in bytes.", "bytes"),
    "Content-Range": Described("The range of bytes in this response.", "bytes 0-1023/1048576"),
    "WWW-Authenticate": Described("What the caller needs.", 'Bearer realm="handsoff", error="invalid_token"'),
    "RateLimit": Described(
        "Requests that are left in this minute, and the seconds until the next one, if the tenant has a limit.",
        '"requests";r=599;t=42',
    ),
    "RateLimit-Policy": Described("Requests in a window of seconds.", '"requests";q=600;w=60'),
    "Content-Disposition": Described("The file name to save it as.", 'attachment; filename="0.tar"'),
}  # fmt: skip
"""By name."""
