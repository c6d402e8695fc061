"""Hooks of the fuzzer: half of the ids that it sends exist.

schemathesis loads this file from `SCHEMATHESIS_HOOKS`. `HANDSOFF_FUZZ_IDS` has the ids as JSON.
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
    """Return True for about half of all values. The choice is deterministic, so failures can be repeated."""
    return crc32(repr(value).encode()) % 2 == 0


def map_body(_: Any, body: Any) -> Any:
    """Replace ids in a JSON body by existing ones."""
    if not isinstance(body, dict):
        return body
    return {
        name: IDS[_FIELDS[name]]
        if name in _FIELDS and isinstance(value, str) and _is_replaced(value)
        else value
        for name, value in body.items()
    }


def before_call(_: Any, case: Any, __: Any) -> None:
    """Replace ids in the path by existing ones, and disable waiting, because no worker runs.

    A case that must be refused keeps its values.
    """
    for name in [name for name in case.headers or {} if name.lower() == "prefer"]:
        del case.headers[name]
    if any(parameter.name == "wait" for parameter in case.operation.query):
        case.query = {"wait": "0", **(case.query or {})}
    if case.meta is not None and str(case.meta.generation.mode.value) == "negative":
        return
    if "wait" in (case.query or {}):
        case.query = {**case.query, "wait": "0"}
    if case.meta is not None and "stateful" in str(case.meta.phase.name).lower():
        return  # the fuzzer has just created these ids
    for name, value in (case.path_parameters or {}).items():
        if name in IDS and _is_replaced(value):
            case.path_parameters[name] = IDS[name]


for hook in (map_body, before_call):
    schemathesis.hook(hook)
