"""The subcommand `webhooks`: addresses that get a signed message when a job ends."""

from collections.abc import Iterable

from handsoff_client.account.webhooks import Message, Webhook
from handsoff_client.cli import tables
from handsoff_client.cli.argument_types import Commands, add
from handsoff_client.cli.runner import Runner
from handsoff_client.cli.terminal import write_message

HEAD = ("WEBHOOK", "EVENTS", "NAME", "URL")
LOG_HEAD = ("MESSAGE", "TYPE", "STATUS", "ATTEMPTS", "LAST ERROR")


def add_webhooks(commands: Commands) -> None:
    """Add the subcommand with its actions."""
    command = add(commands, "webhooks", "addresses that get a signed message when a job ends")
    actions = command.add_subparsers(dest="action", metavar="ACTION", required=True)
    add(actions, "list", "list the addresses")
    new = add(actions, "add", "add an address and print its secret, which is shown only once")
    new.add_argument("address", metavar="URL", help="where messages are sent: https")
    new.add_argument("--name", default="", help="name for people")
    new.add_argument(
        "--event",
        action="append",
        default=[],
        metavar="EVENT",
        help="only these: a kind of job (batch, fit, ...) or an end (succeeded, failed, cancelled); can be repeated",
    )
    for name, text in (
        ("rm", "delete an address with its log"),
        ("rotate", "make a new secret; the earlier one signs for a day more"),
        ("test", "send a test message"),
        ("log", "list the messages to an address"),
    ):
        add(actions, name, text).add_argument("webhook", metavar="WEBHOOK", help="id of an address")
    again = add(actions, "redeliver", "send a message again")
    again.add_argument("webhook", metavar="WEBHOOK", help="id of an address")
    again.add_argument("message", metavar="MESSAGE", help="id of a message")


class WebhookCommands(Runner):
    """Each public method is a subcommand."""

    def webhooks(self) -> None:
        arguments, hooks = self._arguments, self._client.webhooks
        match arguments.action:
            case "list":
                self._list(hooks.list(), _table)
            case "add":
                self._print_secret(
                    hooks.create(arguments.address, name=arguments.name, events=arguments.event)
                )
            case "rotate":
                self._print_secret(hooks.rotate(arguments.webhook))
            case "rm":
                hooks.delete(arguments.webhook)
            case "test":
                self._print_message(hooks.test(arguments.webhook))
            case "redeliver":
                self._print_message(hooks.redeliver(arguments.webhook, arguments.message))
            case "log":
                self._list(hooks.messages(arguments.webhook), _log)

    def _print_secret(self, webhook: Webhook) -> None:
        self._print(webhook.json, f"{webhook.id} {webhook.secret}")
        write_message("keep the secret: it is shown only once")

    def _print_message(self, message: Message) -> None:
        self._print(message.json, f"{message.id} {message.status}")


def _table(items: Iterable[Webhook]) -> str:
    return tables.table(HEAD, [(w.id, ", ".join(w.events) or "all", w.name, w.url) for w in items])


def _log(items: Iterable[Message]) -> str:
    rows = [
        (
            m.id,
            m.type,
            m.status,
            len(m.attempts),
            (m.attempts[-1].error or "") if m.attempts else "",
        )
        for m in items
    ]
    return tables.table(LOG_HEAD, rows)
