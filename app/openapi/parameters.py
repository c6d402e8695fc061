"""Descriptions of parameters, request headers and answer headers."""

from app.openapi.described import Described, Table, example_id

PARAMETERS: Table = {
    "generator_id": Described("The id of the generator, or the name of a built-in one.", "portraits-64"),
    "shard": Described("Which shard, from 0: any, in any order.", 0),
    "key": Described("The key of the stored object, as the signed link has it.", "tenants/default/sheet.png"),
    "expires": Described("When the link ends, in seconds since 1970, as the signed link has it.", 1_769_860_800),
    "signature": Described("The signature of the link.", "k3Jr8vX0"),
    "validate_only": Described("Check the upload and answer what it would become; store nothing.", True),
    "instances": Described("One object for each connected region (coco); the default is one for each class.", False),
    "limit": Described("How many at most.", 20),
    "after": Described("`next_cursor` of the page before. Leave it out to begin.", "Zml0XzAxOTIg"),
    "list_events.after": Described("The id of the last event that you have. Leave it out to begin.", "1700000000000-0"),
    "status": Described("Only jobs of this status.", "succeeded"),
    "format": Described("What the archive is for.", "coco"),
    "wait": Described("Seconds to wait when it is not there yet.", 30),
    "start": Described("The first shard.", 0),
    "shards": Described("How many shards. Without it the stream has no end.", 4),
    "Idempotency-Key": Described(
        "Makes the request safe to repeat for 24 hours: the same key gives the same answer.",
        "7d1f0c8e",
    ),
    "Prefer": Described("`wait=N` waits up to N seconds (at most 60) for the end of the job.", "wait=30"),
    "Last-Event-ID": Described("The id of the last event that you have; later ones follow.", "1700000000000-0"),
    "Range": Described("`bytes=FIRST-LAST` gets a part.", "bytes=0-1023"),
    "If-None-Match": Described("The `ETag` that you have: 304 when it is still right.", '"9f86d081"'),
    "If-Range": Described("The `ETag` of the part that you have: the whole object when it has changed.", '"9f86d081"'),
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
    "Location": Described("The address of what was made, or of the bytes.", "http://127.0.0.1:8000/v1/fits/fit_0192"),
    "Retry-After": Described("Seconds until it is worth asking again.", 1),
    "ETag": Described("Names this state of the thing, for `If-None-Match`.", 'W/"9f86d081"'),
    "Cache-Control": Described("Who may keep the answer and for how long.", "private, no-cache"),
    "Link": Described(
        "The address of the next page, with `rel=next`, while there is one.",
        '<http://127.0.0.1:8000/v1/fits?after=Zml0>; rel="next"',
    ),
    "Idempotent-Replayed": Described("`true` when an earlier request with the same `Idempotency-Key` made it.", "true"),
    "Preference-Applied": Described("The wait that was granted.", "wait=30"),
    "Accept-Ranges": Described("Parts may be asked for by bytes.", "bytes"),
    "Content-Range": Described("Which bytes of the whole these are.", "bytes 0-1023/1048576"),
    "Content-Disposition": Described("The name to save it under.", 'attachment; filename="0.tar"'),
}  # fmt: skip
"""By name."""
