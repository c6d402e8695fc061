"""Errors that end a job, as a worker writes them into its manifest (the tree is in `errors.py`)."""

from typing import ClassVar

from contracts.errors.tree import HandsOffError


class JobFailed(HandsOffError):
    """Ends a job. `is_retryable` says whether the same request may succeed when it is made again."""

    code = "job_failed"
    title = "The job failed"
    is_retryable: ClassVar[bool] = False


class AcceptanceTooLow(JobFailed):
    """Hardly any candidate satisfies what the request demands of a sample."""

    code = "acceptance_too_low"
    title = "Hardly any sample satisfies the request"


class OutOfMemory(JobFailed):
    """Not even one image at a time fits the device."""

    code = "out_of_memory"
    title = "The device has too little memory"


class InputMissing(JobFailed):
    """An object that the request pins is gone, or has another digest."""

    code = "input_missing"
    title = "An input is gone"


class InvalidCheckpoint(JobFailed):
    """A checkpoint that no generator of ours can be made of; `detail` is the reader's own sentence."""

    code = "invalid_checkpoint"
    title = "The checkpoint cannot be used"


class UploadDamaged(JobFailed):
    """The bytes in the store are not those that were announced."""

    code = "upload_damaged"
    title = "The upload is damaged"


class WorkerLost(JobFailed):
    """The worker died on every attempt."""

    code = "worker_lost"
    title = "The worker died"
    is_retryable = True
