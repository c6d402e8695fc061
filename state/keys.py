"""Keys of the object store; every key is spelled here. A: written by the app. W: by workers and the reconciler.

probe.json                                       A  checks that the store takes objects; its content never changes
access/, estimates/                                 keys, limits, audit log, rates: state/{access,audit,estimates}

tenants/{tenant}/
├── idempotency/{sha256 of the key}.json         A  the id reserved for an Idempotency-Key; swept once expired
├── unlisted/{id}.json                           A  a new job that Redis could not list; the reconciler lists it
├── uploads/{id}/
│   ├── manifest.json                            A  first: size and digest; deleted when the bytes are used
│   ├── content                                  A  or the caller, through a signed link
│   └── claim.json                               A  the job that uses the bytes; the first one stays
├── usage/, webhooks/, ended/, deliveries/, due/, expiring/, delivering/   state/usage, webhooks, retention, delivering
├── {jobs}/{id}/                                    of every kind of job:
│   ├── request.json                             A  first (W for a built-in generator)
│   ├── cancel.json                              A     (start.json W: state/waiting)
│   ├── scratch/{name}                           W  states to continue from; deleted when the job ends
│   ├── manifest.json                            W  last; names or pins the other objects; the first one stays
│   └── tombstone.json                           A
├── generators/{id}/
│   ├── weights/{sha256}.safetensors | .json     W  content-addressed; also of inverters
│   ├── samples/{sha256}.png | .safetensors      W  sheets; mean and standard deviation of the samples
│   ├── stop.json                                A  end the training with its best snapshot
│   ├── training.json                            W  the report of a running training
│   ├── sheets/{variant}/{sha256}.png            W  content-addressed; made on demand: state/on_demand/paths.py
│   ├── sheets/{variant}.json                    W  the record of a sheet; the first one stays
│   └── inverters/{digest}.json                  W  a `StoredInverter`; the first one stays
├── labelsets/{id}/
│   ├── files/{sha256}.png | .json | .npy        A  images and labels, content-addressed
│   ├── codes/{sha256}.state                     W  codes of some images; any writer has the same; swept
│   ├── manifest.json                            A  last
│   └── tombstone.json                           A
├── fits/{id}/
│   ├── attempts/{uuid}/{name}                   W  one writer each
│   ├── pilots/{truncation}[-{digest}].json      W  quantiles; the first one stays; before it .state; beside it -shares
│   └── plans/{version}-{digest}.json            W  how candidates for targets are chosen; the first one stays
├── batches/{id}/
│   ├── shards/{k}/{uuid}.tar                    W  one rendering; the record names the one that counts
│   ├── shards/{k}.json                          W  the record; the first one stays
│   ├── pages/{sha256}.json                      W  records of a large batch, content-addressed
│   ├── cards/{sha256}.md | .json                W  the dataset card, and its Croissant; content-addressed
│   ├── exports/{variant}/{sha256}.zip           W  content-addressed; made on demand
│   └── exports/{variant}.json                   W  the record of an export; the first one stays
├── evaluations/{id}/
│   ├── units/{name}.npz                         W  the scores of one training; the first one stays
│   ├── own-images.json                          W  what the arm `labelled` trains on; the first one stays
│   └── files/{sha256}/{name}                    W  the report and its pictures, content-addressed
└── streams/{id}/
    ├── request.json                             A  first
    ├── steering/                                A, W  state/steering/paths.py
    ├── shards/{k}/{uuid}.tar                    W  one rendering; the record names the one that counts
    ├── shards/{k}.json                          W  the record; the first one stays; swept when unused for long
    └── tombstone.json                           A
"""

from typing import Literal

from contracts.digests import sha256_of
from contracts.jobs import JobRef
from contracts.streams import ShardOwner, StreamRef

Noun = str
"""The plural that names a folder of the store and a part of the API, such as `fits`."""

SampleSuffix = Literal["png", "safetensors"]

PROBE = "probe.json"
MANIFEST = "manifest.json"
TOMBSTONE = "tombstone.json"


def tenant_prefix(tenant: str) -> str:
    """Return the prefix of all objects of a tenant."""
    return f"tenants/{tenant}"


