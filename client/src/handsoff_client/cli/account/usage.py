"""The subcommand `usage`: what the tenant of the API key used, by day, and its limits."""

from handsoff_client.account.usage import Usage
from handsoff_client.cli import tables
from handsoff_client.cli.argument_types import Commands, add, count
from handsoff_client.cli.runner import Runner

HEAD = ("DAY", "PAIRS", "REQUESTED", "DEVICE SECONDS", "WRITTEN BYTES", "UPLOADED BYTES")


def add_usage(commands: Commands) -> None:
    """Add the subcommand."""
    command = add(commands, "usage", "show what your tenant used by day, and its limits")
    command.add_argument(
        "--days", type=count, default=30, metavar="N", help="newest days to show (default: 30)"
    )


class UsageCommands(Runner):
    """Each public method is a subcommand."""

    def usage(self) -> None:
        used = self._client.usage()
        self._print(used.json, usage_text(used, self._arguments.days))


def usage_text(used: Usage, num_days: int) -> str:
    """Return the newest days as a table, then the stored bytes and the limits."""
    rows = [
        (
            one.day,
            one.pairs,
            one.requested_pairs,
            ", ".join(f"{name} {seconds:.0f}" for name, seconds in one.device_seconds.items()),
            one.written_bytes,
            one.uploaded_bytes,
        )
        for one in used.items[:num_days]
    ]
    lines = [tables.table(HEAD, rows)]
    if used.stored is not None:
        lines.append(f"stored: {used.stored.num_bytes} bytes in {used.stored.num_objects} objects")
    limits = {name: value for name, value in used.limits.items() if value is not None}
    lines += [f"limit: {name.replace('_', ' ')} {value:g}" for name, value in limits.items()]
    return "\n".join(lines)
