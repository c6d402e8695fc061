"""The subcommand `handsoff evaluate`: its arguments, the wait with progress, and the verdict."""

from pathlib import Path

from handsoff_client.api.evaluations import Evaluation
from handsoff_client.cli.argument_types import (
    FOLDER_HELP,
    Commands,
    add,
    add_labels,
    count,
    counts,
    names,
    network,
    option,
)
from handsoff_client.cli.options import check_option_names, merged
from handsoff_client.cli.runner import Runner
from handsoff_client.cli.terminal import write_message
from handsoff_shards.errors import InvalidInput

REPORTS = (".html", ".json")
"""The formats of a whole report."""


def add_evaluate(commands: Commands) -> None:
    """Add `handsoff evaluate`, which compares generated pairs with real ones."""
    text = "measure on held-out images whether the generated pairs of a fit train better networks"
    command = add(commands, "evaluate", text)
    command.add_argument(
        "what",
        metavar="FIT|EVALUATION",
        help="id of a succeeded fit; or of an evaluation, to wait for it and to write its report",
    )
    command.add_argument(
        "--heldout",
        metavar="PAIRS",
        help=f"at least 50 labelled images that nothing trains on: {FOLDER_HELP}; or the id of a labelset",
    )
    command.add_argument(
        "--pairs", metavar="PAIRS", help="real pairs to train on (default: those of the fit)"
    )
    command.add_argument(
        "--oracle",
        metavar="PAIRS",
        help="all real pairs that you have: what more labels would bring",
    )
    command.add_argument(
        "--labeling",
        metavar="LABELING",
        help="id of a labeling of the same fit: your own images, labelled by the fit, to train on with the real pairs",
    )
    add_labels(command)
    command.add_argument(
        "--arms",
        type=names,
        metavar="A,B,...",
        help="what to compare: real, synthetic, mixed, labelled, oracle, direct, frozen (default: all whose input you"
        " give, without frozen)",
    )
    command.add_argument(
        "--counts",
        type=counts,
        metavar="N,N,...",
        help="numbers of generated pairs in increasing order (default: 300,1000,3000)",
    )
    command.add_argument("--seeds", type=count, help="trainings of each arm (default: 4)")
    command.add_argument("--steps", type=count, help="steps of each training (default: 600)")
    command.add_argument(
        "--network",
        type=network,
        metavar="NAME",
        help="network that the arms train: unet, or smp:ARCHITECTURE/ENCODER such as smp:unet/resnet18, for masks alone"
        " (default: unet)",
    )
    command.add_argument("--seed", type=int, default=0, help="first seed (default: 0)")
    command.add_argument(
        "--option",
        type=option,
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="any other option of the evaluation, such as truncation=0.9; can be repeated",
    )
    command.add_argument("--name", help="title of the report")
    command.add_argument("--wait", action="store_true", help="wait for the end, show progress")
    command.add_argument(
        "--out",
        type=Path,
        metavar="FILE.html|.json",
        help="wait, then write the report to a file",
    )


class EvaluationCommands(Runner):
    """Each public method is a subcommand."""

    def evaluate(self) -> None:
        arguments = self._arguments
        _check_format(arguments.out)
        if arguments.what.startswith("evaluation_"):
            self._finish(arguments.what)
            return
        job = self._create_evaluation()
        for warning in job.json.get("warnings", ()):
            write_message(f"warning: {warning['detail']}")
        self._report_missing_worker("evaluate", "no worker evaluates at the moment")
        self._print_new(job)
        if arguments.wait or arguments.out:
            self._finish(job.id)

    def _create_evaluation(self) -> Evaluation:
        """Upload the labelsets and queue the evaluation."""
        arguments = self._arguments
        if arguments.heldout is None:
            raise InvalidInput(
                "Expected --heldout with labelled images that nothing trains on, got none. Every arm is scored on them."
            )
        options = merged(
            arguments.option,
            arms=arguments.arms,
            synthetic_counts=arguments.counts,
            num_seeds=arguments.seeds,
            steps=arguments.steps,
            network=arguments.network,
        )
        check_option_names(self._client.transport, options or {}, body="EvaluationCreate")
        labelsets = {
            "heldout_labelset": arguments.heldout,
            "labelset": arguments.pairs,
            "oracle_labelset": arguments.oracle,
        }
        return self._client.evaluations.create(
            fit=arguments.what,
            labeling=arguments.labeling,
            seed=arguments.seed,
            name=arguments.name,
            options=options,
            **{field: self._labelset(pairs) for field, pairs in labelsets.items() if pairs},
        )

    def _finish(self, evaluation_id: str) -> None:
        """Wait, write the report, and print the verdict."""
        out: Path | None = self._arguments.out
        words = f"evaluate {evaluation_id}" + (f" --out {out}" if out else "")
        self._wait_for(self._client.evaluations, evaluation_id, words)
        ended = self._client.evaluations.get(evaluation_id)
        if out is not None:
            self._client.evaluations.fetch_file(evaluation_id, out)
            write_message(f"report in {out}")
        for warning in (ended.report or {}).get("warnings", ()):
            write_message(f"warning: {warning}")
        self._print(ended.json, "\n".join(ended.verdict))


def _check_format(out: Path | None) -> None:
    """Raise `InvalidInput` for a file of another format, before hours of training."""
    if out is not None and out.suffix not in REPORTS:
        raise InvalidInput(f"Expected a report file that ends in .html or .json, got '{out}'.")
