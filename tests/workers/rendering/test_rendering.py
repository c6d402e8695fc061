"""The number of samples that are rendered at once."""

import dataclasses

from contracts.recipes.recipe import PinnedFit
from models.sampling import Candidate
from tests.workers.scene import Scene
from workers.rendering.label_generators import open_label_generator
from workers.rendering.rendering import Renderer
from workers.runtime.micro_batches import MicroBatches


def test_rendering_keeps_to_the_memory_of_a_cpu(scene: Scene) -> None:
    """A micro-batch has no more samples than fit the memory, and all samples are rendered."""
    fit = scene.fit()
    digest = scene.fit_manifest(fit.ref).digest
    assert digest is not None
    pinned = PinnedFit(id=fit.id, digest=digest)
    label_generator = open_label_generator(scene.machine, fit.tenant, pinned)
    seen: list[int] = []
    hook = scene.network(fit).mapping.register_forward_pre_hook(
        lambda _, given: seen.append(len(given[0]))
    )
    limit = MicroBatches(16, memory_bytes=3 * label_generator.image_bytes)
    machine = dataclasses.replace(scene.machine, micro_batches=limit)
    renderer = Renderer(machine, fit.tenant, pinned, seed=1, truncation=0.7)
    samples = list(renderer.render([Candidate(index) for index in range(8)]))
    hook.remove()
    assert seen == [3, 3, 2]
    assert [sample.index for sample in samples] == list(range(8))
