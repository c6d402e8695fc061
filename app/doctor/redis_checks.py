"""Checks of Redis: it answers, is new enough, drops nothing, has space, and its clock agrees."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import redis

from contracts.base import now
from contracts.kinds import OPTIONAL_QUEUES, QUEUE_NAMES
from state.ledger import Ledger
from state.process.findings import Finding, fault, ok, warning
from state.settings import Settings

OLDEST_VERSION = (6, 2)
MOST_MEMORY = 0.8
"""The share of `maxmemory` from which Redis counts as nearly full."""

MAX_SKEW = timedelta(seconds=5)


def check_redis(settings: Settings) -> list[Finding]:
    """Return the findings on Redis and on the processes that report to it."""
    url = settings.redis_url.get_secret_value()
    where = f"{urlsplit(url).hostname}:{urlsplit(url).port or 6379}"
    ledger = Ledger.connect(url)
    began = time.monotonic()
    try:
        ledger.ping()
        milliseconds = 1_000 * (time.monotonic() - began)
        info = ledger.redis.info()
        seconds, microseconds = ledger.redis.time()
        processes = check_processes(ledger, settings)
    except redis.AuthenticationError:
        mend = "Correct the password in HANDSOFF_REDIS_URL."
        return [fault("redis", f"{where} refuses the password", mend)]
    except redis.RedisError as error:
        mend = "Start it, or correct HANDSOFF_REDIS_URL."
        return [fault("redis", f"{where} does not answer ({error})", mend)]
    finally:
        ledger.redis.close()
    answered = ok("redis", f"{where} answers in {milliseconds:.1f} ms")
    its_time = datetime.fromtimestamp(seconds + microseconds / 1e6, UTC)
    return [answered, *check_server(info), check_clock("Redis", its_time), *processes]


def check_server(info: Mapping[str, Any]) -> list[Finding]:
    """Return the findings on the server's version and memory, as INFO reports them."""
    found = []
    version = str(info["redis_version"])
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_VERSION:
        oldest = ".".join(map(str, OLDEST_VERSION))
        mend = f"Install Redis {oldest} or newer, or Valkey."
        found.append(fault("redis", f"version {version} lacks commands that are used", mend))
    policy, limit = info["maxmemory_policy"], int(info["maxmemory"])
    if policy != "noeviction":
        text = f"maxmemory-policy is {policy}: a full Redis drops queued jobs in silence"
        found.append(fault("redis", text, "Set maxmemory-policy noeviction."))
    used = int(info["used_memory"])
    if limit and used > MOST_MEMORY * limit:
        text = f"{used / limit:.0%} of maxmemory is used ({used:,} of {limit:,} bytes)"
        found.append(warning("redis", text, "Raise maxmemory: a full Redis refuses new jobs."))
    if (
        info.get("rdb_last_bgsave_status", "ok") != "ok"
        or info.get("aof_last_write_status", "ok") != "ok"
    ):
        text = "it could not write its data to its disk"
        found.append(warning("redis", text, "Free space on Redis's disk; see its log."))
    return found


def check_clock(name: str, its_time: datetime) -> Finding:
    """Return whether a clock agrees with that of this machine."""
    skew = abs(now() - its_time)
    text = f"this machine and {name} differ by {skew.total_seconds():.1f} s"
    if skew > MAX_SKEW:
        mend = "Synchronize the clocks (NTP): heartbeats, links and signatures depend on them."
        return fault("clock", text, mend)
    return ok("clock", text)


def check_processes(ledger: Ledger, settings: Settings) -> list[Finding]:
    """Return the findings on workers and reconcilers. Nothing at all is normal before the first start."""
    fresh = ledger.fresh_workers(settings.heartbeat_fresh)
    queues = {one.queue for one in fresh}
    missing = [name for name in QUEUE_NAMES if name not in queues]
    needed = [name for name in missing if name not in OPTIONAL_QUEUES]
    reconcilers = ledger.count_reconcilers(settings.reconciler_fresh)
    devices = ", ".join(sorted(f"{one.queue} on {one.device}" for one in fresh)) or "none"
    found = [ok("processes", f"workers: {devices}; reconcilers: {reconcilers}")]
    if needed:
        mend = f"Start them: python -m workers {needed[0]}"
        found.append(warning("processes", f"no worker serves {', '.join(needed)}", mend))
    if not reconcilers:
        text = "no reconciler: lost jobs stay lost, cancelled ones keep waiting"
        found.append(warning("processes", text, "Start two: python -m workers reconcile"))
    return found
