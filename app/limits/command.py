"""`python -m app tenants`: an operator lists tenants, sets their limits and erases them.

It works on the store directly, as `python -m app keys` does. The reconciler tells the admission about new weights.
"""

import argparse
import re
import sys
from contextlib import redirect_stdout

from pydantic import ValidationError

from app.keys.command import tenant_name
from app.messages import describe
from contracts.access.tenants import TenantLimits
from contracts.errors.tree import HandsOffError
from state.access import erasure, tenant_records
from state.access.tenant_records import LimitReader
from state.settings import Settings
from state.store import Store

NO_LIMIT = "none"
HELP = {
    "weight": "the part of the workers beside other tenants (default: 1)",
    "seconds_in_workers": "predicted device seconds in the workers of one queue",
    "jobs_in_workers": "jobs in the workers of one queue",
    "queued_jobs": "jobs that may wait",
    "requests_per_minute": "requests in a minute",
    "pairs_per_day": "pairs requested in a day",
    "upload_bytes_per_day": "bytes uploaded in a day",
    "stored_bytes": "bytes in the store",
    "expires_after_seconds": "how long ended jobs are kept",
}


class Refused(Exception):
    """The command cannot be done. The message says why."""


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands to the parser of `tenants`."""
    commands = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    commands.add_parser("list", help="list the tenants and their limits")
    erase = commands.add_parser(
        "erase", help="end all keys of a tenant for good, and delete everything that it has"
    )
    erase.add_argument("tenant", type=tenant_name, help="the name of the tenant")
    erase.add_argument("--yes", action="store_true", help="do it: it cannot be undone")
    limit = commands.add_parser(
        "limit", help="set some limits of a tenant; the others stay as they are"
    )
    limit.add_argument("tenant", type=tenant_name, help="the name of the tenant")
    for name, text in HELP.items():
        limit.add_argument(
            f"--{name.replace('_', '-')}",
            dest=name,
            type=_number,
            metavar="N",
            help=f"{text}; '{NO_LIMIT}' ends the limit",
        )


def main(arguments: argparse.Namespace) -> int:
    """Run one command. Returns the exit code."""
    actions = {"list": _list, "limit": _limit, "erase": _erase}
    try:
        with redirect_stdout(sys.stderr):  # the log is written there
            result = actions[arguments.action](Store.from_settings(Settings()), arguments)
    except (Refused, HandsOffError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(result)
    return 0


def _list(store: Store, _: argparse.Namespace) -> str:
    found = LimitReader(store).read()
    names = sorted({*found, *store.children("tenants")})
    limits = {name: found[name].limits if name in found else TenantLimits() for name in names}
    return "".join(f"{name:<24} {_text(one)}\n" for name, one in limits.items())


def _limit(store: Store, arguments: argparse.Namespace) -> str:
    given = {name: vars(arguments)[name] for name in HELP if vars(arguments)[name] is not None}
    if not given:
        raise Refused("Expected at least one limit, such as --weight 2, got none.")
    record = LimitReader(store).read().get(arguments.tenant)
    before = record.limits.model_dump() if record is not None else {}
    changes = {name: None if value == NO_LIMIT else value for name, value in given.items()}
    if changes.get("weight", 1) is None:
        changes["weight"] = 1
    try:
        limits = TenantLimits.model_validate(before | changes)
    except ValidationError as error:
        first = error.errors()[0]
        option = f"--{str(first['loc'][0]).replace('_', '-')}"
        raise Refused(f"argument {option}: {describe(first)}") from None
    tenant_records.set_limits(store, arguments.tenant, limits)
    return f"{arguments.tenant}: {_text(limits)}\n"


def _erase(store: Store, arguments: argparse.Namespace) -> str:
    if not arguments.yes:
        raise Refused(
            f"This deletes all keys and data of '{arguments.tenant}' for good. Repeat it with --yes."
        )
    try:
        erasure.erase(store, arguments.tenant)
    except ValueError as error:
        raise Refused(str(error)) from None
    return f"{arguments.tenant} is erased; a reconciler deletes what workers still write\n"


def _text(limits: TenantLimits) -> str:
    set_ones = limits.model_dump(exclude_none=True)
    return ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in set_ones.items())


def _number(text: str) -> float | str:
    if text == NO_LIMIT or re.fullmatch(r"[0-9]{1,16}(\.[0-9]{1,6})?", text):
        return text if text == NO_LIMIT else float(text)
    raise argparse.ArgumentTypeError(f"expected a number or '{NO_LIMIT}', got {text!r}")
