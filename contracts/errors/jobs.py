"""Errors that end a job, as a worker writes them into its manifest (`tree.py` draws the whole tree)."""

from typing import ClassVar

from contracts.errors.tree import HandsOffError


class JobFailed(HandsOffError):
    """A job that failed. `is_retryable` says whether the same request may succeed on a second try."""

    code = "job_failed"
    title = "The job failed"
    is_retryable: ClassVar[bool] = False


class AcceptanceTooLow(JobFailed):
    """Too few candidates satisfy the conditions of the request."""

    code = "acceptance_too_low"
    title = "Too few samples satisfy the request"


class OutOfMemory(JobFailed):
    """The device cannot hold even one image at a time."""

    code = "out_of_memory"
    title = "The device has too little memory"


class FitFailed(JobFailed):
    """The fit that a batch waited for did not succeed."""

    code = "fit_failed"
    title = "The fit did not succeed"


class InputMissing(JobFailed):
    """An object that the request pins has been deleted, or has another digest."""

    code = "input_missing"
    title = "An input is missing"


class InvalidCheckpoint(JobFailed):
    """A checkpoint that cannot be imported; `detail` is the reader's message."""

    code = "invalid_checkpoint"
    title = "The checkpoint cannot be used"


class InvalidImages(JobFailed):
    """Images that no generator can be trained from; `detail` names the file."""

    code = "invalid_images"
    title = "The images cannot be used"


class UploadDamaged(JobFailed):
    """The bytes in the store differ from the announced ones."""

    code = "upload_damaged"
    title = "The upload is damaged"


class WorkerLost(JobFailed):
    """The worker died on every attempt."""

    code = "worker_lost"
    title = "The worker died"
    is_retryable = True
