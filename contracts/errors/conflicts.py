"""Errors of requests that are sound, about things that are not in the state they need (the tree is in `errors.py`)."""

from contracts.errors.tree import HandsOffError


class Conflict(HandsOffError):
    """The request is sound, but the thing it is about is not in the state it needs."""

    code = "conflict"
    status = 409
    title = "The request does not fit the present state"


class FitNotReady(Conflict):
    """A batch was asked of a fit that has not succeeded."""

    code = "fit_not_ready"
    title = "The fit has not succeeded"

    def __init__(self, fit_id: str, fit_status: str) -> None:
        super().__init__(
            f"Fit '{fit_id}' is {fit_status}; batches and streams need one that has succeeded."
            " Wait for it, or name another fit."
        )
        self.fit_id = fit_id
        self.fit_status = fit_status


class GeneratorNotReady(Conflict):
    """A generator was to be used whose import has not succeeded."""

    code = "generator_not_ready"
    title = "The generator has not been imported"

    def __init__(self, generator_id: str, generator_status: str) -> None:
        super().__init__(
            f"Generator '{generator_id}' is {generator_status}; only one whose import has succeeded can be used."
            f" GET /v1/generators/{generator_id} tells how it stands. Wait for it, or name another."
        )
        self.generator_id = generator_id
        self.generator_status = generator_status


class BuiltIn(Conflict):
    """What comes with the service is published again by every worker that starts."""

    code = "built_in"
    title = "It is built in"

    def __init__(self, noun: str, name: str) -> None:
        super().__init__(f"The {noun} '{name}' comes with the service and cannot be deleted.")
        self.noun = noun
        self.name = name


class JobNotFinished(Conflict):
    """Only a job that has ended can be deleted."""

    code = "job_not_finished"
    title = "The job has not ended"

    def __init__(self, job_id: str, job_status: str) -> None:
        super().__init__(
            f"'{job_id}' is {job_status}. Cancel it and wait for its end, then delete it."
        )
        self.job_id = job_id
        self.job_status = job_status


class NotRendered(Conflict):
    """A result was asked for that the job has not made, or never will."""

    code = "not_rendered"
    title = "The result is not there"

    def __init__(self, job_id: str, job_status: str) -> None:
        super().__init__(
            f"'{job_id}' is {job_status} and has no manifest of results. Only a job that has"
            " succeeded has one."
        )
        self.job_id = job_id
        self.job_status = job_status


class RequestInProgress(Conflict):
    """The same Idempotency-Key is being served at this moment."""

    code = "request_in_progress"
    title = "The same request is being served"
    retry_after_seconds = 1

    def __init__(self, key: str) -> None:
        super().__init__(
            f"A request with Idempotency-Key '{key}' is being served. Ask again in a moment."
        )
        self.key = key


class UploadIncomplete(Conflict):
    """Not all of the announced bytes have been sent."""

    code = "upload_incomplete"
    title = "The upload is not complete"

    def __init__(self, upload_id: str, num_bytes: int, expected_bytes: int) -> None:
        super().__init__(
            f"Upload '{upload_id}' has {num_bytes} of the {expected_bytes} bytes that were announced. PUT the whole"
            f" file to the link that GET /v1/uploads/{upload_id} gives."
        )
        self.upload_id = upload_id
        self.num_bytes = num_bytes
        self.expected_bytes = expected_bytes


class UploadUsed(Conflict):
    """An upload is deleted with the end of the one job that it was for."""

    code = "upload_used"
    title = "The upload has been used"

    def __init__(self, upload_id: str, job_id: str) -> None:
        super().__init__(
            f"Upload '{upload_id}' was used for '{job_id}'. Announce another one by POST /v1/uploads."
        )
        self.upload_id = upload_id
        self.job_id = job_id
