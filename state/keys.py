"""Every object key, spelled once. Who writes each is in the margin: A the app, W workers and the reconciler.

probe.json                                       A  to see whether the store takes objects; always the same

tenants/{tenant}/
├── idempotency/{sha256 of the key}.json         A  the id reserved for an Idempotency-Key; swept when it holds no more
├── uploads/{id}/
│   ├── manifest.json                            A  first: what is announced; all of it goes when the bytes are used
│   ├── content                                  A  or the caller, by a signed link
│   └── claim.json                               A  the job that the bytes are for; the first stands
├── generators/{id}/
│   ├── request.json                             A  first (a built-in one's: W)
│   ├── cancel.json                              A
│   ├── weights/{sha256}.safetensors | .json     W  content-addressed, inverters' too
│   ├── samples/{sha256}.png | .safetensors      W  the sheet, and mean and deviation of its samples
│   ├── inverters/{digest}.json                  W  an inverter's manifest; the first stands
│   ├── manifest.json                            W  last; the first stands
│   └── tombstone.json                           A
├── inverters/{id}/
│   ├── request.json                             A  first
│   ├── cancel.json                              A
│   ├── scratch/{name}                           W  the last checkpoint; gone once the job has ended
│   ├── manifest.json                            W  last; the first stands
│   └── tombstone.json                           A
├── labelsets/{id}/
│   ├── files/{sha256}.png | .json | .npy        A  images and labels, content-addressed
│   ├── manifest.json                            A  last
│   └── tombstone.json                           A
├── fits/{id}/
│   ├── request.json                             A  first
│   ├── cancel.json                              A
│   ├── attempts/{uuid}/{name}                   W  one writer each
│   ├── manifest.json                            W  last; names one attempt; the first stands
│   ├── pilots/{truncation}.json                 W  the quantiles of uncertainty; the first stands
│   └── tombstone.json                           A
├── batches/{id}/
│   ├── request.json                             A  first
│   ├── cancel.json                              A
│   ├── shards/{k}/{sha256}.tar                  W  content-addressed
│   ├── shards/{k}.json                          W  the record; the first stands
│   ├── cards/{sha256}.md                        W  the dataset card, content-addressed
│   ├── manifest.json                            W  last; pins the records' digests and the card's
│   ├── exports/{variant}/{sha256}.zip           W  content-addressed; when somebody asks for it
│   ├── exports/{variant}.json                   W  the record of an export; the first stands
│   └── tombstone.json                           A
└── streams/{id}/
    ├── request.json                             A  first
    ├── shards/{k}/{sha256}.tar                  W  content-addressed
    ├── shards/{k}.json                          W  the record; the first stands; swept when nobody has asked for long
    └── tombstone.json                           A
"""

from typing import Literal

from contracts.digests import sha256_of
from contracts.exports import ExportRef
from contracts.jobs import JobKind, JobRef
from contracts.streams import ShardOwner, StreamRef

Noun = Literal["uploads", "generators", "inverters", "labelsets", "fits", "batches", "streams"]

LISTED_NOUNS: tuple[Noun, ...] = (
    "generators",
    "inverters",
    "labelsets",
    "fits",
    "batches",
    "streams",
)
"""All that can be listed and deleted, and leaves a tombstone."""

SampleSuffix = Literal["png", "safetensors"]

NOUN_OF_KIND: dict[JobKind, Noun] = {
    "generator": "generators",
    "inverter": "inverters",
    "fit": "fits",
    "batch": "batches",
}


PROBE = "probe.json"


def tenant_prefix(tenant: str) -> str:
    """Everything a tenant owns."""
    return f"tenants/{tenant}"


def noun_prefix(tenant: str, noun: Noun) -> str:
    """Everything of one noun."""
    return f"{tenant_prefix(tenant)}/{noun}"


def thing_prefix(tenant: str, noun: Noun, thing_id: str) -> str:
    """Everything of one thing."""
    return f"{noun_prefix(tenant, noun)}/{thing_id}"


def manifest(tenant: str, noun: Noun, thing_id: str) -> str:
    """What has it exists."""
    return f"{thing_prefix(tenant, noun, thing_id)}/manifest.json"


def tombstone(tenant: str, noun: Noun, thing_id: str) -> str:
    """What has it is deleted."""
    return f"{thing_prefix(tenant, noun, thing_id)}/tombstone.json"


def idempotency_prefix(tenant: str) -> str:
    """All reservations."""
    return f"{tenant_prefix(tenant)}/idempotency"


def idempotency(tenant: str, key: str) -> str:
    """The reservation of an Idempotency-Key, by digest: the key is the caller's text and may hold anything."""
    return f"{idempotency_prefix(tenant)}/{sha256_of(key.encode())}.json"


