"""The request of an import, and the upload that it claims, as the app writes them; an inverter beside a generator."""

from pathlib import Path
from typing import Any

from contracts.base import now
from contracts.digests import sha256_of
from contracts.generators.generator import GeneratorRequest
from contracts.generators.import_options import ImportOptions
from contracts.ids import DEFAULT_TENANT, new_id
from contracts.uploads import UploadClaim, UploadManifest
from models.generators.stylegan2.inversion.encoder import Encoder, EncoderConfig
from state import keys, records
from state.uploads import uploaded_bytes
from tests.workers.scene import CONFIG
from workers.runtime.machine import Machine
from workers.runtime.weights import write_network


def add_inverter(folder: Path, *, half: bool = False, **changes: Any) -> None:
    """Write an inverter into the generator's folder, as `train_inverter` does."""
    sizes = {"channels": CONFIG.channels, "num_ws": CONFIG.num_ws, "w_dim": CONFIG.w_dim}
    config = EncoderConfig(base_px=(4, 4), **{**sizes, **changes})
    encoder = Encoder(config)
    write_network(folder, "inverter", encoder.half() if half else encoder, config.to_dict())


def request_import(
    machine: Machine,
    data: bytes,
    *,
    import_options: ImportOptions | None = None,
    **announced: object,
) -> GeneratorRequest:
    """Store `data` as an upload and the request that imports it. `announced` replaces fields of the upload."""
    upload = UploadManifest.model_validate(
        {
            "tenant": DEFAULT_TENANT,
            "id": new_id("upload"),
            "created_at": now(),
            "num_bytes": len(data),
            "sha256": sha256_of(data),
            **announced,
        }
    )
    request = GeneratorRequest(
        tenant=DEFAULT_TENANT,
        id=new_id("generator"),
        created_at=now(),
        name="faces",
        license="CC0",
        source="uploaded as faces.pkl",
        original=uploaded_bytes(upload),
        import_options=import_options,
    )
    records.write(machine.store, keys.manifest(DEFAULT_TENANT, "uploads", upload.id), upload)
    claim = UploadClaim(job=request.id)
    records.write(machine.store, keys.upload_claim(DEFAULT_TENANT, upload.id), claim)
    machine.store.put(uploaded_bytes(upload).key, data)
    records.write(machine.store, keys.job_request(request.ref), request)
    return request
