"""What the fuzzer is told of this API: half of the ids that it sends are of things that exist.

schemathesis loads this file by `SCHEMATHESIS_HOOKS`; the ids come as JSON in `HANDSOFF_FUZZ_IDS`.
"""

import json
import os
from typing import Any
from zlib import crc32

import schemathesis

IDS: dict[str, str] = json.loads(os.environ["HANDSOFF_FUZZ_IDS"])
_FIELDS = {
    "fit": "fit_id",
    "generator": "generator_id",
    "labelset": "labelset_id",
    "upload": "upload_id",
}


def _is_replaced(value: object) -> bool:
    """True for about half of all values, always for the same ones: a failure can be repeated."""
    return crc32(repr(value).encode()) % 2 == 0


def map_body(_: Any, body: Any) -> Any:
    """The same for the ids in a JSON body."""
    if not isinstance(body, dict):
        return body
    return {
        name: IDS[_FIELDS[name]]
        if name in _FIELDS and isinstance(value, str) and _is_replaced(value)
        else value
        for name, value in body.items()
    }


def before_call(_: Any, case: Any, __: Any) -> None:
    """Put an id that exists where one belongs, and let nothing be waited for: no worker runs.

    A case that is meant to be refused keeps its values.
    """
    for name in [name for name in case.headers or {} if name.lower() == "prefer"]:
        del case.headers[name]
    if any(one.name == "wait" for one in case.operation.query):
        case.query = {"wait": "0", **(case.query or {})}
    if case.meta is not None and str(case.meta.generation.mode.value) == "negative":
        return
    if "wait" in (case.query or {}):
        case.query = {**case.query, "wait": "0"}
    if case.meta is not None and "stateful" in str(case.meta.phase.name).lower():
        return  # the ids of things that the fuzzer itself has just created
    for name, value in (case.path_parameters or {}).items():
        if name in IDS and _is_replaced(value):
            case.path_parameters[name] = IDS[name]


for hook in (map_body, before_call):
    schemathesis.hook(hook)
