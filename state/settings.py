"""The frozen `Settings`, read from the environment (`HANDSOFF_...`) once in the main of each process and passed down.

The value of a field may also come from a file that `HANDSOFF_<FIELD>_FILE` names, as container secrets do.
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
    """Reads a field from the file that `HANDSOFF_<FIELD>_FILE` names, without the last line break."""

    def get_field_value(
        self,
        field: FieldInfo,
        field_name: str,
    ) -> tuple[Any, str, bool]:
        """Return the file's text for one field, or None when no file is named."""
        path = os.environ.get(f"{ENV_PREFIX}{field_name.upper()}_FILE")
        return (Path(path).read_text().rstrip("\n") if path else None), field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return every field that a file is named for."""
        values = {
            name: self.get_field_value(field, name)[0]
            for name, field in self.settings_cls.model_fields.items()
        }
        return {name: value for name, value in values.items() if value is not None}


class Settings(BaseSettings):
    """The choices of the operator. Sizes in bytes, durations as ISO 8601 (`PT90S`)."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, frozen=True, extra="forbid")

    # Redis and the store.
    redis_url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")
    store_url: str = "file:///var/lib/handsoff"
    store_endpoint: str | None = None
    store_public_endpoint: str | None = (
        None  # the store's address for callers, if it differs from ours
    )
    store_region: str = "us-east-1"
    store_access_key_id: str | None = None
    store_secret_access_key: SecretStr | None = None
    store_allow_http: bool = False

    # The API. Until there are API keys, it binds to loopback only, unless the operator trusts all that reach the port.
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 8000
    trust_network: bool = False
    public_url: str | None = None
    # Names beside loopback, `host` and the host of `public_url`, separated by commas; * is any.
    allowed_hosts: str | None = None
    link_secret: SecretStr | None = None
    link_ttl: timedelta = timedelta(minutes=15)
    idempotency_ttl: timedelta = timedelta(hours=24)

    # Limits of an upload.
    max_json_bytes: Count = 1 * MiB
    max_upload_bytes: Count = 512 * MiB
    max_uploads_in_flight: Count = 16  # in one process; the answer to more is 503
    body_idle: timedelta = timedelta(seconds=30)  # the longest pause within a body
    body_grace: timedelta = timedelta(minutes=1)  # after it, a body must have arrived at this rate:
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
    max_coco_drawn_pixels: Count = 4_000_000_000  # about 30 s of a core
    max_decoders: Count = 4
    decode_memory_bytes: Count = 1280 * MiB  # 64 MiB of COCO take 850 MB, 16 megapixels 250 MB
    decode_cpu: timedelta = timedelta(minutes=5)
    decode_wall: timedelta = timedelta(minutes=10)

    # Limits of a checkpoint, and of reading one: a small file gets less. The memory is in addition to torch itself.
    max_checkpoint_bytes: Count = 4096 * MiB
    upload_ttl: timedelta = timedelta(hours=24)
    import_memory_bytes: Count = 8_192 * MiB
    import_cpu: timedelta = timedelta(minutes=15)
    import_wall: timedelta = timedelta(minutes=30)

    # Limits of a batch.
    max_batch_samples: Count = 1_000_000
    max_batch_shards: Count = 4_096
    shard_size: Count = 256

    # Limit of an export. Annotations are in memory until the end of the archive.
    max_export_samples: Count = 20_000

    # Limits of a stream. Without requests no shards are rendered, and old ones are deleted.
    stream_look_ahead: Annotated[int, Field(ge=0)] = 4
    stream_idle: timedelta = timedelta(minutes=10)
    stream_shard_ttl: timedelta = timedelta(hours=1)
    stream_shards_kept: Count = 64

    # Workers.
    device: str = "auto"
    precision: Precision = "float32"  # of pairs; fits always use float32
    cpu_threads: Count | None = None
    max_warm_bytes: Count = 4096 * MiB
    micro_batch: Count = 16
    micro_batch_memory_bytes: Count = 8_192 * MiB  # on a CPU, which does not report that it is full
    feature_cache_bytes: Count = (
        1_024 * MiB
    )  # for a fit's images; features beyond it are computed again
    perceptual_weights: Path | None = None
    shards_in_flight_per_worker: Count = 2
    heartbeat_interval: timedelta = timedelta(seconds=5)
    heartbeat_fresh: timedelta = timedelta(seconds=30)
    alive_path: Path | None = None  # touched with every heartbeat, for a container's health check
    watchdog: timedelta = timedelta(minutes=10)
    reconcile_interval: timedelta = timedelta(seconds=15)
    max_attempts: Count = 3
    keep_interval: timedelta = timedelta(minutes=1)

    log_format: Literal["console", "json"] = "console"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources in their order: arguments, the environment, the files that it names."""
        return init_settings, env_settings, FileSource(settings_cls)
