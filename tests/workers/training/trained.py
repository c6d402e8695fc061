"""The request of an inverter's training, as the app writes it."""

from contracts.base import now
from contracts.generators.generator import PinnedGenerator
from contracts.generators.inverters import InverterOptions, InverterRequest
from contracts.ids import DEFAULT_TENANT, new_id
from state import keys, records
from tests.workers.scene import GENERATOR, PX, Scene

QUICK = InverterOptions(num_images=16, batch=4)


def request_inverter(scene: Scene, options: InverterOptions = QUICK) -> InverterRequest:
    """Store the request of a training, of four steps by default."""
    generator = records.read_generator(scene.machine.store, DEFAULT_TENANT, GENERATOR)
    assert generator is not None
    request = InverterRequest(
        tenant=DEFAULT_TENANT,
        id=new_id("inverter"),
        created_at=now(),
        seed=3,
        generator=PinnedGenerator(id=GENERATOR, digest=generator.digest, height_px=PX, width_px=PX),
        options=options,
    )
    records.write(scene.machine.store, keys.job_request(request.ref), request)
    return request
