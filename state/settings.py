"""The frozen `Settings`. Each process reads them from the environment (`HANDSOFF_...`) once, in its main.

`HANDSOFF_<FIELD>_FILE` names a file to read a field from: containers get their secrets so.
"""

import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

ENV_PREFIX = "HANDSOFF_"

MiB = 1024 * 1024
Count = Annotated[int, Field(ge=1)]
Precision = Literal["float32", "bfloat16"]


class FileSource(PydanticBaseSettingsSource):
    """Reads a field from the file that `HANDSOFF_<FIELD>_FILE` names, without its last line breaks."""

    def get_field_value(
        self,
        field: FieldInfo,
        field_name: str,
    ) -> tuple[Any, str, bool]:
        """Return the text of a field's file, or None when no file is named."""
        path = os.environ.get(f"{ENV_PREFIX}{field_name.upper()}_FILE")
        return (Path(path).read_text().rstrip("\n") if path else None), field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return the values of all fields whose files are named."""
        values = {
            name: self.get_field_value(field, name)[0]
            for name, field in self.settings_cls.model_fields.items()
        }
        return {name: value for name, value in values.items() if value is not None}


class Settings(BaseSettings):
    """The settings of an operator. Sizes in bytes, durations as ISO 8601 (`PT90S`)."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, frozen=True, extra="forbid")

    # Redis and the store.
    redis_url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")
    # Of the app: then a request fails, or is answered without Redis.
    redis_timeout: timedelta = timedelta(seconds=2)
    store_url: str = "file:///var/lib/handsoff"
    store_endpoint: str | None = None
    store_public_endpoint: str | None = None  # the address for callers, if it differs
    store_region: str = "us-east-1"
    store_access_key_id: str | None = None
    store_secret_access_key: SecretStr | None = None
    store_allow_http: bool = False
    # Of the disk of a folder: with less, the app accepts no new work.
    min_free_bytes: Annotated[int, Field(ge=0)] = 1024 * MiB

    # The API. Without API keys it listens on loopback only, unless the operator trusts the network.
    auth: Literal["none", "keys"] = "none"
    # Tokens of an identity provider, beside API keys: its issuer, and the audience that they must name.
    oidc_issuer: str | None = None
    oidc_audience: str | None = None
    oidc_tenant_claim: str = "tenant"
    oidc_scopes_claim: str = "scope"
    # Of the times in a token, for clocks that differ.
    oidc_leeway: Annotated[timedelta, Field(ge=timedelta(0), le=timedelta(minutes=10))] = timedelta(
        seconds=60
    )
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8000
    trust_network: bool = False
    ui: bool = True  # the web page under /ui
    # How long an idle connection stays open: longer than clients and the usual proxies keep theirs.
    keep_alive: timedelta = timedelta(seconds=75)
    public_url: str | None = None
    # Names separated by commas, added to loopback, `host` and the host of `public_url`; * allows any.
    allowed_hosts: str | None = None
    link_secret: SecretStr | None = None
    link_ttl: timedelta = timedelta(minutes=15)
    idempotency_ttl: timedelta = timedelta(hours=24)

    # Limits of an upload.
    max_json_bytes: Count = 1 * MiB
    max_upload_bytes: Count = 512 * MiB
    max_uploads_in_flight: Count = 16  # per process; further ones get 503
    body_idle: timedelta = timedelta(seconds=30)  # longest pause within a body
    body_grace: timedelta = timedelta(minutes=1)  # afterwards a body must have this average rate:
    body_bytes_per_second: Count = 8 * 1024
    max_labelset_images: Count = 1_000
    max_image_pixels: Count = 4096 * 4096
    max_labelset_pixels: Count = 1_000_000_000
    max_archive_entries: Count = 10_000
    max_archive_bytes: Count = 1024 * MiB
    max_archive_ratio: Count = 200
    max_coco_bytes: Count = 64 * MiB
    max_coco_annotations: Count = 100_000
    max_coco_vertices: Count = 2_000_000
    max_coco_drawn_pixels: Count = 4_000_000_000  # about 30 s of one core
    max_decoders: Count = 4
    # 64 MiB of COCO need 850 MB, an image of 16 megapixels needs 250 MB.
    decode_memory_bytes: Count = 1280 * MiB
    decode_cpu: timedelta = timedelta(minutes=5)
    decode_wall: timedelta = timedelta(minutes=10)

    # Limits of a checkpoint, and of the process that reads one: a small file gets less.
    # The memory is counted beyond that of torch itself.
    max_checkpoint_bytes: Count = 4096 * MiB
    upload_ttl: timedelta = timedelta(hours=24)
    import_memory_bytes: Count = 8_192 * MiB
    import_cpu: timedelta = timedelta(minutes=15)
    import_wall: timedelta = timedelta(minutes=30)

    # Limits of a training: the images in its archive, their files together, and the array of their pixels.
    max_training_images: Count = 200_000
    max_training_bytes: Count = 16_384 * MiB
    training_decode_cpu: timedelta = timedelta(hours=1)

    # Limits of a labeling: the images in its archive, and their files together.
    max_labeling_images: Count = 10_000
    max_labeling_bytes: Count = 4_096 * MiB

    # Limits of an evaluation: generated pairs with own images, their bytes in memory, the steps of all trainings.
    max_evaluation_pairs: Count = 50_000
    max_evaluation_bytes: Count = 4_096 * MiB
    max_evaluation_steps: Count = 500_000

    # Limits of a batch.
    max_batch_samples: Count = 25_600_000
    max_batch_shards: Count = 100_000
    shard_size: Count = 256

    # Limits of what waits in one queue, as predicted: its time for each worker, and its results together.
    max_queued_time: timedelta = timedelta(days=7)
    max_queued_bytes: Count = 1024 * 1024 * MiB

    # The largest batch that is exported. Annotations stay in memory until the end of the archive.
    max_export_samples: Count = 20_000

    # Limits of a stream. Shards are rendered for readers only; old ones are deleted.
    stream_look_ahead: Annotated[int, Field(ge=0)] = 4
    stream_idle: timedelta = timedelta(minutes=10)
    stream_shard_ttl: timedelta = timedelta(hours=1)
    stream_shards_kept: Count = 64

    # Webhooks: the limit of one attempt, and allowed networks that are not public (10.0.0.0/8, separated by commas).
    webhook_timeout: timedelta = timedelta(seconds=15)
    webhook_networks: str | None = None
    # Delivery of batches: allowed networks that are not public, and the slowest useful rate of a file.
    delivery_networks: str | None = None
    delivery_bytes_per_second: Count = 100_000

    # Workers.
    device: str = "auto"
    precision: Precision = "float32"  # of rendering; a fit always runs in float32
    cpu_threads: Count | None = None
    # Of a process on an accelerator that several share. None: it may take all.
    device_memory_bytes: Count | None = None
    max_warm_bytes: Count = 4096 * MiB
    micro_batch: Count = 16
    micro_batch_memory_bytes: Count = (
        8_192 * MiB
    )  # on a CPU, where too much memory kills the process
    feature_cache_bytes: Count = (
        1_024 * MiB
    )  # of a fit's images; features of further ones are computed again
    perceptual_weights: Path | None = None
    # The network of the arm `frozen` (timm:NAME) and its weights; a folder with weights of encoders by their names.
    frozen_network: Annotated[str, Field(pattern=r"^timm:[A-Za-z0-9_.]+$")] | None = None
    frozen_weights: Path | None = None
    encoder_weights: Path | None = None
    # Codes that fits keep beside a labelset, for later fits of it: how long, and how many bytes for each labelset.
    codes_ttl: timedelta = timedelta(days=30)
    max_codes_bytes: Count = 256 * MiB
    heartbeat_interval: timedelta = timedelta(seconds=5)
    heartbeat_fresh: timedelta = timedelta(seconds=30)
    alive_path: Path | None = None  # touched with every heartbeat, for a container's health check
    watchdog: timedelta = timedelta(minutes=10)
    reconcile_interval: timedelta = timedelta(seconds=15)
    max_attempts: Count = 3
    # How long work waits in all for a store that is full, read-only or away, before it fails.
    store_patience: timedelta = timedelta(hours=6)
    # Unfinished objects of killed workers, and objects that no record names, are deleted after this time.
    orphan_age: timedelta = timedelta(hours=1)
    keep_interval: timedelta = timedelta(minutes=1)

    # A worker ends after this many jobs, or once its process needs more memory; its supervisor starts it again.
    max_jobs_per_worker: Count | None = None
    max_worker_bytes: Count | None = None

    # Of the workers of the queue `cpu`: exports of generated images are signed with this chain and key, both PEM.
    c2pa_certificates: Path | None = None
    c2pa_key: Path | None = None
    c2pa_timestamp_url: str | None = None

    # Where a worker publishes its figures for Prometheus. The app does so on its own port.
    metrics_host: str = "127.0.0.1"
    metrics_port: Annotated[int, Field(ge=1, le=65_535)] | None = None

    log_format: Literal["console", "json"] = "console"

    @property
    def reconciler_fresh(self) -> timedelta:
        """How long a reconciler may do one step, such as the listing of a large bucket."""
        return max(self.heartbeat_fresh, 4 * self.reconcile_interval)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources by priority: arguments, the environment, the files that it names."""
        return init_settings, env_settings, FileSource(settings_cls)