# Uploads.


def upload_content(tenant: str, upload_id: str) -> str:
    """The bytes as they came."""
    return f"{thing_prefix(tenant, 'uploads', upload_id)}/content"


def upload_claim(tenant: str, upload_id: str) -> str:
    """Which job the bytes are for."""
    return f"{thing_prefix(tenant, 'uploads', upload_id)}/claim.json"


# Generators.


def weights(
    tenant: str, generator_id: str, sha256: str, suffix: Literal["safetensors", "json"]
) -> str:
    """Half of a network at rest."""
    return f"{thing_prefix(tenant, 'generators', generator_id)}/weights/{sha256}.{suffix}"


def samples(tenant: str, generator_id: str, sha256: str, suffix: SampleSuffix) -> str:
    """What is kept of a generator's samples: the sheet for the eye, the statistics for later steps."""
    return f"{thing_prefix(tenant, 'generators', generator_id)}/samples/{sha256}.{suffix}"


def inverters_prefix(tenant: str, generator_id: str) -> str:
    """All inverters of a generator."""
    return f"{thing_prefix(tenant, 'generators', generator_id)}/inverters"


def inverter(tenant: str, generator_id: str, digest: str) -> str:
    """The manifest of one inverter."""
    return f"{inverters_prefix(tenant, generator_id)}/{digest}.json"


# Labelsets.


def labelset_file(
    tenant: str, labelset_id: str, sha256: str, suffix: Literal["png", "json", "npy"]
) -> str:
    """One image, mask or depth map, or the keypoints of one image."""
    return f"{thing_prefix(tenant, 'labelsets', labelset_id)}/files/{sha256}.{suffix}"


# Jobs: generators, inverters, fits and batches.


def job_prefix(ref: JobRef) -> str:
    """Everything of one job."""
    return thing_prefix(ref.tenant, NOUN_OF_KIND[ref.kind], ref.id)


def job_request(ref: JobRef) -> str:
    """What was asked, everything resolved."""
    return f"{job_prefix(ref)}/request.json"


def job_cancel(ref: JobRef) -> str:
    """The wish that it stops."""
    return f"{job_prefix(ref)}/cancel.json"


def job_manifest(ref: JobRef) -> str:
    """How it ended."""
    return f"{job_prefix(ref)}/manifest.json"


def job_scratch(ref: JobRef) -> str:
    """What only the running job needs."""
    return f"{job_prefix(ref)}/scratch"


def job_tombstone(ref: JobRef) -> str:
    """That it is deleted."""
    return f"{job_prefix(ref)}/tombstone.json"


def attempt(fit: JobRef, attempt_id: str, name: str) -> str:
    """One artefact of one attempt at a fit."""
    return f"{job_prefix(fit)}/attempts/{attempt_id}/{name}"


def pilot(tenant: str, fit_id: str, truncation: float) -> str:
    """The quantiles of a fit's uncertainty at one truncation, which is spelled to four decimals."""
    return f"{thing_prefix(tenant, 'fits', fit_id)}/pilots/{truncation:.4f}.json"


def batch_card(batch: JobRef, sha256: str) -> str:
    """The dataset card of a batch."""
    return f"{job_prefix(batch)}/cards/{sha256}.md"


def export_zip(export: ExportRef, sha256: str) -> str:
    """The bytes of a batch in another format."""
    return f"{job_prefix(export.batch)}/exports/{export.variant}/{sha256}.zip"


def export_record(export: ExportRef) -> str:
    """The record that says which bytes stand for an export."""
    return f"{job_prefix(export.batch)}/exports/{export.variant}.json"


# Streams.


def stream_prefix(stream: StreamRef) -> str:
    """Everything of one stream."""
    return thing_prefix(stream.tenant, "streams", stream.id)


def stream_request(stream: StreamRef) -> str:
    """What its shards are rendered by."""
    return f"{stream_prefix(stream)}/request.json"


def stream_tombstone(stream: StreamRef) -> str:
    """That it is deleted."""
    return tombstone(stream.tenant, "streams", stream.id)


# Shards, of batches and streams alike.


def shards_prefix(owner: ShardOwner) -> str:
    """All shards of a batch or a stream, and their records."""
    prefix = stream_prefix(owner) if isinstance(owner, StreamRef) else job_prefix(owner)
    return f"{prefix}/shards"


def shard_tar(owner: ShardOwner, index: int, rendering: str) -> str:
    """The bytes of one shard as one worker has rendered it."""
    return f"{shards_prefix(owner)}/{index:06d}/{rendering}.tar"


def shard_record(owner: ShardOwner, index: int) -> str:
    """The record that says which bytes stand for shard `index`."""
    return f"{shards_prefix(owner)}/{index:06d}.json"
