"""The subcommands `batch`, `resume` and `deliver`."""

import json
from collections.abc import Mapping
from pathlib import Path

from handsoff_client.answers.costs import Validation
from handsoff_client.api.batches import batch_fields
from handsoff_client.api.resources import Batch
from handsoff_client.cli.runner import Runner
from handsoff_shards.errors import InvalidInput

NAME = "{name}"


class BatchCommands(Runner):
    """Each public method is a subcommand."""

    def batch(self) -> None:
        arguments, batches = self._arguments, self._client.batches
        destination = destination_of(arguments.deliver_to) if arguments.deliver_to else None
        fields = batch_fields(
            fit=arguments.fit,
            n=arguments.n,
            seed=arguments.seed,
            truncation=arguments.truncation,
            drop_share=arguments.drop_share,
            image_format=arguments.format,
            shard_size=arguments.shard_size,
            condition=arguments.condition,
            soft_labels=arguments.soft_labels,
            ignore_above=arguments.ignore_above,
            targets=arguments.target,
            deliver_to=destination,
        )
        if arguments.validate_only:
            checked = batches.validate(**fields)
            self._print(checked.json, validation_text(checked))
            return
        self._follow_batch(batches.create_from(fields))

    def deliver(self) -> None:
        arguments = self._arguments
        destination = destination_of(arguments.to) if arguments.to else None
        delivery = self._client.batches.deliver(arguments.batch, destination)
        self._print(
            delivery.json, f"{arguments.batch} to {delivery.target.host}: {delivery.status}"
        )

    def resume(self) -> None:
        self._follow_batch(self._client.batches.resume(self._arguments.batch))

    def _follow_batch(self, job: Batch) -> None:
        """Print a new batch; wait for it and download it, as the command line requests."""
        arguments = self._arguments
        self._print_new(job)
        if arguments.wait or arguments.out:
            after = f"wait {job.id} && handsoff download {job.id} --out {arguments.out}"
            self._wait(self._client.batches, job.id, after if arguments.out else None)
        if arguments.out:
            self._download(job.id, arguments.out)


def destination_of(text: str) -> Mapping[str, object]:
    """Return where a batch is delivered to: a template with `{name}`, or the content of a JSON file.

    Raises `InvalidInput` for a file that is no JSON object.
    """
    if NAME in text:
        return {"kind": "template", "url": text}
    try:
        content = json.loads(Path(text).read_text())
    except ValueError as error:
        raise InvalidInput(f"Expected JSON in '{text}', got other text: {error}.") from None
    if not isinstance(content, dict):
        raise InvalidInput(
            f"Expected an object with kind, shards and manifest in '{text}', got other JSON."
        )
    return content


def validation_text(checked: Validation) -> str:
    """Return the number of shards and the predicted cost of a batch as lines of text."""
    lines = [f"valid: {checked.resolved['n']} samples in {checked.resolved['num_shards']} shards"]
    if (cost := checked.estimate) is not None:
        basis = f"{cost.num_jobs} earlier jobs on {cost.device}" if cost.num_jobs else "a guess"
        lines.append(f"about {cost.seconds:,.0f} s and {cost.num_bytes:,} bytes ({basis})")
    return "\n".join(lines)