def tenant_of(key: str) -> str:
    """Return the tenant that owns an object."""
    return key.split("/")[1]


def noun_prefix(tenant: str, noun: Noun) -> str:
    """Return the prefix of all objects of one noun."""
    return f"{tenant_prefix(tenant)}/{noun}"


def resource_prefix(tenant: str, noun: Noun, resource_id: str) -> str:
    """Return the prefix of all objects of one resource."""
    return f"{noun_prefix(tenant, noun)}/{resource_id}"


def manifest(tenant: str, noun: Noun, resource_id: str) -> str:
    """Return the key of the manifest. A resource with a manifest is complete."""
    return f"{resource_prefix(tenant, noun, resource_id)}/{MANIFEST}"


def tombstone(tenant: str, noun: Noun, resource_id: str) -> str:
    """Return the key of the tombstone. A resource with a tombstone is deleted."""
    return f"{resource_prefix(tenant, noun, resource_id)}/{TOMBSTONE}"


def idempotency_prefix(tenant: str) -> str:
    """Return the prefix of all reserved Idempotency-Keys."""
    return f"{tenant_prefix(tenant)}/idempotency"


def idempotency(tenant: str, key: str) -> str:
    """Return the key of a reserved Idempotency-Key. It contains a digest, because the header may be any text."""
    return f"{idempotency_prefix(tenant)}/{sha256_of(key.encode())}.json"


def upload_content(tenant: str, upload_id: str) -> str:
    """Return the key of the uploaded bytes."""
    return f"{resource_prefix(tenant, 'uploads', upload_id)}/content"


def parse_upload_content(content_key: str) -> str:
    """Return the id of the upload in a key of `upload_content`."""
    return content_key.rsplit("/", 2)[1]


def upload_claim(tenant: str, upload_id: str) -> str:
    """Return the key of the claim, which names the job that uses the bytes."""
    return f"{resource_prefix(tenant, 'uploads', upload_id)}/claim.json"


# Generators.


def weights(
    tenant: str, generator_id: str, sha256: str, suffix: Literal["safetensors", "json"]
) -> str:
    """Return the key of a network's tensors or configuration."""
    return f"{resource_prefix(tenant, 'generators', generator_id)}/weights/{sha256}.{suffix}"


def samples(tenant: str, generator_id: str, sha256: str, suffix: SampleSuffix) -> str:
    """Return the key of the sheet of a generator's samples (PNG), or of their statistics (safetensors)."""
    return f"{resource_prefix(tenant, 'generators', generator_id)}/samples/{sha256}.{suffix}"


def training_report(ref: JobRef) -> str:
    """Return the key of the report of a running training."""
    return f"{job_prefix(ref)}/training.json"


def training_stop(ref: JobRef) -> str:
    """Return the key of the request to end a training early."""
    return f"{job_prefix(ref)}/stop.json"


def inverters_prefix(tenant: str, generator_id: str) -> str:
    """Return the prefix of all inverters of a generator."""
    return f"{resource_prefix(tenant, 'generators', generator_id)}/inverters"


def inverter(tenant: str, generator_id: str, digest: str) -> str:
    """Return the key of one inverter."""
    return f"{inverters_prefix(tenant, generator_id)}/{digest}.json"


def labelset_file(
    tenant: str, labelset_id: str, sha256: str, suffix: Literal["png", "json", "npy"]
) -> str:
    """Return the key of one image, mask or depth map, or of the keypoints of one image."""
    return f"{resource_prefix(tenant, 'labelsets', labelset_id)}/files/{sha256}.{suffix}"


def labelset_codes(tenant: str, labelset_id: str) -> str:
    """Return the prefix of the codes that fits have found for the images of a labelset."""
    return f"{resource_prefix(tenant, 'labelsets', labelset_id)}/codes"


# Jobs of every kind.


def unlisted(ref: JobRef) -> str:
    """Return the key of the note that a new job is not in the lists of Redis."""
    return f"{noun_prefix(ref.tenant, 'unlisted')}/{ref.id}.json"


def job_prefix(ref: JobRef) -> str:
    """Return the prefix of all objects of one job."""
    return resource_prefix(ref.tenant, ref.noun, ref.id)


