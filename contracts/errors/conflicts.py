"""Errors of valid requests about a resource in the wrong state (`tree.py` draws the whole tree)."""

from contracts.errors.tree import HandsOffError


class Conflict(HandsOffError):
    """The request is valid, but the resource is in the wrong state for it."""

    code = "conflict"
    status = 409
    title = "The request conflicts with the current state"


class FitNotReady(Conflict):
    """A batch or stream names a fit that has not succeeded."""

    code = "fit_not_ready"
    title = "The fit has not succeeded"

    def __init__(self, fit_id: str, fit_status: str) -> None:
        super().__init__(
            f"Expected a fit that has succeeded, got '{fit_id}', which is {fit_status}."
            " Wait until it succeeds, or name another fit."
        )
        self.fit_id = fit_id
        self.fit_status = fit_status


class GeneratorNotReady(Conflict):
    """The request names a generator whose import has not succeeded."""

    code = "generator_not_ready"
    title = "The generator has not been imported"

    def __init__(self, generator_id: str, generator_status: str) -> None:
        super().__init__(
            f"Expected a generator whose import has succeeded, got '{generator_id}', which is {generator_status}."
            f" GET /v1/generators/{generator_id} shows its progress. Wait until it succeeds, or name another generator."
        )
        self.generator_id = generator_id
        self.generator_status = generator_status


class NotSteered(Conflict):
    """Losses were reported to a stream that does not answer."""

    code = "not_steered"
    title = "The stream is not steered"

    def __init__(self, stream_id: str) -> None:
        super().__init__(
            f"Expected a stream that was created with 'steering', got '{stream_id}', whose samples are fixed. Create"
            ' another stream with "steering": {}, or send no reports.'
        )
        self.stream_id = stream_id


class NotTrained(Conflict):
    """Only a training can be ended early with a result; an import cannot."""

    code = "not_trained"
    title = "The generator is not being trained"

    def __init__(self, generator_id: str) -> None:
        super().__init__(
            f"Expected a generator that is trained from images, got '{generator_id}', which is imported. To end an"
            " import without a result, cancel it."
        )
        self.generator_id = generator_id


class BuiltIn(Conflict):
    """Built-in resources cannot be deleted: every worker publishes them again when it starts."""

    code = "built_in"
    title = "The resource is built in"

    def __init__(self, noun: str, name: str) -> None:
        super().__init__(
            f"The {noun} '{name}' is built in and cannot be deleted. Delete only your own."
        )
        self.noun = noun
        self.name = name


class JobNotFinished(Conflict):
    """The job cannot be deleted, because it has not ended."""

    code = "job_not_finished"
    title = "The job has not ended"

    def __init__(self, job_id: str, job_status: str) -> None:
        super().__init__(
            f"Expected a job that has ended, got '{job_id}', which is {job_status}. Cancel it, wait until it ends, then"
            " delete it."
        )
        self.job_id = job_id
        self.job_status = job_status


class NotRendered(Conflict):
    """The job has no results yet, or never will have any."""

    code = "not_rendered"
    title = "The job has no results"

    def __init__(self, job_id: str, job_status: str) -> None:
        super().__init__(
            f"Expected a job that has succeeded, got '{job_id}', which is {job_status} and has no results. Wait until"
            " it succeeds, or name another job."
        )
        self.job_id = job_id
        self.job_status = job_status


class NotResumable(Conflict):
    """The batch cannot be resumed: it has not ended, has succeeded, or what it was rendered with is gone."""

    code = "not_resumable"
    title = "The batch cannot be resumed"

    def __init__(self, batch_id: str, reason: str) -> None:
        super().__init__(
            f"Expected a batch that failed or was cancelled, got '{batch_id}', {reason}."
        )
        self.batch_id = batch_id


class RequestInProgress(Conflict):
    """Another request with the same Idempotency-Key is still being processed."""

    code = "request_in_progress"
    title = "The same request is in progress"
    retry_after_seconds = 1

    def __init__(self, key: str) -> None:
        super().__init__(
            f"A request with Idempotency-Key '{key}' is still being processed. Retry in a second."
        )
        self.key = key


class UploadIncomplete(Conflict):
    """The upload has fewer bytes than were announced."""

    code = "upload_incomplete"
    title = "The upload is not complete"

    def __init__(self, upload_id: str, num_bytes: int, expected_bytes: int) -> None:
        super().__init__(
            f"Expected {expected_bytes} bytes in upload '{upload_id}', as announced, got {num_bytes}. PUT the whole"
            f" file to the link in GET /v1/uploads/{upload_id}."
        )
        self.upload_id = upload_id
        self.num_bytes = num_bytes
        self.expected_bytes = expected_bytes


class UploadUsed(Conflict):
    """The upload belongs to another job. An upload serves one job and is deleted when that job ends."""

    code = "upload_used"
    title = "The upload has been used"

    def __init__(self, upload_id: str, job_id: str) -> None:
        super().__init__(
            f"Upload '{upload_id}' was already used for '{job_id}'. Announce a new one with POST /v1/uploads."
        )
        self.upload_id = upload_id
        self.job_id = job_id
