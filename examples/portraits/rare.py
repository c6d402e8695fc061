"""Additional portraits with glasses or hats from later indices of a seed, for a training folder."""

from itertools import count as count_from

from examples.portraits.population import draw_portrait


def accessory_indices(seed: int, start: int, count: int) -> list[int]:
    """Return the first indices from `start` on with glasses or with a hat, `count` of each, sorted.

    A portrait with both counts as glasses. Small GANs drop rare modes. With these images added, glasses and hats
    are frequent enough to be learned.
    """
    glasses: list[int] = []
    hats: list[int] = []
    for index in count_from(start):
        if len(glasses) >= count and len(hats) >= count:
            break
        portrait = draw_portrait(seed, index)
        if portrait.glasses and len(glasses) < count:
            glasses.append(index)
        elif portrait.hat and len(hats) < count:
            hats.append(index)
    return sorted(glasses + hats)
