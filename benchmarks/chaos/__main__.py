"""`python -m benchmarks.chaos`: the service under all kinds of faults, and an audit of every promise.

Real processes, a `file://` store and an S3 server, one after the other. A seed decides when which process is killed,
frozen or stopped, when Redis is flushed, the disk full or read-only, the store slow, the clock wrong, the memory gone.
Customers of two tenants upload, fit, make batches, read streams, export, cancel and delete. The last line is JSON. It
counts faults, checked pairs and, all 0 if every promise was kept:

lost        accepted jobs that failed or have no end, and samples that are missing
duplicated  samples that exist twice, and jobs that one Idempotency-Key created twice
different   bytes that differ from their record, or from a run of the same request without faults
hung        calls without an answer in 60 s, and jobs without an end 300 s after the last fault
unlisted    resources that are in no list
left_over   objects that no record names
http_500    answers with status 500
foreign     resources of one tenant in an answer to the other

With a finding the exit status is 1, and the logs are kept.
"""

import argparse
import json
import logging
import secrets
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks.chaos.running import Outcome, Plan, run
from state.process.logs import configure_logs
from state.settings import Settings

STORES = ("file", "s3")
SHOWN = 10
"""Findings of each kind that are printed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the chaos on each store and print the result. Returns the exit status."""
    parsed = _parse(arguments)
    configure_logs(Settings())
    logging.getLogger("handsoff_client").setLevel(logging.ERROR)  # its retries are expected here
    if parsed.folder is not None:
        parsed.folder.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="handsoff-chaos-", dir=parsed.folder))
    outcomes = []
    for store in parsed.store:
        plan = Plan(
            store,
            faults=-(-parsed.faults // len(parsed.store)),
            pairs=-(-parsed.pairs // len(parsed.store)),
            seed=parsed.seed,
            seconds=parsed.minutes * 60 / len(parsed.store),
        )
        _print(f"{store}: {plan.faults} faults with seed {plan.seed}, logs in {folder / store}")
        outcome = run(plan, folder / store)
        _print("\n".join(describe(outcome)))
        outcomes.append(outcome)
    return finish(outcomes, folder, parsed.seed)


def finish(outcomes: Sequence[Outcome], folder: Path, seed: int) -> int:
    """Print the last line. Keep the folder if a promise was broken, and say how to repeat the run."""
    print(json.dumps(result(outcomes)))
    if all(outcome.has_kept_all for outcome in outcomes):
        shutil.rmtree(folder)
        return 0
    _print(f"failed; repeat with --seed {seed}; logs and stores are in {folder}")
    return 1


def result(outcomes: Sequence[Outcome]) -> dict[str, int | list[str]]:
    """Return the last line: the sums over all stores."""
    total: Counter[str] = Counter()
    for outcome in outcomes:
        total.update({"faults": len(outcome.injected.faults), **outcome.report.counts})
    left_out = sorted(set.intersection(*(set(outcome.left_out) for outcome in outcomes)))
    return {**total, **({"left_out": left_out} if left_out else {})}


def describe(outcome: Outcome) -> list[str]:
    """Return sentences about one run: its faults, the first findings of each kind, and refused calls."""
    kinds = Counter(fault.kind for fault in outcome.injected.faults)
    refused = Counter(
        reason.split(":")[1].strip() for diary in outcome.diaries for reason in diary.refused
    )
    lines = [
        f"{outcome.plan.store}: {outcome.seconds:.0f} s, {outcome.restarts} restarts, faults {dict(kinds)}",
        f"  {sum(len(diary.promises) for diary in outcome.diaries)} promises; calls that failed: {dict(refused)}",
    ]
    lines += [f"  {diary.tenant}: {diary.over_limits} answers 429" for diary in outcome.diaries]
    if outcome.injected.impossible:
        lines.append(f"  {len(outcome.injected.impossible)} faults were not possible when due")
    for kind, findings in outcome.report.findings.items():
        lines += [f"  {kind}: {finding}" for finding in findings[:SHOWN]]
        if len(findings) > SHOWN:
            lines.append(f"  {kind}: and {len(findings) - SHOWN} more")
    if outcome.report.pairs < outcome.plan.pairs:
        lines.append(
            f"  expected {outcome.plan.pairs} pairs, got {outcome.report.pairs}: give more --minutes"
        )
    return lines


def _print(text: str) -> None:
    print(text, file=sys.stderr)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.chaos",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--faults", type=int, default=150, help="on all stores together (150)")
    parser.add_argument("--pairs", type=int, default=10_000, help="at least, on all stores (10000)")
    parser.add_argument("--store", nargs="+", choices=STORES, default=STORES)
    parser.add_argument("--minutes", type=float, default=40, help="of faults, on all stores (40)")
    parser.add_argument("--seed", type=int, default=None, help="of the schedule; default: random")
    parser.add_argument(
        "--folder", type=Path, default=None, help="for logs and stores; default: temporary"
    )
    parsed = parser.parse_args(arguments)
    parsed.seed = secrets.randbelow(1_000_000) if parsed.seed is None else parsed.seed
    return parsed


if __name__ == "__main__":
    sys.exit(main())
