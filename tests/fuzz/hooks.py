"""Hooks of the fuzzer: half of the ids that it sends exist.

schemathesis loads this file from `SCHEMATHESIS_HOOKS`. `HANDSOFF_FUZZ_IDS` has the ids as JSON,
`HANDSOFF_FUZZ_KEPT` those that are never sent: the fuzzer's own key and tenant.
"""

import json
import os
from typing import Any
from zlib import crc32

import schemathesis

IDS: dict[str, str] = json.loads(os.environ["HANDSOFF_FUZZ_IDS"])
KEPT: list[str] = json.loads(os.environ["HANDSOFF_FUZZ_KEPT"])
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
    _disable_waiting(case)
    parameters = case.path_parameters or {}
    kept = [name for name, value in parameters.items() if value in KEPT and name in IDS]
    parameters.update({name: IDS[name] for name in kept})
    if case.meta is not None and (
        case.meta.generation.mode.value == "negative"
        or "stateful" in str(case.meta.phase.name).lower()  # the fuzzer has just created these ids
    ):
        return
    for name, value in parameters.items():
        if name in IDS and _is_replaced(value):
            parameters[name] = IDS[name]


def _disable_waiting(case: Any) -> None:
    for name in [name for name in case.headers or {} if name.lower() == "prefer"]:
        del case.headers[name]
    if any(parameter.name == "wait" for parameter in case.operation.query):
        is_refused = case.meta is not None and case.meta.generation.mode.value == "negative"
        case.query = {"wait": "0"} | (case.query or {}) | ({} if is_refused else {"wait": "0"})


for hook in (map_body, before_call):
    schemathesis.hook(hook)