def job_request(ref: JobRef) -> str:
    """Return the key of the request."""
    return f"{job_prefix(ref)}/request.json"


def job_cancel(ref: JobRef) -> str:
    """Return the key of the cancellation."""
    return f"{job_prefix(ref)}/cancel.json"


def job_manifest(ref: JobRef) -> str:
    """Return the key of the manifest, which says how the job ended."""
    return f"{job_prefix(ref)}/{MANIFEST}"


def job_scratch(ref: JobRef) -> str:
    """Return the prefix of the job's scratch files."""
    return f"{job_prefix(ref)}/scratch"


def job_tombstone(ref: JobRef) -> str:
    """Return the key of the tombstone."""
    return f"{job_prefix(ref)}/{TOMBSTONE}"


def attempt(fit: JobRef, attempt_id: str, name: str) -> str:
    """Return the key of one artefact of one attempt of a fit."""
    return f"{job_prefix(fit)}/attempts/{attempt_id}/{name}"


def pilot(tenant: str, fit_id: str, truncation: float, digest: str | None = None) -> str:
    """Return the key of a fit's uncertainty quantiles at one truncation, which is rounded to four decimals.

    `digest` is that of the requested conditions and directions, if there are any.
    """
    name = f"{truncation:.4f}" if digest is None else f"{truncation:.4f}-{digest}"
    return f"{resource_prefix(tenant, 'fits', fit_id)}/pilots/{name}.json"


def target_plan(tenant: str, fit_id: str, version: int, digest: str) -> str:
    """Return the key of the plan of some targets. `digest` is that of everything that decides the plan."""
    return f"{resource_prefix(tenant, 'fits', fit_id)}/plans/{version}-{digest}.json"


def batch_file(
    batch: JobRef,
    folder: Literal["cards", "pages"],
    sha256: str,
    suffix: Literal["md", "json"] = "json",
) -> str:
    """Return the key of the dataset card of a batch, of its Croissant, or of a page of its records."""
    return f"{job_prefix(batch)}/{folder}/{sha256}.{suffix}"


def evaluation_units(evaluation: JobRef) -> str:
    """Return the prefix of the finished units of an evaluation."""
    return f"{job_prefix(evaluation)}/units"


def evaluation_unit(evaluation: JobRef, name: str) -> str:
    """Return the key of the scores of one unit."""
    return f"{evaluation_units(evaluation)}/{name}.npz"


def evaluation_own_images(evaluation: JobRef) -> str:
    """Return the key of the record of the own images that an arm trains on."""
    return f"{job_prefix(evaluation)}/own-images.json"


def evaluation_file(evaluation: JobRef, sha256: str, name: str) -> str:
    """Return the key of one file of the report."""
    return f"{job_prefix(evaluation)}/files/{sha256}/{name}"


def stream_prefix(stream: StreamRef) -> str:
    """Return the prefix of all objects of one stream."""
    return resource_prefix(stream.tenant, "streams", stream.id)


def stream_request(stream: StreamRef) -> str:
    """Return the key of the request."""
    return f"{stream_prefix(stream)}/request.json"


def stream_tombstone(stream: StreamRef) -> str:
    """Return the key of the tombstone."""
    return tombstone(stream.tenant, "streams", stream.id)


# Shards, of batches and streams alike.


def shards_prefix(owner: ShardOwner) -> str:
    """Return the prefix of the shards of a batch or a stream, and of their records."""
    prefix = stream_prefix(owner) if isinstance(owner, StreamRef) else job_prefix(owner)
    return f"{prefix}/shards"


def shard_tar(owner: ShardOwner, index: int, rendering: str) -> str:
    """Return the key of one rendering of a shard. `rendering` is a UUID."""
    return f"{shards_prefix(owner)}/{index:06d}/{rendering}.tar"


def shard_record(owner: ShardOwner, index: int) -> str:
    """Return the key of the record of shard `index`."""
    return f"{shards_prefix(owner)}/{index:06d}.json"


def parse_shard_record(record_key: str) -> int:
    """Return the index of the shard in a key of `shard_record`."""
    return int(record_key.rpartition("/")[2].removesuffix(".json"))
