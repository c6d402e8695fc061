"""Descriptions of what jobs, lists, errors and files share."""

from app.openapi.described import DIGEST, MOMENT, Described, Table, example_id

_LINK = "http://127.0.0.1:8000/v1/files/tenants/default/sheet.png?expires=1769860800&signature=k3J"

JOB_FIELDS: Table = {
    # Every job
    "id": Described("The id. Ids of one kind sort by the time they were made.", example_id("fit")),
    "kind": Described("What the answer is about."),
    "status": Described(
        "Where the job stands. `succeeded`, `failed` and `cancelled` are final.", "running"
    ),
    "created_at": Described("When it was created (RFC 3339, UTC).", MOMENT),
    "started_at": Described("When a worker began; null while the job is queued.", MOMENT),
    "finished_at": Described("When it ended; null before.", MOMENT),
    "progress": Described("How far a running job is; null when it is not running."),
    "Progress.stage": Described("What the job is doing.", "inversion"),
    "Progress.done": Described("How much of the stage is done, in its own unit.", 4),
    "Progress.total": Described("How much the stage has, in the same unit.", 16),
    "Progress.eta_seconds": Described("Seconds until the stage ends; null while unknown.", 42.0),
    "queue_position": Described("How many jobs are before this one; null once it runs.", 0),
    "attempt": Described("How often a worker has begun the job.", 1),
    "error": Described("Why the job failed; null unless it did."),
    "JobError.code": Described("A stable word for the kind of failure.", "out_of_memory"),
    "JobError.detail": Described("The reason in a sentence.", "Not even one image fits the device."),
    "JobError.retryable": Described("Whether the same request may succeed when made again.", False),
    "metrics": Described("What was measured; null before the job has succeeded."),
    "links": Described(
        "Addresses of this thing and of what belongs to it, by name.",
        {"self": "http://127.0.0.1:8000/v1/fits/fit_0192"},
    ),
    "stage_seconds": Described("Seconds that each stage took, by its name.", {"inversion": 41.2}),
    "seed": Described("Decides every random choice. The same request with the same seed gives the same result.", 7),
    "digest": Described("The SHA-256 digest that later requests pin this by; null before it is made.", DIGEST),
    # Events
    "EventPage.items": Described("The events, oldest first."),
    "Event.id": Described("The id to go on after.", "1700000000000-0"),
    "Event.type": Described("What happened. `completed` is always the last event.", "progress"),
    "Event.at": Described("When it happened.", MOMENT),
    "Event.data": Described("The new status, or the progress.", {"status": "running"}),
    # Lists
    "items": Described("The things of this page, newest first."),
    "has_more": Described("Whether there is a next page.", False),
    "next_cursor": Described("Pass it as `after` to get the next page; null on the last one.", "Zml0XzAxOTIg"),
    # Errors
    "Problem.type": Described("A stable name of the kind of error.", "/problems/invalid_request"),
    "Problem.title": Described("The kind of error in words.", "The request cannot be carried out as it is"),
    "Problem.status": Described("The status of the answer.", 422),
    "Problem.detail": Described("What was expected, what was found, and what to do.", "1 fault was found; see errors."),
    "Problem.code": Described("A stable word to branch on.", "invalid_request"),
    "Problem.request_id": Described(
        "The id under which the service logged the request.",
        "0192f0c1a5b37c8e9d1f2a3b4c5d6e7f",
    ),
    "Problem.errors": Described("Each flaw with its place, as many as there is room for."),
    "Flaw.detail": Described("What was expected, and what was found.", "Expected a number of at least 1, found 0."),
    "Flaw.pointer": Described(
        "Where in the body (a JSON pointer), or the name of a parameter; null for a file.",
        "/options/ensemble/steps",
    ),
    "Flaw.file": Described("The uploaded file that the flaw is in; null for other flaws.", "masks/face.png"),
    # Stored objects
    "url": Described("Where to read the bytes until `expires_at`, without any other header.", _LINK),
    "expires_at": Described("When the link, or the upload, ends.", MOMENT),
    "sha256": Described("The SHA-256 digest of the bytes, in lower-case hexadecimal.", DIGEST),
    "num_bytes": Described("The size in bytes.", 1_048_576),
    "Artefact.key": Described("The key of the object in the store.", "tenants/default/batches/b/shards/0.tar"),
    "Artefact.media_type": Described("The media type of the bytes.", "application/x-tar"),
    "sheet": Described("A picture for people, by a signed link; null before it is made."),
    # Uploads
    "UploadView.id": Described("The id that `POST /v1/generators` takes.", example_id("upload")),
    "received_bytes": Described("How many of the bytes have arrived.", 0),
    "put": Described("Where to send the bytes by PUT; null once a job uses them."),
    "used_by": Described("The job that uses the upload; null before.", example_id("generator")),
    # Health
    "Alive.status": Described("The process answers.", "alive"),
    "Ready.status": Described(
        "`ready`; `degraded` when some queue has no worker; `unready` without Redis or store.",
        "ready",
    ),
    "Ready.redis": Described("Whether Redis answers.", True),
    "Ready.store": Described("Whether the store gives and takes objects.", True),
    "Ready.workers": Described("How many workers are alive, by queue.", {"fit": 1, "generate": 2, "cpu": 1}),
    # Generators and inverters
    "GeneratorView.id": Described("The id, or the name of a built-in generator.", "portraits-64"),
    "GeneratorView.name": Described("The name that its owner gave it.", "faces 256"),
    "license": Described("The terms it is used under, as its owner wrote them.", "CC BY-NC 4.0"),
    "source": Described("Where the weights come from.", "uploaded as face.pkl"),
    "architecture": Described("The family of networks; null before the import.", "stylegan2"),
    "height_px": Described("The height in pixels.", 64),
    "width_px": Described("The width in pixels.", 64),
    "z_dim": Described("Numbers in a latent z.", 512),
    "w_dim": Described("Numbers in a latent w.", 512),
    "num_ws": Described("How many w the synthesis network takes.", 10),
    "GeneratorView.num_classes": Described("How many classes it is conditioned on; 0 for none.", 0),
    "taps": Described("The feature maps that labels are learnt from."),
    "channels": Described("How many channels the feature map has.", 512),
    "has_discriminator": Described("Whether the checkpoint had one; it measures perceptual distance.", True),
    "missing": Described("What the checkpoint did not hold.", ["discriminator"]),
    "GeneratorView.warnings": Described("What its owner should know.", ["the noise inputs are random"]),
    "inverters": Described("Its inverters, the newest first: that one is the default of a fit."),
    "InverterView.options": Described("How the inverter is trained."),
    "InverterCreate.options": Described("How to train the inverter. Default: the defaults of its fields."),
    "InverterOptions.num_images": Described("How many fresh samples it learns from.", 40_000),
    "InverterOptions.batch": Described("Samples in each step.", 16),
    "losses": Described("The last losses, by name.", {"pixels": 0.02}),
}  # fmt: skip
"""For answers about jobs of every kind."""
