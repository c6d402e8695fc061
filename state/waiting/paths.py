"""Key of the record of a job that waited for another job.

tenants/{tenant}/{jobs}/{id}/
└── start.json      W  the other job has succeeded; the first one stays
"""

from contracts.jobs import JobRef
from state import keys


def start(ref: JobRef) -> str:
    """Return the key of the record that a job need not wait any longer."""
    return f"{keys.job_prefix(ref)}/start.json"
