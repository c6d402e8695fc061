"""Descriptions of fields that jobs, lists, errors and files share."""

from app.openapi.described import DIGEST, MOMENT, Described, Table, example_id

_LINK = "http://127.0.0.1:8000/v1/files/tenants/default/sheet.png?expires=1769860800&signature=k3J"

JOB_FIELDS: Table = {
    # Every job
    "id": Described("The id. Ids of one kind sort by creation time.", example_id("fit")),
    "kind": Described("The kind of object."),
    "status": Described(
        "The state of the job. `succeeded`, `failed` and `cancelled` are final.", "running"
    ),
    "created_at": Described("Creation time (RFC 3339, UTC).", MOMENT),
    "started_at": Described("When a worker started the job; null while it is queued.", MOMENT),
    "finished_at": Described("When the job ended; null before.", MOMENT),
    "progress": Described("Progress of a running job, or what a queued batch waits for; else null."),
    "Progress.stage": Described("The current stage of the job.", "inversion"),
    "Progress.done": Described("Finished part of the stage, in the stage's unit.", 4),
    "Progress.total": Described("Size of the stage, in the same unit.", 16),
    "Progress.eta_seconds": Described("Estimated seconds until the stage ends; null while unknown.", 42.0),
    "queue_position": Described("About how many jobs of yours are ahead of this one; null once it runs.", 0),
    "attempt": Described("How many times a worker has started the job.", 1),
    "error": Described("Why the job failed; null if it did not."),
    "JobError.code": Described("A stable code for the kind of failure.", "out_of_memory"),
    "JobError.detail": Described("The reason, as a sentence.", "Not even one image fits the device."),
    "JobError.retryable": Described("Whether the same request may succeed if it is sent again.", False),
    "metrics": Described("The metrics; null before the job has results."),
    "is_stale": Described(
        "Whether the progress is old and no live worker has the job. The reconciler will queue it again.", False
    ),
    "kept_until": Described("When the job is deleted with its results; null if it has not ended, or is kept.", MOMENT),
    "expires_after_seconds": Described(
        "Delete the job with its results this long after its end. Default: as the operator has set for the tenant.",
        2_592_000,
    ),
    "estimate": Described("The predicted cost of the job; null if its inputs are gone, or for older jobs."),
    "CostEstimate.seconds": Described("Predicted seconds of one device, without the wait in the queue.", 240.0),
    "CostEstimate.num_bytes": Described("Predicted bytes of the results.", 51_200_000),
    "CostEstimate.device": Described(
        "The class of device that the seconds are for; null for a built-in guess, of one core of a CPU.", "NVIDIA H100"
    ),
    "CostEstimate.num_jobs": Described("How many earlier jobs the prediction rests on; 0: a built-in guess.", 12),
    "resolved": Described("What would be stored, with all defaults.", {"seed": 0, "truncation": 0.7}),
    "links": Described(
        "URLs of this object and of related objects, by name.",
        {"self": "http://127.0.0.1:8000/v1/fits/fit_0192"},
    ),
    "stage_seconds": Described("Duration of each stage in seconds, by name.", {"inversion": 41.2}),
    "seed": Described("The random seed. The same request with the same seed gives the same result, up to rounding.", 7),
    "digest": Described("The SHA-256 digest that later requests pin; null before the job has succeeded.", DIGEST),
    # Events
    "EventPage.items": Described("The events, oldest first."),
    "Event.id": Described("The id of the event, for `after` and `Last-Event-ID`.", "1700000000000-0"),
    "Event.type": Described("The type of event. `completed` is always the last one.", "progress"),
    "Event.at": Described("Time of the event.", MOMENT),
    "Event.data": Described("The new status, or the progress.", {"status": "running"}),
    # Lists
    "items": Described("The objects of this page, newest first."),
    "has_more": Described("Whether there is a next page.", False),
    "next_cursor": Described("The value of `after` for the next page; null on the last page.", "Zml0XzAxOTIg"),
    "damaged": Described(
        "The ids between the objects of this page whose stored record cannot be read. DELETE removes them.", []
    ),
    # Errors
    "Problem.type": Described("A stable URI of the kind of error.", "/problems/invalid_request"),
    "Problem.title": Described("The kind of error, as text.", "The request is not valid"),
    "Problem.status": Described("The HTTP status.", 422),
    "Problem.detail": Described(
        "The expected value, the actual value, what to do.",
        "The request has 1 error; see 'errors'.",
    ),
    "Problem.code": Described("A stable code for programs.", "invalid_request"),
    "Problem.request_id": Described(
        "The id under which the service logged the request.",
        "0192f0c1a5b37c8e9d1f2a3b4c5d6e7f",
    ),
    "Problem.retryable": Described("Whether the same request may succeed later; `Retry-After` says when.", True),
    "Problem.errors": Described("Each error with its location; long lists are shortened."),
    "Flaw.detail": Described("The expected value and the actual value.", "Expected a number of at least 1, got 0."),
    "Flaw.pointer": Described(
        "Location in the body (a JSON pointer), or the name of a parameter; null for a file.",
        "/options/ensemble/steps",
    ),
    "Flaw.file": Described("The uploaded file with the error; null for other errors.", "masks/face.png"),
    # Stored objects
    "url": Described("A link to the bytes, valid until `expires_at`. It needs no other header.", _LINK),
    "expires_at": Described("When the link or the upload expires.", MOMENT),
    "sha256": Described("The SHA-256 digest of the bytes, in lower-case hexadecimal.", DIGEST),
    "num_bytes": Described("The size in bytes.", 1_048_576),
    "Artefact.key": Described("The key of the object in the store.", "tenants/default/batches/b/shards/0.tar"),
    "Artefact.media_type": Described("The media type of the bytes.", "application/x-tar"),
    "sheet": Described("A signed link to an overview picture; null before it exists."),
    # Uploads
    "UploadView.id": Described("The id that `POST /v1/generators` takes.", example_id("upload")),
    "received_bytes": Described("Number of bytes received.", 0),
    "put": Described("Where to PUT the bytes; null once a job uses them."),
    "used_by": Described("The job that uses the upload; null before.", example_id("generator")),
    # Health
    "Alive.status": Described("The process responds.", "alive"),
    "Ready.status": Described(
        "`ready`; `degraded` if a queue other than `train` and `evaluate` has no worker, no reconciler runs, or the"
        " disk is nearly full; `unready` without Redis or store.",
        "ready",
    ),
    "Ready.redis": Described("Whether Redis responds.", True),
    "Ready.store": Described("Whether the store can read and write objects.", True),
    "Ready.has_room": Described("Whether the disk of the store has enough free space to accept new work.", True),
    "Ready.workers": Described("Number of live workers per queue.", {"fit": 1, "generate": 2, "cpu": 1, "train": 1}),
    "Ready.reconcilers": Described("Number of live reconcilers. They repair lost jobs and end cancelled ones.", 2),
    # Generators and inverters
    "GeneratorView.id": Described("The id, or the name of a built-in generator.", "portraits-64"),
    "GeneratorView.name": Described("The display name.", "faces 256"),
    "license": Described("The license, as its owner wrote it.", "CC BY-NC 4.0"),
    "source": Described("The origin of the weights.", "uploaded as face.pkl"),
    "architecture": Described("The family of networks; null before the import.", "stylegan2"),
    "height_px": Described("The height in pixels.", 64),
    "width_px": Described("The width in pixels.", 64),
    "z_dim": Described("Dimensions of a latent z.", 512),
    "w_dim": Described("Dimensions of a latent w.", 512),
    "num_ws": Described("Number of w inputs of the synthesis network.", 10),
    "GeneratorView.num_classes": Described("Number of classes of a conditional generator; 0 for none.", 0),
    "taps": Described("The feature maps that labels are learned from."),
    "channels": Described("Number of channels of the feature map.", 512),
    "has_discriminator": Described("Whether there is a discriminator, which measures perceptual distance.", True),
    "missing": Described("Missing parts of the checkpoint.", ["discriminator"]),
    "GeneratorView.warnings": Described("Warnings for its owner.", ["the noise inputs are random"]),
    "inverters": Described("Its inverters, newest first. The newest is the default of a fit."),
    "InverterView.options": Described("Options of the training."),
    "InverterCreate.options": Described("Options of the training. Default: the defaults of its fields."),
    "InverterOptions.num_images": Described("Number of new samples to train on.", 40_000),
    "InverterOptions.batch": Described("Samples per step.", 16),
    "losses": Described("The last losses, by name.", {"pixels": 0.02}),
}  # fmt: skip
"""For responses about jobs of every kind."""
