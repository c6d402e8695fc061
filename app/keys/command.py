"""`python -m app keys`: an operator creates, lists, rotates and revokes API keys of any tenant.

It works on the store directly, so it needs no running app and no key: access to the store is the permission. A new
secret is the only text on standard output.
"""

import argparse
import re
import sys
from contextlib import redirect_stdout
from datetime import timedelta
from typing import cast

from pydantic import TypeAdapter, ValidationError

from app.messages import describe
from contracts.access.keys import ALL_SCOPES, SCOPES, KeyName, Scope, StoredKey
from contracts.base import now
from contracts.errors.tree import HandsOffError
from contracts.ids import DEFAULT_TENANT, TenantId
from state.access import erasure, key_records
from state.access.key_records import KeyReader
from state.settings import Settings
from state.store import Store

_COLUMNS = "{:<38} {:<16} {:<16} {:<17} {:<8} {:<17} {:<17} {}"
_HEADINGS = ("ID", "TENANT", "PREFIX", "SCOPES", "STATE", "EXPIRES", "LAST USE", "NAME")


class Refused(Exception):
    """The command cannot be done. The message says why."""


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands to the parser of `keys`."""
    commands = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    create = commands.add_parser("create", help="create a key and print its secret")
    create.add_argument("name", type=_name, help="a name for people")
    create.add_argument(
        "--tenant",
        type=tenant_name,
        default=DEFAULT_TENANT,
        help=f"the tenant whose resources the key opens (default: {DEFAULT_TENANT})",
    )
    create.add_argument(
        "--scopes",
        type=_scopes,
        default=SCOPES,
        metavar="A,B,...",
        help=f"what the key permits: {', '.join(ALL_SCOPES)} (default: {','.join(SCOPES)})",
    )
    create.add_argument("--days", type=_count, help="days until it expires (default: no end)")
    listing = commands.add_parser("list", help="list the keys, without their secrets")
    listing.add_argument("--tenant", help="only the keys of this tenant")
    rotate = commands.add_parser("rotate", help="give a key a new secret and print it")
    rotate.add_argument("key", help="the id of a key, or the beginning of a secret (hk_...)")
    rotate.add_argument(
        "--grace-hours",
        type=_count,
        default=24,
        help="hours in which the earlier secrets stay valid; 0 ends them now (default: 24)",
    )
    revoke = commands.add_parser("revoke", help="end a key for good, within five seconds")
    revoke.add_argument("key", help="the id of a key, or the beginning of a secret (hk_...)")


def main(arguments: argparse.Namespace) -> int:
    """Run one command. Returns the exit code."""
    settings = Settings()
    actions = {"create": _create, "list": _list, "rotate": _rotate, "revoke": _revoke}
    try:
        with redirect_stdout(sys.stderr):  # the log is written there
            result = actions[arguments.action](Store.from_settings(settings), arguments)
    except (Refused, HandsOffError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(result)
    if settings.auth != "keys":
        sys.stderr.write("HANDSOFF_AUTH is not 'keys' here: an app with this setting needs none.\n")
    return 0


def _create(store: Store, arguments: argparse.Namespace) -> str:
    if erasure.is_erased(store, arguments.tenant):
        raise Refused(f"The tenant '{arguments.tenant}' is erased. Choose another name.")
    expires_at = None if arguments.days is None else now() + timedelta(days=arguments.days)
    stored, text = key_records.create(
        store,
        arguments.tenant,
        name=arguments.name,
        scopes=arguments.scopes,
        expires_at=expires_at,
    )
    return _show_new(stored, text)


def _rotate(store: Store, arguments: argparse.Namespace) -> str:
    stored = _find(store, arguments.key)
    state = stored.state(now())
    if state != "active":
        raise Refused(f"{stored.key.id} is {state} and stays so. Create a new key.")
    return _show_new(*key_records.rotate(store, stored, timedelta(hours=arguments.grace_hours)))


def _revoke(store: Store, arguments: argparse.Namespace) -> str:
    stored = _find(store, arguments.key)
    key_records.revoke(store, stored.key.id)
    sys.stderr.write(f"{stored.key.id} ({stored.key.name}) is revoked.\n")
    return ""


def _list(store: Store, arguments: argparse.Namespace) -> str:
    rows = [
        _row(store, stored)
        for stored in KeyReader(store).read().values()
        if arguments.tenant in {None, stored.key.tenant}
    ]
    return "".join(f"{_COLUMNS.format(*row)}\n" for row in (_HEADINGS, *rows))


def _row(store: Store, stored: StoredKey) -> tuple[str, ...]:
    key, use = stored.key, key_records.read_use(store, stored.key.id)
    times = (key.expires_at, use.used_at if use else None)
    return (
        key.id,
        key.tenant,
        stored.prefix,
        ",".join(key.scopes),
        stored.state(now()),
        *(f"{each:%Y-%m-%d %H:%MZ}" if each else "never" for each in times),
        key.name,
    )


def _find(store: Store, text: str) -> StoredKey:
    """Return a key by its id or by the public beginning of one of its secrets. Raises `Refused`."""
    for stored in KeyReader(store).read().values():
        prefixes = [secret.prefix for secret in stored.secrets]
        if stored.key.id == text or any(f"{text}_".startswith(f"{one}_") for one in prefixes):
            return stored
    raise Refused("There is no such key. `python -m app keys list` shows all.")


def _show_new(stored: StoredKey, text: str) -> str:
    key = stored.key
    sys.stderr.write(
        f"{key.id}: tenant {key.tenant}, scopes {','.join(key.scopes)}. The secret is shown only now:\n"
    )
    return f"{text}\n"


def _name(text: str) -> str:
    return _validated(TypeAdapter(KeyName), text)


def tenant_name(text: str) -> str:
    """Return the name of a tenant. Raises `argparse.ArgumentTypeError`."""
    return _validated(TypeAdapter(TenantId), text)


def _validated(kind: TypeAdapter[str], text: str) -> str:
    try:
        return kind.validate_python(text)
    except ValidationError as error:
        raise argparse.ArgumentTypeError(describe(error.errors()[0])) from None


def _scopes(text: str) -> tuple[Scope, ...]:
    names = text.split(",")
    if not set(names) <= set(ALL_SCOPES):
        raise argparse.ArgumentTypeError(f"expected some of {','.join(ALL_SCOPES)}, got {text!r}")
    return cast("tuple[Scope, ...]", tuple(names))


def _count(text: str) -> int:
    if not re.fullmatch("[0-9]{1,5}", text):
        raise argparse.ArgumentTypeError(f"expected a whole number up to 99999, got {text!r}")
    return int(text)
